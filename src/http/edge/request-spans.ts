/**
 * The span of a request. If the request opened a batch, it is the first span of the batch's trace, within the caller's span if the
 * caller named one. It is recorded as the trace is, and in any case if the answer is a failure of ours or came late.
 */
import { Clock, Context, Effect } from "effect"
import type { BatchId, PartnerId } from "../../domain/identifiers.ts"
import type { Trace } from "../../domain/trace.ts"
import { newSpanId, newTraceId, spanIds } from "../../traces/span.ts"
import { type Recording, Tracing } from "../../traces/tracing.ts"
import { traceIn } from "./trace-parent.ts"

/** What a request did for traces, in place: the batch that it opened, as the log has it. Absent unless traces are recorded. */
export interface RequestTrace {
  opened?: { readonly batch: BatchId; readonly partner: PartnerId; readonly trace: Trace | undefined }
  /** Whether the trace that the caller named is recorded, once that was decided: it counts against a limit. */
  isAdmitted?: boolean
}

export const RequestTrace = Context.Reference<RequestTrace | undefined>("atlaspay/http/RequestTrace", {
  defaultValue: () => undefined,
})

/** The trace as the log of a batch is to have it: `sampled` says whether this service records it. Without recording, what the caller said. */
export const traceToLog = (trace: Trace | undefined): Effect.Effect<Trace | undefined> =>
  Effect.gen(function* () {
    const recording = yield* Tracing
    const request = yield* RequestTrace
    if (recording === undefined || trace === undefined) return trace
    const now = yield* Clock.currentTimeMillis
    const isAdmitted = recording.admits("batch", trace.sampled, now)
    if (request !== undefined) request.isAdmitted = isAdmitted
    return { ...trace, sampled: isAdmitted }
  })

/** Says that the request opened a batch. */
export const notesOpened = (
  batch: BatchId,
  partner: PartnerId,
  trace: Trace | undefined,
): Effect.Effect<void> =>
  Effect.map(RequestTrace, (request) => {
    if (request !== undefined) request.opened = { batch, partner, trace }
  })

/** The id of the trace of the batch that the request opened, if it is recorded from its beginning. */
export const openedTrace: Effect.Effect<string | undefined> = Effect.gen(function* () {
  const recording = yield* Tracing
  const opened = (yield* RequestTrace)?.opened
  if (recording === undefined || opened === undefined) return undefined
  const trace = recording.traceOf(opened.batch, opened.trace)
  return trace.isRecorded ? trace.id : undefined
})

/** The traces in which spans of requests were recorded, for as long as the requests are there. */
const traces = new WeakMap<Asking, string>()

/** The id of the trace that has the span of a request that was answered; `undefined` if none has. */
export const recordedTraceOf = (call: Asking): string | undefined => traces.get(call)

/** What the span has of a request. Names of headers are in lower case. */
interface Asking {
  readonly req: {
    readonly method: string
    header(name: string): string | undefined
  }
}

const FAILED = 500

/** Records the span of a request to a route, which `routeOf` names once the request was handled. Nothing is added without recording. */
export const recorded = <R>(
  recording: Recording | undefined,
  call: Asking,
  routeOf: () => string,
  handled: Effect.Effect<Response, never, R>,
): Effect.Effect<Response, never, R> =>
  recording === undefined
    ? handled
    : Effect.clockWith((clock) => {
        const startedAt = clock.currentTimeMillisUnsafe()
        const since = performance.now()
        const asked = traceIn(call.req.header("traceparent"))
        const request: RequestTrace = {}
        return Effect.map(Effect.provideService(handled, RequestTrace, request), (response) => {
          const ms = performance.now() - since
          const { status } = response
          recording.beside(() =>
            record(recording, { call, route: routeOf(), asked, request, status, startedAt, ms }),
          )
          return response
        })
      })

interface Answered {
  readonly call: Asking
  readonly route: string
  readonly asked: Trace | undefined
  readonly request: RequestTrace
  readonly status: number
  readonly startedAt: number
  readonly ms: number
}

const record = (
  recording: Recording,
  { call, route, asked, request, status, startedAt, ms }: Answered,
): void => {
  const { opened, isAdmitted } = request
  const trace =
    opened === undefined
      ? { id: asked?.id, isRecorded: isAdmitted }
      : recording.traceOf(opened.batch, opened.trace)
  const isRecorded = trace.isRecorded ?? recording.admits("request", asked?.sampled ?? false, startedAt)
  const isToKeep = status >= FAILED || ms >= recording.slowRequestMs
  if (!isRecorded && !(isToKeep && recording.mayKeep("request", startedAt))) return
  const traceId = trace.id ?? newTraceId()
  traces.set(call, traceId)
  const { method } = call.req
  recording.record({
    traceId,
    spanId: opened === undefined ? newSpanId() : spanIds.request(opened.batch),
    parentId: asked?.parent,
    name: `${method} ${route}`,
    kind: "server",
    startedAt,
    endedAt: startedAt + ms,
    attributes: {
      "http.request.method": method,
      "http.route": route,
      "http.response.status_code": status,
      ...(opened === undefined
        ? {}
        : { "atlaspay.batch.id": opened.batch, "atlaspay.partner": opened.partner }),
    },
    failure: status >= FAILED ? String(status) : undefined,
  })
}
