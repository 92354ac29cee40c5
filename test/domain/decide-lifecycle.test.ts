import { describe, expect, it } from "vitest"
import { batchState } from "../../src/domain/batch.ts"
import { ITEMS_PER_EVENT_MAX } from "../../src/domain/events.ts"
import {
  clerk,
  failed,
  failedForNow,
  intent,
  payoutItem,
  returned,
  STORY_BEGINS,
  Story,
  settled,
} from "./batch-story.ts"
import { wakes, workDue } from "./planned.ts"

const tags = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)
const policy = { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax: 1 }

describe("a payout batch", () => {
  it("is received in chunks that keep every item in order, and once", () => {
    const story = new Story().received(ITEMS_PER_EVENT_MAX + 1)
    expect(tags(story.events)).toEqual(["BatchReceived", "ItemsReceived", "ItemsReceived"])
    expect([...story.batch.items.keys()].at(-1)).toBe(ITEMS_PER_EVENT_MAX + 1)
    expect(() => story.received(1)).toThrow("batch-exists")
    expect(() => new Story().received(1, { items: [payoutItem(2)] })).toThrow("items-misnumbered")
  })

  it("refuses every command before it exists", () => {
    expect(new Story().refusal({ _tag: "CloseBatch" }).reason).toBe("no-such-batch")
  })

  it("closes as settled, partially settled, failed, rejected or cancelled by what became of its items", () => {
    const closed = (story: Story) => {
      story.tell({ _tag: "CloseBatch" })
      return batchState(story.batch)
    }
    const all = new Story().requested(1)
    all.hears(1, settled)
    expect(closed(all.posted("post"))).toBe("settled")

    const some = new Story().requested(2)
    some.hears(1, settled)
    some.hears(2, failed)
    expect(closed(some.posted("post").posted("release"))).toBe("partially-settled")

    const none = new Story().requested(2)
    none.hears(1, failed)
    none.hears(2, returned)
    expect(closed(none.posted("post").posted("release").posted("reverse"))).toBe("failed")

    expect(closed(new Story().asked(2).answered([1, 2], "rejected"))).toBe("rejected")

    const withdrawn = new Story().asked(2).answered([1], "rejected").answered([2], "approved")
    withdrawn.tell({ _tag: "Cancel", items: [], by: "sam", reason: "by mistake" })
    expect(closed(withdrawn)).toBe("cancelled")
  })

  it("stays open while an item is held for review, and the others go on", () => {
    const story = new Story().asked(2).answered([1], "review").answered([2], "approved")
    story.tell({ _tag: "StartExecution" })
    story.posted("hold").tell(intent(2))
    story.hears(2, settled)
    story.posted("post")
    expect(story.refusal({ _tag: "CloseBatch" }).reason).toBe("items-open")
    expect(wakes(story.batch), "only a person can move it").toBeUndefined()
    story.tell({ _tag: "Review", item: 1, decision: "released", by: "olga", reason: "not the same person" })
    expect(tags(workDue(story.batch, story.now))).toEqual(["RequestPosting"])
  })
})

describe("a strict batch", () => {
  it("pays nobody once one item is rejected, by the engine or by a reviewer", () => {
    const engine = new Story()
      .asked(3, { mode: "strict" })
      .answered([1], "approved")
      .answered([2], "rejected")
    const reviewer = new Story()
      .asked(3, { mode: "strict" })
      .answered([2], "review")
      .answered([1, 3], "approved")
    expect(reviewer.refusal({ _tag: "StartExecution" }).reason, "a held item stops all").toBe("not-due")
    reviewer.tell({ _tag: "Review", item: 2, decision: "rejected", by: "olga", reason: "the same person" })
    for (const story of [engine, reviewer]) {
      expect([1, 2, 3].map((item) => story.stateOf(item))).toEqual(["cancelled", "rejected", "cancelled"])
      story.tell({ _tag: "CloseBatch" })
      expect(batchState(story.batch)).toBe("rejected")
    }
  })

  it("waits for a reviewer without being woken, also when its time has come, and starts without what was cancelled", () => {
    const story = new Story().asked(3, { mode: "strict", executeAt: STORY_BEGINS }).answered([1], "review")
    story.answered([2, 3], "approved")
    expect(workDue(story.batch, story.now)).toEqual([])
    expect(wakes(story.batch), "time alone will not start it").toBeUndefined()
    story.tell({ _tag: "Cancel", items: [1], by: "sam", reason: "by mistake" })
    expect(tags(workDue(story.batch, story.now))).toContain("StartExecution")
  })

  it("starts when all are screened", () => {
    expect(tags(new Story().started(2, { mode: "strict" }).events).at(-1)).toBe("ExecutionStarted")
  })
})

describe("approval", () => {
  const asked = { approvalAsked: true, policy }
  const approve = { _tag: "Approve", by: "olga", hash: "digest" } as const

  it("is needed when it is asked for, or above a currency's threshold", () => {
    const total = 1_001n + 1_002n
    const above = { ...policy, approvalAbove: { EUR: total - 1n } }
    const within = { ...policy, approvalAbove: { EUR: total, JPY: 0n } }
    expect(new Story().received(2, asked).batch.approval?.reason).toBe("asked")
    expect(new Story().received(2, { policy: above }).batch.approval?.reason).toBe("threshold")
    expect(new Story().received(2, { policy: within }).batch.approval).toBeUndefined()
    expect(new Story().screened(1).refusal(approve).reason).toBe("approval-not-needed")
  })

  it("comes from another person, for this very batch, once", () => {
    const story = new Story().screened(1, asked)
    expect(batchState(story.batch)).toBe("awaiting-approval")
    expect(story.refusal({ _tag: "StartExecution" }).reason).toBe("not-due")
    expect(story.refusal({ ...approve, credential: clerk }).reason).toBe("approver-is-submitter")
    expect(story.refusal({ ...approve, hash: "other" }).reason).toBe("hash-differs")
    story.tell(approve)
    expect(story.refusal({ ...approve, by: "otto" }).reason).toBe("already-approved")
    story.tell({ _tag: "StartExecution" })
    expect(story.refusal({ _tag: "StartExecution" }).reason, "it starts once").toBe("not-due")
  })

  it("that does not come in time cancels the batch", () => {
    const story = new Story().screened(2, asked)
    expect(story.refusal({ _tag: "ExpireApproval" }).reason).toBe("not-due")
    expect(wakes(story.batch)).toBe(STORY_BEGINS + 1 + policy.approvalWithinMs)
    story.now = STORY_BEGINS + policy.approvalWithinMs
    expect(story.refusal(approve).reason, "the deadline itself is too late").toBe("approval-expired")
    expect(tags(workDue(story.batch, story.now))).toContain("ExpireApproval")
    expect(tags(story.tell({ _tag: "ExpireApproval" }))).toEqual(["ApprovalExpired", "ItemsCancelled"])
    story.tell({ _tag: "CloseBatch" })
    expect(batchState(story.batch)).toBe("cancelled")
  })
})

describe("a scheduled batch", () => {
  it("waits for its time and tells when its payouts should arrive", () => {
    const executeAt = STORY_BEGINS + 3_600_000
    const story = new Story().screened(1, { executeAt })
    expect(batchState(story.batch)).toBe("scheduled")
    expect(story.refusal({ _tag: "StartExecution" }).reason).toBe("not-due")
    expect(wakes(story.batch)).toBe(executeAt)
    story.now = executeAt - 1
    story.tell({ _tag: "StartExecution" })
    expect(story.batch.arrivals).toEqual([{ scheme: "sepa", on: "2026-11-24" }])
  })
})

describe("a cancellation", () => {
  const cancel = { _tag: "Cancel", by: "sam", reason: "by mistake" } as const

  it("answers each item honestly: cancelled, or too late and why", () => {
    const story = new Story().started(3).posted("hold")
    story.tell(intent(1))
    expect(story.tell({ ...cancel, items: [1, 2, 2] })).toMatchObject([
      { _tag: "ItemsCancelled", items: [2] },
      { _tag: "CancellationRefused", items: [{ item: 1, reason: "already sent to the bank" }] },
    ])
    expect(story.refusal(intent(2)).reason).toBe("not-due")
    expect(story.batch.items.get(2)?.task, "its hold is released").toBe("release")
    expect(story.refusal({ ...cancel, items: [9] }).reason).toBe("no-such-item")
  })

  it("leaves the question to the compliance engine as it was asked", () => {
    const story = new Story().asked(3)
    story.tell({ ...cancel, items: [2] })
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Screen", clearance: 1, items: [1, 2, 3] }])
    story.answered([1], "approved")
    expect(tags(workDue(story.batch, story.now)), "a part of the answer is no answer to the rest").toContain(
      "Screen",
    )
  })

  it("wins over an answer of the compliance engine that comes later", () => {
    const story = new Story().asked(2)
    story.tell({ ...cancel, items: [1] })
    story.answered([1, 2], "approved")
    expect([1, 2].map((item) => story.stateOf(item))).toEqual(["cancelled", "screened"])
  })
})

describe("a retry", () => {
  it("by policy comes for codes that a new attempt may mend, as often as the partner allows", () => {
    const story = new Story().requested(1, { policy: { ...policy, attemptsMax: 2 } })
    story.hears(1, failedForNow)
    story.posted("release")
    expect(story.refusal({ _tag: "CloseBatch" }).reason).toBe("items-open")
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Retry", item: 1 }])
    story.tell({ _tag: "Retry", item: 1, by: "policy" })
    story.posted("hold").tell(intent(1, 2))
    story.hears(1, failedForNow, 2)
    story.posted("release")
    expect(tags(workDue(story.batch, story.now)), "two attempts were allowed").toEqual(["Close"])
  })

  it("that is asked for twice causes one attempt, also when the first one was long ago", () => {
    const twice = { _tag: "Retry", item: 1, attempt: 1, by: "olga" } as const
    const story = new Story().requested(1)
    story.hears(1, failed)
    expect(story.posted("release").tell(twice)).toMatchObject([{ _tag: "RetryRequested", attempt: 1 }])
    expect(story.refusal(twice).reason).toBe("not-failed")
    story.posted("hold").tell(intent(1, 2))
    story.hears(1, failed, 2)
    story.posted("release")
    expect(story.refusal(twice)).toMatchObject({ reason: "attempt-not-last", attempts: [2] })
  })

  it("never comes for a code that it cannot mend, and waits for the release", () => {
    const story = new Story().requested(1, { policy: { ...policy, attemptsMax: 9 } })
    story.hears(1, failed)
    expect(story.refusal({ _tag: "Retry", item: 1, by: "olga" }).reason).toBe("not-due")
    story.posted("release")
    expect(tags(workDue(story.batch, story.now))).toEqual(["Close"])
    story.tell({ _tag: "CloseBatch" })
    expect(story.refusal({ _tag: "Retry", item: 1, by: "olga" }).reason, "the batch is closed").toBe(
      "not-due",
    )
  })
})

describe("the ledger", () => {
  it("is asked only for what is due, and books a posting once", () => {
    const story = new Story().screened(1)
    expect(story.refusal({ _tag: "RequestPosting", kind: "hold", items: [1] }).reason).toBe("not-started")
    story.tell({ _tag: "StartExecution" })
    story.tell({ _tag: "RequestPosting", kind: "hold", items: [1] })
    expect(story.refusal({ _tag: "RequestPosting", kind: "hold", items: [1] }).item).toBe(1)
    story.tell({ _tag: "RecordPosting", posting: 1, ledgerPostingId: "l" })
    expect(story.tell({ _tag: "RecordPosting", posting: 1, ledgerPostingId: "again" })).toEqual([])
  })
})
