import type { Call, Stalled } from "../pipelines/call.ts"

/** Why a call could not be made or ended: a provider, or the log that has to be replicated before it. */
export type Stall = Stalled

const DELAY_MS_MIN = 500
const DELAY_MS_MAX = 60_000

/**
 * When each kind of call may be tried again after it stalled: twice as long each time, or as the provider asked. A call
 * that was not made, as its provider takes none now, did not fail: it waits until calls are taken again.
 */
export class Backoff {
  readonly #kinds = new Map<Call["_tag"], { readonly failures: number; readonly until: number }>()

  /** Milliseconds since the epoch until which calls of a kind wait; 0 when they need not. */
  until(kind: Call["_tag"]): number {
    return this.#kinds.get(kind)?.until ?? 0
  }

  succeeded(kind: Call["_tag"]): void {
    this.#kinds.delete(kind)
  }

  /** `jitter` is within 0 and 1, so that many batches do not come back in the same moment. */
  stalled(kind: Call["_tag"], reason: Stall, now: number, jitter: number): void {
    const { failures: before, until } = this.#kinds.get(kind) ?? { failures: 0, until: 0 }
    const failures = wasMade(reason) ? before + 1 : before
    const delay = wasMade(reason) ? Math.min(DELAY_MS_MIN * 2 ** before, DELAY_MS_MAX) : DELAY_MS_MIN
    const asked = reason._tag === "ProviderUnavailable" ? (reason.retryAfterMs ?? 0) : 0
    const next = Math.round(now + Math.max(asked, delay * (0.5 + jitter / 2)))
    // Calls of a kind end side by side: none shortens the wait that another one found.
    this.#kinds.set(kind, { failures, until: Math.max(until, next) })
  }
}

const wasMade = (reason: Stall): boolean =>
  reason._tag !== "ProviderUnavailable" || reason.kind !== "not-called"
