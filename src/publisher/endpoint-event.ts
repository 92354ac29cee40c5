/**
 * The public events about webhook endpoints: CloudEvents 1.0 in JSON, as those of public-event.ts, but of no batch, so without a
 * `sequence`. They name the host of an endpoint only, because a path or a query may be a secret.
 */
import { Schema } from "effect"
import { PartnerId } from "../domain/identifiers.ts"
import { PublicEventType } from "./public-event.ts"

/** The CloudEvents type of each event that endpoints can subscribe to, by its name. */
export const endpointEventTypes = {
  WebhookEndpointFailing: "com.atlaspay.webhook-endpoint.failing.v1",
  WebhookEndpointDisabled: "com.atlaspay.webhook-endpoint.disabled.v1",
} as const
export type EndpointEventName = keyof typeof endpointEventTypes

/** The type of what a partner asks for to try an endpoint. It goes to this endpoint only, whichever types it subscribed to. */
export const TEST_EVENT_TYPE = "com.atlaspay.webhook-endpoint.test.v1"

/** What an endpoint may subscribe to. */
export const SubscribableType = Schema.Literals([
  ...PublicEventType.literals,
  ...Object.values(endpointEventTypes),
])
export type SubscribableType = typeof SubscribableType.Type

/** Why an endpoint was disabled: it answered 410, nothing arrived for too long, or an operator did it. */
export const DisabledReason = Schema.Literals(["gone", "failing", "operator"])
export type DisabledReason = typeof DisabledReason.Type

const envelope = {
  specversion: Schema.Literal("1.0"),
  /** `<endpoint>:<what>:<since>`: the same if the event is published again. */
  id: Schema.String,
  source: Schema.Literal("/atlaspay"),
  /** The endpoint. */
  subject: Schema.String,
  /** When it happened: RFC 3339, UTC. */
  time: Schema.String,
  datacontenttype: Schema.Literal("application/json"),
  partner: PartnerId,
}

const about = {
  partner: PartnerId,
  endpoint: Schema.String,
  /** The host of its URL, with the port if there is one. */
  host: Schema.String,
}

/** The schema of each event that endpoints can subscribe to, by its name. */
export const endpointContracts = {
  WebhookEndpointFailing: Schema.Struct({
    ...envelope,
    type: Schema.Literal(endpointEventTypes.WebhookEndpointFailing),
    data: Schema.Struct({
      ...about,
      /** The first failure after the last delivery that arrived: RFC 3339, UTC. */
      failingSince: Schema.String,
      /** When the endpoint is disabled, unless a delivery arrives before: RFC 3339, UTC. */
      disabledAt: Schema.String,
    }),
  }),
  WebhookEndpointDisabled: Schema.Struct({
    ...envelope,
    type: Schema.Literal(endpointEventTypes.WebhookEndpointDisabled),
    data: Schema.Struct({
      ...about,
      reason: DisabledReason,
      /** From when on no deliveries are stored: RFC 3339, UTC. */
      since: Schema.String,
      failingSince: Schema.optionalKey(Schema.String),
    }),
  }),
} satisfies {
  readonly [Name in EndpointEventName]: Schema.Schema<{ readonly type: (typeof endpointEventTypes)[Name] }>
}

/** The event that a partner asks for to try an endpoint. */
export const WebhookEndpointTest = Schema.Struct({
  ...envelope,
  type: Schema.Literal(TEST_EVENT_TYPE),
  data: Schema.Struct(about),
})
export type WebhookEndpointTest = typeof WebhookEndpointTest.Type

export const EndpointEvent = Schema.Union(Object.values(endpointContracts))
export type EndpointEvent = typeof EndpointEvent.Type

const names = new Map<string, string>(Object.entries(endpointEventTypes).map(([name, type]) => [type, name]))

/** "WebhookEndpointDisabled" for `com.atlaspay.webhook-endpoint.disabled.v1`. */
export const endpointEventName = ({ type }: EndpointEvent): string => names.get(type) ?? type

export const decodeEndpointEvent = Schema.decodeUnknownResult(Schema.fromJsonString(EndpointEvent))

/** The endpoint that an event is about, and of it only what may be published. */
export interface EventfulEndpoint {
  readonly id: string
  readonly partner: PartnerId
  readonly url: string
}

const common = ({ id, partner, url }: EventfulEndpoint, what: string, since: string, time: Date) => ({
  envelope: {
    specversion: "1.0",
    id: `${id}:${what}:${since}`,
    source: "/atlaspay",
    subject: id,
    time: time.toISOString(),
    datacontenttype: "application/json",
    partner,
  } as const,
  about: { partner, endpoint: id, host: new URL(url).host },
})

/** Nothing has arrived for half of the time after which an endpoint is disabled. */
export const endpointFailing = (
  endpoint: EventfulEndpoint,
  {
    at,
    failingSince,
    disabledAt,
  }: { readonly at: Date; readonly failingSince: Date; readonly disabledAt: Date },
): EndpointEvent => {
  const { envelope, about } = common(endpoint, "failing", String(failingSince.getTime()), at)
  return {
    ...envelope,
    type: endpointEventTypes.WebhookEndpointFailing,
    data: { ...about, failingSince: failingSince.toISOString(), disabledAt: disabledAt.toISOString() },
  }
}

/** An endpoint was disabled. */
export const endpointDisabled = (
  endpoint: EventfulEndpoint,
  {
    reason,
    since,
    failingSince,
  }: { readonly reason: DisabledReason; readonly since: Date; readonly failingSince?: Date | undefined },
): EndpointEvent => {
  const { envelope, about } = common(endpoint, "disabled", String(since.getTime()), since)
  return {
    ...envelope,
    type: endpointEventTypes.WebhookEndpointDisabled,
    data: {
      ...about,
      reason,
      since: since.toISOString(),
      ...(failingSince === undefined ? {} : { failingSince: failingSince.toISOString() }),
    },
  }
}

/** A test event. `nonce` tells it from others of the endpoint. */
export const endpointTest = (endpoint: EventfulEndpoint, at: Date, nonce: string): WebhookEndpointTest => {
  const { envelope, about } = common(endpoint, "test", nonce, at)
  return { ...envelope, type: TEST_EVENT_TYPE, data: about }
}
