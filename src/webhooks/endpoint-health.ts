/**
 * The port to endpoints' health: an endpoint at which nothing arrives for days is disabled, after its partner was notified, and one
 * that answers 410 (Gone) at once.
 */
import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Delivery } from "./deliveries.ts"

/** The status of an endpoint that is gone for good (RFC 9110, 15.5.11). */
export const GONE = 410

/** An attempt that failed. */
export interface FailedAttempt {
  /** The URL that it went to. Its failure says nothing of an endpoint that has another one by now. */
  readonly url: string
  /** When it was sent, in epoch milliseconds of this process' clock. */
  readonly at: number
  /** The endpoint answered 410. */
  readonly gone: boolean
}

/** What a look at all endpoints did. */
export interface HealthSweep {
  /** Endpoints whose partners were notified that nothing arrives. */
  readonly notified: number
  readonly disabled: number
  /** Deliveries given up because their endpoint is disabled. */
  readonly givenUp: number
  /** Whether there was more to do than one look does. */
  readonly more: boolean
}

export class EndpointHealth extends Context.Service<
  EndpointHealth,
  {
    /**
     * Notes that an attempt failed: from the first one on, the endpoint is failing. One that is gone is disabled together with
     * the notice to its partner, and its pending deliveries are given up. `true`: it is gone and disabled.
     */
    readonly failed: (endpoint: string, attempt: FailedAttempt) => Effect.Effect<boolean, StoreUnavailable>
    /** Notes that deliveries arrived at these endpoints: they are not failing any more. */
    readonly recovered: (endpoints: ReadonlyArray<string>) => Effect.Effect<void, StoreUnavailable>
    /**
     * Notifies partners of endpoints that were failing for half of the time after which they are disabled, disables those that were
     * for all of it and whose partner knew for the other half, and gives up what is pending for disabled ones. In bounded steps:
     * any process may do it at any time.
     */
    readonly sweep: Effect.Effect<HealthSweep, StoreUnavailable>
    /** Endpoints by state. */
    readonly counts: Effect.Effect<ReadonlyMap<string, number>, StoreUnavailable>
  }
>()("atlaspay/webhooks/EndpointHealth") {}

const ENDPOINTS_REMEMBERED_MAX = 4_096
/** A failure is noted again after this long, in case that another process noted a delivery that arrived. Milliseconds. */
const NOTED_MS = 30_000

/**
 * What this process knows of endpoints' health, so that a delivery that arrives costs nothing, and of many failures one is noted.
 * Times are in milliseconds, of one clock.
 */
export class KnownHealth {
  readonly #failing = new Map<string, number>()
  #recovered = new Set<string>()

  /** Whether a failure has to be noted. */
  isNews(endpoint: string, now: number): boolean {
    const notedAt = this.#failing.get(endpoint)
    return notedAt === undefined || this.#recovered.has(endpoint) || now < notedAt || now - notedAt > NOTED_MS
  }

  noted(endpoint: string, now: number): void {
    this.#failing.delete(endpoint)
    this.#failing.set(endpoint, now)
    const [oldest] = this.#failing.keys()
    if (this.#failing.size > ENDPOINTS_REMEMBERED_MAX && oldest !== undefined) this.#failing.delete(oldest)
  }

  /** A delivery arrived. It matters only if the endpoint was failing when it was claimed, or failed here. */
  arrived({ endpoint, failing = false }: Pick<Delivery, "endpoint" | "failing">): void {
    if ((failing || this.#failing.has(endpoint)) && this.#recovered.size < ENDPOINTS_REMEMBERED_MAX)
      this.#recovered.add(endpoint)
  }

  /** Endpoints that took something since this was called last. */
  takeRecovered(): ReadonlyArray<string> {
    const recovered = [...this.#recovered]
    this.#recovered = new Set()
    for (const endpoint of recovered) this.#failing.delete(endpoint)
    return recovered
  }

  /** Those could not be noted. */
  restore(recovered: ReadonlyArray<string>): void {
    for (const endpoint of recovered) this.#recovered.add(endpoint)
  }
}
