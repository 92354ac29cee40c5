/** Rows of docs/SPEC.md on attempts to pay: refused postings, routes, refusals, disputes and what is taken back. */
import {
  accepted,
  acknowledged,
  along,
  type CommandWithoutTime,
  failed,
  failedHere,
  goingOut,
  intent,
  mayHaveGone,
  neverSeen,
  type PlainOutcome,
  RETRY_MS,
  refusal,
  refusedForNow,
  refusedHere,
  refusedWhole,
  Story,
  settled,
  unknown,
  unresolved,
  withdrawn,
} from "./batch-story.ts"
import { effect } from "./item-commands.ts"
import { cancel, close, resolve, type SpecRows, says, told } from "./spec-commands.ts"

const lateSettled = says(settled, 1)
/** Attempt 1 was paid after all, after what the bank said of attempt 2. */
const disputed = (...outcomes: ReadonlyArray<PlainOutcome>): Story => {
  const [first = accepted, ...others] = outcomes
  const story = told(told(new Story().retried(), says(first)), lateSettled)
  for (const outcome of others) story.tell(says(outcome))
  return story
}

/** The table of two attempts, row by row. */
export const disputeRows: SpecRows = [
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

const hold = { _tag: "RequestPosting", kind: "hold", items: [1] } as const
const fund = { _tag: "FundAccount", currency: "EUR" } as const
const lacking = () => new Story().started(1).postingRefused("hold")
const later = (story: Story): Story => {
  story.now += RETRY_MS
  return story
}
/** The table of refused postings, row by row. */
export const refusalRows: SpecRows = [
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
export const nowhere = () => told(new Story().started(1).posted("hold"), unrouted)

/** The table of routes, row by row. */
export const routeRows: SpecRows = [
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
export const doubtRows: SpecRows = [
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
export const withdrawalRows: SpecRows = [
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
