/** Which trace leads on from the time of a request: one that has its span, and no other. */
import { Clock, Effect } from "effect"
import { expect, it } from "vitest"
import type { PartnerId } from "../../../src/domain/identifiers.ts"
import { openedTrace, RequestTrace, recorded, recordedTraceOf } from "../../../src/http/edge/request-spans.ts"
import { ownTraceIdOf, type Span } from "../../../src/traces/span.ts"
import { recordingWith, Tracing } from "../../../src/traces/tracing.ts"
import { batchId } from "../../domain/batch-story.ts"

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

const clock = Effect.runSync(Clock.Clock)

const request = (traceparent?: string) => ({
  req: { method: "POST", header: (name: string) => (name === "traceparent" ? traceparent : undefined) },
})

/** A request, and what it left, with so many of a hundred traces recorded. */
const answered = async (percent: number | undefined, status: number, traceparent?: string) => {
  const spans: Array<Span> = []
  const recording =
    percent === undefined
      ? undefined
      : recordingWith(
          { percent, slowMs: 1_000_000_000 },
          { record: (span) => void spans.push(span), dropped: () => {}, broke: () => {} },
          clock.currentTimeMillisUnsafe(),
          () => 0.5,
        )
  const call = request(traceparent)
  await Effect.runPromise(
    recorded(recording, call, () => "/payout-batches", Effect.succeed(new Response(null, { status }))),
  )
  return { led: recordedTraceOf(call), spans }
}

it("leads to the caller's trace, to one of ours, and to one that is kept because we failed", async () => {
  expect((await answered(0, 202, `00-${TRACE}-00f067aa0ba902b7-01`)).led).toBe(TRACE)
  const own = await answered(100, 202)
  expect(own.led).toBe(own.spans[0]?.traceId)
  expect((await answered(0, 500, `00-${TRACE}-00f067aa0ba902b7-00`)).led).toBe(TRACE)
})

it("leads nowhere if no span was recorded, whatever the caller asked for", async () => {
  expect((await answered(0, 202)).led).toBeUndefined()
  expect((await answered(0, 202, `00-${TRACE}-00f067aa0ba902b7-00`)).led).toBeUndefined()
  expect((await answered(undefined, 500, `00-${TRACE}-00f067aa0ba902b7-01`)).led).toBeUndefined()
})

it("leads from the acceptance of a batch to the batch's trace, if that is recorded", async () => {
  const opened = { batch: batchId, partner: "acme" as PartnerId, trace: undefined }
  const at = (percent: number) =>
    Effect.runPromise(
      openedTrace.pipe(
        Effect.provideService(RequestTrace, { opened }),
        Effect.provideService(
          Tracing,
          recordingWith({ percent, slowMs: 1 }, { record: () => {}, dropped: () => {}, broke: () => {} }, 0),
        ),
      ),
    )
  expect(await at(100)).toBe(ownTraceIdOf(batchId))
  expect(await at(0)).toBeUndefined()
  expect(await Effect.runPromise(openedTrace)).toBeUndefined()
})
