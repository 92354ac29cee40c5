/**
 * Whether a channel admits calls now. It admits none after too many failures, when its circuit breaker opens, and none while
 * the provider asks for a pause. Callers then wait in a line, and only the first one checks. When the breaker's time is over,
 * it admits one call as a trial, and the others wait for the outcome.
 *
 *   admits calls ── failures ──> admits none ── time ──> admits one ── success ──> admits calls
 *                                     ^──────────────────────┘ failure
 */
import { Clock, Effect, Semaphore } from "effect"
import type { CallPolicy } from "./call-policy.ts"
import { type CallOutcome, CircuitBreaker, type Health } from "./circuit-breaker.ts"
import type { FailureKind, ProviderUnavailable } from "./provider-error.ts"

/** How often the first caller in line checks whether the trial call is over. */
const LOOK_MS = 50
/** At most one transfer is invited in this time as a trial call. */
const INVITE_MS = 1_000

/**
 * The state of the breaker; times in epoch milliseconds. `until` is when an open breaker admits a trial call, and 0 while none has
 * to wait for that.
 */
export interface Standing {
  readonly health: Health
  readonly since: number
  readonly until: number
}

/** Failures that say nothing about a provider's health: it answered properly, or was not called. */
const neutral: ReadonlySet<FailureKind | undefined> = new Set(["refused", "busy", "not-called"])

/** An admitted call, until its end. */
export interface AdmittedCall {
  readonly isTrial: boolean
  /** What the breaker knows it by. */
  readonly admitted: number
}

/** How an admitted call ended: with an answer, without one, or not made after all. */
export type CallEnd = "answered" | "not-made" | "interrupted" | "defect" | ProviderUnavailable

export class ChannelAdmission {
  readonly #breaker: CircuitBreaker
  readonly #policy: CallPolicy
  readonly #line = Semaphore.makeUnsafe(1)
  #standing: Standing
  #pausedUntil = 0
  #trying = false
  #invitedAt = 0

  constructor(policy: CallPolicy, now: number) {
    this.#standing = { health: "closed", since: now, until: 0 }
    this.#breaker = new CircuitBreaker(policy.breaker)
    this.#policy = policy
  }

  /**
   * The state of the breaker at a time. When the time of an open one is over, it is half-open, even before anybody makes the
   * trial call.
   */
  standing(now: number): Standing {
    const { health, until, since } = this.#standing
    return health === "open" && this.#admitsNoneUntil(now) <= now
      ? { health: "half-open", since, until }
      : this.#standing
  }

  /** The end of the pause that the provider asked for, in epoch milliseconds; 0 if it is over. */
  pausedUntil(now: number): number {
    return ahead(this.#pausedUntil, now, this.#policy.pauseMsMax)
  }

  #admitsNoneUntil(now: number): number {
    return ahead(this.#standing.until, now, Math.max(this.#policy.breaker.openMs, LOOK_MS))
  }

  /** When calls may be admitted again; not later than `now` while they are admitted. Epoch milliseconds. */
  admitsAgainAt(now: number): number {
    return Math.max(this.pausedUntil(now), this.#trying ? now + LOOK_MS : this.#admitsNoneUntil(now))
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
    if (this.pausedUntil(now) > now) return false
    const { health } = this.standing(now)
    if (health === "closed") return true
    return health === "half-open" && !this.#trying && Math.abs(now - this.#invitedAt) >= INVITE_MS
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
        Effect.map((now) => Math.max(now - since, 0)),
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

  /** Admits a call; `undefined` if the channel stopped admitting calls since {@link awaited}. {@link leave} ends each. */
  enter(now: number): AdmittedCall | undefined {
    // The provider may have asked for a pause while the caller waited for its turn.
    if (this.#trying || now < this.pausedUntil(now)) return undefined
    const admitted = this.#breaker.admit(now)
    if (admitted === undefined) {
      this.#look(now)
      return undefined
    }
    this.#trying = this.#standing.health !== "closed"
    return { isTrial: this.#trying, admitted }
  }

  /**
   * Ends an admitted call, also one that was interrupted, and returns the new state of the breaker if it changed. Until a trial
   * call ends, no other call is admitted. A success may open the breaker, too, if it completes the number of calls to judge by.
   */
  leave({ isTrial, admitted }: AdmittedCall, end: CallEnd, now: number): Standing | undefined {
    if (typeof end === "object") this.#heed(end, now)
    this.#breaker.record(admitted, outcomeOf(end), now)
    if (isTrial) this.#trying = false
    return this.#look(now)
  }

  /** All callers respect a provider's request for a pause, within bounds. */
  #heed({ kind, status, retryAfterMs }: ProviderUnavailable, now: number): void {
    if (retryAfterMs === undefined || !(kind === "busy" || status === 503)) return
    const until = now + Math.min(retryAfterMs, this.#policy.pauseMsMax)
    this.#pausedUntil = Math.max(this.#pausedUntil, until)
  }

  #look(now: number): Standing | undefined {
    const { health, isTrying, openMs } = this.#breaker.state(now)
    const { health: before, since, until } = this.#standing
    const admitsNoneMs = isTrying ? LOOK_MS : openMs
    if (health === before && admitsNoneMs === 0 && until === 0) return undefined
    this.#standing = {
      health,
      since: health === before ? since : now,
      until: admitsNoneMs > 0 ? now + admitsNoneMs : 0,
    }
    return health === before ? undefined : this.#standing
  }
}

/**
 * A time that was set at most `msMax` ahead; 0 once it is over. It is over, too, if it is further away: then the clock was set
 * back since, and nobody waits until it is that late again.
 */
const ahead = (time: number, now: number, msMax: number): number =>
  time > now && time - now <= msMax ? time : 0

const outcomeOf = (end: CallEnd): CallOutcome => {
  if (end === "answered") return "success"
  if (end === "not-made" || end === "interrupted") return "ignored"
  return typeof end === "object" && neutral.has(end.kind) ? "ignored" : "failure"
}
