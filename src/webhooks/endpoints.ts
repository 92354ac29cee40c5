/** The port to partners' webhook endpoints. Every method is scoped by partner. */
import { Context, type Effect, Schema } from "effect"
import type { Actor } from "../database/audit-entry.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublicEventType } from "../publisher/public-event.ts"

/** The new endpoint is invalid; `reason` says what was expected of `field`. */
export class EndpointRefused extends Schema.TaggedError<EndpointRefused>()("EndpointRefused", {
  field: Schema.Literals(["url", "eventTypes"]),
  reason: Schema.String,
}) {}

/** The partner has no such endpoint. */
export class NoSuchEndpoint extends Schema.TaggedError<NoSuchEndpoint>()("NoSuchEndpoint", {
  endpoint: Schema.String,
}) {}

export interface Endpoint {
  /** `we_` and 32 hexadecimal digits. */
  readonly id: string
  readonly partner: PartnerId
  readonly url: string
  /** The event types that it is notified of; all if absent. */
  readonly eventTypes?: ReadonlyArray<PublicEventType>
  readonly enabled: boolean
  readonly createdAt: Date
}

export interface NewEndpoint {
  readonly partner: PartnerId
  readonly url: string
  readonly eventTypes?: ReadonlyArray<PublicEventType>
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
      EndpointRefused | StoreUnavailable
    >
    /** A partner's endpoints, the oldest first. */
    readonly list: (partner: PartnerId) => Effect.Effect<ReadonlyArray<Endpoint>, StoreUnavailable>
    /** Removes an endpoint and its pending deliveries. The audit trail has who did it. */
    readonly remove: (
      partner: PartnerId,
      endpoint: string,
      by?: Actor,
    ) => Effect.Effect<void, NoSuchEndpoint | StoreUnavailable>
  }
>()("atlaspay/webhooks/WebhookEndpoints") {}

/** The most endpoints that one partner may have. */
export const ENDPOINTS_PER_PARTNER_MAX = 16
