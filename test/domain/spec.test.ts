/** docs/SPEC.md, the transition table of the tests and the code say the same, cell by cell. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { PayeeMatch, PayeePolicy, Verdict } from "../../src/domain/clearance-answers.ts"
import type { BatchCommandOf } from "../../src/domain/commands.ts"
import { itemStates } from "../../src/domain/item-state.ts"
import type { Plain } from "../plain-texts.ts"
import {
  accepted,
  acknowledged,
  along,
  type CommandWithoutTime,
  clerk,
  failed,
  failedHere,
  goingOut,
  intent,
  mayHaveGone,
  neverSeen,
  olga,
  type PlainOutcome,
  RETRY_MS,
  refusal,
  refusedForNow,
  refusedHere,
  refusedWhole,
  STORY_BEGINS,
  Story,
  settled,
  storyIn,
  unknown,
  unresolved,
  withdrawn,
} from "./batch-story.ts"
import { effect, effectOf, type ItemCommand, itemCommands } from "./item-commands.ts"
import { transitions } from "./transition-table.ts"

const commands = Object.keys(itemCommands) as ReadonlyArray<ItemCommand>
const spec = readFileSync(new URL("../../docs/SPEC.md", import.meta.url), "utf8")

/** The rows of the spec's tables whose header begins with `first`: cells by row and column. */
const tables = (first: string): ReadonlyMap<string, string> => {
  const cells = new Map<string, string>()
  let header: ReadonlyArray<string> = []
  for (const line of spec.split("\n")) {
    if (!line.startsWith("|")) header = []
    else if (header.length === 0) header = cellsOf(line)
    else if (header[0] === first && !line.startsWith("|---")) {
      const [row = "", ...others] = cellsOf(line)
      for (const [index, cell] of others.entries()) cells.set(`${row} / ${header[index + 1]}`, cell)
    }
  }
  return cells
}

const cellsOf = (line: string): ReadonlyArray<string> =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim())

const asked = { approvalAsked: true } as const
const approve = { _tag: "Approve", by: "olga", hash: "digest" } as const
const expire = { _tag: "ExpireApproval" } as const
const start = { _tag: "StartExecution" } as const
const close = { _tag: "CloseBatch" } as const
const awaiting = () => new Story().screened(1, asked)
const late = (): Story => {
  const story = awaiting()
  story.now = (story.batch.approval?.expiresAt ?? 0) - 1
  return story
}
/** A batch of a log from before credentials were kept. */
const unsigned = (): Story => {
  const story = awaiting()
  story.batch.credential = undefined
  return story
}
/** As a command was told before a field of it was kept. */
const without = (command: CommandWithoutTime, field: "credential" | "evidence" = "credential") =>
  ({ ...command, [field]: undefined }) as CommandWithoutTime
const told = (story: Story, command: CommandWithoutTime): Story => {
  story.tell(command)
  return story
}
const ended = () => new Story().asked(1).answered([1], "rejected")

/** Section 6 of the specification, row by row. */
const batchRows: ReadonlyArray<readonly [command: string, when: string, run: () => string]> = [
  ["Approve", "no approval is needed", () => effect(new Story().screened(1), approve)],
  [
    "Approve",
    "under the submitter's credential, by whatever name",
    () => effect(awaiting(), { ...approve, by: "Sue", credential: clerk }),
  ],
  ["Approve", "under a credential that nobody kept", () => effect(awaiting(), without(approve))],
  ["Approve", "under a partner's, where the submitter's was not kept", () => effect(unsigned(), approve)],
  [
    "Approve",
    "under an operator's, where the submitter's was not kept",
    () => effect(unsigned(), { ...approve, credential: olga }),
  ],
  ["Approve", "another hash", () => effect(awaiting(), { ...approve, hash: "other" })],
  ["Approve", "at or after the deadline", () => effect(late(), approve)],
  ["Approve", "in time, under another credential", () => effect(awaiting(), approve)],
  [
    "Approve",
    "again",
    () => effect(told(awaiting(), approve), { ...approve, credential: "partner:acme/auditor" }),
  ],
  ["ExpireApproval", "before the deadline", () => effect(awaiting(), expire)],
  ["ExpireApproval", "at the deadline", () => effect(late(), expire)],
  ["StartExecution", "before approval", () => effect(awaiting(), start)],
  [
    "StartExecution",
    "before executeAt",
    () => effect(new Story().screened(1, { executeAt: STORY_BEGINS * 2 }), start),
  ],
  ["StartExecution", "when section 4 holds", () => effect(new Story().screened(1), start)],
  ["StartExecution", "again", () => effect(new Story().started(1), start)],
  ["CloseBatch", "items are open", () => effect(new Story().screened(1), close)],
  ["CloseBatch", "every item is final", () => effect(ended(), close)],
  ["CloseBatch", "again", () => effect(told(ended(), close), close)],
]

const says = (outcome: PlainOutcome, attempt = 2) =>
  ({ _tag: "RecordTransfer", item: 1, attempt, outcome }) as const
const resolve = { _tag: "Resolve", item: 1, outcome: "failed", by: "olga", reason: "statement" } as const
const lateSettled = says(settled, 1)
/** Attempt 1 was paid after all, after what the bank said of attempt 2. */
const disputed = (...outcomes: ReadonlyArray<PlainOutcome>): Story => {
  const [first = accepted, ...others] = outcomes
  const story = told(told(new Story().retried(), says(first)), lateSettled)
  for (const outcome of others) story.tell(says(outcome))
  return story
}

/** The table of two attempts, row by row. */
const disputeRows: typeof batchRows = [
  ["bank settles attempt 1", "attempt 2 is being sent", () => effect(new Story().retried(), lateSettled)],
  [
    "bank settles attempt 1",
    "attempt 2 is with the bank",
    () => effect(told(new Story().retried(), says(accepted)), lateSettled),
  ],
  ["bank accepts attempt 2", "attempt 1 is in dispute", () => effect(disputed(), says(accepted))],
  ["bank is silent about attempt 2", "attempt 1 is in dispute", () => effect(disputed(), says(unknown))],
  [
    "bank never saw attempt 2",
    "attempt 1 is in dispute, attempt 2 unknown",
    () => effect(disputed(unknown), says(neverSeen)),
  ],
  ["bank settles attempt 2", "attempt 1 is in dispute", () => effect(disputed(), says(settled))],
  ["bank fails attempt 2", "attempt 1 is in dispute", () => effect(disputed(), says(failed))],
  ["inquiries exhausted on attempt 2", "attempt 1 is in dispute", () => effect(disputed(), says(unresolved))],
  ["Resolve, no attempt named", "attempt 2 is open", () => effect(disputed(), resolve)],
  ["Resolve attempt 1", "attempt 2 is open", () => effect(disputed(), { ...resolve, attempt: 1 })],
  ["Resolve attempt 2", "attempt 2 is open", () => effect(disputed(), { ...resolve, attempt: 2 })],
  ["Resolve, no attempt named", "attempt 2 is parked too", () => effect(disputed(unresolved), resolve)],
  [
    "Resolve attempt 1",
    "attempt 2 is parked too",
    () => effect(disputed(unresolved), { ...resolve, attempt: 1 }),
  ],
  [
    "Resolve attempt 2",
    "attempt 2 is parked too",
    () => effect(disputed(unresolved), { ...resolve, attempt: 2 }),
  ],
  ["Resolve, no attempt named", "attempt 2 failed", () => effect(disputed(accepted, failed), resolve)],
  ["Resolve, no attempt named", "both were paid", () => effect(disputed(accepted, settled), resolve)],
  [
    "Resolve attempt 1",
    "both were paid",
    () => effect(disputed(accepted, settled), { ...resolve, attempt: 1 }),
  ],
  ["CloseBatch", "both were paid", () => effect(disputed(accepted, settled), close)],
]

/** Of 10.01, about which one operator is not enough. */
const large = {
  ...resolve,
  credential: olga,
  policy: { aloneUpTo: { EUR: 1_000n, USD: 1_000_000n }, confirmWithinMs: 60_000 },
} as const
const asOtto = { credential: "operator:otto" } as const
const parkedOnce = () => storyIn("parked")
const proposed = () => told(parkedOnce(), large)
const tooLate = (): Story => {
  const story = proposed()
  story.now += 60_000
  return story
}

/** The table of what it takes to resolve, row by row. */
const authorityRows: typeof batchRows = [
  ["Review", "by a partner", () => effect(storyIn("held"), { ...review, credential: clerk })],
  ["Review", "by nobody who is known", () => effect(storyIn("held"), without(review))],
  ["Review", "by an operator", () => effect(storyIn("held"), review)],
  ["Retry", "by a partner, of what plainly failed", () => effect(failedOnce(), asClerk(retry))],
  ["Retry", "by a partner, of what was held before it failed", () => effect(heldAndFailed(), asClerk(retry))],
  [
    "Retry",
    "by a partner, of what was parked before it failed",
    () => effect(resolvedAsFailed(), asClerk(retry)),
  ],
  ["Retry", "by a partner, of what no rule led to a bank", () => effect(nowhere(), asClerk(retry))],
  ["Retry", "by an operator, of any of these", () => effect(resolvedAsFailed(), retry)],
  ["Resolve", "by a partner", () => effect(parkedOnce(), asClerk(resolve))],
  ["Resolve", "without evidence", () => effect(parkedOnce(), without(large, "evidence"))],
  ["Resolve", "up to the amount for which one is enough", () => effect(parkedOnce(), resolve)],
  ["Resolve", "above it, or in a currency without one", () => effect(parkedOnce(), large)],
  ["Resolve", "again, by the same operator", () => effect(proposed(), { ...large, by: "otto" })],
  ["Resolve", "the same, by another operator", () => effect(proposed(), { ...large, ...asOtto })],
  [
    "Resolve",
    "another outcome, by another operator",
    () => effect(proposed(), { ...large, ...asOtto, outcome: "settled" }),
  ],
  ["Resolve", "the same, by another operator, too late", () => effect(tooLate(), { ...large, ...asOtto })],
]

const review = { _tag: "Review", item: 1, decision: "released", by: "olga", reason: "looked" } as const
const asClerk = <C extends CommandWithoutTime>(command: C): C => ({ ...command, credential: clerk })
const heldAndFailed = (): Story => {
  const story = told(told(storyIn("held"), review), start).posted("hold", [1])
  return told(told(story, intent(1)), says(failed, 1)).posted("release", [1])
}
const resolvedAsFailed = () => told(parkedOnce(), resolve).posted("release", [1])

const retry = { _tag: "Retry", item: 1, by: "olga" } as const
const failedOnce = () => storyIn("failed")
const failedTwice = () => told(new Story().retried(), says(failed)).posted("release")

/** The table of retries, row by row. */
const retryRows: typeof batchRows = [
  ["Retry, no attempt named", "attempt 1 failed", () => effect(failedOnce(), retry)],
  ["Retry after attempt 1", "attempt 1 failed", () => effect(failedOnce(), { ...retry, attempt: 1 })],
  [
    "Retry after attempt 1",
    "attempt 2 is being sent",
    () => effect(new Story().retried(), { ...retry, attempt: 1 }),
  ],
  ["Retry after attempt 1", "attempt 2 failed", () => effect(failedTwice(), { ...retry, attempt: 1 })],
  ["Retry after attempt 2", "attempt 2 failed", () => effect(failedTwice(), { ...retry, attempt: 2 })],
  ["Retry after attempt 3", "attempt 2 failed", () => effect(failedTwice(), { ...retry, attempt: 3 })],
]

/** What becomes of an item under a policy, as the table of payees writes it. */
const payeeCell = (payeePolicy: PayeePolicy, payee: PayeeMatch): string => {
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

const hold = { _tag: "RequestPosting", kind: "hold", items: [1] } as const
const fund = { _tag: "FundAccount", currency: "EUR" } as const
const lacking = () => new Story().started(1).postingRefused("hold")
const later = (story: Story): Story => {
  story.now += RETRY_MS
  return story
}
const cancel = { _tag: "Cancel", items: [], by: "sam", reason: "by mistake" } as const

/** The table of refused postings, row by row. */
const refusalRows: typeof batchRows = [
  [
    "RecordPostingRefusal",
    "the posting is under way",
    () => {
      const story = told(new Story().started(1), hold)
      return effect(story, refusal(story, 1))
    },
  ],
  [
    "RecordPostingRefusal",
    "the posting was booked",
    () => {
      const story = new Story().started(1).posted("hold")
      return effect(story, refusal(story, 1))
    },
  ],
  ["RequestPosting", "before retryAt", () => effect(lacking(), hold)],
  ["RequestPosting", "at retryAt", () => effect(later(lacking()), hold)],
  ["RequestTransfers", "funds are missing", () => effect(lacking(), intent(1))],
  ["FundAccount", "nothing waits for funds", () => effect(new Story().started(1), fund)],
  ["FundAccount", "in another currency", () => effect(lacking(), { ...fund, currency: "JPY" })],
  [
    "FundAccount",
    "refused for another reason",
    () => effect(new Story().started(1).postingRefused("hold", "illegal-transition"), fund),
  ],
  ["FundAccount", "funds are missing", () => effect(lacking(), fund)],
  ["FundAccount", "again", () => effect(told(lacking(), fund), fund)],
  ["RequestPosting", "funds came", () => effect(told(lacking(), fund), hold)],
  ["Cancel", "funds are missing", () => effect(lacking(), cancel)],
  ["CloseBatch", "all that waited is cancelled", () => effect(told(lacking(), cancel), close)],
]

const reroute = { _tag: "Reroute", item: 1 } as const
const unrouted = { _tag: "RecordUnrouted", items: [1], version: "v1" } as const
const rejects = {
  _tag: "RecordScreening",
  clearance: 1,
  clearanceId: "c",
  listVersion: "v",
  decisions: [{ item: 1, decision: "rejected" }],
} as const
const sentAlong = (...outcomes: ReadonlyArray<PlainOutcome>): Story => {
  const story = told(new Story().started(1).posted("hold"), intent(1, 1, along("north", "south")))
  for (const outcome of outcomes) story.tell(says(outcome, 1))
  return story
}
const goesOn = () => told(new Story().refused(), reroute).posted("hold")
const nowhere = () => told(new Story().started(1).posted("hold"), unrouted)

/** The table of routes, row by row. */
const routeRows: typeof batchRows = [
  ["Reroute", "the refusal is not final yet: the bank is silent", () => effect(sentAlong(unknown), reroute)],
  ["Reroute", "refused, its money not yet released", () => effect(sentAlong(failedHere), reroute)],
  ["Reroute", "refused in a way that another bank may mend", () => effect(new Story().refused(), reroute)],
  [
    "Reroute",
    "refused in a way that another bank would repeat",
    () => effect(sentAlong(failed).posted("release"), reroute),
  ],
  ["Reroute", "no bank of the rule is left", () => effect(new Story().refused(along("north")), reroute)],
  [
    "Reroute",
    "refused, and its clearance was withdrawn",
    () => effect(told(new Story().refused(), rejects), reroute),
  ],
  ["RecordScreening: rejected", "on its way to the next bank", () => effect(goesOn(), rejects)],
  [
    "RequestTransfers",
    "after it, to the bank that refused",
    () => effect(goesOn(), intent(1, 2, along("north"))),
  ],
  ["RequestTransfers", "after it, to the next bank", () => effect(goesOn(), intent(1, 2, along("south")))],
  ["Cancel", "between two banks", () => effect(new Story().refused(), cancel)],
  ["RecordUnrouted", "screened and held", () => effect(new Story().started(1).posted("hold"), unrouted)],
  ["RecordUnrouted", "not due to be sent", () => effect(new Story().started(1), unrouted)],
  ["Retry", "no rule led it to a bank", () => effect(nowhere(), { _tag: "Retry", item: 1, by: "olga" })],
  ["Cancel", "no rule led it to a bank", () => effect(nowhere(), cancel)],
  ["Resolve, no attempt named", "no rule led it to a bank", () => effect(nowhere(), resolve)],
  ["RecordScreening: rejected", "no rule led it to a bank", () => effect(nowhere(), rejects)],
]

/** Item 1 went to north, after what was heard of it. */
const openAfter = (...heard: ReadonlyArray<PlainOutcome>) => sentAlong(...heard)
const refusedThen = (...heard: ReadonlyArray<PlainOutcome>) =>
  effect(openAfter(refusedHere), says(heard[0] ?? unknown, 1))
const outage = { ...refusedForNow, code: "TM01" } as const
const unreadable = { ...failed, code: "FF01" } as const

/** The table of refusals, row by row. */
const doubtRows: typeof batchRows = [
  ["bank refuses, in a way that leads on", "at once", () => effect(openAfter(), says(refusedHere, 1))],
  [
    "bank refuses, in a way that leads on",
    "it has accepted it",
    () => effect(openAfter(accepted), says(outage, 1)),
  ],
  ["bank refuses, as it cannot read it", "at once", () => effect(openAfter(), says(unreadable, 1))],
  [
    "bank refuses, as it cannot read it",
    "it has accepted it",
    () => effect(openAfter(accepted), says(unreadable, 1)),
  ],
  ["bank refuses the beneficiary", "it has accepted it", () => effect(openAfter(accepted), says(failed, 1))],
  [
    "bank refuses the whole file",
    "nothing was heard of it",
    () => effect(openAfter(), says(refusedWhole, 1)),
  ],
  [
    "bank refuses the whole file",
    "it has accepted it",
    () => effect(openAfter(accepted), says(refusedWhole, 1)),
  ],
  [
    "bank refuses the whole file",
    "it has settled it",
    () => effect(openAfter(settled), says(refusedWhole, 1)),
  ],
  [
    "bank refuses the whole file",
    "a person has it",
    () => effect(openAfter(unresolved), says(refusedWhole, 1)),
  ],
  ["asked, the bank refuses it", "its refusal is in doubt", () => refusedThen(failedHere)],
  ["asked, the bank never saw it", "its answer to the order was a refusal", () => refusedThen(neverSeen)],
  [
    "asked, the bank never saw it",
    "it had told of a refusal by itself",
    () => effect(openAfter(refusedForNow), says(neverSeen, 1)),
  ],
  [
    "asked, the bank has it",
    "its refusal is in doubt",
    () => refusedThen({ ...accepted, evidence: "inquiry" }),
  ],
  [
    "bank shows that it has it",
    "its refusal was final",
    () => effect(openAfter(failedHere), says(acknowledged, 1)),
  ],
  [
    "bank settles it",
    "its refusal was final, and it has shown that it has it",
    () => effect(openAfter(failedHere, acknowledged), says(settled, 1)),
  ],
]

/** Item 1 of two went to a bank whose orders lie with us. */
const lying = (...heard: ReadonlyArray<PlainOutcome>): Story => {
  const story = new Story().started(2).posted("hold", [1])
  story.tell(intent(1, 1, { bank: "clearing", withdrawable: true }))
  for (const outcome of heard) story.hears(1, outcome)
  return story
}
const cancelItem = { ...cancel, items: [1] }
const askedBack = (command: CommandWithoutTime, ...heard: ReadonlyArray<PlainOutcome>) =>
  told(lying(...heard), command)
const rejectsItem = { ...rejects, clearance: 1 }

/** The table of what is taken back, row by row. */
const withdrawalRows: typeof batchRows = [
  ["Cancel", "it is being sent", () => effect(lying(), cancelItem)],
  ["Cancel", "it is with the bank, or with us", () => effect(lying(accepted), cancelItem)],
  [
    "Cancel",
    "it may have gone, and that was said",
    () => effect(told(askedBack(cancelItem, accepted), says(mayHaveGone, 1)), cancelItem),
  ],
  ["withdrawn", "cancelled", () => effect(askedBack(cancelItem, accepted), says(withdrawn, 1))],
  ["about to go out", "cancelled", () => effect(askedBack(cancelItem, accepted), says(goingOut, 1))],
  ["may have gone", "cancelled", () => effect(askedBack(cancelItem, accepted), says(mayHaveGone, 1))],
  ["bank settles it", "cancelled", () => effect(askedBack(cancelItem, accepted), says(settled, 1))],
  [
    "RecordScreening: rejected",
    "it is with the bank, or with us",
    () => effect(lying(accepted), rejectsItem),
  ],
  ["withdrawn", "clearance withdrawn", () => effect(askedBack(rejectsItem, accepted), says(withdrawn, 1))],
  [
    "may have gone",
    "clearance withdrawn",
    () => effect(askedBack(rejectsItem, accepted), says(mayHaveGone, 1)),
  ],
  ["Resolve", "it is parked", () => effect(lying(unresolved), resolve)],
  ["Resolve", "resolved, and not answered yet", () => effect(askedBack(resolve, unresolved), resolve)],
  ["withdrawn", "resolved as failed", () => effect(askedBack(resolve, unresolved), says(withdrawn, 1))],
  [
    "withdrawn",
    "resolved as settled",
    () => effect(askedBack({ ...resolve, outcome: "settled" }, unresolved), says(withdrawn, 1)),
  ],
  ["about to go out", "resolved", () => effect(askedBack(resolve, unresolved), says(goingOut, 1))],
  ["may have gone", "resolved", () => effect(askedBack(resolve, unresolved), says(mayHaveGone, 1))],
  ["bank never saw it", "asked back", () => effect(askedBack(cancelItem, unknown), says(neverSeen, 1))],
]

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
const releaseRows: typeof batchRows = [
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
const againRows: typeof batchRows = [
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

const rowsBetween = (from: string, to: string) =>
  spec
    .slice(spec.indexOf(from), spec.indexOf(to))
    .split("\n")
    .flatMap((line) => (/^\| (?!command)/.test(line) ? [cellsOf(line)] : []))

describe.each(itemStates)("an item that is %s", (state) => {
  it.each(commands)("%s", (command) => {
    expect(effectOf(storyIn(state), command)).toBe(transitions[state][command])
  })
})

describe("the specification", () => {
  it("shows the table of transitions as it is", () => {
    const shown = tables("state")
    for (const state of itemStates) {
      for (const command of commands)
        expect(shown.get(`${state} / ${command}`), `${state}: ${command}`).toBe(transitions[state][command])
    }
  })

  it.each([
    ["releases", "### What a release covers", "### Screening again", releaseRows],
    ["second clearances", "### Screening again", "### Whether the payee", againRows],
    ["retries", "### One retry", "### From bank to bank", retryRows],
    ["refused postings", "### When the ledger refuses", "### What the bank says", refusalRows],
    ["routes", "### From bank to bank", "### Two attempts", routeRows],
    ["two attempts", "### Two attempts", "### A refusal that may be a copy's", disputeRows],
    ["refusals", "### A refusal that may be a copy's", "### Taking back what lies with us", doubtRows],
    ["what is taken back", "### Taking back what lies with us", "### What it takes", withdrawalRows],
    ["who may", "### What it takes", "### What the tables cannot show", authorityRows],
    ["approval, start and closing", "## 6.", "## 7.", batchRows],
  ])("shows %s as they are", (_, from, to, rows) => {
    expect(rowsBetween(from, to)).toEqual(rows.map(([command, when, run]) => [command, when, run()]))
  })

  it("shows what becomes of payees as it is", () => {
    const shown = tables("policy")
    for (const policy of PayeePolicy.literals) {
      for (const payee of PayeeMatch.literals)
        expect(shown.get(`${policy} / ${payee}`), `${policy}: ${payee}`).toBe(payeeCell(policy, payee))
    }
  })

  it("names every state of an item", () => {
    for (const state of itemStates) expect(spec).toMatch(new RegExp(`^\\| ${state} \\| .* \\|`, "m"))
  })

  it("names only tests that exist", () => {
    for (const [, file] of spec.matchAll(/`([\w-]+\.test\.ts)`/g)) {
      expect(() => readFileSync(new URL(file ?? "", import.meta.url)), file).not.toThrow()
    }
  })
})
