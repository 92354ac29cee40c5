/** Endpoints that hang take their own share of the places, and everybody else's webhooks go out. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { encodePublicEvent } from "../../src/publisher/public-event.ts"
import { PartnerKeys } from "../../src/vault/partner-keys.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { sealSecret, WEBHOOK_SECRETS } from "../../src/webhooks/secret-seal.ts"
import { SET_ASIDE, UNDER_WAY_MAX } from "../../src/webhooks/shares.ts"
import { layer as webhooks } from "../../src/webhooks/webhooks.ts"
import { silence, startReceiver } from "./receiver.ts"
import { eventsOf, until, webhookPlatform } from "./webhook-platform.ts"

// Nothing that hangs ends while the test runs.
const platform = webhooks.pipe(Layer.provideMerge(webhookPlatform({ WEBHOOK_TIMEOUT_MS: "120000" })))

const tell = Effect.fnUntraced(function* (partner: string, itemCount: number) {
  const events = eventsOf(partner, itemCount)
  const publishedAt = Date.now()
  yield* (yield* Deliveries).record(
    events.map((event) => ({ event, body: encodePublicEvent(event), publishedAt })),
  )
  return events.length
})

/** Endpoints of a partner, as many as somebody could ever get, each as if it were on a host of that name. */
const endpoints = Effect.fnUntraced(function* (partner: string, url: string, hosts: ReadonlyArray<string>) {
  const { query } = yield* Postgres
  const key = yield* (yield* PartnerKeys).current(WEBHOOK_SECRETS)
  const rows = hosts.map((host) => {
    const id = `we_${partner}-${host}`
    return {
      id,
      partner,
      url,
      host,
      secret: sealSecret(key, { endpoint: id, partner, url }, "whsec_c2VjcmV0"),
    }
  })
  yield* query("make endpoints", (sql) => sql`insert into webhook_endpoints ${sql(rows)}`)
})

layer(platform, { excludeTestServices: true })("a partner whose endpoints answer is told", (it) => {
  it.effect("while others, many others, and one host behind many others hang", () =>
    Effect.gen(function* () {
      const silent = yield* startReceiver(silence)
      const prompt = yield* startReceiver()
      yield* (yield* WebhookEndpoints).create({ partner: "prompt", url: prompt.url })
      let due = 0
      const promptIsTold = Effect.gen(function* () {
        due += yield* tell("prompt", 40)
        yield* until(Effect.sync(() => prompt.received.length === due))
      })
      /** Until it has all that it gets: some more events of it change nothing any more. */
      const hangs = (most: number) => until(Effect.sync(() => silent.received.length >= most))

      const hundred = Array.from({ length: 100 }, (_, index) => `h${index}.example.com`)
      yield* endpoints("hog", silent.url, hundred)
      yield* tell("hog", 10)
      yield* hangs(UNDER_WAY_MAX / 4)
      yield* promptIsTold
      assert.isAtMost(silent.received.length, UNDER_WAY_MAX / 4)

      const before = silent.received.length
      for (let partner = 0; partner < 40; partner += 1) {
        yield* endpoints(`tenant-${partner}`, silent.url, ["shared.example.com"])
        yield* tell(`tenant-${partner}`, 10)
      }
      yield* hangs(before + UNDER_WAY_MAX / 8)
      yield* promptIsTold
      assert.isAtMost(silent.received.length - before, UNDER_WAY_MAX / 4)

      for (let partner = 0; partner < 20; partner += 1) {
        yield* endpoints(`hog-${partner}`, silent.url, [`hog-${partner}.example.com`])
        yield* tell(`hog-${partner}`, 20)
      }
      yield* hangs(UNDER_WAY_MAX * 0.65)
      yield* promptIsTold
      assert.isAtMost(silent.received.length, UNDER_WAY_MAX - SET_ASIDE)
    }),
  )
})
