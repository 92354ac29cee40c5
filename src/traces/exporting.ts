/**
 * Sends the spans of this process, apart from all else: who records a span waits for nothing, and a collector that is away, slow or
 * broken costs spans and nothing more. What is dropped is counted.
 */
import { Clock, Effect, Exit, Queue, Result } from "effect"
import { Metrics } from "../telemetry/metrics.ts"
import type { Collector } from "./collector.ts"
import { encodeSpans } from "./otlp.ts"
import type { Attributes, Span } from "./span.ts"
import { SpanQueue } from "./span-queue.ts"

/** How long spans wait for others before they are sent. */
const GATHER_MS = 1_000
/** How often spans are sent that the collector may take later, and the pauses after failures. */
const TRIES_MAX = 4
const PAUSE_MS_MIN = 1_000
const PAUSE_MS_MAX = 30_000
/** At the end: what is not sent by then is dropped. */
const FAREWELL_MS_MAX = 2_000
/** While the collector takes nothing, it is said this often. */
const SAY_AGAIN_MS = 600_000

/**
 * Why spans were not exported. `queue-full`: more came than could be sent. `rejected`, `not-taken`: by the collector. `stopped`: the
 * process ended before. `defect`: a mistake of ours. And why whole traces were not: `too-many-kept` (many batches in trouble),
 * `log-unread`.
 */
export type DropReason =
  | "queue-full"
  | "rejected"
  | "not-taken"
  | "stopped"
  | "defect"
  | "too-many-kept"
  | "log-unread"

/**
 * Sends what is recorded for as long as the scope is open, and at its end for two seconds at most. Gives the function that
 * records a span: it never waits, throws or fails.
 */
export const exportSpans = Effect.fnUntraced(function* (collector: Collector, resource: Attributes) {
  const { tracesDropped, tracesExported } = yield* Metrics
  const dropped = (reason: DropReason, spans = 1) => tracesDropped.inc({ reason }, spans)
  const enough = yield* Queue.sliding<void>(1)
  const queue = new SpanQueue(
    () => dropped("queue-full"),
    () => Queue.offerUnsafe(enough, undefined),
  )
  const complaint = new Complaint()
  let pauseMs = 0
  let underWay: ReadonlyArray<Span> = []

  const sendOnce = Effect.fnUntraced(function* (spans: ReadonlyArray<Span>) {
    const sent = yield* Effect.result(collector.send(encodeSpans(resource, spans)))
    if (Result.isSuccess(sent)) {
      const rejected = Math.min(sent.success, spans.length)
      tracesExported.inc(spans.length - rejected)
      if (rejected > 0) dropped("rejected", rejected)
      pauseMs = 0
      yield* complaint.ended
      return true
    }
    const { reason, mayPass } = sent.failure
    pauseMs = Math.min(Math.max(pauseMs * 2, PAUSE_MS_MIN), PAUSE_MS_MAX)
    yield* complaint.about(reason)
    if (!mayPass) dropped("not-taken", spans.length)
    return !mayPass
  })
  const sendAll = Effect.gen(function* () {
    while (queue.length > 0) {
      underWay = queue.take()
      let isOver = false
      for (let tries = 1; !isOver && tries <= TRIES_MAX; tries++) {
        if (pauseMs > 0) yield* Effect.sleep(pauseMs)
        isOver = yield* sendOnce(underWay)
      }
      if (!isOver) dropped("not-taken", underWay.length)
      underWay = []
    }
  })
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  let isBroken = false
  /** Said once: what breaks at one span is likely to break at many. */
  const broke = (defect: unknown) => {
    if (!isBroken)
      runFork(
        Effect.logError("a mistake in what records traces: some are dropped", { defect: String(defect) }),
      )
    isBroken = true
  }
  const sending = Effect.timeoutOption(Queue.take(enough), GATHER_MS).pipe(
    Effect.andThen(sendAll),
    Effect.catchDefect((defect) =>
      Effect.sync(() => {
        dropped("defect", underWay.length)
        underWay = []
        broke(defect)
      }),
    ),
    Effect.forever,
  )
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      for (const span of underWay) queue.add(span)
      pauseMs = 0
      const exit = yield* Effect.exit(Effect.timeout(Effect.interruptible(sendAll), FAREWELL_MS_MAX))
      const left = queue.length + underWay.length
      if (Exit.isFailure(exit) && left > 0) dropped("stopped", left)
    }),
  )
  yield* Effect.forkScoped(sending)
  return { record: (span: Span) => queue.add(span), dropped, broke }
})

/** Says that the collector takes nothing: once, then every ten minutes, and when that is over. */
class Complaint {
  #since: number | undefined
  #saidAt = 0

  about(reason: string): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      this.#since ??= now
      if (this.#saidAt !== 0 && now - this.#saidAt < SAY_AGAIN_MS) return Effect.void
      this.#saidAt = now
      return Effect.logWarning("the collector does not take traces: they are dropped", { reason })
    })
  }

  get ended(): Effect.Effect<void> {
    if (this.#since === undefined) return Effect.void
    const since = this.#since
    this.#since = undefined
    this.#saidAt = 0
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.logInfo("the collector takes traces again", { afterMs: now - since }),
    )
  }
}
