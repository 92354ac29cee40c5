/**
 * The one way to every provider: a channel of its own, with its admission, its turns and its budget of retries. A call
 *
 *   1. stands in line while the channel admits no calls,
 *   2. waits for its turn: of this process, and of all processes where the settings say so,
 *   3. is made, timed and counted,
 *   4. and may be made again, after a pause that is drawn by lot, if that cannot do harm and the budget allows it.
 */
import { Clock, Context, Effect, Layer, Random, Result, type Scope, Semaphore } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { Metrics } from "../../telemetry/metrics.ts"
import type { CallPolicy } from "./call-policy.ts"
import { ChannelAdmission, REJECTED, type Standing } from "./channel-admission.ts"
import { ChannelTally, type CountedCall, type LastFailure } from "./channel-tally.ts"
import type { FleetLimits } from "./fleet-limits.ts"
import { Invitations } from "./invitations.ts"
import { type FailureKind, ProviderUnavailable } from "./provider-error.ts"
import { RetryBudget } from "./retry-budget.ts"
import { openTurnstile } from "./turnstile.ts"

export interface CallTerms<A> extends CountedCall<A> {
  /** Whether it may be made again although it may have arrived: reads, and calls whose key is kept for ever. */
  readonly repeatable: boolean
  /** How long it may stand in line while the channel admits no calls. */
  readonly patienceMs: number
  /** Whether it comes by an invitation, and so has its place. */
  readonly isInvited?: boolean
}

/** What is known of a provider, for those who run the service. */
export interface ChannelReport {
  readonly name: string
  readonly kind: string
  readonly policy: CallPolicy
  readonly breaker: Omit<Standing, "until">
  /** Epoch milliseconds, where the provider asked for a pause that is not over. */
  readonly pausedUntil: number | undefined
  readonly calls: number
  readonly failures: number
  readonly retries: number
  readonly retriesLeft: number
  readonly waiting: number
  readonly lastFailure: LastFailure | undefined
}

export interface ProviderChannel {
  /** Makes a call by the policy. What could not be had is a failure; `not-called` says that nothing was sent. */
  readonly call: <A>(
    terms: CallTerms<A>,
    attempt: Effect.Effect<A, ProviderUnavailable>,
  ) => Effect.Effect<A, ProviderUnavailable>
  readonly admission: ChannelAdmission
  /** How many new transfers may be got ready: no more than can be sent soon. */
  readonly room: (now: number) => number
  /** Gives as many of `wanted` new transfers a place as there is room for; they have it until they come, or for some seconds. */
  readonly invite: (wanted: number, now: number) => number
  readonly report: (now: number) => ChannelReport
}

/** The channels to all providers that this process calls. */
export class ProviderChannels extends Context.Service<
  ProviderChannels,
  {
    /** Opens the channel to a provider; its name is unique among them, and `kind` tells what it is. */
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
      const services = yield* Effect.context<ChannelServices>()
      return {
        open: (provider, policy) =>
          Effect.tap(openChannel(provider, policy), (channel) =>
            Effect.sync(() => channels.push(channel)),
          ).pipe(Effect.provideContext(services)),
        reports: Effect.map(Clock.currentTimeMillis, (now) => channels.map((channel) => channel.report(now))),
      }
    }),
  ).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))
}

type ChannelServices = CircuitBreaker.CircuitBreakerStore | FleetLimits | Scope.Scope

type Provider = Parameters<ProviderChannels["Service"]["open"]>[0]

const openChannel = Effect.fnUntraced(function* (provider: Provider, policy: CallPolicy) {
  const { name } = provider
  const metrics = yield* Metrics
  const admission = yield* ChannelAdmission.make(name, policy, (standing) =>
    tellChange(metrics, name, standing),
  )
  metrics.providerBreakers.set({ provider: name }, 0)
  const budget = new RetryBudget(policy.retries.budgetPercent)
  const inTurn = yield* turnsOf(name, policy)
  const tally = new ChannelTally(metrics, name)
  const invitations = new Invitations()

  const once = Effect.fnUntraced(function* <A>(
    terms: CallTerms<A>,
    attempt: Effect.Effect<A, ProviderUnavailable>,
  ) {
    const saysNothing = (answer: A) => terms.outcomeOf(answer) === undefined
    const call = admission.admit(tally.counted(terms, attempt), saysNothing)
    let { patienceMs } = terms
    while (true) {
      patienceMs -= yield* Effect.mapError(admission.awaited(patienceMs), ({ waitMs }) =>
        notCalled(name, terms.step, waitMs),
      )
      const answer = yield* inTurn(call)
      if (answer !== REJECTED) return answer
    }
  })

  const call: ProviderChannel["call"] = (terms, attempt) =>
    Effect.gen(function* () {
      if (terms.isInvited === true) invitations.came(yield* Clock.currentTimeMillis)
      for (let attempts = 1; ; attempts++) {
        const result = yield* Effect.result(tally.awaited(once(terms, attempt)))
        if (wasMade(terms, result)) {
          if (attempts === 1) budget.called()
          else tally.retried(terms.step)
        }
        if (Result.isSuccess(result)) return result.success
        const repeats = attempts < policy.retries.attemptsMax && mayRepeat(terms, result.failure)
        if (!repeats || !tally.spent(budget, terms.step)) return yield* result.failure
        yield* Effect.sleep(drawnMs(policy.retries, attempts, yield* Random.next))
      }
    })

  const turnsMax = waitingMax(policy)
  const room: ProviderChannel["room"] = (now) => {
    const turns = turnsMax === Number.POSITIVE_INFINITY ? 0 : tally.waiting + invitations.kept(now)
    return Math.min(admission.room(now), Math.max(turnsMax - turns, 0))
  }

  const invite: ProviderChannel["invite"] = (wanted, now) => {
    const granted = admission.invite(Math.min(wanted, room(now)), now)
    if (turnsMax !== Number.POSITIVE_INFINITY) invitations.send(granted, now)
    return granted
  }

  const report = (now: number): ChannelReport => {
    const { health, since } = admission.standing(now)
    const { calls, failures, retries, waiting, lastFailure } = tally
    const pausedUntil = admission.pausedUntil > now ? admission.pausedUntil : undefined
    const counts = { calls, failures, retries, retriesLeft: budget.left, waiting }
    return { ...provider, policy, breaker: { health, since }, pausedUntil, ...counts, lastFailure }
  }
  return { call, admission, room, invite, report } satisfies ProviderChannel
})

/** Turns among the calls of this process, and among those of all processes only where the settings limit them. */
const turnsOf = Effect.fnUntraced(function* (name: string, policy: CallPolicy) {
  const own = Semaphore.makeUnsafe(policy.concurrency)
  if (policy.concurrencyOfAll === undefined && policy.ratePerSecond === undefined) return own.withPermit
  const ofAll = yield* openTurnstile(name, policy)
  return <A, E>(call: Effect.Effect<A, E>) => own.withPermit(ofAll(call))
})

/** Where a limit makes calls wait, some two seconds of them or two rounds; what is beyond that waits in its batch. */
const waitingMax = ({ concurrencyOfAll, ratePerSecond }: CallPolicy): number =>
  2 * Math.min(concurrencyOfAll ?? Number.POSITIVE_INFINITY, ratePerSecond ?? Number.POSITIVE_INFINITY)

const notCalled = (provider: string, step: string, retryAfterMs: number) =>
  new ProviderUnavailable({
    provider,
    reason: `${step}: not sent, as it takes no calls now`,
    kind: "not-called",
    retryAfterMs,
  })

/** Whatever a repetition might mend. What was refused, or makes no sense, is the same the next time. */
const transient: ReadonlySet<FailureKind | undefined> = new Set([
  "not-connected",
  "no-credentials",
  "timed-out",
  "connection-broke",
  "server-error",
  "busy",
  // A token, or a secret that was rotated, is looked up anew after it was refused.
  "unauthorized",
])

/** It is certain that not a byte was sent. */
const unsent: ReadonlySet<FailureKind | undefined> = new Set(["not-connected", "no-credentials"])

/** Whether the provider was called at all: a call that was not made earns no retry, and is none. */
const wasMade = <A>(
  { outcomeOf }: Pick<CallTerms<A>, "outcomeOf">,
  result: Result.Result<A, ProviderUnavailable>,
): boolean =>
  Result.isSuccess(result)
    ? outcomeOf(result.success) !== undefined
    : result.failure.kind !== "not-called" && result.failure.kind !== "no-credentials"

const mayRepeat = (
  { repeatable }: { readonly repeatable: boolean },
  { kind }: ProviderUnavailable,
): boolean => (repeatable ? transient.has(kind) : unsent.has(kind))

/**
 * The pause before the n-th retry, by a lot between 0 and 1: exponential with full jitter, so that callers who failed
 * together do not come back together.
 */
export const drawnMs = ({ baseMs, capMs }: CallPolicy["retries"], n: number, lot: number): number =>
  Math.floor(lot * Math.min(baseMs * 2 ** (n - 1), capMs))

const BREAKER_LEVELS = { closed: 0, "half-open": 1, open: 2 } as const

const tellChange = Effect.fnUntraced(function* (metrics: Metrics, provider: string, { health }: Standing) {
  metrics.providerBreakers.set({ provider }, BREAKER_LEVELS[health])
  const tell = health === "open" ? Effect.logWarning : Effect.logInfo
  yield* tell("provider's breaker changed", { provider, breaker: health })
})
