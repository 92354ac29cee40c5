/** Taking back what may still lie with us: nothing is claimed before it is known, and then it is the truth. */
import { describe, expect, it } from "vitest"
import {
  accepted,
  along,
  failed,
  failedForNow,
  goingOut,
  intent,
  mayHaveGone,
  neverSeen,
  type PlainOutcome,
  Story,
  settled,
  unknown,
  unresolved,
  withdrawn,
} from "./batch-story.ts"
import { wakes, workDue } from "./planned.ts"

const tags = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)
const cancel = { _tag: "Cancel", items: [1], by: "sam", reason: "ordered twice" } as const
const resolve = (outcome: "settled" | "failed") =>
  ({ _tag: "Resolve", item: 1, outcome, by: "olga", reason: "on the statement" }) as const
const withdraw = [{ _tag: "Withdraw", items: [1] }]

/** Item 1 is with a bank whose orders lie with us, after what was heard of it; item 2 keeps the batch open. */
const lying = (...heard: ReadonlyArray<PlainOutcome>): Story => {
  const story = new Story().started(2).posted("hold", [1])
  story.tell(intent(1, 1, { ...along("clearing", "north"), withdrawable: true }))
  for (const outcome of heard) story.hears(1, outcome)
  return story
}

const rejects = (decision: "rejected" | "review") =>
  ({
    _tag: "RecordScreening",
    clearance: 1,
    clearanceId: "c",
    listVersion: "w",
    decisions: [{ item: 1, decision }],
  }) as const

const dueOf = (story: Story) => workDue(story.batch, story.now).filter(({ _tag }) => _tag === "Withdraw")

describe("a cancellation of what may lie with us", () => {
  it.each([
    ["being sent", [], ["TransferUnknown", "WithdrawalsRequested"]],
    ["pending", [accepted], ["WithdrawalsRequested"]],
    ["unknown", [unknown], ["WithdrawalsRequested"]],
    ["parked", [unresolved], ["WithdrawalsRequested"]],
  ] as const)("asks for it back first: %s", (_, heard, expected) => {
    const story = lying(...heard)
    expect(tags(story.tell(cancel))).toEqual(expected)
    expect(dueOf(story)).toEqual(withdraw)
    expect(story.batch.tasks.transfer.has(1), "nothing is sent meanwhile").toBe(false)
    expect(story.refusal(cancel).reason, "asked again").toBe("nothing-to-cancel")
  })

  it("is done when it will never go out: its money is released, and nothing is tried again", () => {
    const story = lying(accepted)
    story.tell(cancel)
    expect(story.hears(1, withdrawn)).toMatchObject([
      { _tag: "TransferWithdrawn", attempt: 1, cause: "cancellation" },
      { _tag: "ItemsCancelled", items: [1], by: "sam", reason: "ordered twice" },
    ])
    expect(story.batch.items.get(1)).toMatchObject({ state: "cancelled", task: "release" })
    story.posted("release")
    expect(story.refusal({ _tag: "Retry", item: 1, by: "olga" }).reason).toBe("not-failed")
    expect(story.hears(1, withdrawn), "heard again it is old news").toEqual([])
  })

  it.each([
    [goingOut, "about to be sent to the bank"],
    [mayHaveGone, "already sent to the bank"],
  ] as const)("is refused when it is not to be had, and says so: %j", (answer, reason) => {
    const story = lying(accepted)
    story.tell(cancel)
    expect(story.hears(1, answer)).toMatchObject([
      { _tag: "WithdrawalRefused" },
      { _tag: "CancellationRefused", by: "sam", items: [{ item: 1, reason }] },
    ])
    expect(story.batch.items.get(1)).toMatchObject({ state: "pending", task: "inquire" })
    expect(wakes(story.batch)).toBeGreaterThan(story.now)
  })

  it("is not asked of the record again, once it may have gone", () => {
    const story = lying(accepted)
    story.tell(cancel)
    story.hears(1, mayHaveGone)
    expect(story.refusal(cancel).reason).toBe("nothing-to-cancel")
    expect(story.batch.items.get(1)?.attempt?.withdrawal).toBeUndefined()
  })

  it("is answered by the bank's last word, if that comes first; a refusal is not tried again then", () => {
    for (const [word, reason] of [
      [settled, "already settled"],
      [failedForNow, "already failed"],
    ] as const) {
      const story = lying(accepted)
      story.tell(cancel)
      expect(story.hears(1, word).at(-1)).toMatchObject({ _tag: "CancellationRefused", items: [{ reason }] })
      expect(story.batch.items.get(1)?.attempt).toMatchObject({ retryable: false, reroutable: false })
      expect(story.hears(1, withdrawn)).toEqual([])
    }
  })

  it("is refused at a bank that is called, as it may have heard", () => {
    const story = new Story().requested(1)
    expect(tags(story.tell(cancel))).toEqual(["CancellationRefused"])
  })

  it("does not send again what the bank has not seen while it is asked back", () => {
    const story = lying(unknown)
    story.tell(cancel)
    expect(story.hears(1, neverSeen)).toEqual([])
  })
})

describe("a clearance that is withdrawn", () => {
  it.each(["rejected", "review"] as const)("takes the order back: %s", (decision) => {
    const story = lying(accepted)
    expect(tags(story.tell(rejects(decision)))).toEqual(["ClearanceWithdrawn", "WithdrawalsRequested"])
    expect(dueOf(story)).toEqual(withdraw)
    expect(tags(story.hears(1, withdrawn))).toEqual(["TransferWithdrawn"])
    expect(story.batch.items.get(1)).toMatchObject({
      state: "failed",
      reason: "withdrawn before it went out",
    })
    story.posted("release", [1])
    expect(story.refusal({ _tag: "Retry", item: 1, by: "olga" }).reason).toBe("clearance-withdrawn")
  })

  it("holds back what is about to be sent", () => {
    expect(tags(lying().tell(rejects("rejected")))).toEqual([
      "ClearanceWithdrawn",
      "TransferUnknown",
      "WithdrawalsRequested",
    ])
  })

  it("stops the others of a strict batch that lie with us, too", () => {
    const story = new Story().started(2, { mode: "strict" }).posted("hold")
    for (const item of [1, 2]) {
      story.tell(intent(item, 1, { bank: "clearing", withdrawable: true }))
      story.hears(item, accepted)
    }
    story.tell(rejects("rejected"))
    expect(dueOf(story)).toEqual([{ _tag: "Withdraw", items: [1, 2] }])
    story.hears(1, withdrawn)
    story.hears(2, withdrawn)
    expect([story.stateOf(1), story.stateOf(2)]).toEqual(["failed", "cancelled"])
  })

  it("leaves what may have gone with its bank", () => {
    const story = lying(accepted)
    story.tell(rejects("rejected"))
    expect(tags(story.hears(1, mayHaveGone))).toEqual(["WithdrawalRefused"])
    expect(story.stateOf(1)).toBe("pending")
    expect(tags(story.hears(1, settled))).toEqual(["TransferSettled"])
  })
})

describe("a resolution of what may lie with us", () => {
  it("as failed counts once it will never go out, and a person may have it tried again", () => {
    const story = lying(accepted, unresolved)
    expect(tags(story.tell(resolve("failed")))).toEqual(["WithdrawalsRequested"])
    expect(story.stateOf(1)).toBe("parked")
    expect(story.refusal(resolve("failed")).reason).toBe("withdrawal-open")
    expect(tags(story.hears(1, withdrawn))).toEqual(["TransferWithdrawn", "ParkedResolved"])
    story.posted("release", [1]).tell({ _tag: "Retry", item: 1, by: "olga" })
    story.posted("hold", [1])
    expect(tags(story.tell(intent(1, 2)))).toEqual(["TransfersRequested"])
  })

  it("as settled cannot be, when it never went out", () => {
    const story = lying(accepted, unresolved)
    story.tell(resolve("settled"))
    expect(tags(story.hears(1, withdrawn))).toEqual(["TransferWithdrawn"])
    expect(story.stateOf(1)).toBe("failed")
  })

  it.each(["failed", "settled"] as const)("as %s is refused while it is about to go out", (outcome) => {
    const story = lying(accepted, unresolved)
    story.tell(resolve(outcome))
    expect(tags(story.hears(1, goingOut))).toEqual(["WithdrawalRefused"])
    expect(story.batch.items.get(1)).toMatchObject({ state: "parked", task: "review" })
    expect(tags(story.tell(resolve(outcome))), "and may be said again").toEqual(["WithdrawalsRequested"])
  })

  it.each(["failed", "settled"] as const)("as %s counts on evidence when it may have gone", (outcome) => {
    const story = lying(accepted, unresolved)
    story.tell(resolve(outcome))
    expect(story.hears(1, mayHaveGone)).toMatchObject([
      { _tag: "WithdrawalRefused" },
      { _tag: "ParkedResolved", outcome, by: "olga", reason: "on the statement" },
    ])
    expect(story.stateOf(1)).toBe(outcome)
  })

  it("is not overruled by a cancellation", () => {
    const story = lying(accepted, unresolved)
    story.tell(resolve("failed"))
    expect(story.tell(cancel)).toMatchObject([
      { _tag: "CancellationRefused", items: [{ reason: "being resolved" }] },
    ])
  })
})

it("what was withdrawn for a reason that the log has lost has failed, and nothing is sent for it", () => {
  const story = lying(accepted)
  expect(story.hears(1, withdrawn)).toMatchObject([{ _tag: "TransferWithdrawn" }])
  expect(story.stateOf(1)).toBe("failed")
  expect(tags(story.hears(1, settled)), "a bank that has it all the same is an alarm").toEqual([
    "LateOutcomeDetected",
  ])
})

it("what nobody asked back stays where it is", () => {
  for (const answer of [goingOut, mayHaveGone]) expect(lying(accepted).hears(1, answer)).toEqual([])
  expect(lying(accepted, failed).hears(1, goingOut)).toEqual([])
})
