import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisConnections } from "../../src/platform/redis.ts"
import { TakerMark } from "../../src/streams/taker-mark.ts"
import { layer as takerMarkOnRedis } from "../../src/streams/taker-mark-redis.ts"
import { ownPrefix, settings } from "../settings.ts"

const prefix = ownPrefix()
const stores = Layer.fresh(takerMarkOnRedis).pipe(
  Layer.provideMerge(Layer.fresh(RedisConnections.layer)),
  Layer.provide(settings({ STREAM_PREFIX: prefix })),
)

it.live("is left where there is none, replaced and removed, and ends by itself", () =>
  Effect.gen(function* () {
    const mark = yield* TakerMark
    const { commands } = yield* RedisConnections
    assert.strictEqual(yield* mark.read, undefined)
    assert.strictEqual(yield* mark.leave("a.1", 60_000), undefined)
    assert.strictEqual(yield* mark.leave("b.1", 60_000), "a.1")
    assert.strictEqual(yield* mark.read, "a.1")
    yield* mark.replace("b.2", 60_000)
    assert.strictEqual(yield* mark.read, "b.2")
    assert.isAbove(yield* Effect.promise(() => commands.pttl(`${prefix}:taker`)), 0)
    yield* mark.remove
    assert.strictEqual(yield* mark.leave("c.1", 20), undefined)
    while ((yield* mark.read) !== undefined) yield* Effect.sleep(5)
    yield* mark.replace("c.2", 20)
    while ((yield* mark.read) !== undefined) yield* Effect.sleep(5)
  }).pipe(Effect.provide(stores)),
)

it.live("fails if there is something of another type in its place", () =>
  Effect.gen(function* () {
    const mark = yield* TakerMark
    const { commands } = yield* RedisConnections
    yield* Effect.promise(() => commands.rpush(`${prefix}:taker`, "x"))
    assert.strictEqual((yield* Effect.flip(mark.leave("a.1", 60_000))).reason, "WRONGTYPE")
    assert.strictEqual((yield* Effect.flip(mark.read)).reason, "WRONGTYPE")
    yield* mark.remove
  }).pipe(Effect.provide(stores)),
)
