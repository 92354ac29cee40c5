/** What the compliance engine says, when it says it, and what it says after it said something else. */
import { describe, expect, it } from "vitest"
import type { ClearanceDecision } from "../../src/domain/events.ts"
import { plan, wakeAt } from "../../src/domain/plan.ts"
import { accepted, failedForNow, intent, neverSeen, Story, unknown } from "./batch-story.ts"

const policy = { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax: 1 }

const answer = (decisions: ReadonlyArray<ClearanceDecision>, clearance = 1) =>
  ({ _tag: "RecordScreening", clearance, clearanceId: "c", listVersion: "v", decisions }) as const
const says = (decision: ClearanceDecision["decision"], ...items: ReadonlyArray<number>) =>
  answer(items.map((item) => ({ item, decision, reason: "list hit" })))
const tagsOf = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)
const screenings = (story: Story) => plan(story.batch, story.now).filter(({ _tag }) => _tag === "Screen")

describe("a decision that comes later", () => {
  const deferred = () => {
    const story = new Story().asked(3)
    const decideBy = story.now + 1_000
    const pending = { items: [2, 3] as const, decideBy }
    const events = story.tell({ ...says("approved", 1), pending })
    return { story, decideBy, pending, events }
  }

  it("leaves its items where they are, and tells since when and until when", () => {
    const { story, events, decideBy } = deferred()
    expect(tagsOf(events)).toEqual(["ItemsScreened", "ClearancePending"])
    expect([1, 2, 3].map((item) => story.stateOf(item))).toEqual(["cleared", "screening", "screening"])
    expect(story.batch.items.get(2)?.reason).toMatch(/later/)
    expect(wakeAt(story.batch)).toBe(decideBy)
  })

  it("is asked for again at its time, as the same question, and each time it is put off", () => {
    const { story, decideBy, pending } = deferred()
    expect(screenings(story)).toEqual([])
    story.now = decideBy
    expect(screenings(story)).toEqual([{ _tag: "Screen", clearance: 1, items: [1, 2, 3] }])
    story.tell({ ...answer([]), pending: { ...pending, decideBy: decideBy + 5_000 } })
    expect(screenings(story)).toEqual([])
    expect(wakeAt(story.batch)).toBe(decideBy + 5_000)
    expect(story.batch.clearances.get(1)?.deferrals).toBe(2)
  })

  it("does not wait any more once it came, or once nobody needs it", () => {
    const { story, decideBy } = deferred()
    story.tell(says("rejected", 2))
    expect(wakeAt(story.batch)).toBe(decideBy)
    story.tell({ _tag: "Cancel", items: [3], by: "sam", reason: "by mistake" })
    expect(wakeAt(story.batch)).toBeUndefined()
    story.now = decideBy
    expect(screenings(story)).toEqual([])
  })

  it("may come before the word that it comes later", () => {
    const story = new Story().asked(2)
    story.tell(says("approved", 1, 2))
    expect(story.tell({ ...answer([]), pending: { items: [1, 2], decideBy: story.now } })).toEqual([])
  })

  it("keeps a strict batch from starting, and not a partial one", () => {
    const { story } = deferred()
    expect(plan(story.batch, story.now)).toContainEqual({ _tag: "StartExecution" })
    const strict = new Story().asked(2, { mode: "strict" })
    strict.tell({ ...says("approved", 1), pending: { items: [2], decideBy: strict.now + 1_000 } })
    expect(plan(strict.batch, strict.now)).toEqual([])
  })
})

describe("an answer to another question", () => {
  it("is refused when the batch never asked, and passed over for items that it did not ask about", () => {
    const story = new Story().asked(2)
    expect(story.refusal(answer([{ item: 1, decision: "approved" }], 2)).reason).toBe("no-such-clearance")
    story.tell(says("approved", 1, 9))
    expect(story.stateOf(1)).toBe("cleared")
    expect(story.stateOf(2)).toBe("screening")
  })
})

describe("an engine that contradicts itself", () => {
  it("is not heard to relent", () => {
    const story = new Story().asked(2)
    story.tell(says("rejected", 1))
    story.tell(says("review", 2))
    expect(story.tell(says("approved", 1, 2))).toEqual([])
  })

  it("does not hold what a reviewer released by saying review again, but rejects it", () => {
    const story = new Story().asked(1)
    story.tell(says("review", 1))
    story.tell({ _tag: "Review", item: 1, decision: "released", by: "olga", reason: "looked" })
    expect(story.tell(says("review", 1))).toEqual([])
    story.tell(says("rejected", 1))
    expect(story.stateOf(1)).toBe("rejected")
  })

  it("gives back the money that was held for what it rejects after all", () => {
    const story = new Story().started(2).posted("hold")
    story.tell(says("rejected", 1))
    expect(story.stateOf(1)).toBe("rejected")
    expect(story.refusal(intent(1)).reason).toBe("not-due")
    expect([...story.batch.tasks.release]).toEqual([1])
    story.posted("release")
    expect(story.batch.items.get(1)).toMatchObject({ ledger: "released", task: "none" })
  })

  it("stops what may not have gone out yet, and what the bank never saw stays with a person", () => {
    const story = new Story().requested(1)
    expect(tagsOf(story.tell(says("rejected", 1)))).toEqual(["ClearanceWithdrawn", "TransferUnknown"])
    expect(tagsOf(story.hears(1, neverSeen))).toEqual(["TransferParked"])
    story.tell({ _tag: "Resolve", item: 1, outcome: "failed", by: "olga", reason: "statement" })
    story.posted("release")
    expect(story.refusal({ _tag: "Retry", item: 1, by: "olga" }).reason).toBe("clearance-withdrawn")
  })

  it("raises its alarm once, and does not change what the bank does", () => {
    const story = new Story().requested(1)
    story.hears(1, unknown)
    story.hears(1, accepted)
    expect(tagsOf(story.tell(says("review", 1)))).toEqual(["ClearanceWithdrawn"])
    expect(story.tell(says("review", 1))).toEqual([])
    expect(tagsOf(story.tell(says("rejected", 1)))).toEqual(["ClearanceWithdrawn"])
    expect(story.batch.items.get(1)).toMatchObject({ state: "pending", verdict: "rejected" })
  })

  it("keeps policy from trying again what failed", () => {
    const story = new Story().requested(1, { policy: { ...policy, attemptsMax: 3 } })
    story.hears(1, failedForNow)
    story.posted("release")
    expect([...story.batch.retries]).toEqual([1])
    story.tell(says("rejected", 1))
    expect([...story.batch.retries]).toEqual([])
  })

  it.each([["rejected"], ["review"]] as const)(
    "stops all others of a strict batch under way by %s",
    (word) => {
      const story = new Story().started(3, { mode: "strict" }).posted("hold")
      story.tell(intent(1))
      story.tell(says(word, 2))
      expect([1, 2, 3].map((item) => story.stateOf(item))).toEqual([
        "transferring",
        word === "review" ? "held" : "rejected",
        "cancelled",
      ])
    },
  )
})

describe("a payee", () => {
  it.each([
    ["off", "approved", "no-match", "approved"],
    ["review", "approved", "no-match", "review"],
    ["reject", "approved", "no-match", "rejected"],
    ["review", "rejected", "no-match", "rejected"],
    ["reject", "review", "no-match", "rejected"],
    ["review", "approved", "close-match", "approved"],
    ["review", "approved", "unknown", "approved"],
    ["reject", "review", "match", "review"],
  ] as const)("under the policy %s: %s with %s is %s", (payeePolicy, decision, payee, verdict) => {
    const story = new Story().asked(1, { policy: { ...policy, payeePolicy } })
    story.tell(answer([{ item: 1, decision, payee }]))
    expect(story.batch.items.get(1)).toMatchObject({ verdict, payee, listVersion: "v" })
  })

  it("is not looked at where the batch's terms do not say so", () => {
    const story = new Story().asked(1)
    story.tell(answer([{ item: 1, decision: "approved", payee: "no-match" }]))
    expect(story.stateOf(1)).toBe("cleared")
  })
})
