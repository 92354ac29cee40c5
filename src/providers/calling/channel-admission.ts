/**
 * Whether a channel admits calls now. It admits none after too many failures, when its circuit breaker opens, and none while
 * the provider asks for a pause. Callers then wait in a line, and only the first one checks. When the breaker's time is over,
 * it admits one call as a trial, and the others wait for the outcome.
 *
 *   admits calls ── failures ──> admits none ── time ──> admits one ── success ──> admits calls
 *                                     ^──────────────────────┘ failure
 */
import { Cause, Clock, Duration, Effect, Exit, Option, Semaphore } from "effect"
import { CircuitBreaker } from "effect/persistence"
import type { CallPolicy } from "./call-policy.ts"
import type { FailureKind, ProviderUnavailable } from "./provider-error.ts"

/** How often the first caller in line checks whether the trial call is over. */
const LOOK_MS = 50
/** At most one transfer is invited in this time as a trial call. */
const INVITE_MS = 1_000

export type Health = "closed" | "half-open" | "open"

/** The state of the breaker; times in epoch milliseconds. `until` is when an open breaker admits a trial call. */
export interface Standing {
  readonly health: Health
  readonly since: number
  readonly until: number
}

/** Failures that say nothing about a provider's health: it answered properly, or was not called. */
const neutral: ReadonlySet<FailureKind | undefined> = new Set(["refused", "busy", "not-called"])

/** The result of a call that was not admitted. */
export const REJECTED = Symbol("rejected")

export class ChannelAdmission {
  readonly #name: string
  readonly #breaker: CircuitBreaker.CircuitBreaker
  readonly #policy: CallPolicy
  readonly #onChange: (standing: Standing) => Effect.Effect<void>
  readonly #line = Semaphore.makeUnsafe(1)
  #standing: Standing
  #pausedUntil = 0
  #trying = false
  #invitedAt = 0

  private constructor(
    name: string,
    breaker: CircuitBreaker.CircuitBreaker,
    policy: CallPolicy,
    onChange: (standing: Standing) => Effect.Effect<void>,
    now: number,
  ) {
    this.#standing = { health: "closed", since: now, until: now }
    this.#name = name
    this.#breaker = breaker
    this.#policy = policy
    this.#onChange = onChange
  }

  /** Lives as long as its scope. `onChange` is called with each new state of the breaker. */
  static readonly make = Effect.fnUntraced(function* (
    name: string,
    policy: CallPolicy,
    onChange: (standing: Standing) => Effect.Effect<void>,
  ) {
    const { failurePercent, calls, callsMin, openMs } = policy.breaker
    const tripPolicy = CircuitBreaker.rate({
      threshold: failurePercent / 100,
      size: calls,
      minimumCalls: Math.min(callsMin, calls),
    })
    const breaker = yield* CircuitBreaker.make({ tripPolicy, openDuration: openMs })
    return new ChannelAdmission(name, breaker, policy, onChange, yield* Clock.currentTimeMillis)
  })

  /**
   * The state of the breaker at a time. When the time of an open one is over, it is half-open, even before anybody makes the
   * trial call.
   */
  standing(now: number): Standing {
    const { health, until, since } = this.#standing
    return health === "open" && until <= now ? { health: "half-open", since, until } : this.#standing
  }

  get pausedUntil(): number {
    return this.#pausedUntil
  }

  /** When calls may be admitted again; not later than `now` while they are admitted. Epoch milliseconds. */
  admitsAgainAt(now: number): number {
    if (this.#trying) return Math.max(this.#pausedUntil, now + LOOK_MS)
    return Math.max(this.#pausedUntil, this.#standing.until)
  }

  /**
   * How many new transfers may be prepared: any number while the provider is healthy, none while its channel admits none, and
   * one now and then when a trial call is due.
   */
  room(now: number): number {
    if (!this.isInviting(now)) return 0
    return this.standing(now).health === "closed" ? Number.POSITIVE_INFINITY : 1
  }

  /** Grants places to as many of `wanted` new transfers as there is {@link room} for, and returns their number. */
  invite(wanted: number, now: number): number {
    const granted = Math.min(wanted, this.room(now))
    if (granted > 0 && this.standing(now).health !== "closed") this.#invitedAt = now
    return granted
  }

  /** Whether a new transfer with a choice of banks may choose this provider: it is healthy, or a trial call is due. */
  isInviting(now: number): boolean {
    if (this.#pausedUntil > now) return false
    const { health } = this.standing(now)
    if (health === "closed") return true
    return health === "half-open" && !this.#trying && now - this.#invitedAt >= INVITE_MS
  }

  /**
   * Waits until calls are admitted, and returns for how many milliseconds. Fails with the remaining time when the patience is
   * over.
   */
  awaited(patienceMs: number): Effect.Effect<number, { readonly waitMs: number }> {
    return Effect.flatMap(Clock.currentTimeMillis, (since) => {
      if (this.admitsAgainAt(since) <= since) return Effect.succeed(0)
      const inLine = Effect.andThen(this.#line.withPermit(this.#lookUp()), Clock.currentTimeMillis)
      const tooLong = Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.fail({ waitMs: Math.max(this.admitsAgainAt(now) - now, 0) }),
      )
      return inLine.pipe(
        Effect.map((now) => now - since),
        Effect.timeoutOrElse({ duration: Math.max(patienceMs, 0), orElse: () => tooLong }),
      )
    })
  }

  #lookUp(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      while (true) {
        const now = yield* Clock.currentTimeMillis
        const until = this.admitsAgainAt(now)
        if (until <= now) return
        yield* Effect.sleep(until - now)
      }
    })
  }

  /**
   * Makes a call, or returns {@link REJECTED} if the channel stopped admitting calls since {@link awaited}. `wasNotMade`
   * recognises the answer of a call that was not made after all.
   */
  admit<A>(
    call: Effect.Effect<A, ProviderUnavailable>,
    wasNotMade: (answer: A) => boolean,
  ): Effect.Effect<A | typeof REJECTED, ProviderUnavailable> {
    const made = Effect.tapError(call, (failure) => this.#heed(failure)).pipe(
      this.#breaker.execute({ key: this.#name, classify: (exit) => outcomeOf(exit, wasNotMade) }),
      Effect.catchTag("CircuitBreakerError", () => Effect.succeed(REJECTED)),
    )
    // The trial call ends here, also when it is interrupted. Until then no other call is admitted.
    return Effect.acquireUseRelease(
      this.#enter,
      (as) => (as === "rejected" ? Effect.succeed(REJECTED) : made),
      (as) => {
        if (as === "rejected") return Effect.void
        return as === "trying" ? this.#tried : this.#look
      },
    )
  }

  /** How a call is admitted, if it is. */
  readonly #enter = Effect.sync((): "rejected" | "trying" | "calling" => {
    if (this.#trying) return "rejected"
    this.#trying = this.#standing.health !== "closed"
    return this.#trying ? "trying" : "calling"
  })

  /** All callers respect a provider's request for a pause, within bounds. */
  #heed({ kind, status, retryAfterMs }: ProviderUnavailable): Effect.Effect<void> {
    if (retryAfterMs === undefined || !(kind === "busy" || status === 503)) return Effect.void
    return Effect.map(Clock.currentTimeMillis, (now) => {
      const until = now + Math.min(retryAfterMs, this.#policy.pauseMsMax)
      this.#pausedUntil = Math.max(this.#pausedUntil, until)
    })
  }

  readonly #tried: Effect.Effect<void> = Effect.suspend(() => {
    this.#trying = false
    return this.#look
  })

  /**
   * Reads the breaker's state after each call that it was consulted about. A success may open it, too, if it completes the
   * number of calls to judge by. If that went unnoticed, a call that the breaker rejects would be admitted again and again
   * without a pause.
   */
  readonly #look: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const state = yield* Effect.orDie(this.#breaker.state(this.#name))
    const now = yield* Clock.currentTimeMillis
    const health = healthOf[state._tag]
    const { health: before, since, until } = this.#standing
    const admitsNoneMs = admitsNoneMsOf(state)
    this.#standing = {
      health,
      since: health === before ? since : now,
      until: admitsNoneMs > 0 ? now + admitsNoneMs : Math.min(until, now),
    }
    if (health !== before) yield* this.#onChange(this.#standing)
  })
}

const outcomeOf = <A>(
  exit: Exit.Exit<A, ProviderUnavailable>,
  wasNotMade: (answer: A) => boolean,
): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return wasNotMade(exit.value) ? CircuitBreaker.ignored : CircuitBreaker.success
  const failure = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return failure !== undefined && neutral.has(failure.kind)
    ? CircuitBreaker.ignored
    : CircuitBreaker.failure()
}

/** For how long the breaker admits no call: an open one until its time is over, a half-open one during the trial call. */
const admitsNoneMsOf = (state: CircuitBreaker.State): number => {
  if (state._tag === "Open") return Duration.toMillis(state.retryAfter)
  return state._tag === "HalfOpen" && state.probing ? LOOK_MS : 0
}

const healthOf = { Closed: "closed", HalfOpen: "half-open", Open: "open" } as const
