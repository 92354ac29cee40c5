/** The span of the publication of an event: the one that its `traceparent` names, so that its receivers are within it. */
import type { Trace } from "../domain/trace.ts"
import { type Span, spanIds } from "../traces/span.ts"
import type { Recording } from "../traces/tracing.ts"
import type { PublicEvent } from "./public-event.ts"

/** What is known before an event is published. */
export type Publication = Omit<Span, "startedAt" | "endedAt">

/** The publication of an event in the trace of its batch; `undefined` if that is not recorded. */
export const publicationOf = (
  recording: Recording,
  { id, type, data, subject }: PublicEvent,
  trace: Trace | undefined,
  stream: string,
): Publication | undefined =>
  recording.beside(() => {
    const { id: traceId, isRecorded } = recording.traceOf(data.batchId, trace)
    if (!isRecorded) return undefined
    const [, item] = subject.split("/")
    return {
      traceId,
      spanId: spanIds.event(id),
      parentId: spanIds.batch(data.batchId),
      name: `publish ${type}`,
      kind: "producer",
      attributes: {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.destination.name": stream,
        "messaging.message.id": id,
        "atlaspay.batch.id": data.batchId,
        ...(item === undefined ? {} : { "atlaspay.item": Number(item) }),
      },
    }
  })

/** Records publications that JetStream acknowledged, which were made from `startedAt` to `endedAt` (epoch milliseconds). */
export const recordPublished = (
  recording: Recording,
  messages: ReadonlyArray<{ readonly publication?: Publication | undefined }>,
  startedAt: number,
  endedAt: number,
): void => {
  recording.beside(() => {
    for (const { publication } of messages)
      if (publication !== undefined) recording.record({ ...publication, startedAt, endedAt })
  })
}
