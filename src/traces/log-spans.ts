/**
 * The spans of a batch that follow from its log: the batch from accepted to closed, and within it each screening, each posting and
 * each attempt to pay. Whoever reads the log makes the same spans, whatever crashed in between.
 *
 * A batch may have 100,000 items, so there are only as many spans as fit, those that went wrong before others; the batch's own span
 * says how many were left out.
 */
import type { BatchEvent, BatchEventOf, RecordedEvent } from "../domain/events.ts"
import { type SingleEvent, singleEvents } from "../domain/gathered-events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { TransferIntent } from "../domain/transfer-events.ts"
import type { BatchTrace } from "./sampling.ts"
import { type Attributes, type Span, type SpanEvent, spanIdOf, spanIds } from "./span.ts"

/** Spans of one batch: of those without trouble, and of those with. */
const SPANS_MAX = 1_000
const TROUBLED_MAX = 500
/** Events of one span. */
const EVENTS_MAX = 32

/** A span that is not over, or was not when the log ended. */
interface Open {
  readonly spanId: string
  readonly parentId: string
  readonly name: string
  readonly startedAt: number
  readonly attributes: Record<string, string | number | boolean>
  readonly events: Array<SpanEvent>
  /** Items that a screening still has to decide. */
  left: number
  isTroubled: boolean
}

/** Whether an event says that something went wrong which a person may want to look into; `person`: one has to. */
export const troubleIn = (event: BatchEvent): "person" | "trouble" | undefined => {
  switch (event._tag) {
    case "TransferParked":
    case "ItemsUnrouted":
    case "ClearanceWithdrawn":
    case "LateOutcomeDetected":
      return "person"
    case "TransferUnknown":
    case "PostingRefused":
      return "trouble"
    case "TransferFailed":
      return event.category === "technical" ? "trouble" : undefined
    default:
      return undefined
  }
}

/** Makes the spans of a batch from its events, which it visits from the first one on. */
export class LogSpans {
  readonly #id: BatchId
  readonly #trace: BatchTrace
  readonly #from: number
  readonly #open = new Map<string, Open>()
  readonly #ended: Array<Span> = []
  readonly #batchEvents: Array<SpanEvent> = []
  #received: BatchEventOf<"BatchReceived"> | undefined
  #closed: { readonly at: number; readonly version: number; readonly state: string } | undefined
  #version = 0
  #lastAt = 0
  #untroubled = 0
  #troubled = 0
  #leftOut = 0

  /** Of the spans that had ended by version `from`, none is made: they were exported before. */
  constructor(id: BatchId, trace: BatchTrace, from: number) {
    this.#id = id
    this.#trace = trace
    this.#from = from
  }

  visit({ version, event }: RecordedEvent): void {
    this.#version = version
    this.#lastAt = event.at
    for (const single of singleEvents(event)) this.#visitSingle(single, version)
  }

  #visitSingle(event: SingleEvent, version: number): void {
    switch (event._tag) {
      case "BatchReceived":
        this.#received = event
        break
      case "BatchClosed":
        this.#closed ??= { at: event.at, version, state: event.state }
        this.#ofBatch(event)
        break
      case "ScreeningRequested":
      case "ItemsScreened":
      case "ClearancePending":
        this.#screening(event)
        break
      case "PostingRequested":
      case "PostingBooked":
      case "PostingRefused":
        this.#posting(event)
        break
      case "TransfersRequested":
        for (const transfer of event.transfers) this.#beginAttempt(transfer, event.at)
        break
      case "TransferResent":
      case "TransferAccepted":
      case "TransferUnknown":
      case "TransferParked":
      case "WithdrawalRefused":
        this.#note(attemptKey(event), event)
        break
      case "TransferSettled":
      case "TransferFailed":
      case "TransferWithdrawn":
      case "ParkedResolved":
        this.#endAttempt(event)
        break
      case "TransferReturned":
      case "LateOutcomeDetected":
        this.#after(event, version)
        break
      case "ItemsReceived":
      case "CommandRefused":
      case "FundsArrived":
      case "WithdrawalsRequested":
        break
      default:
        this.#ofBatch(event)
    }
  }

  #screening(event: BatchEventOf<"ScreeningRequested" | "ItemsScreened" | "ClearancePending">): void {
    const { clearance, at } = event
    const key = `S${clearance}`
    if (event._tag === "ClearancePending") this.#note(key, event)
    else if (event._tag === "ItemsScreened") this.#screened(key, at, event.decisions.length)
    else
      this.#begin(key, at, event.items.length, {
        spanId: spanIds.screening(this.#id, clearance),
        name: "screening",
        attributes: { "atlaspay.clearance": clearance, "atlaspay.items": event.items.length },
      })
  }

  #posting(event: BatchEventOf<"PostingRequested" | "PostingBooked" | "PostingRefused">): void {
    const { posting, at } = event
    const key = `P${posting}`
    if (event._tag === "PostingBooked") this.#end(key, at, "booked")
    else if (event._tag === "PostingRefused") this.#end(key, at, "refused", "refused")
    else
      this.#begin(key, at, 0, {
        spanId: spanIds.posting(this.#id, posting),
        name: `posting ${event.kind}`,
        attributes: { "atlaspay.posting": posting, "atlaspay.items": event.items.length },
      })
  }

  #beginAttempt({ item, attempt, bank }: TransferIntent, at: number): void {
    this.#begin(attemptKey({ item, attempt }), at, 0, {
      spanId: spanIds.attempt(this.#id, item, attempt),
      name: "payout attempt",
      attributes: { "atlaspay.item": item, "atlaspay.attempt": attempt, "atlaspay.bank": bank },
    })
  }

  #endAttempt(
    event: BatchEventOf<"TransferSettled" | "TransferFailed" | "TransferWithdrawn" | "ParkedResolved">,
  ): void {
    const key = attemptKey(event)
    if (event._tag === "TransferFailed") this.#end(key, event.at, "failed", event.category)
    else if (event._tag === "ParkedResolved") this.#end(key, event.at, event.outcome)
    else this.#end(key, event.at, event._tag === "TransferSettled" ? "settled" : "withdrawn")
  }

  /** The spans, once, when the last event was visited; none if the log did not begin with its batch. */
  spans(): ReadonlyArray<Span> {
    const received = this.#received
    if (received === undefined) return []
    for (const open of this.#open.values())
      this.#keep(this.#spanOf(open, this.#lastAt, { "atlaspay.open": true }), open.isTroubled)
    const spans = this.#ended
    if (this.#closed === undefined || this.#closed.version > this.#from)
      spans.push(this.#batchSpan(received.at, received))
    if (!this.#isRequestRecorded(received) && this.#from === 0) spans.push(this.#requestSpan(received.at))
    return spans
  }

  /** Releases that did not record traces did not keep the caller's span either. */
  #isRequestRecorded({ trace }: BatchEventOf<"BatchReceived">): boolean {
    return this.#trace.isRecorded && (trace === undefined || trace.parent !== undefined)
  }

  #batchSpan(startedAt: number, { partner, itemCount }: { partner: string; itemCount: number }): Span {
    const { state, at } = this.#closed ?? {}
    return {
      traceId: this.#trace.id,
      spanId: spanIds.batch(this.#id),
      parentId: spanIds.request(this.#id),
      name: "payout batch",
      kind: "internal",
      startedAt,
      endedAt: at ?? this.#lastAt,
      attributes: {
        "atlaspay.batch.id": this.#id,
        "atlaspay.partner": partner,
        "atlaspay.items": itemCount,
        "atlaspay.version": this.#version,
        ...(state === undefined ? { "atlaspay.open": true } : { "atlaspay.outcome": state }),
        ...(this.#leftOut === 0 ? {} : { "atlaspay.spans.left_out": this.#leftOut }),
      },
      events: this.#batchEvents,
      failure: state === "failed" ? "failed" : undefined,
    }
  }

  /** The request's own span was not recorded: it was over before anything went wrong. The log has only when it was accepted. */
  #requestSpan(at: number): Span {
    return {
      traceId: this.#trace.id,
      spanId: spanIds.request(this.#id),
      parentId: this.#trace.parentId,
      name: "payout batch accepted",
      kind: "server",
      startedAt: at,
      endedAt: at,
      attributes: { "atlaspay.batch.id": this.#id, "atlaspay.from_log": true },
    }
  }

  #begin(
    key: string,
    startedAt: number,
    left: number,
    span: Pick<Open, "spanId" | "name"> & { readonly attributes: Attributes },
  ): void {
    if (this.#open.has(key)) return
    const attributes = { "atlaspay.batch.id": this.#id, ...span.attributes }
    const parentId = spanIds.batch(this.#id)
    this.#open.set(key, { ...span, attributes, parentId, startedAt, left, events: [], isTroubled: false })
  }

  #screened(key: string, at: number, decided: number): void {
    const open = this.#open.get(key)
    if (open === undefined) return
    open.left -= decided
    if (open.left <= 0) this.#end(key, at, "decided")
  }

  #note(key: string, event: BatchEvent): void {
    const open = this.#open.get(key)
    if (open === undefined) return
    if (troubleIn(event) !== undefined) open.isTroubled = true
    if (open.events.length < EVENTS_MAX) open.events.push({ name: event._tag, at: event.at, attributes: {} })
  }

  #ofBatch(event: BatchEvent): void {
    if (this.#batchEvents.length >= EVENTS_MAX) return
    const about = "item" in event && event.item !== undefined ? { "atlaspay.item": event.item } : {}
    this.#batchEvents.push({ name: event._tag, at: event.at, attributes: about })
  }

  #end(key: string, endedAt: number, outcome: string, failure?: string): void {
    const open = this.#open.get(key)
    if (open === undefined) return
    this.#open.delete(key)
    if (this.#version <= this.#from) return
    this.#keep(
      this.#spanOf(open, endedAt, { "atlaspay.outcome": outcome }, failure),
      open.isTroubled || failure !== undefined,
    )
  }

  /** What a bank reports of an attempt that was over is a span of its own. */
  #after(event: { _tag: string; at: number; item: number; attempt: number }, version: number): void {
    if (version <= this.#from) return
    const { _tag, at, item, attempt } = event
    const name = _tag === "TransferReturned" ? "payout returned" : "late outcome"
    const span = {
      spanId: spanIdOf(name, this.#id, version),
      parentId: spanIds.attempt(this.#id, item, attempt),
      name,
      startedAt: at,
      attributes: {
        "atlaspay.batch.id": this.#id,
        "atlaspay.item": item,
        "atlaspay.attempt": attempt,
      },
      events: [],
      left: 0,
      isTroubled: true,
    }
    this.#keep(this.#spanOf(span, at, {}), true)
  }

  #keep(span: Span, isTroubled: boolean): void {
    if (isTroubled ? this.#troubled >= TROUBLED_MAX : this.#untroubled >= SPANS_MAX) this.#leftOut += 1
    else {
      this.#ended.push(span)
      if (isTroubled) this.#troubled += 1
      else this.#untroubled += 1
    }
  }

  #spanOf(open: Open, endedAt: number, attributes: Attributes, failure?: string): Span {
    const { spanId, parentId, name, startedAt, events } = open
    return {
      traceId: this.#trace.id,
      spanId,
      parentId,
      name,
      kind: "internal",
      startedAt,
      endedAt,
      attributes: { ...open.attributes, ...attributes },
      events,
      failure,
    }
  }
}

const attemptKey = ({ item, attempt }: { readonly item: number; readonly attempt: number }): string =>
  `A${item}-${attempt}`
