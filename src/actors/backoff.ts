import type { Call, Stalled } from "../pipelines/pipelines.ts"
import type { StreamsUnavailable } from "../streams/event-log.ts"

/** Why a call could not be made or ended: a provider, or the log that has to be replicated before it. */
export type Stall = Stalled | StreamsUnavailable

const DELAY_MS_MIN = 500
const DELAY_MS_MAX = 60_000

/** When each kind of call may be tried again after it stalled: twice as long each time, or as the provider asked. */
export class Backoff {
  readonly #kinds = new Map<Call["_tag"], { failures: number; until: number }>()

  /** Milliseconds since the epoch until which calls of a kind wait; 0 when they need not. */
  until(kind: Call["_tag"]): number {
    return this.#kinds.get(kind)?.until ?? 0
  }

  succeeded(kind: Call["_tag"]): void {
    this.#kinds.delete(kind)
  }

  /** `jitter` is within 0 and 1, so that many batches do not come back in the same moment. */
  stalled(kind: Call["_tag"], reason: Stall, now: number, jitter: number): void {
    const failures = (this.#kinds.get(kind)?.failures ?? 0) + 1
    const asked = reason._tag === "ProviderUnavailable" ? (reason.retryAfterMs ?? 0) : 0
    const delay = Math.min(DELAY_MS_MIN * 2 ** (failures - 1), DELAY_MS_MAX)
    this.#kinds.set(kind, { failures, until: Math.round(now + Math.max(asked, delay * (0.5 + jitter / 2))) })
  }
}
