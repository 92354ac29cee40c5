/**
 * The life of a process of the service. It is starting until all of its parts are built, works, and is stopping from the first
 * SIGTERM or SIGINT on. Then it first only says so, to probes and on each answer, so that nobody sends it anything any more;
 * after that all parts end side by side. What has not ended by then is logged, and the process ends nevertheless.
 */
import { Context, Effect, Fiber, Layer } from "effect"
import { AppConfig } from "../config.ts"

export type Stage = "starting" | "working" | "stopping"

/** How long all parts together may take to end after the notice. Milliseconds. */
export const STOP_MS_MAX = 7_000

/** A part of the process that others wait for. */
export interface Part {
  /** How much is under way in it, such as requests or batches. */
  readonly underWay: () => number
  /** The process is about to stop, and nothing has ended yet. */
  readonly stopping?: () => void
}

/** What one process tells of its life, and its parts. */
export class Life {
  /** Ends the process while it waits for its parts. */
  overdue: Fiber.Fiber<void> | undefined
  #stage: Stage
  readonly #parts = new Map<string, Part>()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  get stage(): Stage {
    return this.#stage
  }

  get isStopping(): boolean {
    return this.#stage === "stopping"
  }

  /** All parts are built. */
  begin(): void {
    this.#stage = "working"
  }

  stop(): void {
    this.#stage = "stopping"
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

/** The life of this process. Who uses a part alone, as tests do, has one that works. */
export const Lifecycle = Context.Reference<Life>("atlaspay/platform/Lifecycle", {
  defaultValue: () => new Life("working"),
})

/** Ends the process although something is left. Only a main program does. */
export const Overdue = Context.Reference<Effect.Effect<void>>("atlaspay/platform/Overdue", {
  defaultValue: () => Effect.void,
})

/** Watches a part until the scope closes, after the finalizers that are added later. */
export const watched = Effect.fnUntraced(function* (name: string, part: Part) {
  const life = yield* Lifecycle
  yield* Effect.acquireRelease(
    Effect.sync(() => life.watch(name, part)),
    (forget) => Effect.sync(forget),
  )
})

/** The bottom of a process: ends last. */
const bottom = Layer.effect(
  Lifecycle,
  Effect.acquireRelease(
    Effect.sync(() => new Life("starting")),
    ({ overdue }) => (overdue === undefined ? Effect.void : Fiber.interrupt(overdue)),
  ),
)

/** The top of a process: begins last, and ends first. */
const top = (hasCallers: boolean) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const life = yield* Lifecycle
      const { readinessNoticeMs } = (yield* AppConfig).http
      const end = yield* Overdue
      life.begin()
      yield* Effect.addFinalizer(() => stop(life, hasCallers ? readinessNoticeMs : 0, end))
    }),
  )

/**
 * Gives a process its life. If others call it, it gives notice of its end for `READINESS_NOTICE_MS`: what is called by nobody
 * hands its work over at once.
 */
export const withLifecycle = <A, E, R>(
  served: Layer.Layer<A, E, R>,
  hasCallers: boolean,
): Layer.Layer<A, E, R | AppConfig> => top(hasCallers).pipe(Layer.provideMerge(served), Layer.provide(bottom))

const stop = Effect.fnUntraced(function* (life: Life, noticeMs: number, end: Effect.Effect<void>) {
  life.stop()
  yield* Effect.logInfo("stopping", { noticeMs })
  const waiting = Effect.gen(function* () {
    yield* Effect.sleep(noticeMs + STOP_MS_MAX)
    yield* Effect.logError("ended before all parts had", { left: life.left })
    yield* end
  })
  life.overdue = yield* Effect.forkDetach(Effect.interruptible(waiting))
  yield* Effect.sleep(noticeMs)
})
