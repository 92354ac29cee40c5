/** The trace that an exemplar may name: an id that leads nowhere helps nobody. */
import { Context, Tracer } from "effect"

/** The id of the trace of the current span, if there is one and it is recorded. */
export const recordedTrace = (context: Context.Context<never>): string | undefined => {
  const span = Context.getOrUndefined(context, Tracer.ParentSpan)
  return span?.sampled === true ? span.traceId : undefined
}
