import { randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AppConfig } from "../../src/config.ts"
import { makePublisher } from "../../src/platform/jetstream-publisher.ts"
import { Nats } from "../../src/platform/nats.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import {
  applyLimits,
  differencesOf,
  ensureEventStream,
  streamInfo,
  usualLimits,
} from "../../src/publisher/event-stream.ts"
import { settings } from "../settings.ts"
import { eventsOf } from "../webhooks/webhook-platform.ts"

const stream = `T${randomUUID().slice(0, 8)}`
const platform = Nats.layer.pipe(
  Layer.provideMerge(
    settings({
      NATS_STREAM: stream,
      NATS_STREAM_AGE_MS_MAX: "60000",
      NATS_STREAM_MESSAGES_MAX: "3",
      NATS_DUPLICATE_WINDOW_MS: "90000",
    }),
  ),
)

layer(platform, { excludeTestServices: true })("the event stream", (it) => {
  it.effect("keeps its limits until they are applied, and refuses what it has no room for", () =>
    Effect.gen(function* () {
      const appConfig = yield* AppConfig
      const { limits } = appConfig.nats
      const { manager, connection } = yield* Nats
      const config = Effect.map(streamInfo(manager, stream), (info) => info.config)
      yield* ensureEventStream(manager, stream, usualLimits)
      yield* ensureEventStream(manager, stream, limits)
      assert.deepStrictEqual(differencesOf(yield* config, usualLimits), [])
      assert.sameDeepMembers(
        [...differencesOf(yield* config, limits)],
        [
          { limit: "max_age", found: 2_592_000_000_000_000, wanted: 60_000_000_000 },
          { limit: "max_msgs", found: -1, wanted: 3 },
          { limit: "duplicate_window", found: 120_000_000_000, wanted: 60_000_000_000 },
          { limit: "discard", found: "old", wanted: "new" },
        ],
      )

      yield* applyLimits(manager, stream, limits)
      assert.deepStrictEqual(differencesOf(yield* config, limits), [])
      const publish = yield* makePublisher(connection, stream, 5_000)
      const [one, two, three, four] = eventsOf("limits").map((event) =>
        eventMessages(appConfig).write(event, 0),
      )
      assert(one && two && three && four)
      assert.deepStrictEqual(yield* publish([one, two, three]), { first: 1, last: 3, id: three.id })
      assert.deepStrictEqual(yield* publish([two]), { first: undefined, last: 2, id: two.id })
      assert.strictEqual((yield* Effect.flip(publish([four]))).store, "nats")
      assert.strictEqual((yield* streamInfo(manager, stream)).state.first_seq, 1)
    }),
  )
})
