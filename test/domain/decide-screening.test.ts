/** What the compliance engine says, when it says it, and what it says after it said something else. */
import { describe, expect, it } from "vitest"
import { FINDINGS_MAX } from "../../src/domain/clearance.ts"
import type { ClearanceDecision } from "../../src/domain/clearance-answers.ts"
import type { BatchEventOf } from "../../src/domain/events.ts"
import { fold } from "../../src/domain/evolve.ts"
import type { Plain } from "../plain-texts.ts"
import { accepted, along, failedForNow, intent, neverSeen, Story, unknown } from "./batch-story.ts"
import { wakes, workDue } from "./planned.ts"

const policy = { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax: 1 }

const answer = (decisions: ReadonlyArray<Plain<ClearanceDecision>>, clearance = 1) =>
  ({ _tag: "RecordScreening", clearance, clearanceId: "c", listVersion: "v", decisions }) as const
const says = (decision: ClearanceDecision["decision"], ...items: ReadonlyArray<number>) =>
  answer(items.map((item) => ({ item, decision, reason: "list hit" })))
const tagsOf = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)
const screenings = (story: Story) => workDue(story.batch, story.now).filter(({ _tag }) => _tag === "Screen")

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
    expect([1, 2, 3].map((item) => story.stateOf(item))).toEqual(["screened", "screening", "screening"])
    expect(story.batch.items.get(2)?.reason).toMatch(/later/)
    expect(wakes(story.batch)).toBe(decideBy)
  })

  it("is asked for again at its time, as the same question, and each time it is put off", () => {
    const { story, decideBy, pending } = deferred()
    expect(screenings(story)).toEqual([])
    story.now = decideBy
    expect(screenings(story)).toEqual([{ _tag: "Screen", clearance: 1, items: [1, 2, 3] }])
    story.tell({ ...answer([]), pending: { ...pending, decideBy: decideBy + 5_000 } })
    expect(screenings(story)).toEqual([])
    expect(wakes(story.batch)).toBe(decideBy + 5_000)
    expect(story.batch.clearances.get(1)?.deferrals).toBe(2)
  })

  it("does not wait any more once it came, or once nobody needs it", () => {
    const { story, decideBy } = deferred()
    story.tell(says("rejected", 2))
    expect(wakes(story.batch)).toBe(decideBy)
    story.tell({ _tag: "Cancel", items: [3], by: "sam", reason: "by mistake" })
    expect(wakes(story.batch)).toBeUndefined()
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
    expect(workDue(story.batch, story.now)).toContainEqual({ _tag: "StartExecution" })
    const strict = new Story().asked(2, { mode: "strict" })
    strict.tell({ ...says("approved", 1), pending: { items: [2], decideBy: strict.now + 1_000 } })
    expect(workDue(strict.batch, strict.now)).toEqual([])
  })
})

describe("an answer to another question", () => {
  it("is refused when the batch never asked, and passed over for items that it did not ask about", () => {
    const story = new Story().asked(2)
    expect(story.refusal(answer([{ item: 1, decision: "approved" }], 2)).reason).toBe("no-such-clearance")
    story.tell(says("approved", 1, 9))
    expect(story.stateOf(1)).toBe("screened")
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

  it("of several held items of a strict batch under way lets none be paid until all are released", () => {
    const story = new Story().started(3, { mode: "strict" }).posted("hold")
    const held = (item: number) => ({ item, decision: "review" as const })
    story.tell({ ...says("review", 1), decisions: [held(1), held(2), held(3)] })
    expect([1, 2, 3].map((item) => story.stateOf(item))).toEqual(["held", "held", "held"])
    const release = (item: number) =>
      story.tell({ _tag: "Review", item, decision: "released", by: "olga", reason: "not the same person" })
    release(1)
    expect(tagsOf(workDue(story.batch, story.now)), "item 1 waits for the others").toEqual([])
    expect(story.refusal(intent(1)).reason).toBe("not-due")
    release(2)
    story.tell({ _tag: "Cancel", items: [3], by: "sam", reason: "by mistake" })
    expect(tagsOf(workDue(story.batch, story.now))).toContain("RequestTransfers")
    story.tell(intent(1))
    expect(story.stateOf(1)).toBe("transferring")
  })

  it("of several held items of a strict batch under way cancels the released ones when another is rejected", () => {
    const story = new Story().started(2, { mode: "strict" }).posted("hold")
    const held = (item: number) => ({ item, decision: "review" as const })
    story.tell({ ...says("review", 1), decisions: [held(1), held(2)] })
    story.tell({ _tag: "Review", item: 1, decision: "released", by: "olga", reason: "not the same person" })
    story.tell({ _tag: "Review", item: 2, decision: "rejected", by: "olga", reason: "the same person" })
    expect([1, 2].map((item) => story.stateOf(item))).toEqual(["cancelled", "rejected"])
  })
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
    expect(story.stateOf(1)).toBe("screened")
  })
})

describe("what a reviewer released", () => {
  const listed = { item: 1, decision: "review", reason: "list hit" } as const
  const by = (listVersion: string, ...words: ReadonlyArray<Plain<ClearanceDecision>>) => ({
    ...answer(words),
    listVersion,
  })
  const release = { _tag: "Review", item: 1, decision: "released", by: "olga", reason: "looked" } as const
  const findingsOf = (story: Story) =>
    story.batch.items
      .get(1)
      ?.findings.map(({ cause, listVersion, released }) => [cause, listVersion, released])

  it("was a name, and the engine's first review of the lists holds the item again: it is not paid", () => {
    const story = new Story().asked(1, { policy: { ...policy, payeePolicy: "review" } })
    story.tell(by("v", { item: 1, decision: "approved", payee: "no-match" }))
    expect(story.stateOf(1)).toBe("held")
    story.tell(release)
    expect(story.stateOf(1)).toBe("screened")
    story.tell({ _tag: "StartExecution" })
    story.posted("hold")
    expect(tagsOf(story.tell(by("w", listed)))).toEqual(["ItemsScreened"])
    expect(story.stateOf(1)).toBe("held")
    expect(story.refusal(intent(1)).reason).toBe("not-due")
    expect(findingsOf(story)).toEqual([
      ["name-check", "v", true],
      ["sanctions", "w", false],
    ])
  })

  it("is not what came while the release waited for its turn", () => {
    const story = new Story().asked(1)
    story.tell(by("v", listed))
    const seen = [{ cause: "sanctions", listVersion: "v", reason: "list hit" }]
    story.tell(by("w", listed))
    story.tell({ ...release, findings: seen })
    expect(story.stateOf(1)).toBe("held")
    story.tell({ ...release, findings: [{ cause: "sanctions", listVersion: "w", reason: "list hit" }] })
    expect(story.stateOf(1)).toBe("screened")
  })

  it("leaves what was found before it and is not named", () => {
    const story = new Story().asked(1)
    story.tell(by("v", listed, { ...listed, cause: "pep" }))
    story.tell({ ...release, findings: [{ cause: "pep", listVersion: "v", reason: "list hit" }] })
    expect(story.stateOf(1)).toBe("held")
    expect(story.batch.items.get(1)?.reason).toBe("list hit")
  })

  it("is nothing, where a release names beside it what nobody found", () => {
    const story = new Story().asked(1)
    story.tell(by("v", listed))
    const seen = { cause: "sanctions", listVersion: "v", reason: "list hit" }
    const strange = { ...release, findings: [seen, { ...seen, cause: "pep" }] }
    expect(story.refusal(strange).reason).toBe("findings-differ")
    expect(story.stateOf(1)).toBe("held")
  })

  it("is nothing that came in the moment of a release that names nothing, or after it", () => {
    const story = new Story().asked(1)
    story.tell(by("v", listed))
    story.now -= 1
    expect(story.refusal(release).reason).toBe("findings-differ")
  })

  it("covers all that was found by then in a log from before releases said so", () => {
    const story = new Story().asked(1)
    story.tell(by("v", listed))
    const { findings, ...former } = story.tell(release)[0] as BatchEventOf<"ItemReviewed">
    expect(findings).toHaveLength(1)
    const batch = fold([...story.events.slice(0, -1), former])
    expect(batch.items.get(1)).toMatchObject({ state: "screened", findings: [{ released: true }] })
  })

  it("is shown beside what the engine found at the same time for another cause", () => {
    const story = new Story().asked(1, { policy: { ...policy, payeePolicy: "review" } })
    story.tell(by("v", { ...listed, payee: "no-match" }))
    expect(findingsOf(story)).toEqual([
      ["sanctions", "v", false],
      ["name-check", "v", false],
    ])
  })

  it("is never so much that nobody could review it", () => {
    const story = new Story().asked(1)
    const reviews = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...listed, reason: `entry ${from + index}` }))
    story.tell(by("v", ...reviews(0, FINDINGS_MAX)))
    expect(story.stateOf(1)).toBe("held")
    story.tell(by("v", ...reviews(FINDINGS_MAX, 2)))
    expect(story.stateOf(1)).toBe("rejected")
    const sent = new Story().requested(1)
    for (let round = 0; round < 4; round++) sent.tell(by(`v${round}`, ...reviews(0, FINDINGS_MAX)))
    expect(sent.batch.items.get(1)?.findings).toHaveLength(FINDINGS_MAX + 1)
    expect(sent.batch.items.get(1)?.verdict).toBe("rejected")
    expect(sent.tell(by("v9", ...reviews(0, 1))), "an alarm that says nothing more").toEqual([])
  })
})

describe("an item that is screened again", () => {
  const HOUR_MS = 3_600_000
  const terms = (version?: string, since = 0) => ({
    maxAgeMs: HOUR_MS,
    lists: version === undefined ? undefined : { version, since },
    retryMs: { min: 1_000, max: 8_000 },
  })
  const due = (story: Story) => workDue(story.batch, story.now, story.terms)
  const askedFor = (story: Story) => due(story).filter(({ _tag }) => _tag === "RequestScreening")

  it("waits for its time, is screened again then, and starts on the second answer alone", () => {
    const executeAt = new Story().now + 2 * HOUR_MS
    const story = new Story().screened(1, { executeAt })
    story.terms = terms()
    expect(due(story)).toEqual([])
    expect(wakes(story.batch, story.terms)).toBe(executeAt)
    story.now = executeAt
    expect(due(story)).toEqual([{ _tag: "RequestScreening", items: [1] }])
    story.tell({ _tag: "RequestScreening", items: [1] })
    expect(due(story)).toEqual([{ _tag: "Screen", clearance: 2, items: [1] }])
    story.tell(answer([{ item: 1, decision: "approved" }], 2))
    expect(due(story)).toEqual([{ _tag: "StartExecution" }])
  })

  it("keeps a strict batch from starting, and holds it where the second answer is a review", () => {
    const story = new Story().screened(2, { mode: "strict", executeAt: new Story().now + 2 * HOUR_MS })
    story.terms = terms()
    story.now += 2 * HOUR_MS
    expect(story.refusal({ _tag: "StartExecution" }).reason).toBe("not-due")
    story.tell({ _tag: "RequestScreening", items: [1, 2] })
    story.tell(answer([{ item: 1, decision: "review", reason: "new list" }], 2))
    story.tell(answer([{ item: 2, decision: "approved" }], 2))
    expect([1, 2].map((item) => story.stateOf(item))).toEqual(["held", "screened"])
    expect(due(story)).toEqual([])
  })

  it("keeps a strict batch from starting also when only one of its items is still to be screened again", () => {
    const story = new Story().screened(2, { mode: "strict", executeAt: new Story().now + 2 * HOUR_MS })
    story.terms = terms()
    story.now += 2 * HOUR_MS
    story.tell({ _tag: "RequestScreening", items: [1] })
    story.tell(answer([{ item: 1, decision: "approved" }], 2))
    expect(story.refusal({ _tag: "StartExecution" }).reason).toBe("not-due")
    story.tell({ _tag: "RequestScreening", items: [2] })
    story.tell(answer([{ item: 2, decision: "approved" }], 3))
    story.tell({ _tag: "StartExecution" })
  })

  it("is asked about at once after an announcement, and ever more slowly while the engine goes by other lists", () => {
    const story = new Story().started(1).posted("hold")
    const since = story.now + 10_000
    story.now = since
    story.terms = terms("w", since)
    const asked: Array<number> = []
    for (let clearance = 2; clearance < 8; clearance++) {
      const wake = wakes(story.batch, story.terms)
      if (wake !== undefined) story.now = wake
      expect(askedFor(story)).toEqual([{ _tag: "RequestScreening", items: [1] }])
      story.tell({ _tag: "RequestScreening", items: [1] })
      asked.push(story.now - since)
      story.tell(answer([{ item: 1, decision: "approved" }], clearance))
      expect(due(story), "neither paid nor asked again at once").toEqual([])
    }
    const waits = asked.map((at, index) => at - (asked[index - 1] ?? 0)).slice(1)
    expect(waits.map((wait) => Math.round(wait / 1_000))).toEqual([1, 1, 2, 4, 8])
    story.terms = terms("v", story.now)
    expect(due(story).map(({ _tag }) => _tag)).toEqual(["RequestTransfers"])
  })

  it("is not asked about while nobody can tell which lists are in force", () => {
    const story = new Story().started(1).posted("hold")
    story.terms = "unknown"
    expect(due(story)).toEqual([])
  })

  it("is no younger for an answer that waited for us, unless the engine put it off", () => {
    const story = new Story().asked(2)
    story.terms = terms()
    const pending = { items: [2] as const, decideBy: story.now + 2 * HOUR_MS }
    story.now += HOUR_MS
    story.tell({ ...answer([{ item: 1, decision: "approved" }]), pending })
    story.tell(answer([{ item: 2, decision: "approved" }]))
    expect(
      [1, 2].map((item) => story.now - (story.batch.items.get(item)?.lastAnswer?.at ?? 0) >= HOUR_MS),
    ).toEqual([true, false])
  })

  it("is as old as its answer when its question is from the future: intake asked by a clock that is ahead", () => {
    const story = new Story().asked(1)
    story.terms = terms()
    story.now -= HOUR_MS / 2
    story.tell(answer([{ item: 1, decision: "approved" }]))
    expect(story.batch.items.get(1)?.lastAnswer?.at).toBe(story.now)
    story.now += HOUR_MS
    expect(due(story)).toEqual([{ _tag: "RequestScreening", items: [1] }])
  })

  it("is screened again between two banks, and an older clearance's rejection is not lost meanwhile", () => {
    const story = new Story().refused()
    story.tell({ _tag: "Reroute", item: 1 })
    story.posted("hold")
    story.terms = terms("w", story.now)
    expect(story.refusal(intent(1, 2, along("south"))).reason).toBe("clearance-not-current")
    story.tell({ _tag: "RequestScreening", items: [1] })
    story.tell(says("rejected", 1))
    expect(story.stateOf(1)).toBe("rejected")
    expect(story.tell(answer([{ item: 1, decision: "approved" }], 2))).toEqual([])
    expect([...story.batch.tasks.release]).toEqual([1])
  })

  it("stays with the bank's silence while it is asked about, and its approval changes nothing there", () => {
    const story = new Story().requested(1)
    story.hears(1, unknown)
    story.terms = terms("w", story.now)
    expect(tagsOf(story.hears(1, neverSeen))).toEqual(["TransferUnknown", "ScreeningRequested"])
    expect(tagsOf(story.hears(1, neverSeen)), "asked once").toEqual(["TransferUnknown"])
    expect(screenings(story)).toEqual([{ _tag: "Screen", clearance: 2, items: [1] }])
    story.tell({ ...answer([{ item: 1, decision: "approved" }], 2), listVersion: "w" })
    expect(story.stateOf(1)).toBe("unknown")
    expect(tagsOf(story.hears(1, neverSeen))).toEqual(["TransferResent"])
  })

  it("does not go out again when the second answer is a review", () => {
    const story = new Story().requested(1)
    story.hears(1, unknown)
    story.terms = terms("w", story.now)
    story.hears(1, neverSeen)
    const review = { item: 1, decision: "review", reason: "new list" } as const
    expect(tagsOf(story.tell({ ...answer([review], 2), listVersion: "w" }))).toEqual(["ClearanceWithdrawn"])
    expect(tagsOf(story.hears(1, neverSeen))).toEqual(["TransferParked"])
  })
})
