/** A short form of `npm run test:tamper`. */
import { Effect } from "effect"
import { expect, inject, it } from "vitest"
import { ownDatabase } from "../database.ts"
import { lengthOf } from "../length.ts"
import { seed } from "../property.ts"
import { ownPrefix } from "../settings.ts"
import { runTampering } from "./tamper-run.ts"
import { makeWorld } from "./world.ts"

const EDITS = lengthOf({ full: 10_000, short: 150 })

it("finds every edit and names it", { timeout: 900_000 }, async () => {
  const database = await ownDatabase()
  const place = { redisUrl: inject("redisUrl"), databaseUrl: database.url, prefix: ownPrefix() }
  const report = await Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(makeWorld(place, 1), (world) =>
        Effect.promise(() => runTampering([world], { seed, edits: EDITS })),
      ),
    ),
  ).finally(database.drop)
  expect(report.missed).toEqual([])
  expect(report.edits).toBe(EDITS)
})
