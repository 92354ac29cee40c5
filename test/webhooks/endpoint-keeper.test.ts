/** What the keeper of endpoints does to NATS. What it does to endpoints is tested in endpoint-health.test.ts. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import { makeNoticePublisher } from "../../src/webhooks/endpoint-keeper.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { webhookPlatform } from "./webhook-platform.ts"

const settings = { NATS_STREAM_AGE_MS_MAX: "345600000", NATS_DUPLICATE_WINDOW_MS: "60000" }

layer(webhookPlatform(settings).pipe(Layer.orDie), { excludeTestServices: true })(
  "a stream that is gone",
  (it) => {
    it.effect("is created with the limits of the settings, and gets the events about endpoints", () =>
      Effect.gen(function* () {
        const { create, setState } = yield* WebhookEndpoints
        const { endpoint } = yield* create({ partner: "acme", url: "http://127.0.0.1:1/" })
        yield* setState("acme", endpoint.id, "disabled")
        const publish = yield* makeNoticePublisher
        yield* Effect.flip(publish)
        yield* publish
        const { stream } = (yield* AppConfig).nats
        const { manager } = yield* Nats
        const { config, state } = yield* Effect.promise(() => manager.streams.info(stream))
        assert.deepInclude(config, { max_age: 345_600_000e6, duplicate_window: 60_000e6 })
        assert.strictEqual(state.messages, 1)
      }),
    )
  },
)
