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
import { Clock, Effect, Latch, Queue } from "effect"
import { AppConfig } from "../config.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import { untilBeatMs } from "../telemetry/beat.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { makeAttempts } from "./attempts.ts"
import { AHEAD_MS_MAX, ClaimedAhead } from "./claimed-ahead.ts"
import { type Arrived, Deliveries, type Delivery, type PacedEndpoint } from "./deliveries.ts"
import { KnownHealth } from "./endpoint-health.ts"
import { Pauses } from "./pauses.ts"
import { Shares, UNDER_WAY_MAX, type Waiting } from "./shares.ts"

const ENDPOINTS_AT_A_LOOK_MAX = 2 * UNDER_WAY_MAX
const POLL_MS = 2_000
/** While deliveries are due, looks begin this far apart: each finds more, and a look costs the same for one as for many. */
const LOOK_EVERY_MS = 25
/** How often claimed deliveries are given back of endpoints that were paused, disabled, removed or held meanwhile. */
const HALTED_EVERY_MS = 1_000
/** Deliveries that arrived are recorded this far apart, for the same reason, or sooner when so many came. */
const RECORD_EVERY_MS = 100
const RECORD_AT_ONCE = 256
/** If they could not be recorded, it is tried again after this time, for so long since they were sent: others may repeat them by then. */
const RECORD_AGAIN_MS = 500
const RECORD_FOR_MS_MAX = 60_000
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
  known: KnownHealth = new KnownHealth(),
) {
  const { timeoutMs, allowPrivate, retryDelaysMs: configured } = (yield* AppConfig).webhooks
  const clock = yield* Clock.Clock
  const arrivals = yield* makeArrivals(ahead)
  const begin = yield* makeAttempts({ timeoutMs, allowPrivate }, retryDelaysMs ?? configured, known)
  // Before the attempts end: none of them starts what is to be released.
  yield* Effect.addFinalizer(() => Effect.sync(() => ahead.stop()))
  const shares = new Shares()
  // Endpoints that asked not to be called, and those for which nothing may begin for now because of their order or limit.
  const pauses = new Pauses()
  const blocked = new Blocks()
  const eased = yield* Queue.sliding<void>(1)
  let mayOweMore = true

  const start = (delivery: Delivery) => {
    shares.add(delivery)
    const { batch, endpoint } = delivery
    let hasArrived = false
    begin(delivery, {
      arrived: (one, sentAt) => {
        hasArrived = true
        ahead.took(endpoint, sentAt)
        arrivals.add({ ...one, isOrdered: batch !== undefined })
      },
      failed: (retryInMs, gone) => {
        ahead.refused(endpoint)
        if (retryInMs !== undefined) pauses.pause(endpoint, clock.currentTimeMillisUnsafe(), retryInMs)
        if (retryInMs !== undefined || gone) ahead.giveBack(endpoint)
      },
      over: () => {
        shares.remove(delivery)
        ahead.ended(delivery, hasArrived)
        // What arrived holds its batch back until that is recorded.
        if (batch !== undefined && !hasArrived) blocked.end(endpoint)
        startAll()
        if (mayOweMore && !ahead.has(endpoint)) Queue.offerUnsafe(wakeUps, undefined)
        if (shares.hasEased(endpoint)) Queue.offerUnsafe(eased, undefined)
      },
    })
  }
  const startAll = () => {
    while (ahead.onAdded !== undefined && arrivals.hasRoom()) {
      const now = clock.currentTimeMillisUnsafe()
      const delivery = ahead.take(
        (waiting: Waiting) => shares.mayHaveMore(waiting) && !pauses.has(waiting.endpoint, now),
        now,
      )
      if (delivery === undefined) return
      start(delivery)
    }
  }
  const isAhead = Latch.makeUnsafe(false)
  ahead.onAdded = () => {
    isAhead.openUnsafe()
    startAll()
  }
  const recorded = (group: ReadonlyArray<Unrecorded>) => {
    const endpoints = group.filter(({ isOrdered }) => isOrdered).map(({ endpoint }) => endpoint)
    for (const endpoint of endpoints) blocked.end(endpoint)
    startAll()
    if (mayOweMore && endpoints.some((endpoint) => !ahead.has(endpoint)))
      Queue.offerUnsafe(wakeUps, undefined)
  }

  const looking = Effect.gen(function* () {
    while (true) {
      const beganAt = clock.currentTimeMillisUnsafe()
      mayOweMore = true
      const { due, isAll } = yield* look({ shares, ahead, pauses, blocked }, leaseMsOf(timeoutMs))
      mayOweMore = !isAll
      if (due.length > 0) yield* untilMoreIsWorthALook(due, shares, eased)
      else {
        yield* Effect.timeoutOption(
          Queue.take(wakeUps),
          blocked.nextEndInMs(clock.currentTimeMillisUnsafe(), untilBeatMs(POLL_MS, performance.now())),
        )
        const waitMs = beganAt + LOOK_EVERY_MS - clock.currentTimeMillisUnsafe()
        if (waitMs > 0) yield* Effect.sleep(Math.min(waitMs, LOOK_EVERY_MS))
      }
    }
  })
  const givingBack = Effect.gen(function* () {
    while (true) {
      yield* isAhead.await
      yield* Effect.sleep(HALTED_EVERY_MS)
      const { endpoints } = ahead
      if (endpoints.length === 0) {
        isAhead.closeUnsafe()
        continue
      }
      const halted = yield* (yield* Deliveries).halted(endpoints)
      for (const endpoint of halted) ahead.giveBack(endpoint)
      if (halted.length > 0) Queue.offerUnsafe(wakeUps, undefined)
    }
  })
  yield* Effect.all([looking, arrivals.recording(recorded), givingBack], { concurrency: 3, discard: true })
}, Effect.scoped)

interface State {
  readonly shares: Shares
  readonly ahead: ClaimedAhead
  readonly pauses: Pauses
  readonly blocked: Blocks
}

/** Ordered endpoints of which nothing could be claimed. A block that ends during a look does not begin with what the look found. */
class Blocks extends Pauses {
  /** Kept only during a look: nobody forgets them otherwise. */
  #ended: Set<string> | undefined

  lookBegins(): void {
    this.#ended = new Set()
  }

  override end(endpoint: string): void {
    super.end(endpoint)
    this.#ended?.add(endpoint)
  }

  /** Gives the endpoints whose blocks ended since the look began. */
  lookEnds(): ReadonlySet<string> {
    const ended = this.#ended ?? new Set()
    this.#ended = undefined
    return ended
  }
}

/** Claims what is due, as far as there are places and room. `isAll`: nothing was passed over, and nothing was due. */
const look = Effect.fnUntraced(function* (state: State, leaseMs: number) {
  const { shares, ahead, pauses, blocked } = state
  const deliveries = yield* Deliveries
  const pass = yield* CrashPoints
  const now = yield* Clock.currentTimeMillis
  yield* deliveries.release(ahead.takeLate(now))
  if (shares.free === 0) return { due: [], isAll: false }
  const { endpoints, ...full } = shares.full
  const passedOver = [
    ...endpoints,
    ...ahead.endpoints,
    ...pauses.endpointsAt(now),
    ...blocked.endpointsAt(now),
  ]
  const found = yield* deliveries.waiting({ ...full, endpoints: passedOver }, ENDPOINTS_AT_A_LOOK_MAX)
  const isAll = [passedOver, full.partners, full.hosts, full.pairs, found].every(({ length }) => length === 0)
  const places = shares.allot(found)
  if (places.size === 0) return { due: [], isAll }
  const rooms = ahead.roomsOf(places.keys(), now)
  const paced: Array<PacedEndpoint> = []
  const allotted = new Map<string, number>()
  for (const { endpoint, ordered = false, limited = false } of found) {
    const most = places.get(endpoint)
    if (most === undefined) continue
    const room = rooms.get(endpoint) ?? 0
    if (!ordered && !limited) allotted.set(endpoint, most + room)
    // What has a limit begins as soon as it is claimed, so nothing is claimed ahead for it.
    else paced.push({ endpoint, ordered, limited, most: limited ? most : most + room, run: 1 + room })
  }
  const due: Array<Delivery> = []
  if (allotted.size > 0) {
    ahead.beingClaimed = new Set(allotted.keys())
    const claimed = yield* deliveries
      .claim({ allotted, leaseMs })
      .pipe(Effect.ensuring(Effect.sync(() => (ahead.beingClaimed = new Set()))))
    if (claimed.length > 0) yield* pass("after-claim")
    ahead.add(claimed, now)
    due.push(...claimed)
  }
  if (paced.length > 0) due.push(...(yield* lookAtPaced(state, paced, leaseMs)))
  return { due, isAll }
})

/** An ordered endpoint of which nothing can be claimed is not looked at until the end of an attempt at it is recorded, or for so long. */
const BLOCKED_MS = 250
/** If it took long to find that out, because it has very many batches, it is for so many times as long. */
const BLOCKED_PER_LOOK = 20

/** Claims for endpoints that are ordered or have a limit. */
const lookAtPaced = Effect.fnUntraced(function* (
  { ahead, blocked }: State,
  paced: ReadonlyArray<PacedEndpoint>,
  leaseMs: number,
) {
  const deliveries = yield* Deliveries
  const now = yield* Clock.currentTimeMillis
  blocked.lookBegins()
  const { claimed, readyInMs } = yield* deliveries.claimPaced(paced, leaseMs)
  const ended = blocked.lookEnds()
  const claimedFor = new Set(claimed.map(({ endpoint }) => endpoint))
  const claimedAt = yield* Clock.currentTimeMillis
  const blockedMs = Math.max(BLOCKED_MS, BLOCKED_PER_LOOK * (claimedAt - now))
  for (const { endpoint } of paced) {
    const mayHaveMore = claimedFor.has(endpoint) || ended.has(endpoint)
    const waitMs = readyInMs.get(endpoint) ?? (mayHaveMore ? 0 : blockedMs)
    if (waitMs > 0) blocked.pause(endpoint, claimedAt, waitMs)
  }
  if (claimed.length > 0) yield* (yield* CrashPoints)("after-claim")
  ahead.add(claimed, now)
  return claimed
})

/** A delivery that arrived, and whether what is behind it in its batch waits until that is recorded. */
interface Unrecorded extends Arrived {
  readonly isOrdered: boolean
}

/**
 * Deliveries that arrived and are to be recorded. Records and releases what is left when the scope closes: after this nothing
 * is started.
 */
const makeArrivals = Effect.fnUntraced(function* (ahead: ClaimedAhead) {
  const deliveries = yield* Deliveries
  const clock = yield* Clock.Clock
  const { webhookDeliveries } = yield* Metrics
  const pass = yield* CrashPoints
  const some = yield* Queue.sliding<void>(1)
  const many = yield* Queue.sliding<void>(1)
  let arrived: Array<Unrecorded> = []
  let underWay = 0

  const keep = (group: ReadonlyArray<Unrecorded>) => {
    const now = clock.currentTimeMillisUnsafe()
    arrived.unshift(...group.filter(({ at }) => now - at < RECORD_FOR_MS_MAX))
  }
  /** Gives what was recorded; nothing if it could not be. */
  const record = Effect.suspend(() => {
    const group = arrived
    arrived = []
    underWay = group.length
    if (group.length === 0) return Effect.succeed(group)
    return Effect.andThen(pass("before-arrival"), deliveries.delivered(group)).pipe(
      Effect.andThen(pass("after-arrival")),
      Effect.as(group),
      Effect.catchTag("StoreUnavailable", ({ step, reason }) => {
        keep(group)
        return Effect.as(
          Effect.logWarning("webhook attempts not recorded", {
            count: group.length,
            first: group[0]?.eventId,
            step,
            reason,
          }),
          undefined,
        )
      }),
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
    add: (one: Unrecorded) => {
      arrived.push(one)
      webhookDeliveries.inc({ outcome: "delivered" })
      Queue.offerUnsafe(some, undefined)
      if (arrived.length >= RECORD_AT_ONCE) Queue.offerUnsafe(many, undefined)
    },
    hasRoom: () => arrived.length + underWay < UNRECORDED_MAX,
    /** Never ends. Calls `recorded` when there is room again, with what was recorded. What could not be is tried again. */
    recording: (recorded: (group: ReadonlyArray<Unrecorded>) => void) =>
      Effect.gen(function* () {
        while (true) {
          yield* Queue.take(some)
          yield* Queue.clear(many)
          const group = yield* record
          recorded(group ?? [])
          if (group !== undefined) yield* Effect.timeoutOption(Queue.take(many), RECORD_EVERY_MS)
          else {
            yield* Effect.sleep(RECORD_AGAIN_MS)
            Queue.offerUnsafe(some, undefined)
          }
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
