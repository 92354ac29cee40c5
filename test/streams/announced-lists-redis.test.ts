import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisConnections } from "../../src/platform/redis.ts"
import { AnnouncedLists, LISTS_FRESH_MS, LISTS_MAX } from "../../src/streams/announced-lists.ts"
import { layer, makeAnnouncedLists } from "../../src/streams/announced-lists-redis.ts"
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
      const { announce, current } = yield* AnnouncedLists
      assert.isUndefined(yield* current)
      yield* announce("b", 2_000)
      assert.deepStrictEqual(yield* current, { version: "b", since: 2_000 })
      yield* announce("a", 1_000)
      yield* announce("b", 9_000)
      assert.deepStrictEqual(yield* current, { version: "b", since: 2_000 }, "overtaken, and said again")
      yield* announce("c", 3_000)
      yield* announce("a", 9_000)
      assert.deepStrictEqual(yield* current, { version: "c", since: 3_000 }, "an old one does not come back")
    }).pipe(Effect.provide(onRedis())),
)

it.live("has every process go by it before it says that it is announced", () =>
  Effect.gen(function* () {
    const [prefix, connections] = [ownPrefix(), yield* RedisConnections]
    const [one, other] = [makeAnnouncedLists(connections, prefix), makeAnnouncedLists(connections, prefix)]
    assert.isUndefined(yield* other.current)
    yield* one.announce("b", 1)
    assert.deepStrictEqual(yield* other.current, { version: "b", since: 1 })
  }).pipe(Effect.provide(onRedis())),
)

it.live("asks once for many who want to know, and knows nothing when nobody answers", () =>
  Effect.gen(function* () {
    const connections = yield* RedisConnections
    let asked = 0
    let isDown = false
    const commands = new Proxy(connections.commands, {
      get: (redis, name) =>
        name !== "zrevrange"
          ? Reflect.get(redis, name)
          : async (key: string) => {
              asked += 1
              if (isDown) throw new Error("gone")
              return redis.zrevrange(key, 0, 0, "WITHSCORES")
            },
    })
    const { current } = makeAnnouncedLists({ ...connections, commands }, ownPrefix())
    yield* Effect.all(
      Array.from({ length: 100 }, () => current),
      { concurrency: "unbounded" },
    )
    assert.strictEqual(asked, 1)
    isDown = true
    yield* Effect.sleep(LISTS_FRESH_MS)
    const failed = yield* Effect.flip(current)
    assert.strictEqual(failed._tag, "StreamsUnavailable")
  }).pipe(Effect.provide(onRedis())),
)

it.live("remembers a bounded number of versions", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    const connections = yield* RedisConnections
    const older = Array.from({ length: LISTS_MAX }, (_, n) => [n, `old-${n}`]).flat()
    yield* Effect.promise(() => connections.commands.zadd(`${prefix}:lists`, ...older))
    yield* makeAnnouncedLists(connections, prefix).announce("new", LISTS_MAX)
    assert.strictEqual(yield* Effect.promise(() => connections.commands.zcard(`${prefix}:lists`)), LISTS_MAX)
  }).pipe(Effect.provide(onRedis())),
)
