/**
 * Sends due webhooks, until it is interrupted.
 *
 * One loop finds the endpoints with due deliveries and claims as many deliveries as each endpoint may have (see shares.ts), and
 * more for endpoints that answer (see claimed-ahead.ts). What is claimed starts in order, as soon as there is a place. The loop
 * looks again when new events arrive that are not claimed yet, when a delivery ends and makes room, and at intervals.
 * A claim is a lease: if this process dies, the delivery is due again, with the same id, when the lease runs out.
 *
 * A second loop records what arrived. What ends meanwhile is recorded together next time, and does not occupy a place.
 */
import { Clock, Effect, Queue } from "effect"
import { AppConfig } from "../config.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { makeAttempts } from "./attempts.ts"
import { AHEAD_MS_MAX, ClaimedAhead } from "./claimed-ahead.ts"
import { type Arrived, Deliveries, type Delivery } from "./deliveries.ts"
import { Shares, UNDER_WAY_MAX, type Waiting } from "./shares.ts"

const ENDPOINTS_AT_A_LOOK_MAX = 2 * UNDER_WAY_MAX
const POLL_MS = 1_000
/** While deliveries are due, looks begin this far apart: each finds more, and a look costs the same for one as for many. */
const LOOK_EVERY_MS = 25
/** Deliveries that arrived are recorded this far apart, for the same reason. */
const RECORD_EVERY_MS = 50
/** Deliveries that arrived and are not recorded yet. Beyond that, none start. */
const UNRECORDED_MAX = 512
/** Added to the time-out of an attempt: time to record its outcome. */
const LEASE_MARGIN_MS = 5_000
/** At the end: for what is not recorded or not released by then, the leases run out. */
const FAREWELL_MS_MAX = 1_000

/** How long a claim holds in which an attempt takes this long. Milliseconds. */
export const leaseMsOf = (timeoutMs: number): number => AHEAD_MS_MAX + timeoutMs + LEASE_MARGIN_MS

/** Wakes the dispatcher. Several wake-ups in a row count as one. */
export type WakeUps = Queue.Queue<void>
export const makeWakeUps: Effect.Effect<WakeUps> = Queue.sliding<void>(1)

export const runDispatcher = Effect.fnUntraced(function* (
  wakeUps: WakeUps,
  retryDelaysMs?: ReadonlyArray<number>,
  ahead: ClaimedAhead = new ClaimedAhead(),
) {
  const { timeoutMs, allowPrivate, retryDelaysMs: configured } = (yield* AppConfig).webhooks
  const clock = yield* Clock.Clock
  const arrivals = yield* makeArrivals(ahead)
  const begin = yield* makeAttempts({ timeoutMs, allowPrivate }, retryDelaysMs ?? configured)
  // Before the attempts end: none of them starts what is to be released.
  yield* Effect.addFinalizer(() => Effect.sync(() => (ahead.onAdded = undefined)))
  const shares = new Shares()
  const eased = yield* Queue.sliding<void>(1)
  let mayOweMore = true

  const start = (delivery: Delivery) => {
    shares.add(delivery)
    const { endpoint } = delivery
    begin(delivery, {
      arrived: (one, sentAt) => {
        ahead.took(endpoint, sentAt)
        arrivals.add(one)
      },
      failed: () => ahead.refused(endpoint),
      over: () => {
        shares.remove(delivery)
        startAll()
        if (mayOweMore && !ahead.has(endpoint)) Queue.offerUnsafe(wakeUps, undefined)
        if (shares.hasEased(endpoint)) Queue.offerUnsafe(eased, undefined)
      },
    })
  }
  const startAll = () => {
    while (ahead.onAdded !== undefined && arrivals.hasRoom()) {
      const delivery = ahead.take(
        (waiting: Waiting) => shares.mayHaveMore(waiting),
        clock.currentTimeMillisUnsafe(),
      )
      if (delivery === undefined) return
      start(delivery)
    }
  }
  ahead.onAdded = startAll

  const looking = Effect.gen(function* () {
    while (true) {
      const beganAt = clock.currentTimeMillisUnsafe()
      mayOweMore = true
      const { due, isAll } = yield* look(shares, ahead, leaseMsOf(timeoutMs))
      mayOweMore = !isAll
      if (due.length > 0) yield* untilMoreIsWorthALook(due, shares, eased)
      else {
        yield* Effect.timeoutOption(Queue.take(wakeUps), POLL_MS)
        const waitMs = beganAt + LOOK_EVERY_MS - clock.currentTimeMillisUnsafe()
        if (waitMs > 0) yield* Effect.sleep(Math.min(waitMs, LOOK_EVERY_MS))
      }
    }
  })
  yield* Effect.all([looking, arrivals.recording(startAll)], { concurrency: 2, discard: true })
}, Effect.scoped)

/** Claims what is due, as far as there are places and room. `isAll`: nothing was passed over, and nothing was due. */
const look = Effect.fnUntraced(function* (shares: Shares, ahead: ClaimedAhead, leaseMs: number) {
  const deliveries = yield* Deliveries
  const now = yield* Clock.currentTimeMillis
  yield* deliveries.release(ahead.takeLate(now))
  if (shares.free === 0) return { due: [], isAll: false }
  const { endpoints, ...full } = shares.full
  const passedOver = [...endpoints, ...ahead.endpoints]
  const found = yield* deliveries.waiting({ ...full, endpoints: passedOver }, ENDPOINTS_AT_A_LOOK_MAX)
  const isAll = [passedOver, full.partners, full.hosts, full.pairs, found].every(({ length }) => length === 0)
  const places = shares.allot(found)
  if (places.size === 0) return { due: [], isAll }
  const rooms = ahead.roomsOf(places.keys(), now)
  const allotted = new Map(
    [...places].map(([endpoint, most]) => [endpoint, most + (rooms.get(endpoint) ?? 0)]),
  )
  ahead.beingClaimed = new Set(allotted.keys())
  const due = yield* deliveries
    .claim({ allotted, leaseMs })
    .pipe(Effect.ensuring(Effect.sync(() => (ahead.beingClaimed = new Set()))))
  if (due.length > 0) yield* (yield* CrashPoints)("after-claim")
  ahead.add(due, now)
  return { due, isAll }
})

/**
 * Deliveries that arrived and are to be recorded. Records and releases what is left when the scope closes: after this nothing
 * is started.
 */
const makeArrivals = Effect.fnUntraced(function* (ahead: ClaimedAhead) {
  const deliveries = yield* Deliveries
  const { webhookDeliveries } = yield* Metrics
  const pass = yield* CrashPoints
  const some = yield* Queue.sliding<void>(1)
  let arrived: Array<Arrived> = []
  let underWay = 0

  const record = Effect.suspend(() => {
    const group = arrived
    arrived = []
    underWay = group.length
    if (group.length === 0) return Effect.void
    return Effect.andThen(pass("before-arrival"), deliveries.delivered(group)).pipe(
      Effect.andThen(pass("after-arrival")),
      Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
        Effect.logWarning("webhook attempts not recorded", {
          count: group.length,
          first: group[0]?.eventId,
          step,
          reason,
        }),
      ),
      // The end of the scope records them then.
      Effect.onInterrupt(() => Effect.sync(() => arrived.push(...group))),
      Effect.ensuring(Effect.sync(() => (underWay = 0))),
    )
  })
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      record,
      Effect.suspend(() => deliveries.release(ahead.takeAll())),
    ).pipe(
      Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
        Effect.logWarning("claimed webhooks not released", { step, reason }),
      ),
      Effect.interruptible,
      Effect.timeoutOption(FAREWELL_MS_MAX),
    ),
  )
  return {
    add: (one: Arrived) => {
      arrived.push(one)
      webhookDeliveries.inc({ outcome: "delivered" })
      Queue.offerUnsafe(some, undefined)
    },
    hasRoom: () => arrived.length + underWay < UNRECORDED_MAX,
    /** Never ends. Calls `recorded` when there is room again. */
    recording: (recorded: () => void) =>
      Effect.gen(function* () {
        while (true) {
          yield* Queue.take(some)
          yield* record
          recorded()
          yield* Effect.sleep(RECORD_EVERY_MS)
        }
      }),
  }
})

/** An endpoint that has as many attempts as it may is looked at again when half of them have ended, and others after a while. */
const untilMoreIsWorthALook = Effect.fnUntraced(function* (
  due: ReadonlyArray<Delivery>,
  shares: Shares,
  eased: Queue.Queue<void>,
) {
  const isFull = due.some(({ endpoint }) => !shares.hasEased(endpoint))
  if (!isFull) return yield* Effect.sleep(LOOK_EVERY_MS)
  yield* Queue.clear(eased)
  yield* Effect.timeoutOption(Queue.take(eased), LOOK_EVERY_MS)
})
