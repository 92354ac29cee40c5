/** Whether a worker takes batches, or refrains because another one takes them: see packing.ts. */
import { Effect, Exit, Latch } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { QueueDepth } from "../streams/queue-depth.ts"
import { TakerMark } from "../streams/taker-mark.ts"
import { type Load, MARK_MS, Packing } from "./packing.ts"
import { ProcessorTimes, timeToSpare, usedShare } from "./processor-time.ts"

/** How often the taker renews its mark, and how often others look. Milliseconds. */
const LOOK_EVERY_MS = { taker: 100, others: 50 } as const
/** After a failure, for how long nothing is marked or read: it would fail again, and each failure is logged. */
const RETRY_MS = 5_000
/** A read of the run queue that takes longer hangs. It waits for a second for batches. Milliseconds. */
const READ_MS_MAX = 3_000
/**
 * If the taker is full and batches have waited for so long, others take although their machine has no time to spare: it may be
 * others' time. How often that is asked. Milliseconds.
 */
const WAITS_LONG_MS = 30_000
const ASK_EVERY_MS = 10_000

/** The part of a worker in who takes. */
export interface Taking {
  /** Whether to take no batches now. Nothing is asked for it. */
  readonly refrains: () => boolean
  /** A read of the run queue. While one fails or hangs, this worker is not the taker: others may reach what it does not. */
  readonly reads: <A>(take: Effect.Effect<A, StoreUnavailable>) => Effect.Effect<A, StoreUnavailable>
  /** Batches were taken. From now on it is looked who takes, until the worker is at rest. */
  readonly took: () => void
  /** One look, and the wait until the next one, which is long at rest. If the store does not answer, the worker takes. */
  readonly look: Effect.Effect<void>
  /** Ends the part: it is no longer the taker, so that another worker takes at once. */
  readonly end: Effect.Effect<void>
}

/** The part of a worker of this name, which no other worker has. `load` gives what it bears now. */
export const makeTaking = Effect.fnUntraced(function* (name: string, load: () => Load) {
  const mark = yield* TakerMark
  const times = yield* ProcessorTimes
  const packing = new Packing(name)
  const used = usedShare(times)
  const hasTime = timeToSpare(times)
  const { depth } = yield* QueueDepth
  let [isAsked, waitsLong, askAgainAt] = [false, false, Number.NEGATIVE_INFINITY]
  const needed = Latch.makeUnsafe(false)
  let [hasTaken, isTaker, hasEnded] = [false, false, false]

  const readsSince = new Map<object, number>()
  let failedAt = Number.NEGATIVE_INFINITY
  const canRead = () =>
    times.now() >= failedAt + RETRY_MS &&
    readsSince.values().every((since) => times.now() < since + READ_MS_MAX)

  const wouldHelp = () => {
    isAsked = true
    return hasTime() || waitsLong
  }
  const askForWaits = Effect.gen(function* () {
    isAsked = false
    if (times.now() < askAgainAt) return
    askAgainAt = times.now() + ASK_EVERY_MS
    waitsLong = (yield* depth).oldestMs > WAITS_LONG_MS
  })

  const lookAt = Effect.fnUntraced(function* (works: boolean) {
    packing.bears(load(), used())
    const mayLeave = works && canRead()
    if (isTaker && !canRead()) yield* mark.remove
    const leaves = mayLeave && packing.isNext
    const found = yield* leaves ? mark.leave(packing.nextMark(), MARK_MS) : mark.read
    isTaker = packing.saw(found, times.now(), wouldHelp) && mayLeave
    const isLeft = leaves && found === undefined
    if (isTaker && !isLeft && !hasEnded) yield* mark.replace(packing.nextMark(), MARK_MS)
    if (isAsked) yield* askForWaits
  })

  const logged = (step: Effect.Effect<void, StoreUnavailable>, waitMs: number) =>
    Effect.catchTag(step, "StoreUnavailable", ({ step, reason }) => {
      packing.knowsNothing()
      return Effect.andThen(
        Effect.logWarning("it is not known who takes batches", { worker: name, step, reason }),
        Effect.sleep(waitMs),
      )
    })

  const refrains = () => packing.refrains(times.now(), load().batches)
  const isAtRest = () => !hasTaken && load().batches === 0
  const taking: Taking = {
    refrains,
    reads: (take) =>
      Effect.suspend(() => {
        const read = {}
        readsSince.set(read, times.now())
        return Effect.onExit(take, (exit) =>
          Effect.sync(() => {
            readsSince.delete(read)
            if (Exit.isFailure(exit)) failedAt = times.now()
          }),
        )
      }),
    took: () => {
      hasTaken = true
      if (needed.openUnsafe()) packing.wakes()
    },
    look: Effect.gen(function* () {
      yield* needed.await
      const works = !isAtRest()
      hasTaken = false
      if (!hasEnded) yield* logged(lookAt(works), RETRY_MS)
      yield* Effect.sleep(isTaker ? LOOK_EVERY_MS.taker : LOOK_EVERY_MS.others)
      if (isAtRest() && !refrains() && needed.closeUnsafe()) packing.rests()
    }),
    end: Effect.suspend(() => {
      hasEnded = true
      return isTaker ? logged(mark.remove, 0) : Effect.void
    }),
  }
  return taking
})
