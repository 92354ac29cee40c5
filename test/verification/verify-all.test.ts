/** All of a small world is sound; each way in which it may be wrong is tried by test/tamper. */
import { Effect } from "effect"
import { expect, inject, it } from "vitest"
import { findingLine } from "../../src/verification/finding.ts"
import { verifyAll } from "../../src/verification/verify-all.ts"
import { ownDatabase } from "../database.ts"
import { ownPrefix } from "../settings.ts"
import { makeWorld } from "../tamper/world.ts"

it("finds nothing in a world that nobody has touched", { timeout: 60_000 }, async () => {
  const database = await ownDatabase()
  const lines: Array<string> = []
  const result = await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const world = yield* makeWorld(
          { redisUrl: inject("redisUrl"), databaseUrl: database.url, prefix: ownPrefix() },
          1,
        )
        return yield* verifyAll({ onFinding: (finding) => lines.push(findingLine(finding)) }).pipe(
          Effect.provide(world.evidence),
        )
      }),
    ),
  ).finally(database.drop)
  expect(lines).toEqual([])
  expect(result.batches).toBe(41)
})
