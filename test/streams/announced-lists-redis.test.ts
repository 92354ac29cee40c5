import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisConnections } from "../../src/platform/redis.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { LISTS_FRESH_MS, LISTS_MAX, makeAnnouncedLists } from "../../src/streams/announced-lists.ts"
import { layer, redisListStore } from "../../src/streams/announced-lists-redis.ts"
import { ownPrefix, settings } from "../settings.ts"

const onRedis = () =>
  Layer.fresh(layer).pipe(
    Layer.provideMerge(Layer.fresh(RedisConnections.layer)),
    Layer.provide(settings({ STREAM_PREFIX: ownPrefix() })),
  )

it.live(
  "puts the version in force that was announced last, however often and in whatever order it is heard",
  () =>
    Effect.gen(function* () {
      const store = redisListStore(yield* RedisConnections, ownPrefix())
      const { keep, latest } = store
      assert.isUndefined(yield* latest)
      yield* keep("b", 2_000)
      yield* keep("a", 1_000)
      yield* keep("b", 9_000)
      assert.deepStrictEqual(yield* latest, { version: "b", since: 2_000 }, "overtaken, and said again")
      yield* keep("c", 3_000)
      yield* keep("a", 9_000)
      assert.deepStrictEqual(yield* latest, { version: "c", since: 3_000 }, "an old one does not come back")
    }).pipe(Effect.provide(onRedis())),
)

it.live("has every process go by it before it says that it is announced", () =>
  Effect.gen(function* () {
    const store = redisListStore(yield* RedisConnections, ownPrefix())
    const [one, other] = [yield* makeAnnouncedLists([store]), yield* makeAnnouncedLists([store])]
    assert.isUndefined(yield* other.current)
    yield* one.announce("b", 1)
    assert.deepStrictEqual(yield* other.current, { version: "b", since: 1 })
  }).pipe(Effect.provide(onRedis())),
)

it.live("asks once for many who want to know, and knows nothing when a store does not answer", () =>
  Effect.gen(function* () {
    let asked = 0
    let isDown = false
    const keeping = { keep: () => Effect.void, since: () => Effect.succeed(undefined) }
    const gone = new StoreUnavailable({ store: "redis", step: "read lists", reason: "gone" })
    const { current } = yield* makeAnnouncedLists([
      { ...keeping, latest: Effect.succeed({ version: "a", since: 1 }) },
      {
        ...keeping,
        latest: Effect.suspend(() => {
          asked += 1
          return isDown ? Effect.fail(gone) : Effect.succeed(undefined)
        }),
      },
    ])
    yield* Effect.all(
      Array.from({ length: 100 }, () => current),
      { concurrency: "unbounded" },
    )
    assert.strictEqual(asked, 1)
    isDown = true
    yield* Effect.sleep(LISTS_FRESH_MS)
    assert.strictEqual(yield* Effect.flip(current), gone)
  }).pipe(Effect.scoped),
)

it.live("remembers a bounded number of versions", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    const connections = yield* RedisConnections
    const older = Array.from({ length: LISTS_MAX }, (_, n) => [n, `old-${n}`]).flat()
    yield* Effect.promise(() => connections.commands.zadd(`${prefix}:lists`, ...older))
    yield* redisListStore(connections, prefix).keep("new", LISTS_MAX)
    assert.strictEqual(yield* Effect.promise(() => connections.commands.zcard(`${prefix}:lists`)), LISTS_MAX)
  }).pipe(Effect.provide(onRedis())),
)
