/**
 * The only way to call a provider: its own channel, with its admission, its turns and its budget of retries. A call
 *
 *   1. waits while the channel admits no calls,
 *   2. waits for its turn in this process, and, if the settings limit them, among all processes,
 *   3. is made, timed and counted,
 *   4. and may be retried after a random pause, if a repetition is harmless and the budget allows it.
 */
import { Clock, Context, Effect, Layer, Random, Result, type Scope } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { IntakePressure } from "../../platform/intake-pressure.ts"
import { Metrics } from "../../telemetry/metrics.ts"
import { CallGroups } from "./call-groups.ts"
import { CallLine } from "./call-line.ts"
import type { CallPolicy } from "./call-policy.ts"
import { ChannelAdmission, REJECTED, type Standing } from "./channel-admission.ts"
import { ChannelTally, type CountedCall, type LastFailure } from "./channel-tally.ts"
import type { FleetLimits } from "./fleet-limits.ts"
import { Invitations } from "./invitations.ts"
import { type FailureKind, ProviderUnavailable } from "./provider-error.ts"
import { RetryBudget } from "./retry-budget.ts"
import { openTurnstile } from "./turnstile.ts"

export interface CallTerms<A> extends CountedCall<A> {
  /** Whether it may be repeated although it may have arrived: reads, and calls whose key the provider keeps permanently. */
  readonly repeatable: boolean
  /** How long it may wait while the channel admits no calls. */
  readonly patienceMs: number
  /** Whether it was invited, and so has a place in the channel. */
  readonly isInvited?: boolean
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
  ).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))
}

type ChannelServices = CircuitBreaker.CircuitBreakerStore | FleetLimits | Scope.Scope

type Provider = Parameters<ProviderChannels["Service"]["open"]>[0]

const openChannel = Effect.fnUntraced(function* (provider: Provider, policy: CallPolicy, groups: CallGroups) {
  const { name } = provider
  const metrics = yield* Metrics
  const admission = yield* ChannelAdmission.make(name, policy, (standing) =>
    reportChange(metrics, name, standing),
  )
  metrics.providerBreakers.set({ provider: name }, 0)
  const budget = new RetryBudget(policy.retries.budgetPercent)
  const inTurn = yield* turnsOf(name, policy, groups)
  const tally = new ChannelTally(metrics, name)
  const invitations = new Invitations()

  const once = Effect.fnUntraced(function* <A>(
    terms: CallTerms<A>,
    attempt: Effect.Effect<A, ProviderUnavailable>,
  ) {
    const wasNotMade = (answer: A) => terms.outcomeOf(answer) === undefined
    const call = admission.admit(tally.counted(terms, attempt), wasNotMade)
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

/**
 * Turns among the calls of this process, to all providers while intake is pressed, and, if the settings limit them, among
 * those of all processes.
 */
const turnsOf = Effect.fnUntraced(function* (name: string, policy: CallPolicy, { inGroup }: CallGroups) {
  const { inTurn } = new CallLine(policy.concurrency)
  if (policy.concurrencyOfAll === undefined && policy.ratePerSecond === undefined)
    return <A, E>(call: Effect.Effect<A, E>) => inTurn(inGroup(call))
  const ofAll = yield* openTurnstile(name, policy)
  return <A, E>(call: Effect.Effect<A, E>) => inTurn(inGroup(ofAll(call)))
})

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

/** Whether the provider was called at all. A call that was not made does not count, and earns no retry. */
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
