/** Secrets of endpoints lie sealed, and sign for their own endpoint alone. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Webhook } from "standardwebhooks"
import { Postgres } from "../../src/platform/postgres.ts"
import { PartnerKeys } from "../../src/vault/partner-keys.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { sealPlainSecrets } from "../../src/webhooks/plain-secrets-postgres.ts"
import { openSecret } from "../../src/webhooks/secret-seal.ts"
import { layerWith } from "../../src/webhooks/webhooks.ts"
import { startReceiver } from "./receiver.ts"
import { deliveryRows, eventsOf, firstEventOf, publish, until, webhookPlatform } from "./webhook-platform.ts"

const platform = layerWith([20]).pipe(Layer.provideMerge(webhookPlatform()))

const rows = Effect.flatMap(Postgres, ({ query }) =>
  query(
    "look",
    (sql) => sql<Array<{ id: string; partner: string; url: string; host: string | null; secret: string }>>`
      select * from webhook_endpoints`,
  ),
)

const open = Effect.fnUntraced(function* (endpoint: string) {
  const row = (yield* rows).find(({ id }) => id === endpoint)
  if (row === undefined) throw new Error("no such row")
  const { partner, url, secret } = row
  const key = yield* (yield* PartnerKeys).find("~webhook-secrets", secret.slice(0, secret.indexOf(".")))
  const opened = key && openSecret(key, { endpoint, partner, url }, secret)
  return opened && Redacted.value(opened)
})

layer(platform, { excludeTestServices: true })("a secret of an endpoint", (it) => {
  it.effect("is not to be read in the table, and signs", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver()
      const { endpoint, secret } = yield* (yield* WebhookEndpoints).create({ partner: "sealed", url })
      const text = JSON.stringify(yield* rows)
      assert.include(text, endpoint.id)
      assert.notInclude(text, "whsec_")
      assert.notInclude(text, secret.slice("whsec_".length, -1))
      assert.strictEqual(yield* open(endpoint.id), secret)
      yield* publish([firstEventOf("sealed")])
      yield* until(Effect.sync(() => received.length === 1))
      const [{ body, headers } = { body: "", headers: {} }] = received
      new Webhook(secret).verify(body, headers as Record<string, string>)
    }),
  )

  it.effect("that was stored as it is is sealed, step by step, and signs as before", () =>
    Effect.gen(function* () {
      const { query } = yield* Postgres
      const { received, url } = yield* startReceiver()
      const secretOf = (index: number) => `whsec_${Buffer.alloc(32, index % 250).toString("base64")}`
      const plain = Array.from({ length: 450 }, (_, index) => ({
        id: `we_plain-${index}`,
        partner: index === 0 ? "plain" : `plain-${index}`,
        url: url.replace("127.0.0.1", "LOCALHOST"),
        secret: secretOf(index),
      }))
      yield* query("insert", (sql) => sql`insert into webhook_endpoints ${sql(plain)}`)
      yield* Effect.all([sealPlainSecrets, sealPlainSecrets], { concurrency: 2 })
      const stored = (yield* rows).filter(({ id }) => id.startsWith("we_plain-"))
      assert.lengthOf(stored, plain.length)
      assert.deepStrictEqual(
        stored.filter(({ secret, host }) => secret.includes("whsec_") || host !== "localhost"),
        [],
      )
      assert.strictEqual(yield* open("we_plain-449"), secretOf(449))
      yield* publish([firstEventOf("plain")])
      yield* until(Effect.sync(() => received.length === 1))
      const [{ body, headers } = { body: "", headers: {} }] = received
      new Webhook(secretOf(0)).verify(body, headers as Record<string, string>)
    }),
  )

  it.effect("does not sign for another URL, nor another endpoint", () =>
    Effect.gen(function* () {
      const { query } = yield* Postgres
      const endpoints = yield* WebhookEndpoints
      const own = yield* startReceiver()
      const other = yield* startReceiver()
      const moved = yield* endpoints.create({ partner: "moved", url: own.url })
      const lent = yield* endpoints.create({ partner: "lent", url: own.url })
      yield* query(
        "move",
        (sql) => sql`update webhook_endpoints set url = ${other.url} where id = ${moved.endpoint.id}`,
      )
      yield* query(
        "lend",
        (sql) => sql`
          update webhook_endpoints set secret = (select secret from webhook_endpoints where id = ${moved.endpoint.id})
          where id = ${lent.endpoint.id}`,
      )
      yield* publish([firstEventOf("moved"), firstEventOf("lent")])
      for (const { endpoint } of [moved, lent]) {
        yield* until(Effect.map(deliveryRows(endpoint.id), ([row]) => row?.state === "dead"))
        assert.strictEqual((yield* deliveryRows(endpoint.id))[0]?.last_error, "the secret cannot be opened")
      }
      assert.lengthOf([...own.received, ...other.received], 0)
    }),
  )

  it.effect("is wrapped anew with the others, and outlives the keys of its partner", () =>
    Effect.gen(function* () {
      const keys = yield* PartnerKeys
      const { received, url } = yield* startReceiver()
      yield* (yield* WebhookEndpoints).create({ partner: "forgotten", url })
      yield* keys.current("forgotten")
      yield* keys.forget("forgotten")
      const rings = yield* keys.list
      assert.sameMembers(
        rings.filter(({ forgotten }) => !forgotten).map(({ partner }) => partner),
        ["~webhook-secrets"],
      )
      const events = eventsOf("forgotten")
      yield* publish(events)
      yield* until(Effect.sync(() => received.length === events.length))
    }),
  )
})
