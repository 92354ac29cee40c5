/**
 * Sends due webhooks, until it is interrupted.
 *
 * One loop finds the endpoints with due deliveries, claims as many deliveries as each endpoint may have (see shares.ts),
 * and starts them in order. It looks again when new events arrive, when a delivery ends and makes room, and at intervals.
 * A claim is a lease: if this process dies, the delivery is due again, with the same id, when the lease runs out.
 */
import { Clock, Effect, FiberSet, Queue } from "effect"
import { AppConfig } from "../config.ts"
import { IntakePressure } from "../platform/intake-pressure.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { Deliveries, type Delivery, type Failure } from "./deliveries.ts"
import { defaultRetryDelaysMs, retryDelay } from "./retry-schedule.ts"
import { makeSender, type Sender } from "./sender.ts"
import { Shares, UNDER_WAY_MAX } from "./shares.ts"

const ENDPOINTS_AT_A_LOOK_MAX = 2 * UNDER_WAY_MAX
const POLL_MS = 1_000
/**
 * While deliveries are due, looks begin this far apart: each finds more, and a look costs the same for one as for many. While
 * accepting comes first, they begin further apart.
 */
const LOOK_EVERY_MS = 25
/** Added to the time-out of an attempt: time to record its outcome. */
const LEASE_MARGIN_MS = 5_000

/** Wakes the dispatcher. Several wake-ups in a row count as one. */
export type WakeUps = Queue.Queue<void>
export const makeWakeUps: Effect.Effect<WakeUps> = Queue.sliding<void>(1)

export const runDispatcher = Effect.fnUntraced(function* (
  wakeUps: WakeUps,
  retryDelaysMs: ReadonlyArray<number> = defaultRetryDelaysMs,
) {
  const { timeoutMs, allowPrivate } = (yield* AppConfig).webhooks
  const deliveries = yield* Deliveries
  const send = yield* makeSender({ timeoutMs, allowPrivate })
  const fibers = yield* FiberSet.make<void>()
  const shares = new Shares()
  const eased = yield* Queue.sliding<void>(1)
  const { share } = yield* IntakePressure

  const start = (delivery: Delivery) => {
    shares.add(delivery)
    return FiberSet.run(
      fibers,
      attempt(send, retryDelaysMs, delivery).pipe(
        Effect.provideService(Deliveries, deliveries),
        Effect.catchDefect((defect) =>
          Effect.logError("webhook attempt failed with a defect", {
            endpoint: delivery.endpoint,
            defect: String(defect),
          }),
        ),
        Effect.ensuring(
          Effect.sync(() => {
            shares.remove(delivery)
            Queue.offerUnsafe(wakeUps, undefined)
            if (shares.hasEased(delivery.endpoint)) Queue.offerUnsafe(eased, undefined)
          }),
        ),
      ),
    )
  }

  const claimed = Effect.gen(function* () {
    if (shares.free === 0) return []
    const allotted = shares.allot(yield* deliveries.waiting(shares.full, ENDPOINTS_AT_A_LOOK_MAX))
    if (allotted.size === 0) return []
    return yield* deliveries.claim({ allotted, leaseMs: timeoutMs + LEASE_MARGIN_MS })
  })

  while (true) {
    const due = yield* claimed
    yield* Effect.forEach(due, start, { discard: true })
    if (due.length > 0) yield* untilMoreIsWorthALook(due, shares, eased, LOOK_EVERY_MS / share())
    else yield* Effect.timeoutOption(Queue.take(wakeUps), POLL_MS)
  }
}, Effect.scoped)

/** An endpoint that has as many attempts as it may is looked at again when half of them have ended, and others after a while. */
const untilMoreIsWorthALook = Effect.fnUntraced(function* (
  due: ReadonlyArray<Delivery>,
  shares: Shares,
  eased: Queue.Queue<void>,
  lookEveryMs: number,
) {
  const isFull = due.some(({ endpoint }) => !shares.hasEased(endpoint))
  if (!isFull) return yield* Effect.sleep(lookEveryMs)
  yield* Queue.clear(eased)
  yield* Effect.timeoutOption(Queue.take(eased), lookEveryMs)
})

/**
 * Makes one attempt and records its outcome. If the store is unavailable, the lease runs out and the attempt is repeated.
 */
const attempt = Effect.fnUntraced(
  function* (send: Sender, retryDelaysMs: ReadonlyArray<number>, delivery: Delivery) {
    const deliveries = yield* Deliveries
    const answer = yield* outcomeOf(send, delivery)
    const { webhookDeliveries } = yield* Metrics
    webhookDeliveries.inc({ outcome: answer._tag === "Delivered" ? "delivered" : "failed" })
    if (answer._tag === "Delivered") return yield* deliveries.delivered(delivery, answer.status)
    const retryInMs = yield* retryDelay(retryDelaysMs, delivery.attempts + 1)
    yield* deliveries.failed(delivery, answer, retryInMs)
    if (retryInMs === undefined)
      yield* Effect.logError("webhook given up", {
        event: delivery.eventId,
        endpoint: delivery.endpoint,
        reason: answer.reason,
      })
  },
  (run, _send, _delays, { eventId: event, endpoint }) =>
    Effect.catchTag(run, "StoreUnavailable", ({ step, reason }) =>
      Effect.logWarning("webhook attempt not recorded", { event, endpoint, step, reason }),
    ),
)

type Outcome =
  | { readonly _tag: "Delivered"; readonly status: number }
  | ({ readonly _tag: "Failed" } & Failure)

const outcomeOf = Effect.fnUntraced(function* (send: Sender, delivery: Delivery) {
  const at = new Date(yield* Clock.currentTimeMillis)
  return yield* send(delivery, at).pipe(
    Effect.map(
      (status): Outcome =>
        status >= 200 && status < 300
          ? { _tag: "Delivered", status }
          : { _tag: "Failed", status, reason: `HTTP ${status}` },
    ),
    Effect.catchTag("NotSent", ({ reason }) =>
      Effect.succeed<Outcome>({ _tag: "Failed", status: undefined, reason }),
    ),
  )
})
