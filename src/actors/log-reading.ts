/** Reads logs of batches for the spans that follow from them, one after the other, apart from the actors. */
import { Clock, Effect, Queue } from "effect"
import { beginningOf, type Link, visitLog, visitRange } from "../streams/event-range.ts"
import { type CorruptEntry, EventStore, type LoggedEvent } from "../streams/event-store.ts"
import { LogSpans } from "../traces/log-spans.ts"
import type { Recording } from "../traces/tracing.ts"
import { LogsToRead, type ToExport } from "./logs-to-read.ts"

/** A log that took longer to read is a long one: then the worker pays for as long again before the next one is read. */
const LONG_READ_MS = 100
/** At the end: logs that are not read by then are not exported. */
const FAREWELL_MS_MAX = 1_000

/**
 * Reads the logs that are given to it for as long as the scope is open, and those that wait at its end for a second at most. Gives
 * the function that takes one, and says whether there was room for it.
 */
export const readLogs = Effect.fnUntraced(function* (recording: Recording) {
  const store = yield* EventStore
  const logs = new LogsToRead()
  const some = yield* Queue.sliding<void>(1)
  let underWay: ToExport | undefined

  const exportLog = Effect.fnUntraced(
    function* ({ id, from }: ToExport) {
      let seen: Link = beginningOf(id)
      let spans: LogSpans | undefined
      const visit = (recorded: LoggedEvent) => {
        const { event, version, hash } = recorded
        spans ??= new LogSpans(
          id,
          recording.traceOf(id, event._tag === "BatchReceived" ? event.trace : undefined),
          from,
        )
        spans.visit(recorded)
        seen = { version, head: hash }
      }
      const record = Effect.sync(() => {
        for (const span of spans?.spans() ?? []) recording.record(span)
      })
      /** What comes before the entry that cannot be read: a page with it gave nothing. */
      const recordUntil = (corrupt: CorruptEntry) =>
        visitRange(store, id, seen, Number.parseInt(corrupt.entry, 10) - 1, visit).pipe(
          Effect.catchTag("CorruptEntry", () => Effect.void),
          Effect.andThen(record),
          Effect.andThen(Effect.fail(corrupt)),
        )
      yield* visitLog(store, id, beginningOf(id), visit).pipe(Effect.catchTag("CorruptEntry", recordUntil))
      yield* record
    },
    // Whoever continues the batch reports why its log is not read. What could be read of it was recorded.
    Effect.catchTags({
      CorruptEntry: () => Effect.sync(() => recording.dropped("log-unread")),
      StoreUnavailable: () => Effect.sync(() => recording.dropped("log-unread")),
    }),
    Effect.catchDefect((defect) =>
      Effect.sync(() => {
        recording.dropped("defect")
        recording.broke(defect)
      }),
    ),
  )
  const readAll = Effect.gen(function* () {
    while (true) {
      underWay = logs.take()
      if (underWay === undefined) return
      const startedAt = yield* Clock.currentTimeMillis
      yield* exportLog(underWay)
      underWay = undefined
      const tookMs = (yield* Clock.currentTimeMillis) - startedAt
      if (tookMs > LONG_READ_MS) yield* Effect.sleep(tookMs)
    }
  })
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      if (underWay !== undefined && !logs.add(underWay)) recording.dropped("stopped")
      underWay = undefined
      yield* Effect.timeoutOption(Effect.interruptible(readAll), FAREWELL_MS_MAX)
      const left = logs.length + (underWay === undefined ? 0 : 1)
      if (left > 0) recording.dropped("stopped", left)
    }),
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(some), readAll)))
  return (log: ToExport): boolean => {
    const hasRoom = logs.add(log)
    if (hasRoom) Queue.offerUnsafe(some, undefined)
    return hasRoom
  }
})
