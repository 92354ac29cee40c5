/** How commands wait for the step that enqueues them, with partitions on different servers. */
import { assert, it } from "@effect/vitest"
import { Array as Arr, Effect } from "effect"
import { BatchId } from "../../src/domain/identifiers.ts"
import { mailbox } from "../../src/streams/mailbox-redis.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import type { PartitionSteps } from "../../src/streams/partition-steps-redis.ts"
import { news } from "./log-under-test.ts"

const PARTITIONS = [0, 1]
const COMMANDS = 100
const MS_MAX = 200
const silent = BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa")
const other = BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaab")
const partitionOf = (batch: BatchId) => [silent, other].indexOf(batch)
const keys = PARTITIONS.map((partition) => partitionKeys("test", partition))

const id = (id: string) => ({ id, digest: "", keptMs: 1_000 })
const ids = Array.from({ length: COMMANDS }, (_, n) => `${n}`)

/** Partitions whose functions this runs, with the partition's number and the arguments of each command. */
const stepsWith = (
  call: (partition: number, commands: ReadonlyArray<ReadonlyArray<unknown>>) => Effect.Effect<unknown>,
) =>
  ({
    limits: { mailboxMax: 1_000, partnerShare: 1 },
    partitionOf,
    partitions: keys,
    keysOf: (batch: BatchId) => keys[partitionOf(batch)],
    call: (_: string, [ready]: ReadonlyArray<string>, args: ReadonlyArray<unknown>) =>
      call(
        keys.findIndex((one) => one.ready === ready),
        Arr.chunksOf(args.slice(2), 5),
      ),
    replicated: () => Effect.void,
  }) as unknown as PartitionSteps

const notArchived = Effect.succeed("not-archived" as const)

it.live("no command waits for the steps of those before it on a server that does not answer", () =>
  Effect.gen(function* () {
    let asked = 0
    const steps = stepsWith((partition, commands) => {
      if (partition === 1) return Effect.succeed(commands.map(() => "ENQUEUED"))
      asked += 1
      return Effect.never
    })
    const { enqueue } = mailbox(steps, yield* Effect.scope, () => notArchived, MS_MAX)
    const since = Date.now()
    const failures = yield* Effect.forEach(ids, (one) => Effect.flip(enqueue(silent, news(1), id(one))), {
      concurrency: "unbounded",
    })
    for (const failure of failures)
      assert.deepInclude(failure, { _tag: "StoreUnavailable", reason: "TIMEOUT" })
    assert.isBelow(Date.now() - since, 20 * MS_MAX)
    assert.strictEqual(asked, 1)
    yield* enqueue(other, news(1), id("other"))
  }).pipe(Effect.scoped),
)

it.live("commands that are enqueued at the same time keep their order", () =>
  Effect.gen(function* () {
    const order: Array<unknown> = []
    const steps = stepsWith((_, commands) => {
      for (const [, , , , one] of commands) order.push(one)
      return Effect.as(
        Effect.yieldNow,
        commands.map(() => "ENQUEUED"),
      )
    })
    const { enqueue } = mailbox(steps, yield* Effect.scope, () => notArchived)
    yield* Effect.forEach(ids, (one) => enqueue(other, news(1), id(one)), { concurrency: 64 })
    assert.deepStrictEqual(order, ids)
  }).pipe(Effect.scoped),
)
