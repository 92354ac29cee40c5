/** Spans as JSON of OTLP (opentelemetry-proto 1.x, ExportTraceServiceRequest): ids in hex, times in nanoseconds as text. */
import type { Attributes, Span, SpanKind } from "./span.ts"

const kinds: Readonly<Record<SpanKind, number>> = {
  internal: 1,
  server: 2,
  client: 3,
  producer: 4,
  consumer: 5,
}
const FAILED = 2
const SCOPE = "atlaspay"

/** The body of a request that exports these spans of one process. */
export const encodeSpans = (resource: Attributes, spans: ReadonlyArray<Span>): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: encodeAttributes(resource) },
        scopeSpans: [{ scope: { name: SCOPE }, spans: spans.map(encodeSpan) }],
      },
    ],
  })

const encodeSpan = ({ failure, events = [], ...span }: Span) => ({
  traceId: span.traceId,
  spanId: span.spanId,
  ...(span.parentId === undefined ? {} : { parentSpanId: span.parentId }),
  name: span.name,
  kind: kinds[span.kind],
  startTimeUnixNano: nanoseconds(span.startedAt),
  endTimeUnixNano: nanoseconds(Math.max(span.endedAt, span.startedAt)),
  attributes: encodeAttributes(
    failure === undefined ? span.attributes : { ...span.attributes, "error.type": failure },
  ),
  ...(events.length === 0
    ? {}
    : {
        events: events.map(({ name, at, attributes }) => ({
          name,
          timeUnixNano: nanoseconds(at),
          attributes: encodeAttributes(attributes),
        })),
      }),
  ...(failure === undefined ? {} : { status: { code: FAILED, message: failure } }),
})

/** The clock gives microseconds at best. */
const nanoseconds = (at: number): string => String(BigInt(Math.round(at * 1_000)) * 1_000n)

const encodeAttributes = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }))

const encodeValue = (value: string | number | boolean) => {
  if (typeof value === "string") return { stringValue: value }
  if (typeof value === "boolean") return { boolValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

/** How many spans an answer says that it did not take (ExportTracePartialSuccess); 0 if it does not say. */
export const rejectedIn = (answer: string): number => {
  try {
    const { partialSuccess } = JSON.parse(answer) as { partialSuccess?: { rejectedSpans?: unknown } }
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0)
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0
  } catch {
    // The answer may also be empty, or a page of a proxy: the status says that it was taken.
    return 0
  }
}
