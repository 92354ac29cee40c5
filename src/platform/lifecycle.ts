/**
 * The end of a process of the service. From the first SIGTERM or SIGINT on it is stopping. Then it first only says so, to probes
 * and on each answer, so that nobody sends it anything any more; after that all parts end side by side. What has not ended by then
 * is logged, and the process ends nevertheless.
 */
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { AppConfig } from "../config.ts"
import { Overdue } from "./overdue.ts"

/** How long all parts together may take to end after the notice. Milliseconds. */
export const STOP_MS_MAX = 7_000

/** A part of the process that others wait for. */
export interface Part {
  /** How much is under way in it, such as requests or batches. */
  readonly underWay: () => number
  /** The process is about to stop, and nothing has ended yet. */
  readonly stopping?: () => void
}

/** Whether a process stops, and its parts. */
export class Life {
  #isStopping = false
  readonly #parts = new Map<string, Part>()

  get isStopping(): boolean {
    return this.#isStopping
  }

  stop(): void {
    this.#isStopping = true
    for (const { stopping } of this.#parts.values()) stopping?.()
  }

  /** Watches a part until it has ended, which is when the returned function is called. */
  watch(name: string, part: Part): () => void {
    this.#parts.set(name, part)
    return () => {
      if (this.#parts.get(name) === part) this.#parts.delete(name)
    }
  }

  /** How much is under way in each part that has not ended. */
  get left(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#parts].map(([name, { underWay }]) => [name, underWay()]))
  }
}

/** The life of this process. Who uses a part alone, as tests do, has one that does not stop. */
export const Lifecycle = Context.Reference<Life>("atlaspay/platform/Lifecycle", {
  defaultValue: () => new Life(),
})

/** Watches a part until the scope closes, after the finalizers that are added later. */
export const watched = Effect.fnUntraced(function* (name: string, part: Part) {
  const life = yield* Lifecycle
  yield* Effect.acquireRelease(
    Effect.sync(() => life.watch(name, part)),
    (forget) => Effect.sync(forget),
  )
})

/**
 * Gives a process its life. If others call it, it gives notice of its end for `READINESS_NOTICE_MS`: what is called by nobody
 * hands its work over at once. It does so also if it is stopped while some of its parts still start: others may work by then.
 */
export const withLifecycle = <A, E, R>(
  served: Layer.Layer<A, E, R>,
  hasCallers: boolean,
): Layer.Layer<A, E, R | AppConfig> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { readinessNoticeMs } = (yield* AppConfig).http
      const parts = yield* Scope.make()
      // In a fiber of its own: a signal must end nothing of what has started before the notice was given.
      const building = yield* Effect.forkDetach(Layer.buildWithScope(served, parts))
      yield* Effect.addFinalizer((exit) => {
        const end = Effect.andThen(Fiber.interrupt(building), Scope.close(parts, exit))
        const built = building.pollUnsafe()
        if (built !== undefined && Exit.isFailure(built)) return end
        return ending(hasCallers ? readinessNoticeMs : 0, end)
      })
      return yield* Fiber.join(building)
    }),
  ).pipe(Layer.provide(Layer.sync(Lifecycle, () => new Life())))

/** Gives notice, and then ends all, within the limit. */
const ending = Effect.fnUntraced(function* (noticeMs: number, end: Effect.Effect<void>) {
  const life = yield* Lifecycle
  const overdue = yield* Overdue
  life.stop()
  yield* Effect.logInfo("stopping", { noticeMs })
  const waiting = yield* Effect.forkDetach(
    Effect.gen(function* () {
      yield* Effect.sleep(noticeMs + STOP_MS_MAX)
      yield* Effect.logError("ended before all parts had", { left: life.left })
      yield* overdue
    }).pipe(Effect.interruptible),
  )
  yield* Effect.sleep(noticeMs)
  yield* end
  yield* Fiber.interrupt(waiting)
})
