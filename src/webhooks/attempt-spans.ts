/** The span of an attempt to deliver a webhook, within the publication of its event. */
import { isBatchId } from "../domain/identifiers.ts"
import { traceParentIn } from "../publisher/public-event.ts"
import { spanIdOf, spanIds } from "../traces/span.ts"
import type { Recording } from "../traces/tracing.ts"
import type { Delivery, Ended } from "./deliveries.ts"
import type { Answer } from "./sender.ts"

/** Records the span of an attempt that ended, if the trace of its batch is recorded. */
export type RecordAttempt = (
  delivery: Pick<Delivery, "eventId" | "endpoint" | "url" | "body" | "attempts">,
  ended: Pick<Ended, "at" | "durationMs">,
  answer: Answer,
) => void

/** How attempts are recorded; `undefined` if no traces are. */
export const attemptSpans = (recording: Recording | undefined): RecordAttempt | undefined =>
  recording && ((...attempt) => recording.beside(() => record(recording, ...attempt)))

const record = (
  recording: Recording,
  { eventId, endpoint, url, body, attempts }: Parameters<RecordAttempt>[0],
  { at, durationMs }: Parameters<RecordAttempt>[1],
  answer: Answer,
): void => {
  const trace = traceOf(recording, eventId, body)
  if (trace?.isRecorded !== true) return
  const isTaken = typeof answer === "number" && answer >= 200 && answer < 300
  recording.record({
    traceId: trace.id,
    spanId: spanIdOf("webhook", eventId, endpoint, attempts, at),
    parentId: spanIds.event(eventId),
    name: "POST webhook",
    kind: "client",
    startedAt: at,
    endedAt: at + durationMs,
    attributes: {
      "http.request.method": "POST",
      // Only the host: paths of endpoints may be secrets.
      "server.address": new URL(url).hostname,
      "messaging.message.id": eventId,
      "atlaspay.endpoint": endpoint,
      ...(attempts === 0 ? {} : { "http.request.resend_count": attempts }),
      ...(typeof answer === "number" ? { "http.response.status_code": answer } : {}),
    },
    failure: isTaken ? undefined : typeof answer === "number" ? String(answer) : "no-answer",
  })
}

/** By the event itself: `traceparent` is there if the partner named a trace, and otherwise the batch tells. */
const traceOf = (recording: Recording, eventId: string, body: string) => {
  const [batch = ""] = eventId.split(":", 1)
  if (!isBatchId(batch)) return undefined
  const [, id = "", , flags] = traceParentIn(body)?.split("-") ?? []
  return recording.traceOf(batch, id === "" ? undefined : { id, sampled: flags === "01" })
}
