/** docs/SPEC.md, the transition table of the tests and the code say the same, cell by cell. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { itemStates } from "../../src/domain/batch.ts"
import type { TransferOutcome } from "../../src/domain/commands.ts"
import { PayeeMatch, PayeePolicy, Verdict } from "../../src/domain/events.ts"
import {
  accepted,
  along,
  type CommandWithoutTime,
  clerk,
  failed,
  failedHere,
  intent,
  neverSeen,
  olga,
  RETRY_MS,
  refusal,
  STORY_BEGINS,
  Story,
  settled,
  storyIn,
  unknown,
  unresolved,
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
const awaiting = () => new Story().cleared(1, asked)
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
const ended = () => new Story().asked(1).screened([1], "rejected")

/** Section 6 of the specification, row by row. */
const batchRows: ReadonlyArray<readonly [command: string, when: string, run: () => string]> = [
  ["Approve", "no approval is needed", () => effect(new Story().cleared(1), approve)],
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
    () => effect(new Story().cleared(1, { executeAt: STORY_BEGINS * 2 }), start),
  ],
  ["StartExecution", "when section 4 holds", () => effect(new Story().cleared(1), start)],
  ["StartExecution", "again", () => effect(new Story().started(1), start)],
  ["CloseBatch", "items are open", () => effect(new Story().cleared(1), close)],
  ["CloseBatch", "every item is final", () => effect(ended(), close)],
  ["CloseBatch", "again", () => effect(told(ended(), close), close)],
]

const says = (outcome: TransferOutcome, attempt = 2) =>
  ({ _tag: "RecordTransfer", item: 1, attempt, outcome }) as const
const resolve = { _tag: "Resolve", item: 1, outcome: "failed", by: "olga", reason: "statement" } as const
const lateSettled = says(settled, 1)
/** Attempt 1 was paid after all, after what the bank said of attempt 2. */
const disputed = (...outcomes: ReadonlyArray<TransferOutcome>): Story => {
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
const sentAlong = (...outcomes: ReadonlyArray<TransferOutcome>): Story => {
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
  ["RecordUnrouted", "cleared and held", () => effect(new Story().started(1).posted("hold"), unrouted)],
  ["RecordUnrouted", "not due to be sent", () => effect(new Story().started(1), unrouted)],
  ["Retry", "no rule led it to a bank", () => effect(nowhere(), { _tag: "Retry", item: 1, by: "olga" })],
  ["Cancel", "no rule led it to a bank", () => effect(nowhere(), cancel)],
  ["Resolve, no attempt named", "no rule led it to a bank", () => effect(nowhere(), resolve)],
  ["RecordScreening: rejected", "no rule led it to a bank", () => effect(nowhere(), rejects)],
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
    ["retries", "### One retry", "### From bank to bank", retryRows],
    ["refused postings", "### When the ledger refuses", "### What the bank says", refusalRows],
    ["routes", "### From bank to bank", "### Two attempts", routeRows],
    ["who may", "### What it takes", "### What the tables cannot show", authorityRows],
    ["two attempts", "### Two attempts", "### What it takes", disputeRows],
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
