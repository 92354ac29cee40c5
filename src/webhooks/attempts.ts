/**
 * Attempts to deliver. Nearly all of them arrive, so an attempt is plain code, and only the record of a failure is a fiber. When
 * the scope closes, those under way are cut off: their leases run out, and they are repeated. A process that stops waits a little
 * for them before.
 */
import { Clock, Effect, FiberSet } from "effect"
import { CrashPoints } from "../platform/crash-point.ts"
import { Lifecycle, watched } from "../platform/lifecycle.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { Tracing } from "../traces/tracing.ts"
import { answerText } from "./answer-text.ts"
import { attemptSpans } from "./attempt-spans.ts"
import {
  type Arrived,
  type AttemptOf,
  Deliveries,
  type Delivery,
  type Ended,
  type Failure,
} from "./deliveries.ts"
import { EndpointHealth, type FailedAttempt, GONE, KnownHealth } from "./endpoint-health.ts"
import { retryDelay } from "./retry-schedule.ts"
import { type Answer, makeSender, type SenderOptions, type Ended as SendingEnded } from "./sender.ts"

/** How long a process that stops waits for answers of endpoints: most answer within a second, and some never. Milliseconds. */
const ANSWERS_MS_MAX = 3_000
const ANSWERS_POLL_MS = 10

/** What is to be done about an attempt. `over` is called last and once, unless the scope closes before. */
export interface Outcomes {
  /** The endpoint took the delivery, which was sent at this time (epoch milliseconds). It is to be recorded. */
  readonly arrived: (one: Arrived, sentAt: number) => void
  /** The endpoint did not take it, and perhaps asks not to be called for so long, or ever. This is recorded before the attempt is over. */
  readonly failed: (retryInMs: number | undefined, gone: boolean) => void
  readonly over: () => void
}

/** Begins an attempt. If its failure cannot be recorded, the lease runs out and the attempt is repeated. */
export type Begin = (delivery: Delivery, outcomes: Outcomes) => void

export const makeAttempts = Effect.fnUntraced(function* (
  options: SenderOptions,
  retryDelaysMs: ReadonlyArray<number>,
  known: KnownHealth = new KnownHealth(),
) {
  const clock = yield* Clock.Clock
  const { firstWebhookSeconds } = yield* Metrics
  const send = yield* makeSender(options)
  const records = yield* FiberSet.make<void>()
  const run = yield* FiberSet.runtime(records)<Deliveries | EndpointHealth>()
  const recordSpan = attemptSpans(yield* Tracing)
  const underWay = new Set<{ hangUp: () => void }>()
  const life = yield* Lifecycle
  yield* watched("webhook attempts", { underWay: () => underWay.size })
  const allEnded = Effect.gen(function* () {
    while (underWay.size > 0) yield* Effect.sleep(ANSWERS_POLL_MS)
    yield* FiberSet.awaitEmpty(records)
    // The fiber that ends is interrupted already, so only what it forks may be interruptible.
  }).pipe(Effect.interruptible, Effect.timeoutOption(ANSWERS_MS_MAX))
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      Effect.when(
        allEnded,
        Effect.sync(() => life.isStopping),
      ),
      Effect.sync(() => {
        for (const { hangUp } of underWay) hangUp()
      }),
    ),
  )

  /** A clock that was set back shows no negative time. */
  const durationMs = (sentAt: number) => Math.max(0, Math.round(clock.currentTimeMillisUnsafe() - sentAt))

  const begin: Begin = (delivery, { arrived, failed, over }) => {
    const { eventId, endpoint, attempts, attemptsBefore = 0, url } = delivery
    const sentAt = clock.currentTimeMillisUnsafe()
    const attempt = { hangUp: () => {} }
    const overAfter = (record: Effect.Effect<void, never, Deliveries | EndpointHealth>) => {
      underWay.delete(attempt)
      run(Effect.ensuring(record, Effect.sync(over)))
    }
    const ended: SendingEnded = (answer, { beginning, retryInMs } = {}) => {
      const end = { at: sentAt, durationMs: durationMs(sentAt), answer: answerText(beginning) }
      recordSpan?.(delivery, end, answer)
      if (typeof answer !== "number" || answer < 200 || answer >= 300) {
        failed(retryInMs, answer === GONE)
        const gone = noteFailure(known, endpoint, { url, at: sentAt, gone: answer === GONE })
        const failure = { ...failureOf(answer), ...end }
        const failures = attempts - attemptsBefore
        const schedule = { delaysMs: retryDelaysMs, failures, notBeforeMs: retryInMs, url }
        return overAfter(recordFailure({ eventId, endpoint, attempts }, failure, schedule, gone))
      }
      underWay.delete(attempt)
      known.arrived(delivery)
      const sinceMs = delivery.isTest ? undefined : firstSinceMs(delivery, clock.currentTimeMillisUnsafe())
      if (sinceMs !== undefined) firstWebhookSeconds.observe(sinceMs / 1_000)
      arrived({ eventId, endpoint, attempts, status: answer, ...end }, sentAt)
      over()
    }
    underWay.add(attempt)
    try {
      attempt.hangUp = send(delivery, sentAt, ended)
    } catch (defect) {
      overAfter(Effect.logError("webhook attempt failed with a defect", { endpoint, defect: String(defect) }))
    }
  }
  return begin
})

/** An event that is older was sent again: by a replay, or because the event stream had lost it. */
const FIRST_MS_MAX = 3_600_000

/** How long ago the event of a first attempt was appended, in milliseconds; `undefined` if it is not its first. */
const firstSinceMs = ({ body, attempts }: Delivery, now: number): number | undefined => {
  if (attempts > 0) return undefined
  const sinceMs = now - Date.parse(eventTime.exec(body)?.[1] ?? "")
  return sinceMs <= FIRST_MS_MAX ? Math.max(0, sinceMs) : undefined
}

/** The time of an event, as it was published. Only what comes before `data` is looked at, and all of that is ours. */
const eventTime = /^{[^{]*"time":"([^"]*)"/

const failureOf = (answer: Answer): Omit<Failure, keyof Ended> =>
  typeof answer === "number"
    ? { status: answer, reason: `HTTP ${answer}` }
    : { status: undefined, reason: answer.reason }

/** Notes that an endpoint fails, unless that is known. Gives whether it is gone for good. */
const noteFailure = Effect.fnUntraced(function* (
  known: KnownHealth,
  endpoint: string,
  attempt: FailedAttempt,
) {
  const now = yield* Clock.currentTimeMillis
  if (!attempt.gone && !known.isNews(endpoint, now)) return false
  const isGone = yield* (yield* EndpointHealth).failed(endpoint, attempt)
  known.noted(endpoint, now)
  return isGone
})

interface Schedule {
  /** The waits after each failed attempt. */
  readonly delaysMs: ReadonlyArray<number>
  /** Those before this one. */
  readonly failures: number
  /** What the endpoint asked for, if it did. */
  readonly notBeforeMs: number | undefined
  /** The URL that was called. */
  readonly url: string
}

/** The next attempt comes when the schedule says, but not before the endpoint asks for it, and neither does any other at the endpoint. */
const recordFailure = Effect.fnUntraced(
  function* (
    attempt: AttemptOf,
    failure: Failure,
    { delaysMs, failures, notBeforeMs, url }: Schedule,
    isGone: Effect.Effect<boolean, StoreUnavailable, EndpointHealth>,
  ) {
    const { webhookDeliveries } = yield* Metrics
    const deliveries = yield* Deliveries
    webhookDeliveries.inc({ outcome: "failed" })
    const pass = yield* CrashPoints
    // Before the delivery is due again: who takes that knows that the endpoint was failing.
    const gone = yield* isGone
    if (notBeforeMs !== undefined) yield* deliveries.hold(attempt.endpoint, notBeforeMs, url)
    const scheduledMs = gone ? undefined : yield* retryDelay(delaysMs, failures + 1)
    const retryInMs = scheduledMs === undefined ? undefined : Math.max(scheduledMs, notBeforeMs ?? 0)
    yield* pass("before-failure")
    yield* deliveries.failed(attempt, failure, retryInMs)
    yield* pass("after-failure")
    if (retryInMs === undefined)
      yield* Effect.logError("webhook given up", {
        event: attempt.eventId,
        endpoint: attempt.endpoint,
        reason: failure.reason,
      })
  },
  (run, { eventId: event, endpoint }) =>
    run.pipe(
      Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
        Effect.logWarning("webhook attempt not recorded", { event, endpoint, step, reason }),
      ),
      Effect.catchDefect((defect) =>
        Effect.logError("webhook attempt failed with a defect", { endpoint, defect: String(defect) }),
      ),
    ),
)
