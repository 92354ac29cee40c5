/**
 * A circuit breaker that opens at a share of failures among the last calls. It is plain code, because every call to a provider
 * passes it: Effect's breaker says the same at twenty times the cost, and is what the tests compare this one with.
 *
 *   closed ── failures ──> open ── time ──> half-open ── success ──> closed
 *                           ^──────────────────┘ failure
 *
 * It never waits and reads no clock. Times are epoch milliseconds.
 */
import type { CallPolicy } from "./call-policy.ts"

export type Health = "closed" | "half-open" | "open"

/** How a call ended: `ignored` if that says nothing about the provider. */
export type CallOutcome = "success" | "failure" | "ignored"

/** After so long without calls it starts anew: what was an hour ago says nothing. */
const IDLE_MS_MAX = 3_600_000

export class CircuitBreaker {
  readonly #policy: CallPolicy["breaker"]
  readonly #callsMin: number
  #health: Health = "closed"
  /** Whether each of the last calls failed; oldest first. */
  #failed: Array<boolean> = []
  #failures = 0
  #openUntil = 0
  #isTrying = false
  #lastUsed = 0
  /** Counts its changes, so that a call that was admitted before one does not count after it. */
  #changes = 0

  constructor(policy: CallPolicy["breaker"]) {
    this.#policy = policy
    this.#callsMin = Math.min(policy.callsMin, policy.calls)
  }

  /**
   * Admits a call, and returns what identifies it at its end. `undefined` while it is open, and while a trial call is under way.
   * When the time of an open one is over, it admits one call as a trial.
   */
  admit(now: number): number | undefined {
    this.#forget(now)
    if (this.#isTrying || this.#openMs(now) > 0) return undefined
    this.#lastUsed = now
    if (this.#health === "closed") return this.#changes
    this.#health = "half-open"
    this.#isTrying = true
    this.#changes += 1
    return this.#changes
  }

  /** Records the outcome of an admitted call. It changes nothing if the breaker changed since the call was admitted. */
  record(admitted: number, outcome: CallOutcome, now: number): void {
    if (admitted !== this.#changes) return
    this.#lastUsed = now
    if (this.#health === "half-open") this.#endTrial(outcome, now)
    else if (this.#health === "closed" && outcome !== "ignored") this.#count(outcome === "failure", now)
  }

  /** The state, and for how many milliseconds an open one admits no call. */
  state(now: number): { readonly health: Health; readonly isTrying: boolean; readonly openMs: number } {
    this.#forget(now)
    return { health: this.#health, isTrying: this.#isTrying, openMs: this.#openMs(now) }
  }

  /** If more is left than it is ever open for, the clock was set back since: its time is then over. */
  #openMs(now: number): number {
    const leftMs = this.#health === "open" ? this.#openUntil - now : 0
    return leftMs <= this.#policy.openMs ? Math.max(leftMs, 0) : 0
  }

  #endTrial(outcome: CallOutcome, now: number): void {
    this.#isTrying = false
    if (outcome === "failure") this.#open(now)
    if (outcome === "success") this.#change("closed")
  }

  #count(failed: boolean, now: number): void {
    this.#failed.push(failed)
    if (failed) this.#failures += 1
    if (this.#failed.length > this.#policy.calls && this.#failed.shift() === true) this.#failures -= 1
    const calls = this.#failed.length
    const isTooMany = this.#failures > 0 && this.#failures * 100 >= this.#policy.failurePercent * calls
    if (calls >= this.#callsMin && isTooMany) this.#open(now)
  }

  #open(now: number): void {
    this.#change("open")
    this.#openUntil = now + this.#policy.openMs
  }

  #change(health: Health): void {
    this.#health = health
    this.#changes += 1
    this.#failed = []
    this.#failures = 0
  }

  #forget(now: number): void {
    if (this.#isTrying || now - Math.max(this.#lastUsed, this.#openUntil) < IDLE_MS_MAX) return
    if (this.#health !== "closed" || this.#failed.length > 0) this.#change("closed")
  }
}
