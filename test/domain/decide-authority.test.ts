/** Who may decide what, beyond what the tables of the specification show. */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { decodeMail, encodeMail } from "../../src/domain/event-codec.ts"
import { evolve, fold } from "../../src/domain/evolve.ts"
import { cleanText } from "../../src/domain/outside-text.ts"
import {
  clerk,
  failed,
  olga,
  payoutItem,
  Story,
  settled,
  storyIn,
  supervisor,
  unresolved,
} from "./batch-story.ts"

const otto = "operator:otto"
const evidence = { text: "not on the statement", reference: "case-7" }
const policy = { aloneUpTo: {}, confirmWithinMs: 60_000 }
const resolve = (outcome: "settled" | "failed", credential: string, attempt: number) =>
  ({
    _tag: "Resolve",
    item: 1,
    outcome,
    attempt,
    by: "x",
    reason: "x",
    credential,
    evidence,
    policy,
  }) as const

/** Attempt 1 was paid after all, and attempt 2 was given up on. */
const twoInQuestion = (): Story => {
  const story = new Story().retried()
  story.hears(1, unresolved, 2)
  story.hears(1, settled, 1)
  return story
}

describe("a batch within its thresholds", () => {
  const terms = (approvalAbove: Readonly<Record<string, bigint>>) => ({
    policy: { approvalAbove, approvalWithinMs: 60_000, attemptsMax: 1 },
  })
  const reason = (story: Story) => story.batch.approval?.reason

  it("needs approval together with the others of a day, and keeps no more of them than that", () => {
    const within = terms({ EUR: 1_001n })
    expect(reason(new Story().received(1, within))).toBeUndefined()
    const story = new Story().received(1, { ...within, dayIsUsedUp: true })
    expect(reason(story)).toBe("threshold")
    expect(story.events[0]).not.toHaveProperty("dayIsUsedUp")
  })

  it("needs approval in a currency that has none, where others have", () => {
    const yen = { items: [payoutItem(1, { currency: "JPY" })] } as const
    expect(reason(new Story().received(1, { ...terms({ EUR: 1_000_000n }), ...yen }))).toBe("threshold")
    expect(reason(new Story().received(1, { ...terms({}), ...yen })), "without any").toBeUndefined()
  })
})

describe("a proposal", () => {
  it("is void once a bank says anything of the item, also of another attempt", () => {
    const story = twoInQuestion()
    expect(story.tell(resolve("failed", olga, 2))).toMatchObject([{ _tag: "ResolutionProposed", attempt: 2 }])
    story.hears(1, settled, 2)
    expect(story.stateOf(1), "paid twice: it stays with people").toBe("parked")
    expect(story.tell(resolve("failed", otto, 2))).toMatchObject([{ _tag: "ResolutionProposed" }])
  })

  it("is about one attempt and one outcome", () => {
    const story = new Story().retried()
    for (const attempt of [1, 2]) story.hears(1, settled, attempt)
    story.tell(resolve("failed", olga, 1))
    expect(story.tell(resolve("failed", otto, 2)), "of the other attempt").toMatchObject([
      { _tag: "ResolutionProposed", attempt: 2 },
    ])
    expect(story.tell(resolve("failed", olga, 2))).toMatchObject([
      { _tag: "ParkedResolved", attempt: 2, credential: olga, proposedBy: otto, evidence },
    ])
  })

  it("changes nothing but that it is there, and keeps no threshold in the log", () => {
    const story = storyIn("parked")
    const [proposed] = story.tell(resolve("failed", olga, 1))
    expect(proposed).not.toHaveProperty("policy")
    expect(story.batch.items.get(1)).toMatchObject({ state: "parked", task: "review" })
    expect(story.refusal({ _tag: "CloseBatch" }).reason).toBe("items-open")
  })
})

describe("a partner whose contract lets it decide", () => {
  it("decides nothing about a batch whose submitter nobody kept", () => {
    for (const state of ["held", "parked"] as const) {
      const story = storyIn(state)
      story.batch.credential = undefined
      const contract = { item: 1, by: "x", reason: "x", credential: supervisor, contract: true } as const
      const command =
        state === "held"
          ? ({ ...contract, _tag: "Review", decision: "released" } as const)
          : ({ ...resolve("failed", supervisor, 1), contract: true } as const)
      expect(story.refusal(command).reason).toBe("submitter-unknown")
    }
  })

  it("leaves no trace of the contract in the log, and the name that was typed", () => {
    const [reviewed] = storyIn("held").tell({
      _tag: "Review",
      item: 1,
      decision: "released",
      by: "acme/supervisor",
      typedBy: "Sue",
      reason: "x",
      credential: supervisor,
      contract: true,
    })
    expect(reviewed).toMatchObject({ _tag: "ItemReviewed", credential: supervisor, typedBy: "Sue" })
    expect(reviewed).not.toHaveProperty("contract")
  })
})

describe("an item that people had to look at", () => {
  it("is tried again by policy like every other, and by no partner", () => {
    const terms = { policy: { approvalAbove: {}, approvalWithinMs: 1, attemptsMax: 2 } }
    const story = new Story().asked(1, terms).answered([1], "review")
    story.tell({ _tag: "Review", item: 1, decision: "released", by: "olga", reason: "not the same person" })
    story.tell({ _tag: "StartExecution" })
    story.posted("hold").tell({
      _tag: "RequestTransfers",
      transfers: [{ item: 1, attempt: 1, bank: "north", reference: "ref-1-1" }],
    })
    story.hears(1, { _tag: "Failed", evidence: "inquiry", code: "AB08" })
    story.posted("release")
    const asPartner = { _tag: "Retry", item: 1, by: "policy", credential: clerk } as const
    expect(story.refusal(asPartner).reason, "whatever name is typed").toBe("operator-needed")
    expect(story.tell({ _tag: "Retry", item: 1, by: "policy" })).toMatchObject([{ _tag: "RetryRequested" }])
  })

  it("may still be withdrawn by the partner before anything was sent", () => {
    const story = new Story().asked(1).answered([1], "review")
    const cancel = { _tag: "Cancel", items: [], by: "sam", reason: "by mistake", credential: clerk } as const
    expect(story.tell(cancel)).toMatchObject([{ _tag: "ItemsCancelled", credential: clerk }])
  })
})

describe("a log from before credentials were kept", () => {
  it("folds to what it was, and shows nobody's credential", () => {
    const story = new Story().screened(1, { approvalAsked: true })
    story.tell({ _tag: "Approve", by: "sue", hash: "digest" })
    const former = story.events.map((event) => {
      const { credential: _, ...old } = { credential: undefined, ...event }
      return old
    })
    const batch = fold(former as typeof story.events)
    expect(batch.credential).toBeUndefined()
    expect(batch.approval?.approvedBy).toBe("sue")
    expect(batch.approval?.approverCredential).toBeUndefined()
    const approval = { ...batch.approval, approverCredential: supervisor }
    expect({ ...batch, credential: clerk, approval }).toEqual(story.batch)
  })

  it("has mail that is read, and refused where somebody has to be known", () => {
    const told = [
      { _tag: "Approve", at: 1, by: "olga", hash: "digest" },
      { _tag: "Review", at: 1, item: 1, decision: "released", by: "olga", reason: cleanText("looked") },
      { _tag: "Resolve", at: 1, item: 1, outcome: "failed", by: "olga", reason: cleanText("statement") },
    ] as const
    for (const command of told) expect(Result.getOrThrow(decodeMail(encodeMail(command)))).toEqual(command)
  })
})

it("what an operator resolved as failed is not given back to the partner by a later failure", () => {
  const story = storyIn("parked")
  story.tell({ _tag: "Resolve", item: 1, outcome: "failed", by: "olga", reason: "never left" })
  story.posted("release", [1]).tell({ _tag: "Retry", item: 1, by: "olga" })
  story.posted("hold", [1]).tell({
    _tag: "RequestTransfers",
    transfers: [{ item: 1, attempt: 2, bank: "north", reference: "ref-1-2" }],
  })
  story.hears(1, failed, 2)
  story.posted("release", [1])
  expect(story.refusal({ _tag: "Retry", item: 1, by: "sue", credential: supervisor }).reason).toBe(
    "operator-needed",
  )
})

it("a batch that is approved keeps under whose credential", () => {
  const story = new Story().screened(1, { approvalAsked: true })
  const [approved] = story.tell({ _tag: "Approve", by: "sue", hash: "digest" })
  expect(approved).toMatchObject({ _tag: "BatchApproved", by: "sue", credential: supervisor })
  if (approved !== undefined) expect(() => evolve(new Story().screened(1).batch, approved)).not.toThrow()
})
