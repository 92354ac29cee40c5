import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisConnections } from "../../src/platform/redis.ts"
import { Partitions } from "../../src/streams/partitions.ts"
import { freshMetrics } from "../../src/telemetry/metrics.ts"
import { ownPrefix, settings } from "../settings.ts"
import { layer } from "./streams-under-test.ts"

const STREAM_PREFIX = ownPrefix()

const startWith = (PARTITIONS: string) =>
  Effect.map(Partitions, ({ count }) => count).pipe(
    Effect.provide(
      Layer.fresh(layer).pipe(
        Layer.provide(Layer.fresh(RedisConnections.layer)),
        Layer.provide([settings({ STREAM_PREFIX, PARTITIONS }), freshMetrics]),
      ),
    ),
  )

it.live("a deployment starts with the partitions that it was created with, and with no other number", () =>
  Effect.gen(function* () {
    assert.strictEqual(yield* startWith("3"), 3)
    assert.strictEqual(yield* startWith("3"), 3)
    for (const other of ["2", "4"]) {
      const error = yield* Effect.flip(startWith(other))
      assert.strictEqual(error._tag, "PartitionsChanged")
      assert.include(error.message, `PARTITIONS: this deployment was created with 3, not ${other}`)
    }
  }),
)
