import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { publicEventTypes } from "../../src/publisher/public-event.ts"
import { ENDPOINTS_PER_PARTNER_MAX, WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { webhookPlatform } from "./webhook-platform.ts"

const url = "https://example.com/hooks"

layer(webhookPlatform({ WEBHOOKS_ALLOW_PRIVATE: "false" }), { excludeTestServices: true })(
  "endpoints",
  (it) => {
    it.effect("belong to one partner, and show their secret once", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const { endpoint, secret } = yield* endpoints.create({
          partner: "acme",
          url,
          eventTypes: [publicEventTypes.PayoutSettled],
        })
        assert.match(endpoint.id, /^we_[0-9a-f]{32}$/)
        assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
        assert.deepStrictEqual(yield* endpoints.list("acme"), [endpoint])
        assert.deepStrictEqual(yield* endpoints.list("globex"), [])
        assert.strictEqual(
          (yield* Effect.flip(endpoints.remove("globex", endpoint.id)))._tag,
          "NoSuchEndpoint",
        )
        yield* endpoints.remove("acme", endpoint.id)
        assert.deepStrictEqual(yield* endpoints.list("acme"), [])
      }),
    )

    it.effect("are refused on a private address", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const refused = yield* Effect.flip(
          endpoints.create({ partner: "acme", url: "https://169.254.169.254/" }),
        )
        assert.deepInclude(refused, {
          _tag: "EndpointRefused",
          field: "url",
          reason: "expected a public address",
        })
      }),
    )

    it.effect("are bounded per partner, also when many are added at once", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const asked = ENDPOINTS_PER_PARTNER_MAX + 8
        const answers = yield* Effect.all(
          Array.from({ length: asked }, () => Effect.result(endpoints.create({ partner: "many", url }))),
          { concurrency: 8 },
        )
        assert.lengthOf(yield* endpoints.list("many"), ENDPOINTS_PER_PARTNER_MAX)
        assert.lengthOf(
          answers.filter(({ _tag }) => _tag === "Failure"),
          8,
        )
      }),
    )
  },
)
