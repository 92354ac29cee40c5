import { Clock, Effect } from "effect"
import { beforeEach, describe, expect, it } from "vitest"
import { BatchTraces } from "../../src/actors/batch-traces.ts"
import { CALLS_MAX, KeptTraces } from "../../src/actors/kept-traces.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { transferReference } from "../../src/domain/identifiers.ts"
import { beginCall } from "../../src/traces/call-scope.ts"
import { type Span, spanIds } from "../../src/traces/span.ts"
import { recordingWith } from "../../src/traces/tracing.ts"
import { batchId, unknown as notKnown, returned, Story, settled } from "../domain/batch-story.ts"

const now = Date.UTC(2026, 10, 23, 9)
const clock: Clock.Clock = { ...Effect.runSync(Clock.Clock), currentTimeMillisUnsafe: () => now }

let recorded: Array<Span>
let exported: Array<{ readonly from: number }>
let dropped: Array<string>

/** The traces of a worker that records so many of a hundred. */
const tracesAt = (
  percent: number,
  slowMs = 1_000_000_000_000,
  record = (span: Span) => void recorded.push(span),
) => {
  const recording = recordingWith(
    { percent, slowMs },
    { record, dropped: (reason) => void dropped.push(reason), broke: () => {} },
    now,
  )
  return new BatchTraces(recording, clock, (log) => exported.push(log) > 0)
}

beforeEach(() => {
  recorded = []
  exported = []
  dropped = []
})

/** Calls the bank about item 1. */
const call = (traces: BatchTraces, { batch }: Story, failure?: string) => {
  const scope = traces.scopeOf({ id: batchId, batch, isTroubled: false }, { _tag: "Transfer", items: [1] })
  const about = transferReference({ batch: batchId, item: 1, attempt: 1 })
  const begun = beginCall(scope, { provider: "north", step: "transfer", about, startedAt: 1 })
  begun.end(1, failure === undefined ? { outcome: "Accepted" } : { failure })
  return begun
}

/** Tells the traces of what a story appended. */
const append = (
  traces: BatchTraces,
  { batch }: Story,
  events: ReadonlyArray<BatchEvent>,
  actor = { id: batchId, batch, isTroubled: false },
) => {
  traces.appended(actor, events)
  return actor
}

const paid = () => {
  const story = new Story().requested(1)
  story.hears(1, settled)
  story.posted("post")
  return story
}
const close = (traces: BatchTraces, story: Story) => append(traces, story, story.tell({ _tag: "CloseBatch" }))

describe("a recorded trace", () => {
  it("gets its calls as they end, within their attempts, and its log when the batch closes", () => {
    const traces = tracesAt(100)
    const story = paid()
    const { underWay } = call(traces, story)
    expect(recorded).toMatchObject([
      {
        name: "north transfer",
        parentId: spanIds.attempt(batchId, 1, 1),
        attributes: { "atlaspay.item": 1 },
      },
    ])
    expect(underWay.traceparent).toBe(`00-${recorded[0]?.traceId}-${recorded[0]?.spanId}-01`)
    expect(exported).toEqual([])
    close(traces, story)
    expect(exported).toMatchObject([{ from: 0 }])
  })
})

describe("another trace", () => {
  it("is dropped if all went well", () => {
    const traces = tracesAt(0)
    const story = paid()
    expect(call(traces, story).underWay.traceparent).toMatch(/-00$/)
    close(traces, story)
    expect([recorded, exported]).toEqual([[], []])
  })

  it("is kept, with the calls before, if a call failed", () => {
    const traces = tracesAt(0)
    const story = paid()
    call(traces, story)
    call(traces, story, "timed-out")
    expect(recorded).toEqual([])
    close(traces, story)
    expect(recorded.map(({ failure }) => failure)).toEqual([undefined, "timed-out"])
    expect(exported.length).toBe(1)
  })

  it("is not kept because a channel took no calls", () => {
    const traces = tracesAt(0)
    const story = paid()
    call(traces, story, "not-called")
    close(traces, story)
    expect(exported).toEqual([])
  })

  it("is kept if the log tells of trouble", () => {
    const traces = tracesAt(0)
    const story = new Story().requested(1)
    const actor = append(traces, story, story.hears(1, notKnown))
    story.hears(1, settled)
    story.posted("post")
    append(traces, story, story.tell({ _tag: "CloseBatch" }), actor)
    expect(exported).toEqual([{ id: batchId, from: 0 }])
  })

  it("is kept if the log told of trouble to another worker, or to this one that forgot it", () => {
    const story = new Story().requested(1)
    const actor = append(tracesAt(0), story, story.hears(1, notKnown))
    story.hears(1, settled)
    story.posted("post")
    append(tracesAt(0), story, story.tell({ _tag: "CloseBatch" }), actor)
    expect(exported).toEqual([{ id: batchId, from: 0 }])
  })

  it("is kept if its bank contradicts itself after the batch was closed, and not for a return", () => {
    const traces = tracesAt(0)
    const story = paid()
    close(traces, story)
    append(traces, story, story.hears(1, returned))
    expect(exported).toEqual([])
    const late = { _tag: "LateOutcomeDetected", at: now, item: 1, attempt: 1 } as unknown as BatchEvent
    append(traces, story, [late])
    expect(exported).toEqual([{ id: batchId, from: 0 }])
  })

  it("is kept if the batch cannot be continued", () => {
    tracesAt(0).frozen(batchId)
    expect(exported).toEqual([{ id: batchId, from: 0 }])
  })

  it("is kept if the batch was slow, and not if it was a little faster", () => {
    const story = paid()
    const closing = story.tell({ _tag: "CloseBatch" })
    const tookMs = (story.batch.closedAt ?? 0) - story.batch.receivedAt
    append(tracesAt(0, tookMs + 1), story, closing)
    expect(exported).toEqual([])
    append(tracesAt(0, tookMs), story, closing)
    expect(exported.length).toBe(1)
  })

  it("is one of so many a second that are kept, and the others are counted", () => {
    const traces = tracesAt(0)
    for (let nth = 0; nth < 15; nth++) {
      const story = paid()
      call(traces, story, "timed-out")
      close(traces, story)
    }
    // All of them close at the same time.
    expect([exported.length, dropped]).toEqual([10, Array(5).fill("too-many-kept")])
  })
})

describe("a mistake in recording", () => {
  it("stays beside the batch, and is counted", () => {
    const traces = tracesAt(100, 1, () => {
      throw new Error("a mistake")
    })
    const story = paid()
    call(traces, story)
    append(traces, story, story.tell({ _tag: "CloseBatch" }))
    const run = { worker: "w", startedAt: now, from: 1, failure: undefined }
    traces.rested({ id: batchId, batch: story.batch, isTroubled: false }, run)
    expect(dropped).toEqual(["defect", "defect"])
  })
})

describe("what a worker remembers", () => {
  const span = (nth: number) => () => ({ spanId: String(nth) }) as Span
  const batch = (nth: number) => `pb_${String(nth).padStart(22, "a")}` as typeof batchId

  it("is the last calls of a batch", () => {
    const kept = new KeptTraces()
    for (let nth = 0; nth < CALLS_MAX + 3; nth++) kept.remember(batchId, span(nth))
    const calls = kept.takeCalls(batchId)
    expect([calls.length, calls[0]?.spanId, kept.takeCalls(batchId)]).toEqual([CALLS_MAX, "3", []])
  })

  it("is no span before one is wanted", () => {
    const kept = new KeptTraces()
    const made: Array<number> = []
    for (let nth = 0; nth < CALLS_MAX + 3; nth++)
      kept.remember(batchId, () => {
        made.push(nth)
        return span(nth)()
      })
    kept.forget(batchId)
    expect([made, kept.takeCalls(batchId)]).toEqual([[], []])
  })

  it("has a limit over all batches, beyond which the first ones are forgotten", () => {
    const kept = new KeptTraces()
    for (let nth = 0; nth < 5_000; nth++)
      for (let call = 0; call < 8; call++) kept.remember(batch(nth), span(call))
    const known = Array.from({ length: 5_000 }, (_, nth) => nth).filter(
      (nth) => kept.seen(batch(nth)) !== undefined,
    )
    expect(known.at(-1)).toBe(4_999)
    expect(known.length).toBeLessThanOrEqual(16_384 / 8)
  })
})

describe("what was appended leads to a trace", () => {
  /** The id of the trace that an append leads to. */
  const ledTo = (traces: BatchTraces, { batch }: Story, events: ReadonlyArray<BatchEvent>) =>
    traces.appended({ id: batchId, batch, isTroubled: false }, events)
  const closing = (story: Story) => [story, story.tell({ _tag: "CloseBatch" })] as const

  it("that is recorded, or kept because of trouble", () => {
    const id = expect.stringMatching(/^[0-9a-f]{32}$/)
    expect(ledTo(tracesAt(100), paid(), [])).toEqual(id)
    expect(ledTo(tracesAt(100), ...closing(paid()))).toEqual(id)
    const troubled = tracesAt(0)
    const story = paid()
    call(troubled, story, "timed-out")
    expect(ledTo(troubled, ...closing(story))).toEqual(id)
  })

  it("but not to one that nobody exports", () => {
    expect(ledTo(tracesAt(0), paid(), [])).toBeUndefined()
    expect(ledTo(tracesAt(0), ...closing(paid()))).toBeUndefined()
  })
})
