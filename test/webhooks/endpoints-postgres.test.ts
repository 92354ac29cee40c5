import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
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

    it.effect("are in the audit trail, with their host and without what may be secret", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const by = { who: "partner:audited/clerk", address: "203.0.113.9" }
        const asked = { partner: "audited", url: `${url}?token=hush` }
        const { endpoint, secret } = yield* endpoints.create(asked, by)
        yield* Effect.flip(endpoints.remove("globex", endpoint.id))
        yield* endpoints.remove("audited", endpoint.id)
        const subject = `webhook-endpoint:${endpoint.id}`
        const rows = yield* (yield* Postgres).query(
          "read the trail",
          (sql) =>
            sql`select who, address, act, before, after from audit_trail where subject = ${subject} order by sequence`,
        )
        const kept = { partner: "audited", host: "example.com", eventTypes: null }
        assert.deepStrictEqual(
          rows.map((row) => ({ ...row })),
          [
            { ...by, act: "webhook-endpoint.create", before: null, after: kept },
            {
              who: "partner:audited",
              address: null,
              act: "webhook-endpoint.remove",
              before: kept,
              after: null,
            },
          ],
        )
        assert.notInclude(JSON.stringify(rows), secret)
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
