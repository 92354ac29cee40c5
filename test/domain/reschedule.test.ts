import { describe, expect, it } from "vitest"
import { mayStart } from "../../src/domain/batch.ts"
import { clerk, STORY_BEGINS, Story, supervisor } from "./batch-story.ts"

const HOUR_MS = 3_600_000
const [soon, later] = [STORY_BEGINS + HOUR_MS, STORY_BEGINS + 48 * HOUR_MS]

const reschedule = (executeAt: number, credential = clerk) =>
  ({ _tag: "Reschedule", executeAt, by: "payroll", credential }) as const

const scheduled = (terms: object = {}) =>
  new Story().screened(1, { executeAt: later, credential: clerk, ...terms })

describe("a scheduled batch", () => {
  it("starts at its new time, earlier or later", () => {
    const story = scheduled()
    expect(mayStart(story.batch, soon)).toBe(false)
    expect(story.tell(reschedule(soon))).toMatchObject([
      { _tag: "BatchRescheduled", executeAt: soon, by: "payroll", credential: clerk },
    ])
    expect([mayStart(story.batch, soon - 1), mayStart(story.batch, soon)]).toEqual([false, true])
    story.tell(reschedule(later))
    expect([mayStart(story.batch, later - 1), mayStart(story.batch, later)]).toEqual([false, true])
  })

  it("refuses what changes nothing", () => {
    expect(scheduled().refusal(reschedule(later)).reason).toBe("changes-nothing")
  })

  it("that has started stays so", () => {
    const story = new Story().started(1)
    expect(story.refusal(reschedule(later)).reason).toBe("already-started")
  })

  it("that is closed stays so", () => {
    const story = scheduled()
    story.tell({ _tag: "Cancel", items: [1], by: "sam", reason: "by mistake" })
    story.tell({ _tag: "CloseBatch" })
    expect(story.refusal(reschedule(soon)).reason).toBe("batch-closed")
  })

  it("is one that was asked for a time", () => {
    expect(new Story().screened(1).refusal(reschedule(soon)).reason).toBe("not-scheduled")
  })

  it("is not paid at another time by who submitted it, where somebody else has to approve it", () => {
    const story = scheduled({ approvalAsked: true })
    expect(story.refusal(reschedule(soon)).reason).toBe("decider-is-submitter")
    story.tell({ _tag: "Approve", by: "supervisor", hash: "digest" })
    expect(story.refusal(reschedule(soon)).reason, "also after the approval").toBe("decider-is-submitter")
    expect(story.tell(reschedule(soon, supervisor))).toHaveLength(1)
  })
})
