/**
 * A worker takes scheduled batches from the run queue and runs an actor for each, a bounded number at a time. It also renews
 * its leases, takes over batches of workers that do not, wakes batches whose timer is due, schedules open batches that
 * nothing else would wake (sweep), and enqueues decisions again that no batch has answered. Batches that have begun come before
 * new ones: of those it begins no more than banks can report (see begun-window.ts).
 *
 * When it stops, it drains: it takes no new batch and no new work, records what is under way, and hands over every batch.
 */
import { Clock, Effect, FiberMap, Latch, Layer, Random, Semaphore } from "effect"
import { AppConfig } from "../config.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { Pipelines } from "../pipelines/pipelines.ts"
import { CrashPoints } from "../platform/crash-point.ts"
import { IntakePressure } from "../platform/intake-pressure.ts"
import { watched } from "../platform/lifecycle.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { DecisionRegister } from "../register/decision-register.ts"
import { InstructionRegister } from "../register/instruction-register.ts"
import { EventStore } from "../streams/event-store.ts"
import { FoldCache } from "../streams/fold-cache.ts"
import { Mailbox } from "../streams/mailbox.ts"
import { Partitions } from "../streams/partitions.ts"
import { type Admitted, type Ownership, type QueuePart, RunQueue } from "../streams/run-queue.ts"
import { StoreWatch } from "../streams/store-watch.ts"
import { StrayCallbacks } from "../streams/stray-callbacks.ts"
import { nextBeat } from "../telemetry/beat.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { type ActorServices, unknownBatch } from "./activation.ts"
import { activate } from "./batch-actor.ts"
import { recordTraces } from "./batch-traces.ts"
import { BegunWindow } from "./begun-window.ts"
import { makeClearanceTerms } from "./clearance-terms.ts"
import { drain, TAKES_MAX } from "./draining.ts"
import { isGood, type Lease, type Moment, moment } from "./lease.ts"
import { MessageQueues } from "./message-queue.ts"
import { makeOutcomeReport } from "./outcome-report.ts"
import { enqueueOverdue } from "./overdue-decisions.ts"
import { Pace } from "./pace.ts"
import { postpone, releasing, releasingByAppend } from "./releases.ts"
import { TimerWatch } from "./timer-watch.ts"

/** Items of all batches at rest whose states stay in memory. */
const WARM_ITEMS_MAX = 200_000
/** How long one read of the run queue waits for a batch. A drain ends the wait. */
const TAKE_WAIT_MS = 1_000
/** How often it is checked whether a batch that only waits for calls has anything due, or mail. */
const CHECK_EVERY_MS = 50
/** How long a batch may be without a worker after its claim has passed. Owners that are silent are looked at as often. */
const TAKE_OVER_EVERY_MS_MAX = 250
/** Batches scheduled by one wake or sweep of a partition. */
const WAKE_MAX = 256
/** When a batch whose log cannot be read is tried again, unless somebody repairs and schedules it before. */
const FROZEN_MS = 3_600_000
const RETRY_MS = 250
/** How long a worker that was full lets more of its batches end before it takes others. */
const ROOM_MS = 5
/** How often a worker that yields to intake takes more batches than its share. */
const ONE_MORE_EVERY_MS = 250
/** Batches that a worker at rest takes before it knows whether intake is pressed, and how long it takes to know. */
const FIRST_TAKE_MAX = 8
const ASKED_MS = 2
/** How often a worker looks for new batches that wait although there is room for them: after it left room, with work, at rest. */
const ADMIT_EVERY_MS = { withheld: 25, busy: 250, atRest: 2_000 } as const
/** Batches of dead workers that are taken over at a time even if the worker has no room. */
const ORPHANS_MIN = 8

/** Runs a worker while the layer lives, and drains it at the end. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const worker = yield* makeWorker
    const { claimMs, sweepMs } = worker.settings
    for (const part of (yield* RunQueue).parts)
      yield* forkLoop(worker, "take", takeScheduled(worker, part), 0)
    yield* forkLoop(worker, "renew", renewAll(worker), 0)
    yield* forkLoop(worker, "admit", admitWaiting(worker), 0)
    yield* forkLoop(worker, "take over", takeOverIdle(worker), Math.min(claimMs / 4, TAKE_OVER_EVERY_MS_MAX))
    yield* forkLoop(worker, "wake", wakeDue(worker), 0)
    yield* forkLoop(worker, "look", lookForDue(worker), CHECK_EVERY_MS)
    yield* forkLoop(worker, "listen", lookForMail(worker), CHECK_EVERY_MS)
    yield* forkLoop(worker, "sweep", sweepOpen(sweepMs), sweepMs)
    yield* forkLoop(worker, "enqueue again", enqueueOverdue(sweepMs), sweepMs)
    // Runs before the loops end, so that leases are renewed during the drain.
    yield* watched("batches", { underWay: () => worker.leases.size })
    yield* Effect.addFinalizer(() => drain(worker))
  }),
)

interface Worker {
  readonly name: string
  readonly settings: AppConfig["Service"]["worker"]
  readonly services: ActorServices
  readonly timers: TimerWatch
  readonly leases: Map<BatchId, Lease>
  readonly actors: FiberMap.FiberMap<BatchId, void, never>
  /** Opened whenever a batch leaves the worker. */
  readonly left: Latch.Latch
  /** Open while the worker owns batches. */
  readonly owns: Latch.Latch
  /** A permit is held while batches are taken. Holding all permits means that no more will come. */
  readonly taking: Semaphore.Semaphore
  draining: boolean
  /** How much it has begun that is not finished. */
  readonly window: BegunWindow
  /** Whether it kept new batches out of the run queue since it last looked whether any wait. At its start, others may have. */
  withheld: boolean
  /** The share of the time for which the worker works now: below 1 while accepting comes first. */
  readonly share: () => number
  /** Call it whenever the worker owns more or fewer batches. */
  readonly count: () => void
}

const makeWorker = Effect.gen(function* () {
  const { worker: settings } = yield* AppConfig
  const name = `worker-${process.pid}-${(yield* Random.nextIntBetween(0, 2 ** 40)).toString(36)}`
  const leases = new Map<BatchId, Lease>()
  const metrics = yield* Metrics
  const pipelines = yield* Pipelines
  const timers = new TimerWatch()
  const window = new BegunWindow(settings.unreportedMax)
  const { share } = yield* IntakePressure
  let commands = 0
  const worker: Worker = {
    name,
    settings,
    timers,
    leases,
    actors: yield* FiberMap.make<BatchId, void, never>(),
    left: Latch.makeUnsafe(false),
    owns: Latch.makeUnsafe(false),
    taking: Semaphore.makeUnsafe(TAKES_MAX),
    draining: false,
    window,
    withheld: true,
    share,
    count: () => {
      metrics.activeBatches.set(leases.size)
      if (leases.size > 0) worker.owns.openUnsafe()
      else worker.owns.closeUnsafe()
    },
    services: {
      clock: yield* Clock.Clock,
      store: releasingByAppend(timers, () => admittedBy(worker), yield* EventStore),
      mailbox: yield* Mailbox,
      queue: releasing(timers, () => admittedBy(worker), yield* RunQueue),
      partitions: yield* Partitions,
      pipelines,
      pass: yield* CrashPoints,
      warm: new FoldCache(unknownBatch(pipelines.routes), { itemsMax: WARM_ITEMS_MAX }),
      messageQueues: new MessageQueues(),
      pace: new Pace(share),
      strays: yield* StrayCallbacks,
      ...(yield* makeClearanceTerms),
      instructions: yield* InstructionRegister,
      decisions: yield* DecisionRegister,
      watch: yield* StoreWatch,
      traces: yield* recordTraces,
      isDraining: () => worker.draining,
      released: (batch, payouts) =>
        payouts === undefined ? window.closed(batch) : window.rests(batch, payouts, moment().monotonic),
      countOutcomes: makeOutcomeReport(metrics),
      isOwner: (lease) => leases.get(lease.owned.batch) === lease && isGood(lease, settings.claimMs),
      nextCommandId: () => `${name}.${++commands}`,
    },
  }
  return worker
})

/** Who enters the run queue when this worker releases a batch: nobody new while it may begin nothing. */
const admittedBy = (worker: Worker): Admitted => {
  if (!worker.window.isFull(moment().monotonic)) return "next"
  worker.withheld = true
  return "begun"
}

/** Repeats a step while the worker runs. If it fails or dies, that is logged, and it runs again a little later. */
const forkLoop = <R>(
  worker: Worker,
  name: string,
  step: Effect.Effect<void, StoreUnavailable, R>,
  everyMs: number,
) =>
  step.pipe(
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.logWarning("worker loop failed", { worker: worker.name, loop: name, step, reason }).pipe(
        Effect.andThen(Effect.sleep(RETRY_MS)),
      ),
    ),
    Effect.catchDefect((defect) =>
      Effect.logError("worker loop died", { worker: worker.name, loop: name, defect }).pipe(
        Effect.andThen(Effect.sleep(RETRY_MS)),
      ),
    ),
    Effect.andThen(Effect.sleep(everyMs)),
    Effect.forever,
    Effect.forkScoped,
  )

/**
 * Takes as many batches as there is room for. Without room it takes none: batches wait in the run queue. While accepting
 * comes first, there is room for a share of them, and at intervals for one more, so that none waits for those that rest.
 */
const takeScheduled = Effect.fnUntraced(function* (worker: Worker, part: QueuePart) {
  if (worker.draining) return yield* Effect.sleep(ROOM_MS)
  if (isFull(worker)) yield* roomIsMade(worker)
  if (isFull(worker)) return
  const isAtRest = worker.leases.size === 0
  const room = roomOf(worker)
  if (room <= 0) yield* Effect.sleep(ONE_MORE_EVERY_MS)
  const takenAt = moment()
  yield* taking(worker, part.take(worker.name, Math.max(room, 1), TAKE_WAIT_MS), takenAt)
  if (!isAtRest || worker.leases.size < room || isFull(worker)) return
  worker.share()
  yield* Effect.sleep(ASKED_MS)
})

const isFull = ({ leases, settings }: Worker): boolean => leases.size >= settings.activeMax

/** Waits until a full worker has room: a moment longer while it has other batches, which may end together with the first. */
const roomIsMade = (worker: Worker): Effect.Effect<void> =>
  Effect.suspend(() => {
    // In one go with the close: a batch that left between them would be waited for until the next one leaves.
    if (!isFull(worker)) return Effect.void
    worker.left.closeUnsafe()
    return Effect.andThen(
      worker.left.await,
      Effect.suspend(() => (worker.leases.size > 0 ? Effect.sleep(ROOM_MS) : Effect.void)),
    )
  })

/** How many batches more the worker takes now. At rest nobody asks how much of the time there is. So the first batches are few. */
const roomOf = ({ leases, share, settings: { activeMax } }: Worker): number =>
  leases.size === 0 ? Math.min(activeMax, FIRST_TAKE_MAX) : Math.ceil(activeMax * share()) - leases.size

/**
 * Taken batches are ours, so nothing is interrupted between the server's answer and the start of their actors. That is why a
 * permit is not waited for: a drain keeps all of them, and whoever waited for one could never be interrupted.
 */
const taking = (
  worker: Worker,
  take: Effect.Effect<ReadonlyArray<Ownership>, StoreUnavailable>,
  takenAt: Moment,
) =>
  Effect.suspend(() =>
    worker.draining ? Effect.void : Effect.flatMap(take, (owned) => runAll(worker, owned, takenAt)),
  ).pipe(worker.taking.withPermitsIfAvailable(1), Effect.uninterruptible)

/**
 * New batches wait in the lines of their partners while no worker had room for them. When there is room, nobody's release lets
 * them in any more, so somebody has to.
 */
const admitWaiting = Effect.fnUntraced(function* (worker: Worker) {
  const { withheld, busy, atRest } = ADMIT_EVERY_MS
  yield* worker.withheld ? Effect.sleep(withheld) : nextBeat(worker.leases.size > 0 ? busy : atRest)
  const room = roomOf(worker)
  const now = moment().monotonic
  if (worker.draining || room <= 0 || !worker.window.mayBegin(now)) return
  const admitted = yield* (yield* RunQueue).admit(worker.window.isFull(now) ? 1 : room)
  worker.withheld = admitted > 0
})

/** If no owner is silent for half of the claim time, nothing can be taken over before the other half has passed. */
const takeOverIdle = Effect.fnUntraced(function* (worker: Worker) {
  if (worker.draining) return
  const { activeMax, claimMs } = worker.settings
  const queue = yield* RunQueue
  while (!(yield* queue.isAnySilent(claimMs / 2))) yield* nextBeat(claimMs / 2)
  const active = worker.leases.size
  // Orphans come first, even if the worker is full, because their transfers may be under way. Twice the limit is the end.
  const room = Math.min(Math.max(activeMax - active, ORPHANS_MIN), 2 * activeMax - active)
  if (room <= 0) return
  const takenAt = moment()
  const { takeovers } = yield* Metrics
  const takeOver = Effect.tap(queue.takeOver(worker.name, claimMs, room), (owned) => {
    takeovers.inc(owned.length)
    return Effect.forEach(owned, ({ batch }) =>
      Effect.logWarning("batch taken over", { worker: worker.name, batch }),
    )
  })
  yield* taking(worker, takeOver, takenAt)
})

const runAll = Effect.fnUntraced(function* (
  worker: Worker,
  taken: ReadonlyArray<Ownership>,
  takenAt: Moment,
) {
  const tooMany: Array<Ownership> = []
  for (const owned of taken) {
    if (owned.isNew && !worker.window.begin(moment().monotonic)) {
      tooMany.push(owned)
      continue
    }
    worker.window.leaves(owned.batch)
    const lease: Lease = { owned, renewedAt: takenAt }
    // An actor that still runs here under an older claim ends before the next one begins.
    if (worker.leases.has(owned.batch)) yield* FiberMap.remove(worker.actors, owned.batch)
    worker.leases.set(owned.batch, lease)
    worker.count()
    const forget = Effect.sync(() => {
      if (worker.leases.get(owned.batch) === lease) worker.leases.delete(owned.batch)
      worker.left.openUnsafe()
      worker.count()
    })
    yield* FiberMap.run(worker.actors, owned.batch, supervise(worker, lease).pipe(Effect.ensuring(forget)))
  }
  if (tooMany.length === 0) return
  worker.withheld = true
  yield* Effect.forEach(tooMany, (owned) => postpone(worker.name, owned), {
    concurrency: "unbounded",
    discard: true,
  })
})

/**
 * Runs an actor and handles its end. If it failed because a store is down, the batch stays pending for this worker without
 * renewal, and after the claim time this or another worker takes it over. A batch whose log cannot be read, or that makes
 * this program fail, is frozen with an alarm. Others continue.
 */
const supervise = (worker: Worker, lease: Lease) => {
  const { batch } = lease.owned
  const about = { worker: worker.name, batch }
  return activate(lease, worker.services).pipe(
    Effect.catchTags({
      OwnershipLost: ({ reason }) => reportLost({ ...about, reason }),
      StoreUnavailable: ({ step, reason }) =>
        Effect.logWarning("batch interrupted", { ...about, step, reason }),
      CorruptEntry: ({ entry, reason }) => freeze(worker, lease, { ...about, entry, reason }),
    }),
    Effect.catchDefect((defect) =>
      Effect.logError("batch failed", { ...about, defect }).pipe(
        Effect.andThen(
          freeze(worker, lease, { ...about, entry: "none", reason: "this program failed at it" }),
        ),
      ),
    ),
  )
}

const reportLost = Effect.fnUntraced(function* (
  what: Readonly<Record<"worker" | "batch" | "reason", string>>,
) {
  ;(yield* Metrics).leasesLost.inc()
  yield* Effect.logWarning("batch lost", what)
})

const freeze = Effect.fnUntraced(
  function* (
    { services: { traces } }: Worker,
    { owned }: Lease,
    why: Readonly<Record<"worker" | "batch" | "entry" | "reason", string>>,
  ) {
    traces?.frozen(owned.batch)
    yield* (yield* RunQueue).release(owned, (yield* Clock.currentTimeMillis) + FROZEN_MS, "leave")
    ;(yield* Metrics).frozenBatches.inc()
    yield* Effect.logError("batch frozen: its log cannot be continued", why)
  },
  Effect.catchTags({
    // The new owner finds out for itself.
    OwnershipLost: () => Effect.void,
    StoreUnavailable: ({ step, reason }) => Effect.logWarning("batch not frozen", { step, reason }),
  }),
)

/** By partition, so that one that does not answer does not cost the leases of the others. Nothing wakes a worker without leases. */
const renewAll = Effect.fnUntraced(function* (worker: Worker) {
  yield* worker.owns.await
  yield* Effect.sleep(worker.settings.claimMs / 5)
  const partitions = yield* Partitions
  const groups = Map.groupBy(worker.leases.values(), ({ owned }) => partitions.of(owned.batch))
  yield* Effect.forEach(
    groups,
    ([partition, leases]) =>
      Effect.catchTag(renew(worker, leases), "StoreUnavailable", ({ step, reason }) =>
        Effect.logWarning("batches not renewed", { worker: worker.name, partition, step, reason }),
      ),
    { concurrency: "unbounded", discard: true },
  )
})

const renew = Effect.fnUntraced(function* (worker: Worker, leases: ReadonlyArray<Lease>) {
  const askedAt = moment()
  const lost = new Set(yield* (yield* RunQueue).renew(leases.map(({ owned }) => owned)))
  for (const lease of leases) {
    if (!lost.has(lease.owned)) lease.renewedAt = askedAt
    else if (worker.leases.get(lease.owned.batch) === lease) {
      yield* reportLost({ worker: worker.name, batch: lease.owned.batch, reason: "taken-over" })
      yield* FiberMap.remove(worker.actors, lease.owned.batch)
    }
  }
})

/** One timer wakes all actors that have to look: a timeout for each wait would cost more than the wait itself. */
const lookForDue = ({ services: { clock, messageQueues } }: Worker) =>
  Effect.andThen(
    messageQueues.some,
    Effect.sync(() => messageQueues.wakeDue(clock.currentTimeMillisUnsafe())),
  )

/**
 * One look into the mailboxes of all actors that wait for calls: a read and a turn of each would cost more. It has a loop of
 * its own, because a server of a cluster that does not answer must not hold up what is due for the batches of others.
 */
const lookForMail = Effect.fnUntraced(function* ({ services: { clock, mailbox, messageQueues } }: Worker) {
  yield* messageQueues.some
  const waiting = messageQueues.waiting(clock.currentTimeMillisUnsafe())
  if (waiting.size === 0) return
  for (const batch of yield* mailbox.withMail([...waiting.keys()])) waiting.get(batch)?.wake()
})

const wakeDue = Effect.fnUntraced(function* ({ timers }: Worker) {
  yield* timers.due
  const queue = yield* RunQueue
  timers.looks(yield* Clock.currentTimeMillis)
  const first = yield* queue.nextTimer
  if (first === undefined) return
  timers.set(first)
  const now = yield* Clock.currentTimeMillis
  if (first <= now) yield* queue.wake(now, WAKE_MAX)
})

const sweepOpen = Effect.fnUntraced(function* (idleMs: number) {
  const now = yield* Clock.currentTimeMillis
  yield* (yield* RunQueue).sweep(now - idleMs, now, WAKE_MAX)
})
