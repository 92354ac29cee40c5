/** `traceparent` (W3C Trace Context, level 1) of a public event, as CloudEvents have it (extension Distributed Tracing). */
import type { Trace } from "../domain/trace.ts"
import { spanIds, traceParent } from "../traces/span.ts"

/**
 * The header's value: the trace of the batch, and the event as the span. The span's id follows from the id of the event, so that
 * who publishes an event again publishes the same bytes.
 */
export const traceParentOf = ({ id, sampled }: Trace, eventId: string): string =>
  traceParent(id, spanIds.event(eventId), sampled)
