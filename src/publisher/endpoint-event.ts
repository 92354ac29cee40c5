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

const text = (description: string) => Schema.String.annotate({ description })
const time = (description: string) => Schema.String.annotate({ description, format: "date-time" })

const envelope = {
  specversion: Schema.Literal("1.0"),
  id: text("`<endpoint>:<what>:<since>`: the same if the event is published again."),
  source: Schema.Literal("/atlaspay"),
  subject: text("The endpoint."),
  time: time("When it happened."),
  datacontenttype: Schema.Literal("application/json"),
  partner: PartnerId,
}

const about = {
  partner: PartnerId,
  endpoint: text("The endpoint that it is about."),
  host: text("The host of the endpoint's URL, with the port if there is one."),
}

/** The schema of each event that endpoints can subscribe to, by its name. */
export const endpointContracts = {
  WebhookEndpointFailing: Schema.Struct({
    ...envelope,
    type: Schema.Literal(endpointEventTypes.WebhookEndpointFailing),
    data: Schema.Struct({
      ...about,
      failingSince: time("The first failure after the last delivery that arrived."),
      disabledAt: time("When the endpoint is disabled, unless a delivery arrives before."),
    }),
  }).annotate({
    title: "WebhookEndpointFailing",
    description: "Nothing has arrived at an endpoint for half of the time after which it is disabled.",
  }),
  WebhookEndpointDisabled: Schema.Struct({
    ...envelope,
    type: Schema.Literal(endpointEventTypes.WebhookEndpointDisabled),
    data: Schema.Struct({
      ...about,
      reason: DisabledReason,
      since: time("From when on no deliveries are stored."),
      failingSince: Schema.optionalKey(time("The first failure after the last delivery that arrived.")),
    }),
  }).annotate({
    title: "WebhookEndpointDisabled",
    description: "An endpoint was disabled: it gets no events until the partner resumes it.",
  }),
} satisfies {
  readonly [Name in EndpointEventName]: Schema.Schema<{ readonly type: (typeof endpointEventTypes)[Name] }>
}

/** The event that a partner asks for to try an endpoint. */
export const WebhookEndpointTest = Schema.Struct({
  ...envelope,
  type: Schema.Literal(TEST_EVENT_TYPE),
  data: Schema.Struct(about),
}).annotate({
  title: "WebhookEndpointTest",
  description: "A partner asked for it to try an endpoint.",
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
