/** How commands wait for the step that enqueues them, with partitions on different servers. */
import { assert, it } from "@effect/vitest"
import { Array as Arr, Effect } from "effect"
import { BatchId } from "../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
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

const LETTERS = [..."abcdefghijklmnop"]
const many = LETTERS.flatMap((one) =>
  LETTERS.map((other) => BatchId.make(`pb_aaaaaaaaaaaaaaaaaaaa${one}${other}`)),
)
const isEven = (batch: BatchId) => many.indexOf(batch) % 2 === 0
const withMail = many.filter((_, nth) => nth % 3 === 0)

/** Answers how much mail each has, or not at all where a batch of partition 0 is among them. Keeps what it was asked. */
const mailboxes = (isCluster: boolean, asked: Array<ReadonlyArray<BatchId>>) =>
  ({
    commands: { isCluster },
    limits: { mailboxMax: 1_000, partnerShare: 1 },
    partitionOf: (batch: BatchId) => (isEven(batch) ? 0 : 1),
    partitions: keys,
    keysOf: () => ({ mail: (batch: BatchId) => batch }),
    call: (name: string, batches: ReadonlyArray<BatchId>) => {
      assert.strictEqual(name, "count-mail")
      asked.push(batches)
      if (isCluster && batches.some(isEven))
        return new StoreUnavailable({ store: "redis", step: name, reason: "CLUSTERDOWN" })
      return Effect.succeed(batches.map((batch) => (withMail.includes(batch) ? 2 : 0)))
    },
  }) as unknown as PartitionSteps

it.live("many mailboxes are looked into together, and each batch gets the answer of its own", () =>
  Effect.gen(function* () {
    const asked: Array<ReadonlyArray<BatchId>> = []
    const box = mailbox(mailboxes(false, asked), yield* Effect.scope, () => notArchived)
    assert.deepStrictEqual(yield* box.withMail(many), withMail)
    assert.deepStrictEqual(
      asked.map(({ length }) => length),
      [64, 64, 64, 64],
    )
    assert.deepStrictEqual(yield* box.withMail([]), [])
    assert.lengthOf(asked, 4, "no call looks into nothing")
  }).pipe(Effect.scoped),
)

it.live(
  "a cluster is asked for each partition by itself, and one that does not answer may have mail for all",
  () =>
    Effect.gen(function* () {
      const asked: Array<ReadonlyArray<BatchId>> = []
      const box = mailbox(mailboxes(true, asked), yield* Effect.scope, () => notArchived)
      const found = new Set(yield* box.withMail(many))
      assert.deepStrictEqual(
        many.filter((batch) => found.has(batch)),
        many.filter((batch) => isEven(batch) || withMail.includes(batch)),
      )
      for (const batches of asked) assert.lengthOf(new Set(batches.map(isEven)), 1)
    }).pipe(Effect.scoped),
)
