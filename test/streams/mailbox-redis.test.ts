/** Mailboxes of partitions on different servers, of which one does not answer. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { BatchId } from "../../src/domain/identifiers.ts"
import { mailbox } from "../../src/streams/mailbox-redis.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import type { PartitionSteps } from "../../src/streams/partition-steps-redis.ts"
import { news } from "./log-under-test.ts"

const PARTITIONS = [0, 1]
const COMMANDS = 100
const MS_MAX = 200
const batches = PARTITIONS.map((partition) => BatchId.make(`pb_aaaaaaaaaaaaaaaaaaaaa${"ab"[partition]}`))
const partitionOf = (batch: BatchId) => batches.indexOf(batch)
const keys = PARTITIONS.map((partition) => partitionKeys("test", partition))

it.live("no command waits for the steps of those before it on a server that does not answer", () =>
  Effect.gen(function* () {
    let asked = 0
    const steps = {
      limits: { mailboxMax: 1_000, partnerShare: 1 },
      partitionOf,
      partitions: keys,
      keysOf: (batch: BatchId) => keys[partitionOf(batch)],
      call: (_: string, [ready]: ReadonlyArray<string>, args: ReadonlyArray<unknown>) => {
        if (ready === keys[0]?.ready) asked += 1
        return ready === keys[0]?.ready ? Effect.never : Effect.succeed(args.slice(2).map(() => "ENQUEUED"))
      },
      replicated: () => Effect.void,
    } as unknown as PartitionSteps
    const { enqueue } = mailbox(steps, yield* Effect.scope, MS_MAX)
    const enqueued = (partition: number, id: string) =>
      enqueue(batches[partition] ?? BatchId.make(""), news(1), {
        id,
        digest: "",
        keptMs: 1_000,
      })
    const since = Date.now()
    const failures = yield* Effect.forEach(
      Array.from({ length: COMMANDS }, (_, n) => `${n}`),
      (id) => Effect.flip(enqueued(0, id)),
      { concurrency: "unbounded" },
    )
    for (const failure of failures)
      assert.deepInclude(failure, { _tag: "StoreUnavailable", reason: "TIMEOUT" })
    assert.isBelow(Date.now() - since, 20 * MS_MAX)
    assert.strictEqual(asked, 1)
    yield* enqueued(1, "other")
  }).pipe(Effect.scoped),
)
