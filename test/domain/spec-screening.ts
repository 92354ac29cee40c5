/** Rows of docs/SPEC.md on screening: payees, releases and second clearances. */
import { type PayeeMatch, type PayeePolicy, Verdict } from "../../src/domain/clearance-answers.ts"
import type { BatchCommandOf } from "../../src/domain/commands.ts"
import type { Plain } from "../plain-texts.ts"
import { intent, neverSeen, STORY_BEGINS, Story, unknown } from "./batch-story.ts"
import { effect } from "./item-commands.ts"
import { cancel, type SpecRows, says, start, told } from "./spec-commands.ts"

/** What becomes of an item under a policy, as the table of payees writes it. */
export const payeeCell = (payeePolicy: PayeePolicy, payee: PayeeMatch): string => {
  const verdicts = Verdict.literals.map((decision) => {
    const policy = { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax: 1, payeePolicy }
    const story = new Story().asked(1, { policy })
    const decisions = [{ item: 1, decision, payee }]
    story.tell({ _tag: "RecordScreening", clearance: 1, clearanceId: "c", listVersion: "v", decisions })
    return story.batch.items.get(1)?.verdict
  })
  return payeeCells[verdicts.join()] ?? verdicts.join()
}

/** For an engine that approves, rejects and wants a review. */
const payeeCells: Readonly<Record<string, string>> = {
  "approved,rejected,review": "as decided",
  "review,rejected,review": "at least review",
  "rejected,rejected,rejected": "rejected",
}

type Words = Plain<Omit<BatchCommandOf<"RecordScreening">, "at">>
const word = (decision: Verdict, named: Partial<Words["decisions"][number] & Words> = {}): Words => {
  const { clearance = 1, listVersion = "v", cause, reason } = named
  const about = { ...(cause === undefined ? {} : { cause }), ...(reason === undefined ? {} : { reason }) }
  const decisions = [{ item: 1, decision, ...about }]
  return { _tag: "RecordScreening", clearance, clearanceId: "c", listVersion, decisions }
}
const release = { _tag: "Review", item: 1, decision: "released", by: "olga", reason: "looked" } as const
const listed = { cause: "sanctions", listVersion: "v", reason: "list hit" } as const
const held = (...words: ReadonlyArray<Words>): Story =>
  [word("review", listed), ...words].reduce(told, new Story().asked(2).answered([2], "approved"))
const released = (): Story => told(held(), release)
const namesOne = { ...release, findings: [listed] }
const pep = word("review", { ...listed, cause: "pep" })

/** The table of releases, row by row. */
export const releaseRows: SpecRows = [
  ["Review: released", "held for one finding", () => effect(held(), release)],
  [
    "RecordScreening: review",
    "released, and found again: same cause, lists and reason",
    () => effect(released(), word("review", listed)),
  ],
  [
    "RecordScreening: review",
    "released, and found by other lists",
    () => effect(released(), word("review", { ...listed, listVersion: "w" })),
  ],
  ["RecordScreening: review", "released, and found for another cause", () => effect(released(), pep)],
  [
    "RecordScreening: review",
    "released, and found for another reason",
    () => effect(released(), word("review", { ...listed, reason: "another entry" })),
  ],
  [
    "RecordScreening: rejected",
    "released, and found again: same cause, lists and reason",
    () => effect(released(), word("rejected", listed)),
  ],
  [
    "RecordScreening: review",
    "released and sent, and found by other lists",
    () => {
      const story = told(released(), start).posted("hold")
      return effect(told(story, intent(1)), word("review", { ...listed, listVersion: "w" }))
    },
  ],
  ["RecordScreening: review", "held, and found for another cause", () => effect(held(), pep)],
  ["Review: released, naming one finding", "held for two", () => effect(held(pep), namesOne)],
  [
    "Review: released, naming what nobody found",
    "held",
    () => effect(held(), { ...release, findings: [{ ...listed, listVersion: "w" }] }),
  ],
  [
    "Review: released, naming one that is released already",
    "held for another",
    () => effect(told(held(pep), namesOne), namesOne),
  ],
  ["Review: rejected", "held for two", () => effect(held(pep), { ...release, decision: "rejected" })],
]

const MAX_AGE_MS = 1_000
const LATER_MS = 60_000
const again = { _tag: "RequestScreening", items: [1] } as const
/** Some time later clearances are too old, or `version` was announced. */
const aged = (story: Story, version?: string): Story => {
  story.now += LATER_MS
  const lists = version === undefined ? undefined : { version, since: story.now }
  const maxAgeMs = version === undefined ? MAX_AGE_MS : Number.POSITIVE_INFINITY
  story.terms = { maxAgeMs, lists, retryMs: { min: LATER_MS, max: LATER_MS } }
  return story
}
const scheduled = () => aged(new Story().screened(1, { executeAt: STORY_BEGINS + LATER_MS }))
const payable = () => new Story().started(1).posted("hold")
const announced = () => aged(payable(), "w")
const askedAgain = () => told(announced(), again)
const second = (decision: Verdict, listVersion = "w") => word(decision, { clearance: 2, listVersion })

/** The table of second clearances, row by row. */
export const againRows: SpecRows = [
  ["StartExecution", "executeAt has come, and the clearance is too old", () => effect(scheduled(), start)],
  ["RequestScreening", "executeAt has come, and the clearance is too old", () => effect(scheduled(), again)],
  ["RequestScreening", "the clearance is good", () => effect(payable(), again)],
  ["RequestTransfers", "the clearance is too old", () => effect(aged(payable()), intent(1))],
  ["RequestTransfers", "other lists were announced", () => effect(announced(), intent(1))],
  [
    "RequestTransfers",
    "nobody can tell which lists were announced",
    () => {
      const story = payable()
      story.terms = "unknown"
      return effect(story, intent(1))
    },
  ],
  ["RequestScreening", "other lists were announced, its money held", () => effect(announced(), again)],
  ["RequestTransfers", "it is screened again", () => effect(askedAgain(), intent(1))],
  ["Cancel", "it is screened again", () => effect(askedAgain(), cancel)],
  [
    "RecordScreening: approved",
    "the answer of the second clearance",
    () => effect(askedAgain(), second("approved")),
  ],
  [
    "RecordScreening: review",
    "the answer of the second clearance",
    () => effect(askedAgain(), second("review")),
  ],
  [
    "RecordScreening: review",
    "the answer of the second clearance is what a reviewer released",
    () => {
      const story = told(aged(told(released(), start).posted("hold")), again)
      return effect(story, word("review", { ...listed, clearance: 2 }))
    },
  ],
  [
    "RecordScreening: approved",
    "it waits for the second clearance, and the first is answered again",
    () => effect(askedAgain(), word("approved", { listVersion: "w" })),
  ],
  [
    "RecordScreening: rejected",
    "it waits for the second clearance, and the first is answered again",
    () => effect(askedAgain(), word("rejected")),
  ],
  [
    "RequestTransfers",
    "approved again, by the announced lists",
    () => effect(told(askedAgain(), second("approved")), intent(1)),
  ],
  [
    "RequestScreening",
    "approved again, by other lists than the announced ones",
    () => effect(told(askedAgain(), second("approved", "x")), again),
  ],
  [
    "RecordTransfer: never seen",
    "the clearance is too old",
    () => effect(aged(told(new Story().requested(1), says(unknown, 1))), says(neverSeen, 1)),
  ],
  [
    "RecordTransfer: never seen",
    "it was screened again",
    () => {
      const story = aged(told(new Story().requested(1), says(unknown, 1)))
      return effect(told(told(story, says(neverSeen, 1)), second("approved", "v")), says(neverSeen, 1))
    },
  ],
]
