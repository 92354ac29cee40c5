/**
 * What a worker records of its batches' traces. Spans of calls are recorded as they end; the others follow from the log, which is
 * read again for them when a batch closes, apart from its actor. A batch whose trace is not recorded costs a look at its events and
 * a few remembered spans of calls: if a call fails, the log says that something went wrong, or the batch was slow, its trace is kept.
 */
import { Clock, Effect } from "effect"
import type { Batch } from "../domain/batch.ts"
import type { BatchEvent } from "../domain/events.ts"
import { type BatchId, parseTransferReference } from "../domain/identifiers.ts"
import type { Call } from "../pipelines/call.ts"
import type { CallScope } from "../traces/call-scope.ts"
import { troubleIn } from "../traces/log-spans.ts"
import type { BatchTrace } from "../traces/sampling.ts"
import { type Span, spanIdOf, spanIds } from "../traces/span.ts"
import { type Recording, Tracing } from "../traces/tracing.ts"
import { KeptTraces } from "./kept-traces.ts"
import { readLogs } from "./log-reading.ts"
import type { ToExport } from "./logs-to-read.ts"

/** The part of an actor that traces need. */
export interface Traced {
  readonly id: BatchId
  readonly batch: Batch
  /** Its log says somewhere that something went wrong. Also a worker that took the batch over knows that. */
  isTroubled: boolean
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
    return {
      trace,
      ended: (ended) =>
        this.#recording.beside(() => {
          const span = (): Span => {
            const { parentId, attributes } = placeOf(id, call, ended.reference)
            const made = ended.span()
            return { ...made, attributes: { ...attributes, ...made.attributes }, traceId: trace.id, parentId }
          }
          this.#called(id, batch, trace, { failure: ended.failure, span })
        }),
    }
  }

  #traceOf(id: BatchId, { trace }: Batch): BatchTrace {
    return this.#recording.traceOf(id, trace)
  }

  #called(
    id: BatchId,
    batch: Batch,
    trace: BatchTrace,
    { failure, span }: { readonly failure: string | undefined; readonly span: () => Span },
  ): void {
    if (trace.isRecorded || this.#kept.seen(id)?.isKept === true) {
      this.#recording.record(span())
      return
    }
    this.#kept.remember(id, span)
    if (failure === undefined || failure === "not-called") return
    this.#kept.of(id).isTroubled = true
    if (batch.closed === undefined && this.#isSlow(batch, this.#clock.currentTimeMillisUnsafe()))
      this.#keep(id, trace)
  }

  #isSlow({ receivedAt }: Batch, at: number): boolean {
    return at - receivedAt >= this.#recording.slowMs
  }

  /** Looks at what was appended. `batch` is ahead by these events. Gives the id of the batch's trace if that is exported. */
  appended(traced: Traced, events: ReadonlyArray<BatchEvent>): string | undefined {
    return this.#recording.beside(() => {
      const { id, batch } = traced
      const trace = this.#traceOf(id, batch)
      const troubles = events.map(troubleIn).filter((trouble) => trouble !== undefined)
      if (troubles.length > 0) traced.isTroubled = true
      return this.#isExported(traced, trace, events, troubles) ? trace.id : undefined
    })
  }

  #isExported(
    traced: Traced,
    trace: BatchTrace,
    events: ReadonlyArray<BatchEvent>,
    troubles: ReadonlyArray<NonNullable<ReturnType<typeof troubleIn>>>,
  ): boolean {
    if (events.some(({ _tag }) => _tag === "BatchClosed")) return this.#closed(traced, trace)
    if (traced.batch.closed !== undefined)
      return this.#after(traced, trace, events.length, troubles.length > 0)
    return this.#goesOn(traced, trace, troubles.includes("person"))
  }

  #goesOn({ id, batch, isTroubled }: Traced, trace: BatchTrace, needsPerson: boolean): boolean {
    const seen = this.#kept.seen(id)
    if (seen?.isKept !== true && (isTroubled || seen?.isTroubled === true)) {
      const now = this.#clock.currentTimeMillisUnsafe()
      if (needsPerson || this.#isSlow(batch, now)) this.#keep(id, trace)
    }
    return trace.isRecorded || this.#kept.seen(id)?.isKept === true
  }

  /** A batch that cannot be continued. Its trace has what can be read of its log. */
  frozen(id: BatchId): void {
    this.#recording.beside(() => {
      if (this.#kept.seen(id)?.isKept !== true) this.#keep(id, this.#recording.traceOf(id, undefined))
    })
  }

  /** An open batch that is in trouble is shown before it closes: that may take days. Once, because its log is read for it. */
  #keep(id: BatchId, trace: BatchTrace): void {
    const remembered = this.#kept.of(id)
    if (
      remembered.isKept ||
      !(trace.isRecorded || this.#recording.mayKeep("batch", this.#clock.currentTimeMillisUnsafe()))
    )
      return
    remembered.isKept = true
    this.#export(id, 0)
  }

  #closed({ id, batch, isTroubled }: Traced, trace: BatchTrace): boolean {
    const seen = this.#kept.seen(id)
    const isWanted = trace.isRecorded || seen?.isKept === true
    const now = this.#clock.currentTimeMillisUnsafe()
    const isToKeep = isTroubled || seen?.isTroubled === true || this.#wasSlow(batch)
    // What was shown while the batch was open is made again with the same ids, now that it is over.
    const isExported = isWanted || (isToKeep && this.#recording.mayKeep("batch", now))
    if (isExported) this.#export(id, 0)
    this.#kept.forget(id)
    return isExported
  }

  /** A bank's word about a closed batch, such as a return. The last `count` events are about that. */
  #after({ id, batch, isTroubled }: Traced, trace: BatchTrace, count: number, isInTrouble: boolean): boolean {
    const isNewTrouble = isInTrouble || this.#kept.seen(id)?.isTroubled === true
    const isToKeep = isNewTrouble || isTroubled || this.#wasSlow(batch)
    const from = batch.version - count
    const isExported =
      trace.isRecorded ||
      (isToKeep && this.#recording.mayKeep("batch", this.#clock.currentTimeMillisUnsafe()))
    // A batch that had no trouble until now may have no trace: all of it is made, with the same ids.
    if (isExported) this.#export(id, !trace.isRecorded && isNewTrouble ? 0 : from)
    this.#kept.forget(id)
    return isExported
  }

  #wasSlow(batch: Batch): boolean {
    return this.#isSlow(batch, batch.closedAt ?? this.#clock.currentTimeMillisUnsafe())
  }

  #export(id: BatchId, from: number): void {
    for (const span of this.#kept.takeCalls(id)) this.#recording.record(span)
    if (!this.#queue({ id, from })) this.#recording.dropped("too-many-kept")
  }

  /**
   * Records the run of an actor that began at `startedAt` (epoch milliseconds) and version `from`, and ends now. A batch that it
   * froze is kept.
   */
  rested(traced: Traced, run: Run): void {
    this.#recording.beside(() => this.#rested(traced, run))
  }

  #rested({ id, batch }: Traced, { worker, startedAt, from, failure }: Run): void {
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

/** Where the span of a call is in the tree, and what it is about; `reference` is that of a transfer. */
const placeOf = (id: BatchId, call: Call, reference: string | undefined) => {
  const attributes = { "atlaspay.batch.id": id }
  const about = reference === undefined ? undefined : parseTransferReference(reference)
  if (about === undefined) return { parentId: parentOf(id, call), attributes }
  const { item, attempt } = about
  return {
    parentId: spanIds.attempt(id, item, attempt),
    attributes: { ...attributes, "atlaspay.item": item, "atlaspay.attempt": attempt },
  }
}

const parentOf = (id: BatchId, call: Call): string => {
  if (call._tag === "Screen") return spanIds.screening(id, call.clearance)
  return call._tag === "Book" ? spanIds.posting(id, call.posting) : spanIds.batch(id)
}

/** The traces of this worker's batches, for as long as the scope is open; `undefined` if none are recorded. */
export const recordTraces = Effect.gen(function* () {
  const recording = yield* Tracing
  return recording && new BatchTraces(recording, yield* Clock.Clock, yield* readLogs(recording))
})
