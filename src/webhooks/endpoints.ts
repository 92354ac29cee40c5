/** The port to partners' webhook endpoints. Every method is scoped by partner. */
import { Context, type Effect, Schema } from "effect"
import type { Actor } from "../database/audit-entry.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { SubscribableType } from "../publisher/endpoint-event.ts"

/** The endpoint, or the change of it, is invalid; `reason` says what was expected of `field`. */
export class EndpointRefused extends Schema.TaggedError<EndpointRefused>()("EndpointRefused", {
  field: Schema.Literals(["url", "eventTypes"]),
  reason: Schema.String,
}) {}

/** The partner has another endpoint with this URL. */
export class EndpointExists extends Schema.TaggedError<EndpointExists>()("EndpointExists", {
  endpoint: Schema.String,
}) {}

/** The endpoint has another version than the one that was to be changed. */
export class EndpointChanged extends Schema.TaggedError<EndpointChanged>()("EndpointChanged", {
  version: Schema.Int,
}) {}

/** A test event was sent to the endpoint a moment ago. */
export class TestedTooOften extends Schema.TaggedError<TestedTooOften>()("TestedTooOften", {
  retryAfterSeconds: Schema.Int,
}) {}

/** The partner has no such endpoint. */
export class NoSuchEndpoint extends Schema.TaggedError<NoSuchEndpoint>()("NoSuchEndpoint", {
  endpoint: Schema.String,
}) {}

/** The endpoint is disabled: what is sent to it again would be given up at once. */
export class EndpointDisabled extends Schema.TaggedError<EndpointDisabled>()("EndpointDisabled", {
  endpoint: Schema.String,
}) {}

/** `active`: is notified. `paused`: its deliveries are stored and wait. `disabled`: nothing is stored for it. */
export const endpointStates = ["active", "paused", "disabled"] as const
export type EndpointState = (typeof endpointStates)[number]

/** What a partner may set. */
export interface EndpointSettings {
  readonly url: string
  /** The event types that it is notified of; all if absent. */
  readonly eventTypes?: ReadonlyArray<SubscribableType>
  /** For people. */
  readonly description?: string
  /** The most attempts that begin in a second; no limit of its own if absent. */
  readonly rateLimit?: number
  /** Whether the events of a batch are delivered strictly in order; by default not. */
  readonly ordered?: boolean
}

export interface Endpoint extends EndpointSettings {
  /** `we_` and 32 hexadecimal digits. */
  readonly id: string
  readonly partner: PartnerId
  readonly ordered: boolean
  readonly state: EndpointState
  /** Why it was disabled, as far as that is known: `gone`, `failing`, `operator` or `removed` (its removal was cut off). */
  readonly reason?: string
  /** Since when it has its state. */
  readonly since: Date
  /** The first failure after the last delivery that arrived. */
  readonly failingSince?: Date
  /** The last time in which it was disabled: events of that time were not stored for it. */
  readonly missed?: { readonly from: Date; readonly until: Date }
  readonly createdAt: Date
  /** Grows with each change of its settings or state. */
  readonly version: number
  /** Whether its webhooks have asymmetric signatures, too. */
  readonly hasSigningKey: boolean
}

export interface NewEndpoint extends EndpointSettings {
  readonly partner: PartnerId
}

/** A change: what is absent stays; what may be `null` is then as if it was never set. */
export interface EndpointChanges {
  readonly url?: string
  readonly eventTypes?: ReadonlyArray<SubscribableType> | null
  readonly description?: string | null
  readonly rateLimit?: number | null
  readonly ordered?: boolean
}

/** Which endpoint an act is about, who acts (the partner, if it is absent), and the version that it has to have. */
export interface EndpointAct {
  readonly by?: Actor | undefined
  readonly version?: number | undefined
}

export class WebhookEndpoints extends Context.Service<
  WebhookEndpoints,
  {
    /**
     * Adds an endpoint. Its secret (`whsec_…`) is given here and never again. The audit trail has who did it: the partner, if `by`
     * does not say more.
     */
    readonly create: (
      endpoint: NewEndpoint,
      by?: Actor,
    ) => Effect.Effect<
      { readonly endpoint: Endpoint; readonly secret: string },
      EndpointExists | EndpointRefused | StoreUnavailable
    >
    /** A partner's endpoints, the oldest first. */
    readonly list: (partner: PartnerId) => Effect.Effect<ReadonlyArray<Endpoint>, StoreUnavailable>
    readonly find: (
      partner: PartnerId,
      endpoint: string,
    ) => Effect.Effect<Endpoint, NoSuchEndpoint | StoreUnavailable>
    /**
     * Changes settings. With a new URL the secret stays, and is sealed for that URL; pending deliveries go there. An attempt that is
     * under way still goes to the URL of before.
     */
    readonly update: (
      partner: PartnerId,
      endpoint: string,
      changes: EndpointChanges,
      act?: EndpointAct,
    ) => Effect.Effect<
      Endpoint,
      EndpointChanged | EndpointExists | EndpointRefused | NoSuchEndpoint | StoreUnavailable
    >
    /**
     * Makes an endpoint `active`, `paused` or `disabled`. It stays as it is if it has the state. `disabled` is what an operator does:
     * the partner is notified of it as of any other end.
     */
    readonly setState: (
      partner: PartnerId,
      endpoint: string,
      state: EndpointState,
      act?: EndpointAct,
    ) => Effect.Effect<Endpoint, EndpointChanged | NoSuchEndpoint | StoreUnavailable>
    /**
     * Sends a test event to the endpoint, and to no other, in whatever state it is. Gives the id of the event, which is that of the
     * delivery, too. One is sent every few seconds at most.
     */
    readonly test: (
      partner: PartnerId,
      endpoint: string,
      by?: Actor,
    ) => Effect.Effect<{ readonly event: string }, NoSuchEndpoint | StoreUnavailable | TestedTooOften>
    /**
     * Removes an endpoint and all its deliveries, in steps. The audit trail has who did it. If it is cut off, the endpoint is disabled:
     * ask again.
     */
    readonly remove: (
      partner: PartnerId,
      endpoint: string,
      by?: Actor,
    ) => Effect.Effect<void, NoSuchEndpoint | StoreUnavailable>
  }
>()("atlaspay/webhooks/WebhookEndpoints") {}

/** The most endpoints that one partner may have. */
export const ENDPOINTS_PER_PARTNER_MAX = 16
