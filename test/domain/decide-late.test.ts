/** A decision that comes late, or a second time, is about what its maker saw and about nothing that came since. */
import { describe, expect, it } from "vitest"
import { isDecision, type MailCommand, type TransferOutcome } from "../../src/domain/commands.ts"
import { cleanly } from "../plain-texts.ts"
import { Story, settled, storyIn } from "./batch-story.ts"

const release = { _tag: "Review", item: 1, decision: "released", by: "olga", reason: "not them" } as const

describe("a release", () => {
  const heldBy = (listVersion: string, story: Story): Story => {
    const decisions = [{ item: 1, decision: "review" as const, cause: "sanctions", reason: "list hit" }]
    story.tell({ _tag: "RecordScreening", clearance: 1, clearanceId: "c", listVersion, decisions })
    return story
  }
  const findings = [{ cause: "sanctions", listVersion: "1", reason: "list hit" }]

  it("that is put to the batch twice releases nothing that was found in between", () => {
    const story = heldBy("1", new Story().asked(1))
    story.tell({ ...release, findings })
    expect(story.stateOf(1)).toBe("screened")
    heldBy("2", story)
    story.refusal({ ...release, findings })
    expect(story.stateOf(1)).toBe("held")
    story.tell({ ...release, decision: "rejected" })
    expect(story.stateOf(1)).toBe("rejected")
  })
})

it("a rejection rejects also what was released before it was heard, until there is an intent to pay", () => {
  const story = new Story().asked(1).answered([1], "review")
  story.tell(release)
  expect(story.stateOf(1)).toBe("screened")
  story.tell({ ...release, decision: "rejected" })
  expect(story.stateOf(1)).toBe("rejected")
  const sent = new Story().requested(1)
  expect(sent.refusal({ ...release, decision: "rejected" }).reason).toBe("not-held")
})

describe("a retry and a resolution", () => {
  it("are about the item as it was seen", () => {
    const story = storyIn("parked")
    const before = story.batch.version - 1
    const resolve = { _tag: "Resolve", item: 1, outcome: "failed", by: "olga", reason: "seen" } as const
    expect(story.refusal({ ...resolve, seen: before }).reason).toBe("changed-since")
    story.tell({ ...resolve, seen: story.batch.version })
    story.posted("release", [1])
    const retry = { _tag: "Retry", item: 1, by: "olga" } as const
    expect(story.refusal({ ...retry, seen: before }).reason).toBe("changed-since")
    const [event] = story.tell({ ...retry, seen: story.batch.version })
    expect(event).toMatchObject({ _tag: "RetryRequested" })
    expect(event).not.toHaveProperty("seen")
  })
})

it("what people say and what is said against an item are decisions; what banks tell and approvals of the engine are not", () => {
  const screening = (decision: "approved" | "review" | "rejected", payee?: "no-match"): MailCommand => ({
    _tag: "RecordScreening",
    at: 1,
    clearance: 1,
    clearanceId: "c",
    listVersion: "v",
    decisions: [{ item: 1, decision, ...(payee === undefined ? {} : { payee }) }],
  })
  expect(isDecision(screening("approved"))).toBe(false)
  expect(isDecision(screening("approved", "no-match"))).toBe(true)
  expect(isDecision(screening("review"))).toBe(true)
  expect(isDecision(screening("rejected"))).toBe(true)
  expect(isDecision(cleanly<MailCommand>({ ...release, at: 1 }))).toBe(true)
  expect(isDecision({ _tag: "FundAccount", at: 1, currency: "EUR" })).toBe(false)
  expect(
    isDecision({
      _tag: "RecordTransfer",
      at: 1,
      item: 1,
      attempt: 1,
      outcome: cleanly<TransferOutcome>(settled),
    }),
  ).toBe(false)
})
