import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { lastKnown } from "../../src/streams/last-known.ts"

const down = Effect.fail(new StoreUnavailable({ store: "redis", step: "backlog", reason: "ECONNREFUSED" }))

describe("what was last known of a partition", () => {
  it.effect(
    "is given while it does not answer, until it is too old; of others nothing is known by that",
    () =>
      Effect.gen(function* () {
        const known = lastKnown<number>(1_000)
        assert.strictEqual(yield* known("a", Effect.succeed(1)), 1)
        yield* TestClock.adjust(600)
        assert.strictEqual(yield* known("a", Effect.succeed(2)), 2)
        yield* TestClock.adjust(1_000)
        assert.strictEqual(yield* known("a", down), 2)
        assert.deepInclude(yield* Effect.flip(known("b", down)), { reason: "ECONNREFUSED" })
        yield* TestClock.adjust(1)
        assert.deepInclude(yield* Effect.flip(known("a", down)), { reason: "ECONNREFUSED" })
        assert.strictEqual(yield* known("a", Effect.succeed(3)), 3)
      }),
  )
})
