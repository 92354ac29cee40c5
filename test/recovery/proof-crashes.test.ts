/** Who keeps the proof tree is killed at each point between two steps: there is one tree without gaps, and its roots are of one history. */
import { setTimeout as sleep } from "node:timers/promises"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import type { crashPoints } from "../../src/crash-points.ts"
import { Service } from "../platform-under-test.ts"
import { leaves, ProofEnvironment, proofStack, round, shortClosed } from "../proof/proof-stack.ts"
import { notesInFile, notesInStream, notesStored, treeIsWhole } from "../proof/stored-tree.ts"
import { masterKeys } from "../settings.ts"

const DIES_WITHIN_MS = 60_000
const points: ReadonlyArray<(typeof crashPoints)[number]> = ["before-leaves", "after-leaves", "after-root"]

/** A process of the role, as the service runs it. */
const archiver = (environment: Readonly<Record<string, string>>) =>
  new Service({
    ROLES: "archiver",
    PORT: "8080",
    API_KEYS: "acme=acme-key",
    REDIS_URL: inject("redisUrl"),
    NATS_URL: inject("natsUrl"),
    COMPLIANCE_URL: "http://127.0.0.1:9",
    LEDGER_URL: "http://127.0.0.1:9",
    BANKS: "north=http://127.0.0.1:9",
    BANK_ROUTES: "*=north",
    MASTER_KEYS: masterKeys,
    ...environment,
  })

layer(proofStack, { excludeTestServices: true, timeout: "120 seconds" })("a kill of the keeper", (it) => {
  for (const point of points)
    it.effect(
      `${point}`,
      () =>
        Effect.gen(function* () {
          const environment = yield* ProofEnvironment
          yield* Effect.repeat(shortClosed, { times: 4 })
          const before = (yield* leaves).length
          const doomed = archiver({ ...environment, CRASH_AT: `${point}:1` })
          const end = yield* Effect.promise(() =>
            Promise.race([doomed.ended, sleep(DIES_WITHIN_MS, "alive", { ref: false })]),
          )
          yield* Effect.promise(() => doomed.stop())
          assert.strictEqual(end, "SIGKILL", doomed.lines.slice(-5).join("\n"))
          assert.strictEqual((yield* leaves).length, before + (point === "before-leaves" ? 0 : 5))
          yield* round()
          yield* round()
          assert.strictEqual((yield* leaves).length, before + 5)
          yield* treeIsWhole
          assert.deepEqual(yield* notesInStream, yield* notesStored)
          assert.deepEqual(yield* notesInFile, yield* notesStored)
        }),
      120_000,
    )
})
