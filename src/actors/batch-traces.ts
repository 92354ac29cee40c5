/**
 * What a worker records of its batches' traces. Spans of calls are recorded as they end; the others follow from the log, which is
 * read again for them when a batch closes, apart from its actor. A batch whose trace is not recorded costs a look at its events and
 * a few remembered spans of calls: if a call fails, the log says that something went wrong, or the batch was slow, its trace is kept.
 */
import { Clock, Effect, Queue } from "effect"
import type { Batch } from "../domain/batch.ts"
import type { BatchEvent } from "../domain/events.ts"
import { type BatchId, parseTransferReference } from "../domain/identifiers.ts"
import type { Call } from "../pipelines/call.ts"
import { beginningOf, visitLog } from "../streams/event-range.ts"
import { EventStore } from "../streams/event-store.ts"
import type { CallScope } from "../traces/call-scope.ts"
import { LogSpans, troubleIn } from "../traces/log-spans.ts"
import type { BatchTrace } from "../traces/sampling.ts"
import { type Span, spanIdOf, spanIds } from "../traces/span.ts"
import { type Recording, Tracing } from "../traces/tracing.ts"
import { KeptTraces } from "./kept-traces.ts"

/** Logs that wait to be read for their spans. */
const LOGS_MAX = 256

/** A log to make spans of: those that had not ended by version `from`. */
interface ToExport {
  readonly id: BatchId
  readonly trace: BatchTrace
  readonly from: number
}

/** The part of an actor that traces need. */
export interface Traced {
  readonly id: BatchId
  readonly batch: Batch
}

/** How an actor ran. */
export interface Run {
  readonly worker: string
  readonly startedAt: number
  readonly from: number
  /** The name of the failure that ended it. */
  readonly failure: string | undefined
}

export class BatchTraces {
  readonly #recording: Recording
  readonly #clock: Clock.Clock
  /** Takes a log to be read, and gives whether there was room for it. */
  readonly #queue: (log: ToExport) => boolean
  readonly #kept = new KeptTraces()

  constructor(recording: Recording, clock: Clock.Clock, queue: (log: ToExport) => boolean) {
    this.#recording = recording
    this.#clock = clock
    this.#queue = queue
  }

  /** What a call is made for. The pipelines' calls to providers take it from their fiber. */
  scopeOf({ id, batch }: Traced, call: Call): CallScope {
    const trace = this.#traceOf(id, batch)
    const attributes = { "atlaspay.batch.id": id }
    const parentId = parentOf(id, call)
    return {
      trace,
      within: (reference) => {
        const about = reference === undefined ? undefined : parseTransferReference(reference)
        if (about === undefined) return { parentId, attributes }
        const { item, attempt } = about
        return {
          parentId: spanIds.attempt(id, item, attempt),
          attributes: { ...attributes, "atlaspay.item": item, "atlaspay.attempt": attempt },
        }
      },
      ended: (span) => this.#called(id, batch, trace, span),
    }
  }

  #traceOf(id: BatchId, { trace }: Batch): BatchTrace {
    return this.#recording.traceOf(id, trace)
  }

  #called(id: BatchId, batch: Batch, trace: BatchTrace, span: Span): void {
    if (trace.isRecorded || this.#kept.seen(id)?.isKept === true) {
      this.#recording.record(span)
      return
    }
    this.#kept.remember(id, span)
    if (span.failure === undefined || span.failure === "not-called") return
    this.#kept.of(id).isTroubled = true
    if (this.#isSlow(batch, this.#clock.currentTimeMillisUnsafe())) this.#keep(id, trace)
  }

  #isSlow({ receivedAt }: Batch, at: number): boolean {
    return at - receivedAt >= this.#recording.slowMs
  }

  /** Looks at what was appended. `batch` is ahead by these events. Gives the id of the batch's trace if that is exported. */
  appended({ id, batch }: Traced, events: ReadonlyArray<BatchEvent>): string | undefined {
    const trace = this.#traceOf(id, batch)
    const troubles = events.map(troubleIn)
    if (troubles.some((trouble) => trouble !== undefined)) this.#kept.of(id).isTroubled = true
    return this.#isExported(id, batch, trace, events, troubles.includes("person")) ? trace.id : undefined
  }

  #isExported(
    id: BatchId,
    batch: Batch,
    trace: BatchTrace,
    events: ReadonlyArray<BatchEvent>,
    needsPerson: boolean,
  ): boolean {
    if (events.some(({ _tag }) => _tag === "BatchClosed")) return this.#closed(id, batch, trace)
    if (batch.closed !== undefined) return this.#after(id, batch, trace, batch.version - events.length)
    return this.#goesOn(id, batch, trace, needsPerson)
  }

  #goesOn(id: BatchId, batch: Batch, trace: BatchTrace, needsPerson: boolean): boolean {
    const seen = this.#kept.seen(id)
    if (seen?.isTroubled === true && !seen.isKept) {
      const now = this.#clock.currentTimeMillisUnsafe()
      if (needsPerson || this.#isSlow(batch, now)) this.#keep(id, trace)
    }
    return trace.isRecorded || seen?.isKept === true
  }

  /** An open batch that is in trouble is shown before it closes: that may take days. Once, because its log is read for it. */
  #keep(id: BatchId, trace: BatchTrace): void {
    const remembered = this.#kept.of(id)
    if (
      remembered.isKept ||
      !(trace.isRecorded || this.#recording.mayKeep(this.#clock.currentTimeMillisUnsafe()))
    )
      return
    remembered.isKept = true
    this.#export(id, trace, 0)
  }

  #closed(id: BatchId, batch: Batch, trace: BatchTrace): boolean {
    const seen = this.#kept.seen(id)
    const isWanted = trace.isRecorded || seen?.isKept === true
    const closedAt = batch.closedAt ?? this.#clock.currentTimeMillisUnsafe()
    const isToKeep = seen?.isTroubled === true || this.#isSlow(batch, closedAt)
    // What was shown while the batch was open is made again with the same ids, now that it is over.
    const isExported = isWanted || (isToKeep && this.#recording.mayKeep(closedAt))
    if (isExported) this.#export(id, trace, 0)
    this.#kept.forget(id)
    return isExported
  }

  /** A bank's word about a closed batch, such as a return. */
  #after(id: BatchId, batch: Batch, trace: BatchTrace, from: number): boolean {
    const at = this.#clock.currentTimeMillisUnsafe()
    const isExported = trace.isRecorded || (this.#isSlow(batch, at) && this.#recording.mayKeep(at))
    // Whether the trace of a slow batch was kept is not known any more: all of it is made again, with the same ids.
    if (isExported) this.#export(id, trace, trace.isRecorded ? from : 0)
    this.#kept.forget(id)
    return isExported
  }

  #export(id: BatchId, trace: BatchTrace, from: number): void {
    for (const span of this.#kept.takeCalls(id)) this.#recording.record(span)
    if (!this.#queue({ id, trace, from })) this.#recording.dropped("too-many-kept")
  }

  /**
   * Records the run of an actor that began at `startedAt` (epoch milliseconds) and version `from`, and ends now. A batch that it
   * froze is kept.
   */
  rested({ id, batch }: Traced, { worker, startedAt, from, failure }: Run): void {
    const trace = this.#traceOf(id, batch)
    if (failure === "CorruptEntry" || failure === "Defect") this.#keep(id, trace)
    if (!trace.isRecorded && this.#kept.seen(id)?.isKept !== true) return
    this.#recording.record({
      traceId: trace.id,
      spanId: spanIdOf("actor", id, from, worker, startedAt),
      parentId: spanIds.batch(id),
      name: "batch actor",
      kind: "internal",
      startedAt,
      endedAt: this.#clock.currentTimeMillisUnsafe(),
      attributes: {
        "atlaspay.batch.id": id,
        "atlaspay.worker": worker,
        "atlaspay.version.from": from,
        "atlaspay.version.to": batch.version,
      },
      failure,
    })
  }
}

const parentOf = (id: BatchId, call: Call): string => {
  if (call._tag === "Screen") return spanIds.screening(id, call.clearance)
  return call._tag === "Book" ? spanIds.posting(id, call.posting) : spanIds.batch(id)
}

/** The traces of this worker's batches, for as long as the scope is open; `undefined` if none are recorded. */
export const recordTraces = Effect.gen(function* () {
  const recording = yield* Tracing
  if (recording === undefined) return undefined
  const store = yield* EventStore
  const logs = yield* Queue.dropping<ToExport>(LOGS_MAX)
  const exportLog = Effect.fnUntraced(
    function* ({ id, trace, from }: ToExport) {
      const spans = new LogSpans(id, trace, from)
      yield* visitLog(store, id, beginningOf(id), (recorded) => spans.visit(recorded))
      for (const span of spans.spans()) recording.record(span)
    },
    // Whoever continues the batch reports why its log is not read.
    Effect.catchTags({
      CorruptEntry: () => Effect.sync(() => recording.dropped("log-unread")),
      StoreUnavailable: () => Effect.sync(() => recording.dropped("log-unread")),
    }),
  )
  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.take(logs), exportLog)))
  return new BatchTraces(recording, yield* Clock.Clock, (log) => Queue.offerUnsafe(logs, log))
})
