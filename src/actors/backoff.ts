import type { Call, Stalled } from "../pipelines/call.ts"

/** Why a call could not be made or finished: a provider failed, or the log could not be replicated before the call. */
export type Stall = Stalled

const DELAY_MS_MIN = 500
const DELAY_MS_MAX = 60_000

/**
 * When each kind of call may be retried after it stalled: the wait doubles each time, or is what the provider asked for. A
 * call that was not made because its provider admits none now is no failure, so its wait does not grow.
 */
export class Backoff {
  readonly #kinds = new Map<Call["_tag"], { readonly failures: number; readonly until: number }>()

  /** Until when calls of a kind wait, in milliseconds since the epoch; 0 if they need not wait. */
  until(kind: Call["_tag"]): number {
    return this.#kinds.get(kind)?.until ?? 0
  }

  succeeded(kind: Call["_tag"]): void {
    this.#kinds.delete(kind)
  }

  /** `jitter` is between 0 and 1, so that many batches do not retry at the same moment. */
  stalled(kind: Call["_tag"], reason: Stall, now: number, jitter: number): void {
    const { failures: before, until } = this.#kinds.get(kind) ?? { failures: 0, until: 0 }
    const failures = wasMade(reason) ? before + 1 : before
    const delay = wasMade(reason) ? Math.min(DELAY_MS_MIN * 2 ** before, DELAY_MS_MAX) : DELAY_MS_MIN
    const asked = reason._tag === "ProviderUnavailable" ? (reason.retryAfterMs ?? 0) : 0
    const next = Math.round(now + Math.max(asked, delay * (0.5 + jitter / 2)))
    // Calls of a kind end side by side. None may shorten the wait that another one set.
    this.#kinds.set(kind, { failures, until: Math.max(until, next) })
  }
}

const wasMade = (reason: Stall): boolean =>
  reason._tag !== "ProviderUnavailable" || reason.kind !== "not-called"
