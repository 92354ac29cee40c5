import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { cleanText } from "../../src/domain/outside-text.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { STRAYS_MAX, StrayCallbacks, strayOf } from "../../src/streams/stray-callbacks.ts"
import { layer } from "../../src/streams/stray-callbacks-redis.ts"
import { ownPrefix, settings } from "../settings.ts"

const prefix = ownPrefix()
const onRedis = Layer.fresh(layer).pipe(
  Layer.provideMerge(Layer.fresh(RedisConnections.layer)),
  Layer.provide(settings({ STREAM_PREFIX: prefix })),
)

const stray = (reference: string, id = "cb-1") =>
  strayOf(
    { bank: "north", reference, id },
    { _tag: "Failed", evidence: "callback", code: cleanText("AC04") },
    "no-such-batch",
  )

it.live("keeps each once, gives the newest first, and lets the oldest go", () =>
  Effect.gen(function* () {
    const { keep, list } = yield* StrayCallbacks
    const { commands: redis } = yield* RedisConnections
    const older = Array.from({ length: STRAYS_MAX - 1 }, (_, n) => [
      n,
      JSON.stringify(stray(`OLD-${n}`)),
    ]).flat()
    yield* Effect.promise(() => redis.zadd(`${prefix}:strays`, ...older))
    assert.isTrue(yield* keep(stray("REF-1"), 10_001))
    assert.isFalse(yield* keep(stray("REF-1"), 10_002), "said again")
    assert.isTrue(yield* keep(stray("REF-1", "cb-2"), 10_003), "another callback")
    assert.deepStrictEqual(yield* list(2), [
      { ...stray("REF-1", "cb-2"), receivedAt: 10_003 },
      { ...stray("REF-1"), receivedAt: 10_001 },
    ])
    const all = yield* list(STRAYS_MAX + 10)
    assert.strictEqual(all.length, STRAYS_MAX)
    assert.deepInclude(all.at(-1), { reference: cleanText("OLD-1") })
  }).pipe(Effect.provide(onRedis)),
)

it("keeps what was said without account numbers", () => {
  assert.deepStrictEqual<unknown>(stray("DE89370400440532013000", "370400440532013000"), {
    provider: "north",
    reference: "[redacted]",
    said: "failed",
    code: "AC04",
    id: "[redacted]",
    why: "no-such-batch",
  })
})
