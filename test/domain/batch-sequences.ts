/** Commands in any order, sensible or not: what the life of a batch in `batch-properties.test.ts` is made of. */

import { type Batch, INSUFFICIENT_FUNDS } from "../../src/domain/batch.ts"
import type { ClearanceDecision, PayeePolicy, Verdict } from "../../src/domain/clearance-answers.ts"
import { fc } from "../property.ts"
import {
  accepted,
  acknowledged,
  along,
  type CommandWithoutTime,
  clerk,
  failed,
  failedForNow,
  failedHere,
  failedOddly,
  goingOut,
  intent,
  mayHaveGone,
  neverSeen,
  olga,
  type PlainOutcome,
  payoutItem,
  refusedForNow,
  refusedHere,
  refusedWhole,
  returned,
  type Story,
  settled,
  someSeal,
  supervisor,
  unknown,
  unresolved,
  withdrawn,
} from "./batch-story.ts"
import { workDue } from "./planned.ts"

const ITEMS = 3
/** How long the engine may take over a decision. */
const PENDING_MS = 15
/** As long as a few commands take, so that refused postings come back within a sequence. */
const RETRY_MS = 5

/** What one operator may say alone is the amount of item 1. */
export const ALONE_UP_TO = 1_001n

const item = fc.integer({ min: 1, max: ITEMS })
const attempt = fc.integer({ min: 1, max: 3 })
const outcome = fc.constantFrom<PlainOutcome>(
  accepted,
  unknown,
  neverSeen,
  settled,
  settled,
  failed,
  failedForNow,
  failedHere,
  failedOddly,
  refusedForNow,
  refusedHere,
  refusedWhole,
  returned,
  unresolved,
)

/** A command that someone might give, whether or not it is due. */
const anyCommand: fc.Arbitrary<CommandWithoutTime> = fc.oneof(
  fc.record({ _tag: fc.constant("RecordTransfer" as const), item, attempt, outcome }),
  fc.record({
    _tag: fc.constant("Cancel" as const),
    items: fc.subarray([1, 2, 3]),
    by: fc.constant("sam"),
    reason: fc.constant("by mistake"),
  }),
  fc.record({
    _tag: fc.constant("Review" as const),
    item,
    decision: fc.constantFrom("released" as const, "rejected" as const),
    by: fc.constant("olga"),
    credential: fc.constantFrom(olga, olga, clerk),
    reason: fc.constant("looked"),
  }),
  fc.record({
    _tag: fc.constant("Approve" as const),
    by: fc.constantFrom("sam", "olga"),
    credential: fc.constantFrom(clerk, supervisor, olga),
    hash: fc.constantFrom("digest", "other"),
  }),
  fc.record({
    _tag: fc.constant("Retry" as const),
    item,
    by: fc.constant("olga"),
    credential: fc.constantFrom(olga, clerk),
  }),
  fc.record(
    {
      _tag: fc.constant("Resolve" as const),
      item,
      attempt,
      outcome: fc.constantFrom("settled" as const, "failed" as const),
      by: fc.constant("olga"),
      credential: fc.constantFrom(olga, "operator:otto", clerk),
      reason: fc.constant("statement"),
      policy: fc.constant({ aloneUpTo: { EUR: ALONE_UP_TO }, confirmWithinMs: 20 }),
    },
    { requiredKeys: ["_tag", "item", "outcome", "by", "credential", "reason", "policy"] },
  ),
  fc.constantFrom<CommandWithoutTime>(
    { _tag: "TakeOver" },
    { _tag: "CloseBatch" },
    { _tag: "StartExecution" },
    { _tag: "ExpireApproval" },
    { _tag: "RequestScreening", items: [1] },
    { _tag: "RequestPosting", kind: "hold", items: [1] },
    { _tag: "RequestPosting", kind: "release", items: [2] },
    { _tag: "FundAccount", currency: "EUR" },
    { _tag: "FundAccount", currency: "JPY" },
    intent(1),
    intent(2, 2),
  ),
)

/** The last word about a first attempt, heard late or again. */
const lateWord: fc.Arbitrary<CommandWithoutTime> = fc.record({
  _tag: fc.constant("RecordTransfer" as const),
  item,
  attempt: fc.constant(1),
  outcome: fc.constantFrom(settled, failed, returned, acknowledged, refusedWhole),
})

const verdict = fc.constantFrom<Verdict>("approved", "rejected", "review")
const payee = fc.constantFrom<Pick<ClearanceDecision, "payee">>({}, { payee: "match" }, { payee: "no-match" })

const version = fc.constantFrom("v", "v", "w")

/** Clearances grow old within a sequence, and an engine that goes by other lists than it announced is given a moment. */
export const LISTS = { maxAgeMs: 120, retryMs: { min: 5, max: 20 } }

/** A word of the engine on one item, heard late, again, or against what it said before. */
const engineWord: fc.Arbitrary<CommandWithoutTime> = fc
  .record({ item, decision: verdict, payee, version, clearance: fc.constantFrom(1, 1, 2) })
  .map(({ payee, clearance, version, ...word }) => answerTo(clearance, [{ ...word, ...payee }], version))

/** Either a command out of the blue, or the nth thing that the plan asks for, with what became of it. */
export const step = fc.oneof(
  { arbitrary: fc.record({ blue: anyCommand }), weight: 1 },
  { arbitrary: fc.record({ blue: lateWord }), weight: 1 },
  { arbitrary: fc.record({ blue: engineWord }), weight: 1 },
  { arbitrary: fc.record({ announced: fc.constantFrom("v", "w") }), weight: 1 },
  {
    arbitrary: fc.record({
      choice: fc.nat(10),
      outcome,
      decision: fc.constantFrom<Verdict | "pending">("approved", "approved", "rejected", "review", "pending"),
      payee,
      version,
      refused: fc.constantFrom(undefined, undefined, INSUFFICIENT_FUNDS, "illegal-transition"),
    }),
    weight: 8,
  },
)
export type Step = typeof step extends fc.Arbitrary<infer A> ? A : never

function answerTo(
  clearance: number,
  decisions: ReadonlyArray<ClearanceDecision>,
  listVersion = "v",
): CommandWithoutTime & { readonly _tag: "RecordScreening" } {
  return { _tag: "RecordScreening", clearance, clearanceId: "c", listVersion, decisions }
}

/** Item 1 is sent and refused, and its money is back, where the batch's terms let it. */
const refusedOnce = (
  request: CommandWithoutTime,
  outcome: PlainOutcome,
): ReadonlyArray<CommandWithoutTime> => [
  { _tag: "RequestScreening", items: [1, 2, 3] },
  answerTo(
    1,
    [1, 2, 3].map((item) => ({ item, decision: "approved" })),
  ),
  { _tag: "StartExecution" },
  { _tag: "RequestPosting", kind: "hold", items: [1] },
  { _tag: "RecordPosting", posting: 1, ledgerPostingId: "l" },
  request,
  { _tag: "RecordTransfer", item: 1, attempt: 1, outcome },
  { _tag: "RequestPosting", kind: "release", items: [1] },
  { _tag: "RecordPosting", posting: 2, ledgerPostingId: "l" },
]

/** Item 1 is tried again, and is being sent. */
const secondTry: ReadonlyArray<CommandWithoutTime> = [
  ...refusedOnce(intent(1), failed),
  { _tag: "Retry", item: 1, by: "olga" },
  { _tag: "RequestPosting", kind: "hold", items: [1] },
  { _tag: "RecordPosting", posting: 3, ledgerPostingId: "l" },
  intent(1, 2),
]

/** Item 1 may be sent to another bank. */
const betweenBanks: ReadonlyArray<CommandWithoutTime> = [
  ...refusedOnce(intent(1, 1, along("north", "south", "west")), failedHere),
  { _tag: "Reroute", item: 1 },
  { _tag: "RequestPosting", kind: "hold", items: [1] },
  { _tag: "RecordPosting", posting: 3, ledgerPostingId: "l" },
]

/** What has happened already when a sequence begins. */
const beginning = fc.oneof(
  { arbitrary: fc.constant([]), weight: 5 },
  { arbitrary: fc.constant(secondTry), weight: 2 },
  { arbitrary: fc.constant(betweenBanks), weight: 3 },
)

export const terms = fc.record({
  mode: fc.constantFrom("partial" as const, "strict" as const),
  approvalAsked: fc.boolean(),
  attemptsMax: fc.constantFrom(1, 3),
  payeePolicy: fc.constantFrom<PayeePolicy>("off", "review", "reject"),
  wait: fc.constantFrom(undefined, 0, 20),
  beginning,
})
export type Terms = typeof terms extends fc.Arbitrary<infer A> ? A : never

/** Lives a batch of three items: receives it, and takes each step, by `live`, which hears every command. */
export const liveThrough = (
  story: Story,
  { wait, attemptsMax, payeePolicy, beginning, ...asked }: Terms,
  steps: ReadonlyArray<Step>,
  live: (command: CommandWithoutTime) => void,
): void => {
  story.terms = { ...LISTS, lists: undefined }
  live({
    _tag: "ReceiveBatch",
    partner: "acme",
    idempotencyKey: "key",
    requestDigest: "digest",
    submittedBy: "sam",
    seals: [someSeal],
    ...asked,
    ...(wait === undefined ? {} : { executeAt: story.now + wait }),
    policy: { approvalAbove: {}, approvalWithinMs: 25, attemptsMax, payeePolicy },
    items: [payoutItem(1), payoutItem(2, { currency: "JPY" }), payoutItem(3)],
  })
  for (const command of beginning) live(command)
  for (const next of steps) {
    if ("announced" in next) {
      story.terms = { ...LISTS, lists: { version: next.announced, since: story.now } }
      continue
    }
    const command = "blue" in next ? next.blue : duties(story, next)
    if (command !== undefined) live(command)
    else story.now += 10
  }
}

/** The command that carries out one piece of due work. */
export const duties = (
  story: Story,
  { choice, outcome, decision, payee, version, refused }: Extract<Step, { choice: number }>,
): CommandWithoutTime | undefined => {
  const due = workDue(story.batch, story.now, story.terms)
  const work = due[choice % Math.max(due.length, 1)]
  switch (work?._tag) {
    case undefined:
      return undefined
    case "Screen": {
      if (decision === "pending")
        return {
          ...answerTo(work.clearance, []),
          pending: { items: work.items, decideBy: story.now + PENDING_MS },
        }
      return answerTo(
        work.clearance,
        work.items.map((item) => ({ item, decision, ...payee })),
        version,
      )
    }
    case "Book":
      if (refused !== undefined)
        return {
          _tag: "RecordPostingRefusal",
          posting: work.posting,
          code: refused,
          retryAt: story.now + RETRY_MS,
        }
      return { _tag: "RecordPosting", posting: work.posting, ledgerPostingId: "l" }
    case "Transfer":
    case "Inquire": {
      const [item] = work.items
      return { _tag: "RecordTransfer", item, attempt: lastAttempt(story, item), outcome }
    }
    case "Withdraw": {
      const [item] = work.items
      const answer = [withdrawn, goingOut, mayHaveGone][choice % 3] ?? withdrawn
      return { _tag: "RecordTransfer", item, attempt: lastAttempt(story, item), outcome: answer }
    }
    case "RequestTransfers":
      return requested(story.batch, work.transfers[0].item, choice)
    case "Retry":
      return { ...work, by: "policy" }
    case "Close":
      return { _tag: "CloseBatch" }
    case "RecordUnrouted":
      return { ...work, version: "v1" }
    default:
      return work
  }
}

const lastAttempt = (story: Story, item: number): number => story.batch.items.get(item)?.attempt?.attempt ?? 1

/** By the rules to the first of three banks, after a refusal to the next one; sometimes no rule leads anywhere. */
const requested = (batch: Batch, item: number, choice: number): CommandWithoutTime => {
  const { attempt, reroute } = batch.items.get(item) ?? {}
  if (choice === 10) return { _tag: "RecordUnrouted", items: [item], version: "v1" }
  const [bank = "north", ...others] = reroute?.others ?? ["north", "south", "west"]
  const destination = along(bank, ...others)
  // The orders of one of them lie with us.
  const told = bank === "north" ? { ...destination, withdrawable: true as const } : destination
  return intent(item, (attempt?.attempt ?? 0) + 1, told)
}
