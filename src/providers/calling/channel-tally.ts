import type { Metrics } from "../../telemetry/metrics.ts"
import type { FailureKind, ProviderUnavailable } from "./provider-error.ts"
import type { RetryBudget } from "./retry-budget.ts"

/** How a call is counted. */
export interface CountedCall<A> {
  /** What the call is for, from a small set, because metrics are labelled with it. */
  readonly step: string
  /** The provider's answer, from a small set; `undefined` if the call was not made after all. */
  readonly outcomeOf: (answer: A) => string | undefined
}

export interface LastFailure {
  readonly kind: FailureKind
  /** Epoch milliseconds. */
  readonly at: number
}

/** The counts of one channel's calls. */
export class ChannelTally {
  readonly #metrics: Metrics
  readonly #provider: string
  /** By step and outcome, which are from small sets: to look them up by their labels costs more than to count. */
  readonly #timers = new Map<string, ReturnType<Metrics["providerCallSeconds"]["labels"]>>()
  readonly #counters = new Map<string, ReturnType<Metrics["providerCalls"]["labels"]>>()
  /** Calls that have not started yet. */
  waiting = 0
  calls = 0
  failures = 0
  retries = 0
  lastFailure: LastFailure | undefined = undefined

  constructor(metrics: Metrics, provider: string) {
    this.#metrics = metrics
    this.#provider = provider
  }

  /**
   * Counts a call that took `ms` milliseconds and ended at `at`, in epoch milliseconds: by the outcome of its answer, or by its
   * failure. Without either it was interrupted. `traceId` is the trace that the call belongs to, if it is recorded.
   */
  ended(
    step: string,
    ms: number,
    at: number,
    outcome: string | ProviderUnavailable | undefined,
    traceId?: string,
  ): void {
    const failure = typeof outcome === "object" ? outcome.kind : undefined
    this.#timerOf(step).observe(ms / 1_000)
    if (traceId !== undefined)
      this.#metrics.providerCallSeconds.remember({ provider: this.#provider, step }, ms / 1_000, traceId)
    this.calls += 1
    this.#counterOf(step, failure ?? (typeof outcome === "string" ? outcome : "interrupted")).inc()
    if (failure === undefined) return
    this.failures += 1
    this.lastFailure = { kind: failure, at }
  }

  #timerOf(step: string) {
    const known = this.#timers.get(step)
    if (known !== undefined) return known
    const timer = this.#metrics.providerCallSeconds.labels({ provider: this.#provider, step })
    this.#timers.set(step, timer)
    return timer
  }

  #counterOf(step: string, outcome: string) {
    const name = `${step} ${outcome}`
    const known = this.#counters.get(name)
    if (known !== undefined) return known
    const counter = this.#metrics.providerCalls.labels({ provider: this.#provider, step, outcome })
    this.#counters.set(name, counter)
    return counter
  }

  retried(step: string): void {
    this.retries += 1
    this.#metrics.providerRetries.inc({ provider: this.#provider, step })
  }

  /** Spends a retry of the budget, or counts that there was none. */
  spent(budget: RetryBudget, step: string): boolean {
    const granted = budget.spend()
    if (!granted) this.#metrics.providerRetriesDenied.inc({ provider: this.#provider, step })
    return granted
  }
}
