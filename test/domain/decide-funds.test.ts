/** What a batch does when the ledger will not hold its money. */
import { describe, expect, it } from "vitest"
import { batchState } from "../../src/domain/batch.ts"
import { CHUNK_MAX } from "../../src/domain/plan.ts"
import { intent, payoutItem, RETRY_MS, refusal, Story } from "./batch-story.ts"
import { wakes, workDue } from "./planned.ts"

const holdsDue = ({ batch, now }: Story) =>
  workDue(batch, now).filter(({ _tag }) => _tag === "RequestPosting")
const fund = (currency = "EUR") => ({ _tag: "FundAccount", currency }) as const

describe("a batch whose hold is refused for lack of funds", () => {
  it("awaits funds, pays nothing, and asks again when it is time, not before", () => {
    const story = new Story().started(2).postingRefused("hold")
    expect(batchState(story.batch)).toBe("awaiting-funds")
    const retryAt = wakes(story.batch) ?? 0
    expect(retryAt).toBeGreaterThan(story.now)
    expect(workDue(story.batch, retryAt - 1)).toEqual([])
    expect(story.refusal(intent(1)).reason).toBe("not-due")

    story.now = retryAt
    expect(holdsDue(story)).toEqual([{ _tag: "RequestPosting", kind: "hold", items: [1, 2] }])
    story.posted("hold")
    expect(batchState(story.batch)).toBe("settling")
    expect(wakes(story.batch)).toBeUndefined()
    expect(workDue(story.batch, story.now)).toMatchObject([
      { _tag: "RequestTransfers", transfers: [{ item: 1 }, { item: 2 }] },
    ])
  })

  it("asks under another key each time, and still awaits funds while it asks", () => {
    const story = new Story().started(1).postingRefused("hold")
    story.now += RETRY_MS
    story.tell({ _tag: "RequestPosting", kind: "hold", items: [1] })
    expect(batchState(story.batch)).toBe("awaiting-funds")
    expect(story.batch.postingCount).toBe(2)
    expect(wakes(story.batch), "nobody is woken for what is under way").toBeUndefined()
    story.tell(refusal(story, 2))
    expect(story.batch.items.get(1)?.refusal).toMatchObject({ posting: 2, times: 2 })
  })

  it("asks at once when the ledger tells of funds in its currency", () => {
    const items = [payoutItem(1), payoutItem(2, { currency: "JPY" })] as const
    const story = new Story().started(2, { items }).postingRefused("hold")
    story.tell(fund("JPY"))
    expect(holdsDue(story), "the others go on waiting").toMatchObject([{ items: [2] }])
    story.posted("hold", [2])
    expect(batchState(story.batch)).toBe("awaiting-funds")
    expect(workDue(story.batch, story.now)).toMatchObject([
      { _tag: "RequestTransfers", transfers: [{ item: 2 }] },
    ])
  })

  it("asks by currency after a refusal, so that none waits for another's funds", () => {
    const items = [payoutItem(1), payoutItem(2, { currency: "JPY" }), payoutItem(3)] as const
    const story = new Story().started(3, { items }).postingRefused("hold")
    story.now += RETRY_MS
    expect(holdsDue(story)).toMatchObject([{ items: [1, 3] }])
    story.posted("hold", [1, 3])
    expect(holdsDue(story)).toMatchObject([{ items: [2] }])
  })

  it("lets the chunks go ahead that fit", () => {
    const story = new Story().started(CHUNK_MAX + 2)
    const chunk = Array.from({ length: CHUNK_MAX }, (_, index) => index + 1)
    story.postingRefused("hold", "insufficient-funds", chunk)
    expect(holdsDue(story)).toMatchObject([{ items: [CHUNK_MAX + 1, CHUNK_MAX + 2] }])
    story.posted("hold", [CHUNK_MAX + 1, CHUNK_MAX + 2])
    expect(batchState(story.batch)).toBe("awaiting-funds")
    expect(workDue(story.batch, story.now)).toMatchObject([{ _tag: "RequestTransfers" }])
  })

  it("asks apart for what it has not asked for yet", () => {
    const story = new Story().asked(2).answered([1], "review").answered([2], "approved")
    story.tell({ _tag: "StartExecution" })
    story.postingRefused("hold").tell({
      _tag: "Review",
      item: 1,
      decision: "released",
      by: "olga",
      reason: "looked",
    })
    story.now += RETRY_MS
    expect(holdsDue(story)).toMatchObject([{ items: [2] }])
  })

  it("ends when what waits is cancelled, also while the ledger is being asked", () => {
    const story = new Story().started(2).postingRefused("hold")
    story.tell({ _tag: "Cancel", items: [1], by: "sam", reason: "no money" })
    story.now += RETRY_MS
    story.tell({ _tag: "RequestPosting", kind: "hold", items: [2] })
    story.tell({ _tag: "Cancel", items: [2], by: "sam", reason: "no money" })
    story.tell(refusal(story, 2))
    expect(wakes(story.batch)).toBeUndefined()
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Close" }])
  })
})

describe("a posting that the ledger refuses for another reason", () => {
  it("is tried again by the schedule, and keeps the batch open", () => {
    const story = new Story().requested(1)
    story.hears(1, { _tag: "Settled", evidence: "callback" })
    story.postingRefused("post", "illegal-transition")
    expect(batchState(story.batch)).toBe("settling")
    expect(story.tell(fund())).toEqual([])
    expect(story.refusal({ _tag: "CloseBatch" }).reason).toBe("items-open")
    story.now = wakes(story.batch) ?? 0
    expect(workDue(story.batch, story.now)).toMatchObject([{ _tag: "RequestPosting", kind: "post" }])
  })
})
