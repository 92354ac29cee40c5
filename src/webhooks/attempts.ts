/**
 * Attempts to deliver. Nearly all of them arrive, so an attempt is plain code, and only the record of a failure is a fiber. When
 * the scope closes, those under way are cut off: their leases run out, and they are repeated.
 */
import { Clock, Effect, FiberSet } from "effect"
import { Metrics } from "../telemetry/metrics.ts"
import { answerText } from "./answer-text.ts"
import {
  type Arrived,
  type AttemptOf,
  Deliveries,
  type Delivery,
  type Ended,
  type Failure,
} from "./deliveries.ts"
import { retryDelay } from "./retry-schedule.ts"
import { type Answer, makeSender, type SenderOptions } from "./sender.ts"

/** What is to be done about an attempt. `over` is called last and once, unless the scope closes before. */
export interface Outcomes {
  /** The endpoint took the delivery, which was sent at this time (epoch milliseconds). It is to be recorded. */
  readonly arrived: (one: Arrived, sentAt: number) => void
  /** The endpoint did not take it. This is recorded before the attempt is over. */
  readonly failed: () => void
  readonly over: () => void
}

/** Begins an attempt. If its failure cannot be recorded, the lease runs out and the attempt is repeated. */
export type Begin = (delivery: Delivery, outcomes: Outcomes) => void

export const makeAttempts = Effect.fnUntraced(function* (
  options: SenderOptions,
  retryDelaysMs: ReadonlyArray<number>,
) {
  const clock = yield* Clock.Clock
  const send = yield* makeSender(options)
  const run = yield* FiberSet.runtime(yield* FiberSet.make<void>())<Deliveries>()
  const underWay = new Set<{ hangUp: () => void }>()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const { hangUp } of underWay) hangUp()
    }),
  )

  /** A clock that was set back shows no negative time. */
  const durationMs = (sentAt: number) => Math.max(0, Math.round(clock.currentTimeMillisUnsafe() - sentAt))

  const begin: Begin = (delivery, { arrived, failed, over }) => {
    const { eventId, endpoint, attempts, attemptsBefore = 0 } = delivery
    const sentAt = clock.currentTimeMillisUnsafe()
    const attempt = { hangUp: () => {} }
    const overAfter = (record: Effect.Effect<void, never, Deliveries>) => {
      underWay.delete(attempt)
      run(Effect.ensuring(record, Effect.sync(over)))
    }
    const ended = (answer: Answer, beginning?: Uint8Array) => {
      const end = { at: sentAt, durationMs: durationMs(sentAt), answer: answerText(beginning) }
      if (typeof answer !== "number" || answer < 200 || answer >= 300) {
        failed()
        const failure = { ...failureOf(answer), ...end }
        const attempt = { eventId, endpoint, attempts }
        return overAfter(recordFailure(attempt, failure, attempts - attemptsBefore, retryDelaysMs))
      }
      underWay.delete(attempt)
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

const failureOf = (answer: Answer): Omit<Failure, keyof Ended> =>
  typeof answer === "number"
    ? { status: answer, reason: `HTTP ${answer}` }
    : { status: undefined, reason: answer.reason }

const recordFailure = Effect.fnUntraced(
  /** `failures`: earlier ones of this schedule. */
  function* (attempt: AttemptOf, failure: Failure, failures: number, retryDelaysMs: ReadonlyArray<number>) {
    const { webhookDeliveries } = yield* Metrics
    webhookDeliveries.inc({ outcome: "failed" })
    const retryInMs = yield* retryDelay(retryDelaysMs, failures + 1)
    yield* (yield* Deliveries).failed(attempt, failure, retryInMs)
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
