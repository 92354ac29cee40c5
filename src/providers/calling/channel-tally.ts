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

type Counter = ReturnType<Metrics["providerCalls"]["labels"]>

/** Of the calls of one step: their time, and their number by outcome. */
interface StepCounts {
  readonly timer: ReturnType<Metrics["providerCallSeconds"]["labels"]>
  readonly byOutcome: Map<string, Counter>
}

/** The counts of one channel's calls. */
export class ChannelTally {
  readonly #metrics: Metrics
  readonly #provider: string
  /** Steps and outcomes are from small sets: to look them up by their labels costs more than to count. */
  readonly #steps = new Map<string, StepCounts>()
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
    const counts = this.#countsOf(step)
    counts.timer.observe(ms / 1_000)
    if (traceId !== undefined)
      this.#metrics.providerCallSeconds.remember({ provider: this.#provider, step }, ms / 1_000, traceId)
    this.calls += 1
    this.#counterOf(counts, step, failure ?? (typeof outcome === "string" ? outcome : "interrupted")).inc()
    if (failure === undefined) return
    this.failures += 1
    this.lastFailure = { kind: failure, at }
  }

  #countsOf(step: string): StepCounts {
    const known = this.#steps.get(step)
    if (known !== undefined) return known
    const timer = this.#metrics.providerCallSeconds.labels({ provider: this.#provider, step })
    const counts = { timer, byOutcome: new Map() }
    this.#steps.set(step, counts)
    return counts
  }

  #counterOf({ byOutcome }: StepCounts, step: string, outcome: string): Counter {
    const known = byOutcome.get(outcome)
    if (known !== undefined) return known
    const counter = this.#metrics.providerCalls.labels({ provider: this.#provider, step, outcome })
    byOutcome.set(outcome, counter)
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
