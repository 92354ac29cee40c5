/** A span of a trace, as it is exported (OpenTelemetry, "Span"), and the ids that follow from what is in the log. */
import { hash, randomUUID } from "node:crypto"
import type { BatchId } from "../domain/identifiers.ts"

/** Text, numbers and flags. Never an account, a name, a key, a remittance text, or a URL with a query. */
export type Attributes = Readonly<Record<string, string | number | boolean>>

/** By OpenTelemetry: `server` answers a request, `client` makes one, `producer` publishes a message. */
export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer"

/** Something that happened within a span. */
export interface SpanEvent {
  readonly name: string
  /** Epoch milliseconds. */
  readonly at: number
  readonly attributes: Attributes
}

export interface Span {
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
  /** That of the span in which it happened; `undefined` for the first span of a trace. */
  readonly parentId: string | undefined
  /** From a small set. */
  readonly name: string
  readonly kind: SpanKind
  /** Epoch milliseconds, perhaps with a fraction. */
  readonly startedAt: number
  readonly endedAt: number
  readonly attributes: Attributes
  readonly events?: ReadonlyArray<SpanEvent>
  /** Why it failed, from a small set of words of ours; `undefined` if it did not. */
  readonly failure?: string | undefined
}

const TRACE_DIGITS = 32
const SPAN_DIGITS = 16

/**
 * The id of a span that follows from what it is about. So who never saw the span can name it as a parent, and who makes it again
 * after a crash makes the same one.
 */
export const spanIdOf = (...about: ReadonlyArray<string | number>): string =>
  hash("sha256", about.join(" "), "hex").slice(0, SPAN_DIGITS)

/**
 * The id of a span that follows from nothing. Each call to a provider gets one, recorded or not; of all ways to random bits, Node's
 * UUIDs (RFC 9562, version 4) alone are drawn many at a time. Their first eight digits and the last eight are random.
 */
export const newSpanId = (): string => {
  const uuid = randomUUID()
  return uuid.slice(0, SPAN_DIGITS / 2) + uuid.slice(-SPAN_DIGITS / 2)
}

/** The id of a trace that follows from nothing. Its last digits are random, as those are of which {@link isSampled} draws. */
export const newTraceId = (): string => randomUUID().replaceAll("-", "")

/** The trace of a batch whose partner named none. It follows from the batch, so it costs nothing in the log. */
export const ownTraceIdOf = (batch: BatchId): string =>
  hash("sha256", `trace ${batch}`, "hex").slice(0, TRACE_DIGITS)

/** The id of a batch's trace, by what its log says of it: for log lines. */
export const traceIdOf = (batch: BatchId, trace: { readonly id: string } | undefined): string =>
  trace?.id ?? ownTraceIdOf(batch)

/** The ids of the spans of a batch. */
export const spanIds = {
  /** The request that the batch was accepted by. */
  request: (batch: BatchId) => spanIdOf("request", batch),
  batch: (batch: BatchId) => spanIdOf("batch", batch),
  screening: (batch: BatchId, clearance: number) => spanIdOf("screening", batch, clearance),
  posting: (batch: BatchId, posting: number) => spanIdOf("posting", batch, posting),
  attempt: (batch: BatchId, item: number, attempt: number) => spanIdOf("attempt", batch, item, attempt),
  /** What the read models took of the log in one step, up to and including a version. */
  projection: (batch: BatchId, version: number) => spanIdOf("projection", batch, version),
  /** The publication of an event, by the event's id: also the span in its `traceparent`. */
  event: (eventId: string) => spanIdOf(eventId),
}

/** `traceparent` (W3C Trace Context, level 1) of a request that is made within a span. */
export const traceParent = (traceId: string, spanId: string, sampled: boolean): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`
