/** Endpoints that are ordered, limited, paused or held, and events for them. */
import { Effect } from "effect"
import { Postgres } from "../../src/platform/postgres.ts"
import { encodePublicEvent, type PublicEvent } from "../../src/publisher/public-event.ts"
import { Deliveries, type Delivery, type PacedEndpoint } from "../../src/webhooks/deliveries.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"

export interface Traits {
  readonly ordered?: boolean
  readonly rate_limit?: number | null
  readonly state?: "active" | "paused" | "disabled"
  readonly event_types?: ReadonlyArray<string>
  readonly url?: string
}

export const change = Effect.fnUntraced(function* (endpoint: string, traits: Traits) {
  if (Object.keys(traits).length === 0) return
  const { query } = yield* Postgres
  yield* query(
    "change an endpoint",
    (sql) => sql`update webhook_endpoints set ${sql({ ...traits })} where id = ${endpoint}`,
  )
})

export const endpointWith = Effect.fnUntraced(function* (partner: string, url: string, traits: Traits) {
  const { endpoint } = yield* (yield* WebhookEndpoints).create({ partner, url })
  yield* change(endpoint.id, traits)
  return endpoint.id
})

export const published = (events: ReadonlyArray<PublicEvent>) =>
  events.map((event) => ({ event, body: encodePublicEvent(event), publishedAt: Date.now() }))

export const record = Effect.fnUntraced(function* (events: ReadonlyArray<PublicEvent>) {
  return yield* (yield* Deliveries).record(published(events))
})

/** Claims for an endpoint that is ordered, and gives the ids of the events. */
export const claimInOrder = Effect.fnUntraced(function* (
  endpoint: string,
  { most = 16, run = 16, leaseMs = 60_000 } = {},
) {
  return (yield* claimPaced({ endpoint, ordered: true, limited: false, most, run }, leaseMs)).claimed
})

export const claimPaced = Effect.fnUntraced(function* (one: PacedEndpoint, leaseMs = 60_000) {
  return yield* (yield* Deliveries).claimPaced([one], leaseMs)
})

const end = () => ({ at: Date.now(), durationMs: 1, answer: undefined })

export const arrived = Effect.fnUntraced(function* (deliveries: ReadonlyArray<Delivery>) {
  yield* (yield* Deliveries).delivered(
    deliveries.map(({ eventId, endpoint, attempts }) => ({
      eventId,
      endpoint,
      attempts,
      status: 200,
      ...end(),
    })),
  )
})

export const failed = Effect.fnUntraced(function* (delivery: Delivery, retryInMs: number | undefined) {
  yield* (yield* Deliveries).failed(delivery, { status: 500, reason: "HTTP 500", ...end() }, retryInMs)
})

export const idsOf = (of: ReadonlyArray<{ readonly eventId: string } | PublicEvent>): ReadonlyArray<string> =>
  of.map((one) => ("eventId" in one ? one.eventId : one.id))
