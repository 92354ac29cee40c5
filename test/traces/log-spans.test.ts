import { describe, expect, it } from "vitest"
import type { BatchEvent } from "../../src/domain/events.ts"
import { LogSpans, troubleIn } from "../../src/traces/log-spans.ts"
import { spanIds } from "../../src/traces/span.ts"
import { batchId, returned, Story, settled, storyIn } from "../domain/batch-story.ts"

const trace = { id: "f".repeat(32), parentId: "b7ad6b7169203331", isRecorded: true }

const spansOf = (events: ReadonlyArray<BatchEvent>, from = 0, of = trace) => {
  const spans = new LogSpans(batchId, of, from)
  for (const [index, event] of events.entries()) spans.visit({ version: index + 1, event })
  return spans.spans()
}
const namesOf = (events: ReadonlyArray<BatchEvent>, from = 0, of = trace) =>
  spansOf(events, from, of).map(({ name }) => name)

/** Both items are paid, and the batch is closed. */
const paid = () => {
  const story = new Story().requested(2)
  for (const item of [1, 2]) story.hears(item, settled)
  story.posted("post")
  story.tell({ _tag: "CloseBatch" })
  return story
}

describe("the spans of a log", () => {
  it("are its intervals, within the batch, within its request", () => {
    const story = paid()
    const spans = spansOf(story.events)
    expect(spans.map(({ name }) => name)).toEqual([
      "screening",
      "posting hold",
      "payout attempt",
      "payout attempt",
      "posting post",
      "payout batch",
    ])
    const batch = spans.at(-1)
    expect(batch).toMatchObject({
      parentId: spanIds.request(batchId),
      startedAt: story.batch.receivedAt,
      endedAt: story.batch.closedAt,
      attributes: { "atlaspay.outcome": "settled" },
    })
    expect(spans.slice(0, -1).every(({ parentId }) => parentId === spanIds.batch(batchId))).toBe(true)
    expect(spans.every(({ startedAt, endedAt }) => startedAt <= endedAt)).toBe(true)
  })

  it("are the same whoever makes them", () => expect(spansOf(paid().events)).toEqual(spansOf(paid().events)))

  it("begin with the request if nobody recorded that", () => {
    const spans = spansOf(paid().events, 0, { ...trace, isRecorded: false })
    expect(spans.at(-1)).toMatchObject({ spanId: spanIds.request(batchId), parentId: trace.parentId })
  })

  it("are shown as far as they go while the batch is open", () => {
    const { events } = storyIn("parked")
    const attempt = spansOf(events).find(({ name }) => name === "payout attempt")
    expect(attempt?.attributes["atlaspay.open"]).toBe(true)
    expect(attempt?.events?.map(({ name }) => name)).toContain("TransferParked")
    expect(spansOf(events).find(({ name }) => name === "payout batch")?.attributes["atlaspay.open"]).toBe(
      true,
    )
  })

  it("that were exported are not made again", () => {
    const story = paid()
    const { version } = story.batch
    expect(namesOf(story.events, version)).toEqual([])
    story.hears(1, returned)
    expect(namesOf(story.events, version)).toEqual(["payout returned"])
  })

  it("are no more than fit, and those that went wrong come before others", () => {
    const items = Array.from({ length: 3_000 }, (_, index) => index + 1)
    const [received] = paid().events
    const at = 1_000
    const transfers = items.map((item) => ({ item, attempt: 1, bank: "north", reference: `R${item}` }))
    const events = [
      received,
      { _tag: "TransfersRequested", at, transfers },
      ...items.map((item) =>
        item > 2_900
          ? {
              _tag: "TransferFailed",
              at,
              item,
              attempt: 1,
              evidence: "callback",
              code: "x",
              category: "technical",
              retryable: false,
            }
          : { _tag: "TransferSettled", at, item, attempt: 1, evidence: "callback" },
      ),
    ] as unknown as ReadonlyArray<BatchEvent>
    const spans = spansOf(events)
    expect(spans.length).toBe(1_101)
    expect(spans.filter(({ failure }) => failure === "technical").length).toBe(100)
    expect(spans.at(-1)?.attributes["atlaspay.spans.left_out"]).toBe(1_900)
  })

  it("show what is open and went wrong before what is open", () => {
    const [received] = paid().events
    const at = 1_000
    const transfers = Array.from({ length: 3_000 }, (_, index) => ({
      item: index + 1,
      attempt: 1,
      bank: "north",
      reference: `R${index + 1}`,
    }))
    const parked = { _tag: "TransferParked", at, item: 3_000, attempt: 1 }
    const events = [received, { _tag: "TransfersRequested", at, transfers }, parked]
    const spans = spansOf(events as unknown as ReadonlyArray<BatchEvent>)
    expect(spans.length).toBe(1_002)
    expect(spans.some(({ attributes }) => attributes["atlaspay.item"] === 3_000)).toBe(true)
    expect(spans.at(-1)?.attributes["atlaspay.spans.left_out"]).toBe(1_999)
  })

  it("begin with the request if a release received it that recorded none", () => {
    const [received, ...others] = paid().events
    const events = [{ ...received, trace: { id: trace.id, sampled: true } }, ...others]
    expect(namesOf(events as ReadonlyArray<BatchEvent>).at(-1)).toBe("payout batch accepted")
    const named = [{ ...received, trace: { id: trace.id, sampled: true, parent: trace.parentId } }, ...others]
    expect(namesOf(named as ReadonlyArray<BatchEvent>)).not.toContain("payout batch accepted")
  })

  it("have nothing of what others wrote", () => {
    for (const state of ["held", "failed", "returned", "parked", "rejected"] as const) {
      const text = JSON.stringify(spansOf(storyIn(state).events))
      const { items } = storyIn(state).batch
      for (const { reference, beneficiary } of items.values())
        expect([reference, beneficiary.name].filter((secret) => text.includes(secret))).toEqual([])
    }
  })
})

describe("trouble", () => {
  it("is what a person may want to look into", () => {
    const troubles = (state: Parameters<typeof storyIn>[0]) => storyIn(state).events.map(troubleIn)
    expect(troubles("settled").every((trouble) => trouble === undefined)).toBe(true)
    expect(troubles("unknown")).toContain("trouble")
    expect(troubles("parked")).toContain("person")
  })
})
