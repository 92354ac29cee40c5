/** `traceparent` (W3C Trace Context, level 1) of a public event, as CloudEvents have it (extension Distributed Tracing). */
import { hash } from "node:crypto"
import type { Trace } from "../domain/trace.ts"

/** Digits of the id of a span. */
const SPAN_DIGITS = 16

/**
 * The header's value: the trace of the batch, and the event as the span. The span's id follows from the id of the event, so that
 * who publishes an event again publishes the same bytes.
 */
export const traceParentOf = ({ id, sampled }: Trace, eventId: string): string =>
  `00-${id}-${hash("sha256", eventId).slice(0, SPAN_DIGITS)}-${sampled ? "01" : "00"}`
