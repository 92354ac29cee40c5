import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Redacted, Result } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { encodePublicEvent, publicEventTypes } from "../../src/publisher/public-event.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { EndpointSecrets } from "../../src/webhooks/endpoint-secrets.ts"
import { ENDPOINTS_PER_PARTNER_MAX, WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { deliveryRows, eventsOf, until, webhookPlatform } from "./webhook-platform.ts"

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
        const kept = {
          partner: "audited",
          host: "example.com",
          eventTypes: null,
          rateLimit: null,
          ordered: false,
          state: "active",
        }
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
          Array.from({ length: asked }, (_, nth) =>
            Effect.result(endpoints.create({ partner: "many", url: `${url}/${nth}` })),
          ),
          { concurrency: 8 },
        )
        assert.lengthOf(yield* endpoints.list("many"), ENDPOINTS_PER_PARTNER_MAX)
        assert.lengthOf(
          answers.filter(({ _tag }) => _tag === "Failure"),
          8,
        )
      }),
    )

    it.effect(
      "with a URL that another one has are refused, however it is written, and the first is named",
      () =>
        Effect.gen(function* () {
          const endpoints = yield* WebhookEndpoints
          const first = yield* endpoints.create({
            partner: "twice",
            url: "https://bücher.example.com/a%7Eb?c=%2f",
          })
          for (const same of [
            "https://BÜCHER.example.com/a%7Eb?c=%2f",
            "https://xn--bcher-kva.example.com:443/a~b?c=%2F",
            "https://bücher.example.com./x/../a~b?c=%2F",
          ]) {
            const refused = yield* Effect.flip(endpoints.create({ partner: "twice", url: same }))
            assert.deepInclude(refused, { _tag: "EndpointExists", endpoint: first.endpoint.id })
          }
          const other = yield* endpoints.create({
            partner: "twice",
            url: "https://bücher.example.com/a~b?c=/",
          })
          const moved = yield* Effect.flip(
            endpoints.update("twice", other.endpoint.id, { url: "https://bücher.example.com/a~b?c=%2F" }),
          )
          assert.deepInclude(moved, { _tag: "EndpointExists", endpoint: first.endpoint.id })
          yield* endpoints.create({ partner: "other", url: first.endpoint.url })
          yield* endpoints.update("twice", first.endpoint.id, {
            url: "https://bücher.example.com:443/a~b?c=%2f",
          })
        }),
    )

    it.effect("are added once when two ask for the same URL at once, or move to it", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const outcomes = yield* Effect.all(
          Array.from({ length: 6 }, () => Effect.result(endpoints.create({ partner: "racing", url }))),
          { concurrency: 6 },
        )
        assert.lengthOf(outcomes.filter(Result.isSuccess), 1)
        const ids = yield* Effect.forEach(["/one", "/two", "/three"], (path) =>
          Effect.map(endpoints.create({ partner: "racing", url: url + path }), ({ endpoint }) => endpoint.id),
        )
        const moves = yield* Effect.all(
          ids.map((id) => Effect.result(endpoints.update("racing", id, { url: `${url}/target` }))),
          { concurrency: 3 },
        )
        assert.lengthOf(moves.filter(Result.isSuccess), 1)
      }),
    )

    it.effect("that were there twice before stay, and may be changed in all but their URL", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const { query } = yield* Postgres
        const one = yield* endpoints.create({ partner: "older", url })
        const other = yield* endpoints.create({ partner: "older", url: `${url}/other` })
        yield* query(
          "make them the same",
          (sql) => sql`update webhook_endpoints set url = ${url} where id = ${other.endpoint.id}`,
        )
        assert.lengthOf(yield* endpoints.list("older"), 2)
        const changed = yield* endpoints.update("older", other.endpoint.id, { description: "the second" })
        assert.strictEqual(changed.description, "the second")
        const again = yield* Effect.flip(endpoints.create({ partner: "older", url }))
        assert.deepInclude(again, { _tag: "EndpointExists", endpoint: one.endpoint.id })
      }),
    )

    it.effect("are changed in what is asked for, by the version that was seen", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const { endpoint } = yield* endpoints.create({
          partner: "changing",
          url,
          eventTypes: [publicEventTypes.PayoutSettled],
          rateLimit: 5,
        })
        assert.deepInclude(endpoint, { version: 1, rateLimit: 5, ordered: false, state: "active" })
        const changed = yield* endpoints.update(
          "changing",
          endpoint.id,
          { eventTypes: null, description: "books", ordered: true },
          { version: 1 },
        )
        const { eventTypes: _, ...rest } = endpoint
        assert.deepStrictEqual(changed, { ...rest, description: "books", ordered: true, version: 2 })
        const late = yield* Effect.flip(
          endpoints.update("changing", endpoint.id, { rateLimit: null }, { version: 1 }),
        )
        assert.deepInclude(late, { _tag: "EndpointChanged", version: 2 })
        const same = yield* endpoints.update("changing", endpoint.id, { description: "books" })
        assert.strictEqual(same.version, 2, "nothing was changed")
        const taken = yield* endpoints.update("changing", endpoint.id, { rateLimit: null, description: null })
        assert.notProperty(taken, "rateLimit")
        assert.notProperty(taken, "description")
        assert.deepStrictEqual(yield* endpoints.find("changing", endpoint.id), taken)
        for (const refused of [
          yield* Effect.flip(endpoints.update("changing", endpoint.id, { url: "https://10.0.0.1/" })),
          yield* Effect.flip(endpoints.update("changing", endpoint.id, { eventTypes: [] })),
        ])
          assert.strictEqual(refused._tag, "EndpointRefused")
        const foreign = yield* Effect.flip(endpoints.update("globex", endpoint.id, { rateLimit: 1 }))
        assert.strictEqual(foreign._tag, "NoSuchEndpoint")
      }),
    )

    it.effect("keep their secrets when their URL changes, and what waits goes to the new one", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const deliveries = yield* Deliveries
        const { endpoint, secret } = yield* endpoints.create({ partner: "moving", url })
        const secrets = yield* EndpointSecrets
        const renewed = yield* secrets.rotateSecret(
          { partner: "moving", endpoint: endpoint.id },
          { overlapMs: 60_000 },
        )
        const events = eventsOf("moving").map((event) => ({
          event,
          body: encodePublicEvent(event),
          publishedAt: Date.now(),
        }))
        yield* deliveries.record(events)
        const moved = yield* endpoints.update("moving", endpoint.id, { url: "https://new.example.com/hooks" })
        assert.strictEqual(moved.url, "https://new.example.com/hooks")
        const claim = { allotted: new Map([[endpoint.id, 1]]), leaseMs: 1 }
        const [first] = yield* deliveries.claim(claim)
        assert.deepInclude(first, { url: moved.url, host: "new.example.com" })
        assert.strictEqual(first?.secret && Redacted.value(first.secret), renewed.secret)
        assert.deepStrictEqual(
          first?.besides?.map((one) => Redacted.value(one)),
          [secret],
        )
      }),
    )

    it.effect("on a port of another protocol are refused", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const refused = yield* Effect.flip(
          endpoints.create({ partner: "acme", url: "https://example.com:6667/" }),
        )
        assert.deepInclude(refused, { field: "url", reason: "expected a port that no other protocol has" })
      }),
    )

    it.effect("are paused and resumed, and one that was disabled says what it missed", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const { query } = yield* Postgres
        const { endpoint } = yield* endpoints.create({ partner: "pausing", url })
        const paused = yield* endpoints.setState("pausing", endpoint.id, "paused")
        assert.deepInclude(paused, { state: "paused", version: 2 })
        assert.deepStrictEqual(yield* endpoints.setState("pausing", endpoint.id, "paused"), paused)
        yield* query(
          "it was failing for an hour when it was paused an hour ago",
          (sql) => sql`
            update webhook_endpoints set state_since = now() - interval '1 hour', failing_since = now() - interval '2 hours'
            where id = ${endpoint.id}`,
        )
        const resumed = yield* endpoints.setState("pausing", endpoint.id, "active")
        const failingForMs = Date.now() - (resumed.failingSince?.getTime() ?? 0)
        assert.approximately(failingForMs, 3_600_000, 60_000)
        assert.notProperty(resumed, "missed")

        const disabled = yield* endpoints.setState("pausing", endpoint.id, "disabled")
        assert.deepInclude(disabled, { state: "disabled", reason: "operator" })
        const again = yield* endpoints.setState("pausing", endpoint.id, "active")
        assert.deepStrictEqual(again.missed?.from, disabled.since)
        assert.deepStrictEqual(again.missed?.until, again.since)
        assert.notProperty(again, "failingSince")
        assert.notProperty(again, "reason")
        const late = yield* Effect.flip(endpoints.setState("pausing", endpoint.id, "paused", { version: 1 }))
        assert.deepInclude(late, { _tag: "EndpointChanged", version: again.version })
        const acts = yield* query(
          "read the trail",
          (sql) =>
            sql`select act from audit_trail where subject = ${`webhook-endpoint:${endpoint.id}`} order by sequence`,
        )
        assert.deepStrictEqual(
          acts.map(({ act }) => act),
          ["create", "pause", "resume", "disable", "resume"].map((act) => `webhook-endpoint.${act}`),
        )
      }),
    )

    it.effect("are in the audit trail when their events go elsewhere, also on the same host", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const { endpoint } = yield* endpoints.create({ partner: "redirected", url })
        yield* endpoints.update("redirected", endpoint.id, { url: `${url}?token=hush` })
        yield* endpoints.update("redirected", endpoint.id, { description: "bookkeeping" })
        const rows = yield* (yield* Postgres).query(
          "read the trail",
          (sql) => sql<Array<{ readonly after: object }>>`
            select after from audit_trail
            where subject = ${`webhook-endpoint:${endpoint.id}`} and act = 'webhook-endpoint.update' order by sequence`,
        )
        const [moved, described] = rows.map(({ after }) => after)
        assert.deepInclude(moved, { host: "example.com", urlChanged: true })
        assert.notProperty(described, "urlChanged")
        assert.notInclude(JSON.stringify(rows), "hush")
      }),
    )

    it.effect("are removed in steps, and are disabled meanwhile", () =>
      Effect.gen(function* () {
        const endpoints = yield* WebhookEndpoints
        const { query } = yield* Postgres
        const { endpoint } = yield* endpoints.create({ partner: "leaving", url })
        const events = eventsOf("leaving", 20)
        const published = events.map((event) => ({
          event,
          body: encodePublicEvent(event),
          publishedAt: Date.now(),
        }))
        yield* (yield* Deliveries).record(published)
        const [held] = yield* deliveryRows(endpoint.id)
        const { promise: released, resolve: release } = Promise.withResolvers<void>()
        const { promise: locked, resolve: lock } = Promise.withResolvers<void>()
        const locking = yield* Effect.forkChild(
          query("hold a delivery", (sql) =>
            sql.begin(async (sql) => {
              await sql`select from webhook_deliveries where event_id = ${held?.event_id ?? ""} for update`
              lock()
              await released
            }),
          ),
        )
        yield* Effect.promise(() => locked)
        const removing = yield* Effect.forkChild(endpoints.remove("leaving", endpoint.id))
        yield* until(Effect.map(deliveryRows(endpoint.id), ({ length }) => length === 1))
        assert.deepInclude(yield* endpoints.find("leaving", endpoint.id), {
          state: "disabled",
          reason: "removed",
        })
        release()
        yield* Fiber.join(locking)
        yield* Fiber.join(removing)
        assert.deepStrictEqual(yield* endpoints.list("leaving"), [])
        assert.lengthOf(yield* deliveryRows(endpoint.id), 0)

        // A crash cut off the removal of another one: asked for again, it goes on, and the trail has it once.
        const cut = yield* endpoints.create({ partner: "leaving", url })
        yield* query(
          "cut a removal off",
          (sql) => sql`
            update webhook_endpoints set state = 'disabled', enabled = false, state_reason = 'removed'
            where id = ${cut.endpoint.id}`,
        )
        yield* endpoints.remove("leaving", cut.endpoint.id)
        assert.deepStrictEqual(yield* endpoints.list("leaving"), [])
        const acts = yield* query(
          "read the trail",
          (sql) =>
            sql`select act from audit_trail where before->>'partner' = 'leaving' or after->>'partner' = 'leaving' order by sequence`,
        )
        assert.deepStrictEqual(
          acts.map(({ act }) => act),
          ["create", "remove", "create"].map((act) => `webhook-endpoint.${act}`),
        )
      }),
    )
  },
)
