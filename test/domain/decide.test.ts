import { describe, expect, it } from "vitest"
import { batchState, emptyBatch, fold } from "../../src/domain/batch.ts"
import { SENDS_MAX } from "../../src/domain/decide.ts"
import { ITEMS_PER_EVENT_MAX } from "../../src/domain/events.ts"
import { accepted, failed, neverSeen, returned, Story, settled, unknown } from "./batch-story.ts"

const tags = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)

describe("a payout batch", () => {
  it("is received in chunks that keep every item in order", () => {
    const story = new Story().received(ITEMS_PER_EVENT_MAX + 1)
    expect(tags(story.events)).toEqual(["BatchReceived", "ItemsReceived", "ItemsReceived"])
    expect([...story.batch.items.keys()].at(-1)).toBe(ITEMS_PER_EVENT_MAX + 1)
    expect(batchState(story.batch)).toBe("received")
  })

  it("is received once", () => {
    expect(() => new Story().received(1).received(1)).toThrow("the batch exists")
  })

  it("closes as settled when every item is settled and posted", () => {
    const story = new Story().requested(2)
    story.hears(1, settled)
    story.hears(2, settled)
    expect(story.refusal({ _tag: "CloseBatch" }).reason).toBe("items are still open")
    story.posted("post").tell({ _tag: "CloseBatch" })
    expect(batchState(story.batch)).toBe("settled")
  })

  it("closes as partially settled, failed or rejected by what became of its items", () => {
    const partly = new Story().requested(2)
    partly.hears(1, settled)
    partly.hears(2, failed)
    partly.posted("post").posted("release").tell({ _tag: "CloseBatch" })
    expect(batchState(partly.batch)).toBe("partially-settled")

    const none = new Story().requested(1)
    none.hears(1, failed)
    none.posted("release").tell({ _tag: "CloseBatch" })
    expect(batchState(none.batch)).toBe("failed")

    const refused = new Story().received(2).screened([1, 2], "rejected")
    refused.tell({ _tag: "CloseBatch" })
    expect(batchState(refused.batch)).toBe("rejected")
  })

  it("stays open while an item is held for review, and the others go on", () => {
    const story = new Story().received(2).screened([1], "review").screened([2], "approved")
    story.posted("hold")
    story.tell({ _tag: "RequestTransfers", transfers: [{ item: 2, bank: "north", reference: "r" }] })
    story.hears(2, settled)
    story.posted("post")
    expect(story.refusal({ _tag: "CloseBatch" }).reason).toBe("items are still open")
    expect(story.stateOf(1)).toBe("held")
  })
})

describe("the door to the bank", () => {
  const intent = (item: number) =>
    ({ _tag: "RequestTransfers", transfers: [{ item, bank: "north", reference: "r" }] }) as const

  it("is shut before clearance, without a hold, after a rejection and during a review", () => {
    expect(new Story().received(1).refusal(intent(1)).item).toBe(1)
    expect(new Story().cleared(1).refusal(intent(1)).reason).toBe("the item is not cleared and held")
    expect(new Story().received(1).screened([1], "rejected").refusal(intent(1)).item).toBe(1)
    expect(new Story().received(1).screened([1], "review").refusal(intent(1)).item).toBe(1)
  })

  it("is passed once, whatever becomes of the transfer", () => {
    for (const outcome of [settled, failed, returned, accepted, unknown]) {
      const story = new Story().requested(1)
      expect(story.refusal(intent(1)).item).toBe(1)
      story.hears(1, outcome)
      expect(story.refusal(intent(1)).item, outcome._tag).toBe(1)
    }
  })
})

describe("a transfer", () => {
  it("settles by response, callback or inquiry, and hears the same news again without an event", () => {
    const story = new Story().requested(1)
    expect(tags(story.hears(1, accepted))).toEqual(["TransferAccepted"])
    expect(tags(story.hears(1, settled))).toEqual(["TransferSettled"])
    expect(story.hears(1, settled)).toEqual([])
    expect(story.hears(1, accepted)).toEqual([])
    expect(story.hears(1, unknown)).toEqual([])
    expect(story.stateOf(1)).toBe("settled")
  })

  it("that a callback settles before its own response arrives stays settled", () => {
    const story = new Story().requested(1)
    story.hears(1, settled)
    story.hears(1, unknown)
    expect(story.stateOf(1)).toBe("settled")
  })

  it("goes out again under its key only on the bank's word that it never saw it, a bounded number of times", () => {
    const story = new Story().requested(1)
    expect(story.hears(1, neverSeen), "in the air, nobody was asked yet").toEqual([])
    for (let send = 1; send < SENDS_MAX; send++) {
      story.hears(1, unknown)
      expect(tags(story.hears(1, neverSeen))).toEqual(["TransferResent"])
    }
    story.hears(1, unknown)
    expect(tags(story.hears(1, neverSeen))).toEqual(["TransferParked"])
  })

  it("is never sent again once the bank had accepted it", () => {
    const story = new Story().requested(1)
    story.hears(1, accepted)
    expect(tags(story.hears(1, neverSeen))).toEqual(["TransferParked"])
  })

  it("that a worker left in the air becomes unknown and is asked about at once", () => {
    const story = new Story().requested(2)
    story.hears(1, settled)
    const [event, ...others] = story.tell({ _tag: "TakeOver" })
    expect(others).toEqual([])
    expect(event).toMatchObject({ _tag: "TransferUnknown", item: 2, inquireAt: event?.at })
  })

  it("comes back after it settled, also before the ledger posted it, and also after the batch closed", () => {
    const early = new Story().requested(1)
    early.hears(1, settled)
    early.hears(1, returned)
    expect(early.batch.items.get(1)?.task, "posted before it is reversed").toBe("post")
    early.posted("post").posted("reverse")

    const late = new Story().requested(1)
    late.hears(1, settled)
    late.posted("post").tell({ _tag: "CloseBatch" })
    expect(tags(late.hears(1, returned))).toEqual(["TransferReturned"])
    late.posted("reverse")
    expect(late.batch.items.get(1)).toMatchObject({ state: "returned", ledger: "reversed" })
  })

  it("that came back unheard of was settled first", () => {
    const story = new Story().requested(1)
    expect(tags(story.hears(1, returned))).toEqual(["TransferSettled", "TransferReturned"])
  })

  it("about which the bank contradicts itself goes to a person, with both statements in the log", () => {
    const revived = new Story().requested(1)
    revived.hears(1, failed)
    expect(tags(revived.hears(1, settled))).toEqual(["TransferParked"])
    const undone = new Story().requested(1)
    undone.hears(1, settled)
    expect(tags(undone.hears(1, failed))).toEqual(["TransferParked"])
  })

  it("that is parked still hears the bank's final word, and no other", () => {
    const story = new Story().requested(1)
    story.hears(1, { _tag: "Unresolved", reason: "asked nine times" })
    expect(story.stateOf(1)).toBe("parked")
    expect(story.hears(1, accepted)).toEqual([])
    expect(story.hears(1, neverSeen)).toEqual([])
    story.hears(1, settled)
    expect(story.stateOf(1)).toBe("settled")
  })

  it("of an attempt or item that does not exist is refused", () => {
    const story = new Story().requested(1)
    expect(story.refusal({ _tag: "RecordTransfer", item: 9, attempt: 1, outcome: settled }).reason).toBe(
      "no such item",
    )
    expect(story.refusal({ _tag: "RecordTransfer", item: 1, attempt: 2, outcome: settled }).reason).toBe(
      "no such attempt",
    )
  })
})

describe("the ledger", () => {
  it("books a posting once", () => {
    const story = new Story().cleared(1)
    story.posted("hold")
    expect(story.tell({ _tag: "RecordPosting", posting: 1, ledgerPostingId: "again" })).toEqual([])
  })

  it("refuses postings that are not due", () => {
    const story = new Story().cleared(1)
    expect(story.refusal({ _tag: "RequestPosting", kind: "post", items: [1] }).reason).toBe(
      "a post is not due",
    )
    story.tell({ _tag: "RequestPosting", kind: "hold", items: [1] })
    expect(story.refusal({ _tag: "RequestPosting", kind: "hold", items: [1] }).item).toBe(1)
  })
})

it("folding the same events again gives the same batch", () => {
  const story = new Story().requested(3)
  story.hears(1, settled)
  story.hears(2, failed)
  story.hears(3, unknown)
  expect(fold(story.events, emptyBatch())).toEqual(story.batch)
})
