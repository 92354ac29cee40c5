import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PartnerId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { ClaimMarks } from "../../src/streams/claim-marks.ts"
import { layer as claimMarksOnRedis } from "../../src/streams/claim-marks-redis.ts"
import { ownPrefix, settings } from "../settings.ts"

const DAY_MS = 86_400_000
const prefix = ownPrefix()
const [acme, globex] = [PartnerId.make("acme"), PartnerId.make("globex")]

layer(
  claimMarksOnRedis.pipe(
    Layer.provideMerge(RedisConnections.layer),
    Layer.provide(settings({ STREAM_PREFIX: prefix })),
  ),
)("marks of claims", (it) => {
  it.effect(
    "are of each partner's last claim, in whatever order they are noted, until they are forgotten",
    () =>
      Effect.gen(function* () {
        const { last, note, forget } = yield* ClaimMarks
        const { claim, now } = yield* last(acme, 7)
        assert.isUndefined(claim)
        assert.isAtMost(Math.abs(now - Date.now()), 60_000)
        yield* note(acme, { id: "second", claimedAt: now }, 7)
        yield* note(acme, { id: "first", claimedAt: now - 1 }, 7)
        yield* note(globex, { id: "other", claimedAt: now + 1 }, 7)
        assert.strictEqual((yield* last(acme, 7)).claim, "second")
        yield* forget(acme)
        assert.isUndefined((yield* last(acme, 7)).claim)
        assert.strictEqual((yield* last(globex, 7)).claim, "other")
      }),
  )

  it.effect("are looked for as long as the policy looks back, and expire", () =>
    Effect.gen(function* () {
      const { last, note } = yield* ClaimMarks
      const partner = PartnerId.make("old")
      const { now } = yield* last(partner, 7)
      yield* note(partner, { id: "old", claimedAt: now - 3 * DAY_MS }, 7)
      assert.strictEqual((yield* last(partner, 4)).claim, "old")
      assert.isUndefined((yield* last(partner, 2)).claim)
      const { commands } = yield* RedisConnections
      const left = yield* Effect.promise(() => commands.pttl(`${prefix}:{claims:old}`))
      assert.isAtMost(left, 7 * DAY_MS)
      assert.isAbove(left, 6 * DAY_MS)
    }),
  )
})
