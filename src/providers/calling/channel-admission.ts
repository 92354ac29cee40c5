/**
 * Whether a channel admits calls now. It admits none after failures, as its circuit breaker opens, and none while the
 * provider asks for a pause. Callers stand in a line then, of which only the first one looks up. When the breaker's time
 * is over, one call is admitted to try, and the line waits for its outcome.
 *
 *   admits calls ── failures ──> admits none ── time ──> admits one ── success ──> admits calls
 *                                     ^──────────────────────┘ failure
 */
import { Cause, Clock, Duration, Effect, Exit, Option, Semaphore } from "effect"
import { CircuitBreaker } from "effect/persistence"
import type { CallPolicy } from "./call-policy.ts"
import type { FailureKind, ProviderUnavailable } from "./provider-error.ts"

/** How often the first in line looks whether the call that tries is over. */
const LOOK_MS = 50
/** At most one transfer is asked for in this time to try whether the provider is back. */
const INVITE_MS = 1_000

export type Health = "closed" | "half-open" | "open"

/** How the breaker stands, in epoch milliseconds; `until` is when an open one admits a call to try. */
export interface Standing {
  readonly health: Health
  readonly since: number
  readonly until: number
}

/** Failures that tell nothing of a provider's health: it answered in good order, or was not asked. */
const innocent: ReadonlySet<FailureKind | undefined> = new Set(["refused", "busy", "not-called"])

/** What the answer of a rejected call is. */
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

  /** Lives as long as its scope; `onChange` gets each state of the breaker. */
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

  /** How the breaker stands at a time: one whose time is over is half open, although nobody has tried yet. */
  standing(now: number): Standing {
    const { health, until, since } = this.#standing
    return health === "open" && until <= now ? { health: "half-open", since, until } : this.#standing
  }

  get pausedUntil(): number {
    return this.#pausedUntil
  }

  /** When calls may be admitted again; not later than `now` while they are admitted. */
  admitsAgainAt(now: number): number {
    if (this.#trying) return Math.max(this.#pausedUntil, now + LOOK_MS)
    return Math.max(this.#pausedUntil, this.#standing.until)
  }

  /**
   * How many new transfers may be got ready: any number while the provider is well, none while its channel admits none,
   * and one now and then when a call is needed to try whether it is back.
   */
  room(now: number): number {
    if (!this.isInviting(now)) return 0
    return this.standing(now).health === "closed" ? Number.POSITIVE_INFINITY : 1
  }

  /** Gives as many of `wanted` new transfers their place as there is {@link room} for. */
  invite(wanted: number, now: number): number {
    const granted = Math.min(wanted, this.room(now))
    if (granted > 0 && this.standing(now).health !== "closed") this.#invitedAt = now
    return granted
  }

  /** Whether a new transfer that has the choice may choose this provider: it is well, or due to be tried. */
  isInviting(now: number): boolean {
    if (this.#pausedUntil > now) return false
    const { health } = this.standing(now)
    if (health === "closed") return true
    return health === "half-open" && !this.#trying && now - this.#invitedAt >= INVITE_MS
  }

  /** Waits until calls are admitted, and returns how long that took; when the patience is over, fails with the time left. */
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
   * Makes a call, unless none is admitted any more since it was {@link awaited}. `saysNothing` tells of an answer that is
   * none, because the call was not made after all.
   */
  admit<A>(
    call: Effect.Effect<A, ProviderUnavailable>,
    saysNothing: (answer: A) => boolean,
  ): Effect.Effect<A | typeof REJECTED, ProviderUnavailable> {
    const made = Effect.tapError(call, (failure) => this.#heed(failure)).pipe(
      this.#breaker.execute({ key: this.#name, classify: (exit) => outcomeOf(exit, saysNothing) }),
      Effect.catchTag("CircuitBreakerError", () => Effect.succeed(REJECTED)),
    )
    // Whoever tries says when that is over, also when it is interrupted: nobody else is admitted before.
    return Effect.acquireUseRelease(
      this.#enter,
      (as) => (as === "rejected" ? Effect.succeed(REJECTED) : made),
      (as) => {
        if (as === "rejected") return Effect.void
        return as === "trying" ? this.#tried : this.#look
      },
    )
  }

  /** As what a call is admitted, if it is. */
  readonly #enter = Effect.sync((): "rejected" | "trying" | "calling" => {
    if (this.#trying) return "rejected"
    this.#trying = this.#standing.health !== "closed"
    return this.#trying ? "trying" : "calling"
  })

  /** A provider that asks to be left alone is, by all callers, within bounds. */
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
   * Looks how the breaker stands, after each call that it was asked about. A success may open it, too: with it the calls
   * may be enough to judge by. Otherwise a call that it rejected would be admitted, and come again without a pause.
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
  saysNothing: (answer: A) => boolean,
): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return saysNothing(exit.value) ? CircuitBreaker.ignored : CircuitBreaker.success
  const failure = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return failure !== undefined && innocent.has(failure.kind)
    ? CircuitBreaker.ignored
    : CircuitBreaker.failure()
}

/** For how long it admits nobody: an open breaker by its time, a half-open one while somebody tries. */
const admitsNoneMsOf = (state: CircuitBreaker.State): number => {
  if (state._tag === "Open") return Duration.toMillis(state.retryAfter)
  return state._tag === "HalfOpen" && state.probing ? LOOK_MS : 0
}

const healthOf = { Closed: "closed", HalfOpen: "half-open", Open: "open" } as const
