import { describe, expect, it } from "vitest"
import { mayStart } from "../../src/domain/batch.ts"
import { clerk, olga, Story, supervisor } from "./batch-story.ts"

const decline = (credential = supervisor, hash = "digest") =>
  ({ _tag: "Decline", by: "supervisor", credential, hash, reason: "not ordered" }) as const

const awaiting = () => new Story().screened(2, { approvalAsked: true, credential: clerk })

describe("an approval that is declined", () => {
  it("cancels the batch, which nobody can approve any more", () => {
    const story = awaiting()
    expect(story.tell(decline())).toMatchObject([
      { _tag: "ApprovalDeclined", by: "supervisor", credential: supervisor, reason: "not ordered" },
      { _tag: "ItemsCancelled", items: [1, 2], by: "policy" },
    ])
    const approve = { _tag: "Approve", by: "supervisor", hash: "digest" } as const
    expect(story.refusal(approve).reason).toBe("approval-declined")
    expect(story.refusal(decline()).reason).toBe("approval-declined")
    expect(mayStart(story.batch, Number.POSITIVE_INFINITY)).toBe(false)
    story.tell({ _tag: "CloseBatch" })
    expect(story.batch.closed).toBe("cancelled")
  })

  it("counts from an operator, too", () => {
    expect(awaiting().tell(decline(olga))).toHaveLength(2)
  })

  it.each([
    ["by the submitter", awaiting, decline(clerk), "approver-is-submitter"],
    ["of another hash", awaiting, decline(supervisor, "other"), "hash-differs"],
    ["of a batch that needs none", () => new Story().screened(1), decline(), "approval-not-needed"],
    [
      "after it was given",
      () => {
        const story = awaiting()
        story.tell({ _tag: "Approve", by: "supervisor", hash: "digest" })
        return story
      },
      decline(),
      "already-approved",
    ],
  ] as const)("is refused %s", (_, given, command, reason) => {
    expect(given().refusal(command).reason).toBe(reason)
  })
})
