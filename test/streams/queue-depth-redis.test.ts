/** How much waits for a worker, counted in Redis: in the queue, in the lines of partners, and with a timer that is due. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisConnections } from "../../src/platform/redis.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import { QueueDepth } from "../../src/streams/queue-depth.ts"
import { ownPrefix, settings } from "../settings.ts"
import { openAll, somePartner, takeFrom } from "./log-under-test.ts"
import { layer as streamsOnRedis } from "./streams-under-test.ts"
import { type Streams, wholeLog } from "./whole-log.ts"

/** A run queue of the test's own, which is empty: files share the server, and no test may clear it. */
const withQueue = <A, E>(
  test: (prefix: string) => Effect.Effect<A, E, Streams | QueueDepth | RedisConnections>,
) => {
  const prefix = ownPrefix()
  return test(prefix).pipe(
    Effect.provide(
      streamsOnRedis.pipe(
        Layer.provideMerge(RedisConnections.layer),
        Layer.provide(settings({ STREAM_PREFIX: prefix, PARTITIONS: "2", PARTNER_SHARE: "2" })),
        Layer.fresh,
      ),
    ),
  )
}

describe("the depth of the run queue", () => {
  it.live("is what no worker has, and what a worker took is not in it", () =>
    withQueue(() =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { depth } = yield* QueueDepth
        assert.deepStrictEqual(yield* depth, { batches: 0, oldestMs: 0 })
        const one = somePartner(log)
        yield* openAll([one(), one()])
        assert.strictEqual((yield* depth).batches, 2)
        const [owned] = yield* takeFrom(log, "w", 2, 20)
        assert.strictEqual((yield* depth).batches, 1)
        // Two of the share are in the queue, of which one has a worker; the others stand in line.
        yield* openAll([one(), one(), one()])
        assert.strictEqual((yield* depth).batches, 4)
        if (owned === undefined) return assert.fail("nothing was taken")
        yield* log.release(owned, 1)
        assert.strictEqual((yield* depth).batches, 5, "its timer was due at once")
      }),
    ),
  )

  it.live("has waited since its entry, its place in line or its timer, whichever is the oldest", () =>
    withQueue((prefix) =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { depth } = yield* QueueDepth
        const { commands } = yield* RedisConnections
        const batch = somePartner(log)()
        const { open, ready, timers, waiting } = partitionKeys(prefix, log.partitions.of(batch))
        const longAgo = 1_700_000_000_000
        const agedAtLeast = Effect.fnUntraced(function* (what: string, since: number) {
          const { oldestMs } = yield* depth
          assert.isAtLeast(oldestMs, Date.now() - since - 60_000, what)
          assert.isBelow(oldestMs, Date.now() - since + 60_000, what)
        })
        yield* Effect.promise(() => commands.xadd(ready, `${longAgo}-1`, "b", batch))
        yield* agedAtLeast("entry", longAgo)
        yield* Effect.promise(() => commands.zadd(timers, longAgo - 1_000_000, batch))
        yield* agedAtLeast("timer", longAgo - 1_000_000)
        // The first in line is one that has begun; a new one behind it has waited for longer.
        const shard = batch.slice(3, 8)
        const other = somePartner(log)()
        yield* Effect.promise(() =>
          commands.zadd(
            waiting,
            0,
            `${shard}:-0000000000000001:${batch}`,
            0,
            `${shard}:0000000000000002:${other}`,
          ),
        )
        yield* Effect.promise(() => commands.zadd(open, longAgo, batch, longAgo - 9_000_000, other))
        yield* agedAtLeast("line", longAgo - 9_000_000)
        assert.strictEqual((yield* depth).batches, 4)
      }),
    ),
  )

  it.live("looks at a bounded number of lines", () =>
    withQueue((prefix) =>
      Effect.gen(function* () {
        const { depth } = yield* QueueDepth
        const { commands } = yield* RedisConnections
        const { open, waiting } = partitionKeys(prefix, 0)
        const batches = Array.from(
          { length: 200 },
          (_, n) => `pb_${String(n).padStart(5, "a")}aaaaaaaaaaaaaaaaa`,
        )
        for (const batch of batches)
          yield* Effect.promise(() =>
            commands.zadd(waiting, 0, `${batch.slice(3, 8)}:0000000000000001:${batch}`),
          )
        const last = batches.toSorted().at(-1) ?? ""
        yield* Effect.promise(() => commands.zadd(open, 1, last))
        assert.deepStrictEqual(yield* depth, { batches: 200, oldestMs: 0 })
      }),
    ),
  )
})
