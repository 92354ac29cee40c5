/**
 * The port to what became of deliveries: partners look at them, have them sent again, and old ones are removed. Every method but the
 * last is scoped by partner.
 */
import { Context, type Effect, Schema } from "effect"
import type { Actor } from "../database/audit-entry.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { EndpointDisabled } from "./endpoints.ts"

/** The partner has no such endpoint, or the endpoint no such delivery. */
export class NoSuchDelivery extends Schema.TaggedError<NoSuchDelivery>()("NoSuchDelivery", {}) {}

/** The cursor is none of this list's, or of the list with other filters. */
export class InvalidDeliveriesCursor extends Schema.TaggedError<InvalidDeliveriesCursor>()(
  "InvalidDeliveriesCursor",
  {},
) {}

/** `dead`: given up after the last attempt. */
export const deliveryStates = ["pending", "delivered", "dead"] as const
export type DeliveryState = (typeof deliveryStates)[number]

/** What identifies a delivery. */
export interface DeliveryName {
  readonly endpoint: string
  readonly event: string
}

/** An attempt that ended. */
export interface EndedAttempt {
  /** From 1. It goes on when a delivery is sent again. */
  readonly number: number
  readonly at: Date
  readonly durationMs: number | undefined
  readonly status: number | undefined
  /** Why it failed: a code or a phrase of ours. */
  readonly error: string | undefined
  /** The beginning of the answer, cleaned. */
  readonly answer: string | undefined
}

export interface ListedDelivery extends DeliveryName {
  readonly eventType: string
  /** Absent for events that are not about a batch. */
  readonly batch: string | undefined
  readonly sequence: number | undefined
  readonly state: DeliveryState
  readonly attempts: number
  readonly createdAt: Date
  /** When it is attempted next, or counted as lost, while it is pending. */
  readonly nextAttemptAt: Date | undefined
  readonly lastAttempt: Omit<EndedAttempt, "answer" | "number"> | undefined
}

export interface ShownDelivery extends ListedDelivery {
  /** The last {@link ATTEMPTS_SHOWN_MAX}, the oldest first. */
  readonly ended: ReadonlyArray<EndedAttempt>
  /** The event as it is sent, byte for byte. */
  readonly body: string
}

export interface DeliveryFilter {
  readonly endpoint?: string | undefined
  readonly state?: DeliveryState | undefined
  readonly eventType?: string | undefined
  readonly batch?: string | undefined
  /** Only those that were stored at this time or later, and before the other; epoch milliseconds. */
  readonly since?: number | undefined
  readonly until?: number | undefined
}

export interface DeliveryPage {
  readonly deliveries: ReadonlyArray<ListedDelivery>
  /** The cursor of the next page; `undefined` at the end. */
  readonly next: string | undefined
}

export interface Redriven {
  /** How many are sent again. */
  readonly resent: number
  /** Whether there are more. Ask again for these. */
  readonly isComplete: boolean
}

export interface Pruned {
  /** How many rows were removed. */
  readonly deliveries: number
  readonly events: number
  /** Whether the round came to the end of what is old. Otherwise the next one goes on there. */
  readonly isComplete: boolean
}

export class DeliveryLog extends Context.Service<
  DeliveryLog,
  {
    /**
     * A page of deliveries, the newest first, or with `batch` those of its last event first. A page reads a bounded part of the
     * table, so with filters it may have fewer than `limit`, or none, before the end.
     */
    readonly list: (
      partner: PartnerId,
      filter: DeliveryFilter,
      page: { readonly limit: number; readonly cursor?: string | undefined },
    ) => Effect.Effect<DeliveryPage, InvalidDeliveriesCursor | StoreUnavailable>
    readonly show: (
      partner: PartnerId,
      delivery: DeliveryName,
    ) => Effect.Effect<ShownDelivery, NoSuchDelivery | StoreUnavailable>
    /**
     * Sends a delivery again, in any state, under the same id, and gives its state before. One that was delivered or given up
     * begins its schedule anew. One that is pending is due now and goes on with its schedule; before its first attempt nothing
     * changes. If an attempt is under way just then, the endpoint may get both. The audit trail has who did it.
     */
    readonly resend: (
      partner: PartnerId,
      delivery: DeliveryName,
      by: Actor,
    ) => Effect.Effect<
      { readonly stateBefore: DeliveryState },
      EndpointDisabled | NoSuchDelivery | StoreUnavailable
    >
    /**
     * Sends what was given up for an endpoint again, the oldest first, of deliveries that were stored in a time: at most
     * {@link REDRIVEN_AT_ONCE_MAX}. What is sent again is not dead any more, so asking again goes on where a crash or the limit ended.
     */
    readonly redrive: (
      partner: PartnerId,
      endpoint: string,
      time: Pick<DeliveryFilter, "since" | "until">,
      by: Actor,
    ) => Effect.Effect<Redriven, EndpointDisabled | NoSuchDelivery | StoreUnavailable>
    /**
     * Removes deliveries that ended and were stored longer ago than this, and events that have no delivery. Each statement changes a
     * bounded number of rows, and a round ends after a bounded number of statements.
     */
    readonly prune: (ageMs: number) => Effect.Effect<Pruned, StoreUnavailable>
  }
>()("atlaspay/webhooks/DeliveryLog") {}

export const DELIVERIES_PER_PAGE_MAX = 500
export const ATTEMPTS_SHOWN_MAX = 100
export const REDRIVEN_AT_ONCE_MAX = 10_000
