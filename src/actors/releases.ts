/**
 * How a worker gives up batches. To each release it adds that it looks for the timer when it is due, and says who may enter the
 * run queue.
 */
import { Effect } from "effect"
import type { EventStore } from "../streams/event-store.ts"
import { type Admitted, type Ownership, RunQueue } from "../streams/run-queue.ts"
import type { TimerWatch } from "./timer-watch.ts"

/** A run queue whose releases set timers here, and let in whom `admitted` says. */
export const releasing = (
  timers: TimerWatch,
  admitted: () => Admitted,
  queue: RunQueue["Service"],
): RunQueue["Service"] => ({
  ...queue,
  release: (owned, wakeAt, mail) =>
    Effect.tap(queue.release(owned, wakeAt, mail, admitted()), (answer) =>
      Effect.sync(() => {
        if (answer === "released" && wakeAt !== undefined) timers.set(wakeAt)
      }),
    ),
})

/** A store whose appends that release a batch do the same. */
export const releasingByAppend = (
  timers: TimerWatch,
  admitted: () => Admitted,
  store: EventStore["Service"],
): EventStore["Service"] => ({
  ...store,
  append: (owned, append) => {
    const { release } = append
    if (release === undefined) return store.append(owned, append)
    const answer = store.append(owned, { ...append, release: { ...release, admitted: admitted() } })
    return Effect.tap(answer, ({ isReleased }) =>
      Effect.sync(() => {
        if (isReleased && release.wakeAt !== undefined) timers.set(release.wakeAt)
      }),
    )
  },
})

/**
 * Puts a new batch back. If Redis does not answer, it may be back all the same, now or later, and another worker may own it. So
 * it does not begin here: if it is still pending, it is taken over after the claim time.
 */
export const postpone = (worker: string, owned: Ownership) =>
  Effect.flatMap(RunQueue, (queue) => queue.postpone(owned)).pipe(
    Effect.catchTags({
      OwnershipLost: () => Effect.void,
      StoreUnavailable: ({ step, reason }) =>
        Effect.logWarning("batch not postponed", { worker, batch: owned.batch, step, reason }),
    }),
  )
