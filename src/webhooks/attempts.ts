/**
 * Attempts to deliver. Nearly all of them arrive, so an attempt is plain code, and only the record of a failure is a fiber. When
 * the scope closes, those under way are cut off: their leases run out, and they are repeated.
 */
import { Clock, Effect, FiberSet } from "effect"
import { CrashPoints } from "../platform/crash-point.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { type Arrived, type AttemptOf, Deliveries, type Delivery, type Failure } from "./deliveries.ts"
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

  const begin: Begin = (delivery, { arrived, failed, over }) => {
    const { eventId, endpoint, attempts } = delivery
    const sentAt = clock.currentTimeMillisUnsafe()
    const attempt = { hangUp: () => {} }
    const overAfter = (record: Effect.Effect<void, never, Deliveries>) => {
      underWay.delete(attempt)
      run(Effect.ensuring(record, Effect.sync(over)))
    }
    const ended = (answer: Answer) => {
      if (typeof answer !== "number" || answer < 200 || answer >= 300) {
        failed()
        return overAfter(recordFailure({ eventId, endpoint, attempts }, failureOf(answer), retryDelaysMs))
      }
      underWay.delete(attempt)
      arrived({ eventId, endpoint, attempts, status: answer }, sentAt)
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

const failureOf = (answer: Answer): Failure =>
  typeof answer === "number"
    ? { status: answer, reason: `HTTP ${answer}` }
    : { status: undefined, reason: answer.reason }

const recordFailure = Effect.fnUntraced(
  function* (attempt: AttemptOf, failure: Failure, retryDelaysMs: ReadonlyArray<number>) {
    const { webhookDeliveries } = yield* Metrics
    webhookDeliveries.inc({ outcome: "failed" })
    const pass = yield* CrashPoints
    const retryInMs = yield* retryDelay(retryDelaysMs, attempt.attempts + 1)
    yield* pass("before-failure")
    yield* (yield* Deliveries).failed(attempt, failure, retryInMs)
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
