/**
 * The only way to call a provider: its own channel, with its admission, its turns and its budget of retries. A call
 *
 *   1. waits while the channel admits no calls,
 *   2. waits for its turn in this process, and, if the settings limit them, among all processes,
 *   3. is made, timed and counted,
 *   4. and may be retried after a random pause, if a repetition is harmless and the budget allows it.
 */
import { Cause, Clock, Context, Effect, Layer, Option, Random, type Scope } from "effect"
import { IntakePressure } from "../../platform/intake-pressure.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { beginCall, CallScope, CallUnderWay } from "../../traces/call-scope.ts"
import { CallGroups } from "./call-groups.ts"
import { CallLine } from "./call-line.ts"
import type { CallPolicy } from "./call-policy.ts"
import { type CallEnd, ChannelAdmission, type Standing } from "./channel-admission.ts"
import { ChannelTally, type CountedCall, type LastFailure } from "./channel-tally.ts"
import type { FleetLimits } from "./fleet-limits.ts"
import { Invitations } from "./invitations.ts"
import { type FailureKind, ProviderUnavailable } from "./provider-error.ts"
import { RetryBudget } from "./retry-budget.ts"
import { openTurnstile, type Turnstile } from "./turnstile.ts"

export interface CallTerms<A> extends CountedCall<A> {
  /** Whether it may be repeated although it may have arrived: reads, and calls whose key the provider keeps permanently. */
  readonly repeatable: boolean
  /** How long it may wait while the channel admits no calls. */
  readonly patienceMs: number
  /** Whether it was invited, and so has a place in the channel. */
  readonly isInvited?: boolean
  /** The reference of the transfer that it is about, for traces. */
  readonly about?: string
}

/** The state of a provider's channel, for the operators of the service. */
export interface ChannelReport {
  readonly name: string
  readonly kind: string
  readonly policy: CallPolicy
  readonly breaker: Omit<Standing, "until">
  /** Epoch milliseconds; present while the provider asks for a pause. */
  readonly pausedUntil: number | undefined
  readonly calls: number
  readonly failures: number
  readonly retries: number
  readonly retriesLeft: number
  readonly waiting: number
  readonly lastFailure: LastFailure | undefined
}

export interface ProviderChannel {
  /** Makes a call by the policy. Fails if there is no usable answer; `not-called` says that nothing was sent. */
  readonly call: <A>(
    terms: CallTerms<A>,
    attempt: Effect.Effect<A, ProviderUnavailable>,
  ) => Effect.Effect<A, ProviderUnavailable>
  readonly admission: ChannelAdmission
  /** How many new transfers may be prepared: no more than can be sent soon. */
  readonly room: (now: number) => number
  /**
   * Grants places to as many of `wanted` new transfers as there is room for, and returns their number. A place is kept until
   * the transfer comes, or for some seconds.
   */
  readonly invite: (wanted: number, now: number) => number
  readonly report: (now: number) => ChannelReport
}

/** The channels to all providers that this process calls. */
export class ProviderChannels extends Context.Service<
  ProviderChannels,
  {
    /** Opens the channel to a provider. Its name must be unique among all providers; `kind` says what it is. */
    readonly open: (
      provider: { readonly name: string; readonly kind: string },
      policy: CallPolicy,
    ) => Effect.Effect<ProviderChannel>
    readonly reports: Effect.Effect<ReadonlyArray<ChannelReport>>
  }
>()("atlaspay/providers/ProviderChannels") {
  static readonly layer = Layer.effect(
    ProviderChannels,
    Effect.gen(function* () {
      const channels: Array<ProviderChannel> = []
      const groups = new CallGroups((yield* IntakePressure).share)
      const services = yield* Effect.context<ChannelServices>()
      return {
        open: (provider, policy) =>
          Effect.tap(openChannel(provider, policy, groups), (channel) =>
            Effect.sync(() => channels.push(channel)),
          ).pipe(Effect.provideContext(services)),
        reports: Effect.map(Clock.currentTimeMillis, (now) => channels.map((channel) => channel.report(now))),
      }
    }),
  )
}

type ChannelServices = FleetLimits | Scope.Scope

type Provider = Parameters<ProviderChannels["Service"]["open"]>[0]

const openChannel = Effect.fnUntraced(function* (provider: Provider, policy: CallPolicy, groups: CallGroups) {
  const metrics = yield* Metrics
  metrics.providerBreakers.set({ provider: provider.name }, 0)
  const isShared = policy.concurrencyOfAll !== undefined || policy.ratePerSecond !== undefined
  const ofAll = isShared ? yield* openTurnstile(provider.name, policy) : undefined
  return new Channel(provider, policy, metrics, { groups, ofAll }, yield* Clock.currentTimeMillis)
})

/** The result of a call that the channel did not admit after all. */
const REJECTED = Symbol("rejected")

/** A call in the channel. Its effects are uninterruptible but for those that are restored. */
interface PassingCall<A> {
  readonly terms: CallTerms<A>
  readonly attempt: Effect.Effect<A, ProviderUnavailable>
  readonly clock: Clock.Clock
  /** Absent unless traces are recorded. */
  readonly scope: CallScope | undefined
  readonly restore: <B, E>(effect: Effect.Effect<B, E>) => Effect.Effect<B, E>
  /** Of those that the terms grant; what is left. */
  patienceMs: number
  attempts: number
}

interface Counted {
  readonly terms: Pick<CallTerms<never>, "step" | "repeatable">
  readonly attempts: number
}

/** What a call waits for that has a place in the line of its provider. */
interface Turns {
  /** Those of this process, to all providers, while accepting comes first. */
  readonly groups: CallGroups
  /** Turns among the calls of all processes, if the settings limit them. */
  readonly ofAll: Turnstile | undefined
}

/**
 * What all calls pass is plain code between as few effects as possible: a call that waits for nothing is its attempt and what
 * follows from the exit.
 */
class Channel implements ProviderChannel {
  readonly admission: ChannelAdmission
  readonly #provider: Provider
  readonly #policy: CallPolicy
  readonly #metrics: Metrics
  readonly #line: CallLine
  readonly #turns: Turns
  readonly #budget: RetryBudget
  readonly #tally: ChannelTally
  readonly #invitations = new Invitations()
  readonly #waitingMax: number

  constructor(provider: Provider, policy: CallPolicy, metrics: Metrics, turns: Turns, now: number) {
    this.admission = new ChannelAdmission(policy, now)
    this.#provider = provider
    this.#policy = policy
    this.#metrics = metrics
    this.#line = new CallLine(policy.concurrency)
    this.#turns = turns
    this.#budget = new RetryBudget(policy.retries.budgetPercent)
    this.#tally = new ChannelTally(metrics, provider.name)
    this.#waitingMax = waitingMax(policy)
  }

  readonly call: ProviderChannel["call"] = (terms, attempt) =>
    Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const scope = fiber.getRef(CallScope)
      const { patienceMs } = terms
      return Effect.uninterruptibleMask((restore) => {
        if (terms.isInvited === true) this.#invitations.came(clock.currentTimeMillisUnsafe())
        return this.#attempted({ terms, attempt, clock, scope, restore, patienceMs, attempts: 1 })
      })
    })

  /** Makes a call, and repeats it as the policy says. */
  #attempted<A>(call: PassingCall<A>): Effect.Effect<A, ProviderUnavailable> {
    return Effect.matchEffect(this.#admitted(call), {
      onSuccess: (answer) => {
        if (answer === REJECTED) return this.#attempted(call)
        if (call.terms.outcomeOf(answer) !== undefined) this.#countMade(call)
        return Effect.succeed(answer)
      },
      onFailure: (failure) => {
        if (!unmade.has(failure.kind)) this.#countMade(call)
        return this.#mayRepeat(call, failure) ? this.#repeated(call) : Effect.fail(failure)
      },
    })
  }

  /** A call that was not made does not count, and earns no retry. */
  #countMade({ attempts, terms }: Counted): void {
    if (attempts === 1) this.#budget.called()
    else this.#tally.retried(terms.step)
  }

  #mayRepeat({ attempts, terms }: Counted, { kind }: ProviderUnavailable): boolean {
    if (attempts >= this.#policy.retries.attemptsMax) return false
    const mayMend = terms.repeatable ? transient.has(kind) : unsent.has(kind)
    return mayMend && this.#tally.spent(this.#budget, terms.step)
  }

  #repeated<A>(call: PassingCall<A>): Effect.Effect<A, ProviderUnavailable> {
    const pause = Effect.flatMap(Random.next, (lot) =>
      Effect.sleep(drawnMs(this.#policy.retries, call.attempts, lot)),
    )
    return Effect.flatMap(call.restore(pause), () =>
      this.#attempted({ ...call, patienceMs: call.terms.patienceMs, attempts: call.attempts + 1 }),
    )
  }

  /** Waits until the channel admits calls, and then for a place in the line. */
  #admitted<A>(call: PassingCall<A>): Effect.Effect<A | typeof REJECTED, ProviderUnavailable> {
    const now = call.clock.currentTimeMillisUnsafe()
    if (this.admission.admitsAgainAt(now) > now) {
      const awaited = Effect.mapError(this.admission.awaited(call.patienceMs), ({ waitMs }) =>
        notCalled(this.#provider.name, call.terms.step, waitMs),
      )
      return this.#afterWaiting(call.restore(awaited), (waitedMs) => {
        call.patienceMs -= waitedMs
        return this.#inLine(call)
      })
    }
    return this.#inLine(call)
  }

  #inLine<A>(call: PassingCall<A>): Effect.Effect<A | typeof REJECTED, ProviderUnavailable> {
    return this.#line.take()
      ? this.#inTurn(call)
      : this.#afterWaiting(this.#line.taken(call.restore), () => this.#inTurn(call))
  }

  /** Goes on after a wait. The wait ends for the tally also when it fails or is interrupted. */
  #afterWaiting<W, A>(
    wait: Effect.Effect<W, ProviderUnavailable>,
    next: (waited: W) => Effect.Effect<A, ProviderUnavailable>,
  ): Effect.Effect<A, ProviderUnavailable> {
    this.#tally.waiting += 1
    return Effect.matchCauseEffect(wait, {
      onSuccess: (waited) => {
        this.#tally.waiting -= 1
        return next(waited)
      },
      onFailure: (cause) => {
        this.#tally.waiting -= 1
        return Effect.failCause(cause)
      },
    })
  }

  /** Makes a call that has a place in the line, when its group begins and after its turn among all processes. Gives the place back. */
  #inTurn<A>(call: PassingCall<A>): Effect.Effect<A | typeof REJECTED, ProviderUnavailable> {
    const { groups, ofAll } = this.#turns
    if (ofAll === undefined && !groups.isOn()) return this.#made(call, () => this.#line.leave())
    const tally = this.#tally
    let isWaiting = true
    tally.waiting += 1
    const begin = () => {
      if (isWaiting) tally.waiting -= 1
      isWaiting = false
    }
    const inTurn = Effect.uninterruptibleMask((restore) => {
      begin()
      return this.#made({ ...call, restore }, () => {})
    })
    const end = Effect.sync(() => {
      begin()
      this.#line.leave()
    })
    return Effect.ensuring(call.restore(groups.inGroup(ofAll === undefined ? inTurn : ofAll(inTurn))), end)
  }

  /** Makes a call if it is admitted, counts it, and records how it ended. Calls `leave` then. */
  #made<A>(call: PassingCall<A>, leave: () => void): Effect.Effect<A | typeof REJECTED, ProviderUnavailable> {
    const { terms, clock, scope } = call
    const calledAt = clock.currentTimeMillisUnsafe()
    const admitted = this.admission.enter(calledAt)
    if (admitted === undefined) {
      leave()
      return Effect.succeed(REJECTED)
    }
    const startedAt = performance.now()
    const traced =
      scope &&
      beginCall(scope, {
        provider: this.#provider.name,
        step: terms.step,
        about: terms.about,
        startedAt: calledAt,
      })
    /** What is left to do about it is to report a change of the breaker. */
    const end = (
      how: CallEnd,
      outcome: string | ProviderUnavailable | undefined,
    ): Effect.Effect<void> | undefined => {
      const now = clock.currentTimeMillisUnsafe()
      if (how !== "not-made") {
        const ms = performance.now() - startedAt
        this.#tally.ended(terms.step, ms, now, outcome, scope?.trace.isRecorded ? scope.trace.id : undefined)
        traced?.end(ms, endOf(how, outcome))
      }
      const changed = this.admission.leave(admitted, how, now)
      leave()
      return changed && reportChange(this.#metrics, this.#provider.name, changed)
    }
    const attempt =
      traced === undefined ? call.attempt : Effect.provideService(call.attempt, CallUnderWay, traced.underWay)
    return Effect.matchCauseEffect(call.restore(attempt), {
      onSuccess: (answer) => {
        const outcome = terms.outcomeOf(answer)
        const changed = end(outcome === undefined ? "not-made" : "answered", outcome)
        return changed === undefined ? Effect.succeed(answer) : Effect.as(changed, answer)
      },
      onFailure: (cause) => {
        const failure = Option.getOrUndefined(Cause.findErrorOption(cause))
        const how = failure ?? (Cause.hasInterruptsOnly(cause) ? "interrupted" : "defect")
        return Effect.andThen(end(how, failure) ?? Effect.void, Effect.failCause(cause))
      },
    })
  }

  /** How many new transfers may be prepared: no more than can be sent soon. */
  readonly room: ProviderChannel["room"] = (now) => {
    const [tally, invitations] = [this.#tally, this.#invitations]
    const isBounded = this.#waitingMax !== Number.POSITIVE_INFINITY
    const turns = isBounded ? tally.waiting + invitations.kept(now) : 0
    return Math.min(this.admission.room(now), Math.max(this.#waitingMax - turns, 0))
  }

  readonly invite: ProviderChannel["invite"] = (wanted, now) => {
    const granted = this.admission.invite(Math.min(wanted, this.room(now)), now)
    if (this.#waitingMax !== Number.POSITIVE_INFINITY) this.#invitations.send(granted, now)
    return granted
  }

  readonly report: ProviderChannel["report"] = (now) => {
    const { health, since } = this.admission.standing(now)
    const { calls, failures, retries, waiting, lastFailure } = this.#tally
    const pausedUntil = this.admission.pausedUntil(now) || undefined
    const counts = { calls, failures, retries, retriesLeft: this.#budget.left, waiting }
    const breaker = { health, since }
    return { ...this.#provider, policy: this.#policy, breaker, pausedUntil, ...counts, lastFailure }
  }
}

/** How a call ended, for its span: by the answer's outcome, or by the kind of its failure. */
const endOf = (how: CallEnd, outcome: string | ProviderUnavailable | undefined) => {
  if (typeof outcome === "object") return { failure: outcome.kind ?? "unavailable" }
  return typeof how === "string" && how !== "answered" ? { failure: how } : { outcome }
}

/** How many calls a limit lets wait: some two seconds' worth, or two rounds. More of them wait in their batches. */
const waitingMax = ({ concurrencyOfAll, ratePerSecond }: CallPolicy): number =>
  2 * Math.min(concurrencyOfAll ?? Number.POSITIVE_INFINITY, ratePerSecond ?? Number.POSITIVE_INFINITY)

const notCalled = (provider: string, step: string, retryAfterMs: number) =>
  new ProviderUnavailable({
    provider,
    reason: `${step}: not sent, because it takes no calls now`,
    kind: "not-called",
    retryAfterMs,
  })

/** Failures that a repetition may mend. What was refused, or makes no sense, would be the same the next time. */
const transient: ReadonlySet<FailureKind | undefined> = new Set([
  "not-connected",
  "no-credentials",
  "timed-out",
  "connection-broke",
  "server-error",
  "busy",
  // After a refusal, the token or secret is read again, so a rotated one is used.
  "unauthorized",
])

/** Failures after which it is certain that no byte was sent. */
const unsent: ReadonlySet<FailureKind | undefined> = new Set(["not-connected", "no-credentials"])

/** Failures after which the provider was not called at all. */
const unmade: ReadonlySet<FailureKind | undefined> = new Set(["not-called", "no-credentials"])

/**
 * The pause before the n-th retry, in milliseconds, for a random `lot` between 0 and 1: exponential with full jitter, so that
 * callers who failed together do not retry together.
 */
export const drawnMs = ({ baseMs, capMs }: CallPolicy["retries"], n: number, lot: number): number =>
  Math.floor(lot * Math.min(baseMs * 2 ** (n - 1), capMs))

const BREAKER_LEVELS = { closed: 0, "half-open": 1, open: 2 } as const

const reportChange = Effect.fnUntraced(function* (metrics: Metrics, provider: string, { health }: Standing) {
  metrics.providerBreakers.set({ provider }, BREAKER_LEVELS[health])
  const log = health === "open" ? Effect.logWarning : Effect.logInfo
  yield* log("a provider's breaker changed", { provider, breaker: health })
})
