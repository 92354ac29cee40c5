/**
 * The state of a payout batch. `evolve.ts` folds events into it. `tasks` holds what has to happen next to each item, in sets,
 * so that `plan` finds due work without a walk through all items.
 */

import type { BatchTerms } from "./batch-terms.ts"
import type { Day } from "./business-days.ts"
import type { FindingName, PayeeMatch, PayeePolicy, Verdict } from "./clearance-answers.ts"
import type { Credential } from "./credential.ts"
import type { Duplicates } from "./duplicates.ts"
import type { BatchEventOf, BatchMode, ClosedState, PayoutItem, PostingKind } from "./events.ts"
import type { FailureCategory } from "./failure-codes.ts"
import type { ItemHeap } from "./item-heap.ts"
import { disjointSets, ItemSet } from "./item-set.ts"
import { type ItemState, isEnd } from "./item-state.ts"
import type { ResolvedOutcome, TransferFinal } from "./outcomes.ts"
import type { OutsideText } from "./outside-text.ts"
import type { Route } from "./route.ts"
import type { Scheme } from "./scheme.ts"
import type { Trace } from "./trace.ts"
import type { OpenRefusal } from "./transfer-events.ts"

/** Where the item's money stands in the ledger. */
export type LedgerState = "none" | "held" | "posted" | "released" | "reversed"

const tasks = [
  "submit",
  "screen",
  "hold",
  "post",
  "release",
  "reverse",
  "book",
  "request",
  "transfer",
  "inquire",
  "withdraw",
  "review",
  "none",
] as const
/** What has to happen to an item next: a posting, a call to a bank or the compliance engine, a person, or nothing. */
export type Task = (typeof tasks)[number]

/** The phase of an attempt whose outcome is not known yet. */
export type AttemptPhase = Extract<ItemState, "transferring" | "unknown" | "pending" | "parked">

/** A request to withdraw an order that may not have been sent yet. */
export type Withdrawal = Omit<BatchEventOf<"WithdrawalsRequested">, "_tag" | "at" | "transfers">

/** One attempt to pay an item, with its own idempotency key. */
export interface Attempt {
  readonly attempt: number
  readonly bank: string
  readonly reference: string
  readonly route: Route | undefined
  /** The number of the try, from 1. An attempt that follows at another bank belongs to the same try. */
  readonly round: number
  readonly requestedAt: number
  /** Its phase until its outcome is known. */
  phase: AttemptPhase
  /** How often it was sent under its key. */
  sends: number
  /** How often the bank was asked, or promised a report, without a final outcome. */
  inquiries: number
  /** The bank's id, once it has accepted the transfer. */
  transferId: string | undefined
  /** When to ask the bank, while the outcome is open. */
  inquireAt: number | undefined
  /** Since when it is unknown whether the bank has it. */
  unknownSince: number | undefined
  /** The final outcome, by the bank or a person. An attempt without one is open. */
  outcome: TransferFinal | undefined
  /** A refusal that the bank has to confirm, until it does or turns out to have the transfer. */
  refusal: OpenRefusal | undefined
  /** The refusals in doubt since the bank last accepted it, each once. A repeated one changes nothing. */
  refusalsInDoubt: ReadonlyArray<OpenRefusal>
  /** Every refusal that the bank was asked about, or that was shown to a person, with repetitions. */
  refusalsAsked: ReadonlyArray<OpenRefusal>
  /** Whether its order waits with us before it is sent. False once it may have been sent. */
  withdrawable: boolean
  /** The request to withdraw its order, until it is known whether that worked. */
  withdrawal: Withdrawal | undefined
  /** Every final outcome that the bank ever reported, and late acceptances. A repeated report changes nothing. */
  reports: ReadonlyArray<TransferFinal | "accepted">
  /** How the bank contradicted itself about it, until a person resolves it. */
  dispute: OutsideText | undefined
  concludedAt: number | undefined
  /** The bank's own code for a failure or a return, and its category when it came. */
  code: OutsideText | undefined
  category: FailureCategory | undefined
  retryable: boolean
  /** Whether another bank may pay it after this one refused. */
  reroutable: boolean
}

/** The ledger's last refusal of an item's posting. */
export interface PostingRefusal {
  readonly posting: number
  readonly kind: PostingKind
  readonly code: OutsideText
  /** How often in a row. */
  readonly times: number
  /** When the item is posted again. */
  readonly retryAt: number
}

/** The ledger's code for a hold that the partner's funds do not cover. */
export const INSUFFICIENT_FUNDS = "insufficient-funds"

/** An objection to an item, by the compliance engine or by the policy on payees. */
export interface Finding extends FindingName {
  readonly decision: Exclude<Verdict, "approved">
  readonly foundAt: number
  /** A reviewer saw it and released the item nevertheless. */
  readonly released: boolean
}

/** An operator's statement of how an attempt ended, which a second operator has to confirm. */
export interface Proposal {
  readonly attempt: number
  readonly outcome: ResolvedOutcome
  readonly credential: Credential
  readonly expiresAt: number
}

export interface Item extends PayoutItem {
  state: ItemState
  /** The version of the last event that set its state, also if it set the same state. */
  since: number
  ledger: LedgerState
  task: Task
  /** Its place in the order of paying. It gets a new one each time that `request` becomes its task. */
  place: number
  /** The first and the last clearance that included it. */
  firstClearance: number | undefined
  clearance: number | undefined
  /** The clearance that it waits for. */
  asked: number | undefined
  /** The clearance answered last: the version of its lists, and from when its age counts. */
  lastAnswer: { readonly at: number; readonly listVersion: string } | undefined
  /** The findings against it, each once. Their number is bounded: see `FINDINGS_MAX`. */
  findings: ReadonlyArray<Finding>
  /** The engine's strictest decision about it, the lists of that decision, and whether the name matches the account. */
  verdict: Verdict | undefined
  listVersion: string | undefined
  payee: PayeeMatch | undefined
  /** The engine withdrew its approval when an intent was in the log already. Nothing more is sent. */
  clearanceWithdrawn: boolean
  /** It was cancelled. A bank may still report on an earlier attempt, but there is no later attempt. */
  cancelled: boolean
  /** The log has that a cancellation came too late for it. Another one adds no event. */
  cancellationRefused: boolean
  /** The posting that was requested and is not booked yet. */
  posting: number | undefined
  /** The ledger's refusal, until that posting is booked after all or is not needed any more. */
  refusal: PostingRefusal | undefined
  /** The attempt under way or last made, and those before it. */
  attempt: Attempt | undefined
  earlier: ReadonlyArray<Attempt>
  /** It was held, parked or in dispute at some time. From then on only an operator may retry it. */
  attended: boolean
  /** Its money could not be reserved at some time, because the partner's funds did not cover it. */
  waitedForFunds: boolean
  /** One operator's resolution of a parked attempt, until another operator confirms it or the item changes. */
  proposal: Proposal | undefined
  /** The route of the refused attempt: the next one goes to another bank of it. Without it, the rules decide. */
  reroute: Route | undefined
  /** Why the item is held, rejected, failed, returned, cancelled or parked: the code or reason as it came in. */
  reason: OutsideText | undefined
}

export interface Tally {
  count: number
  minor: bigint
}

/** A requested clearance, while items wait for it. */
export interface OpenClearance {
  readonly items: ReadonlyArray<number>
  readonly askedAt: number
  /** When to ask the engine again after it postponed its decision, and how often it did. */
  decideBy: number | undefined
  deferrals: number
}

export interface Approval {
  readonly reason: "asked" | "threshold"
  readonly expiresAt: number
  readonly hash: string
  approvedBy: string | undefined
  /** The credential of who approved it, and when; absent as long as nobody did, and the first in logs of old releases. */
  approverCredential?: Credential | undefined
  approvedAt?: number | undefined
  expired: boolean
  declined: boolean
}

export interface Batch {
  version: number
  partner: string
  idempotencyKey: string
  requestDigest: string
  reference: string | undefined
  mode: BatchMode
  submittedBy: string
  /** The credential that submitted it; absent in logs of releases that did not record it. */
  credential: Credential | undefined
  executeAt: number | undefined
  duplicates: Duplicates | undefined
  /** The trace to which the partner says that it belongs. */
  trace: Trace | undefined
  /** The partner's own settings when the batch was accepted, if it had any. */
  terms: BatchTerms | undefined
  /** How many rows of its file were left out, if that was asked for. */
  rejectedRows: number | undefined
  approval: Approval | undefined
  attemptsMax: number
  payeePolicy: PayeePolicy
  itemCount: number
  receivedAt: number
  updatedAt: number
  startedAt: number | undefined
  arrivals: ReadonlyArray<{ readonly scheme: Scheme; readonly on: Day }>
  closed: ClosedState | undefined
  /** When it was closed, in epoch milliseconds. */
  closedAt: number | undefined
  readonly items: Map<number, Item>
  /** The sealed accounts of the items, by the chunks in which they came. */
  readonly seals: Array<{ readonly from: number; readonly to: number; readonly sealed: string }>
  readonly tasks: Readonly<Record<Task, ItemSet>>
  /** The last place given to an item to be paid. */
  placeCount: number
  /** Items whose bank is to be asked: by bank, ordered by time. */
  readonly inquiries: Map<string, ItemHeap>
  /** Failed items that the policy retries. */
  readonly retries: ItemSet
  /** Items that one bank refused and that go to the next bank of their rule. */
  readonly reroutes: ItemSet
  readonly clearances: Map<number, OpenClearance>
  clearanceCount: number
  /** Postings that were requested and are not booked yet. */
  readonly postings: Map<number, { readonly kind: PostingKind; readonly items: ReadonlyArray<number> }>
  postingCount: number
  /** Items whose posting the ledger refused. */
  readonly refused: ItemSet
  /** Ids of the commands of people that the log has answered, and how many of them were refused. */
  readonly commands: Set<string>
  commandsRefused: number
  /** Count and amount per currency and item state. The sum over the states is the batch's total. */
  readonly tallies: Map<string, Map<ItemState, Tally>>
}

/** The batch before its first event. */
export const emptyBatch = (): Batch => ({
  version: 0,
  partner: "",
  idempotencyKey: "",
  requestDigest: "",
  reference: undefined,
  mode: "partial",
  submittedBy: "",
  credential: undefined,
  executeAt: undefined,
  duplicates: undefined,
  trace: undefined,
  terms: undefined,
  rejectedRows: undefined,
  approval: undefined,
  attemptsMax: 1,
  payeePolicy: "off",
  itemCount: 0,
  receivedAt: 0,
  updatedAt: 0,
  startedAt: undefined,
  arrivals: [],
  closed: undefined,
  closedAt: undefined,
  items: new Map(),
  seals: [],
  tasks: disjointSets(tasks),
  placeCount: 0,
  inquiries: new Map(),
  retries: new ItemSet(),
  reroutes: new ItemSet(),
  clearances: new Map(),
  clearanceCount: 0,
  postings: new Map(),
  postingCount: 0,
  refused: new ItemSet(),
  commands: new Set(),
  commandsRefused: 0,
  tallies: new Map(),
})

/** All states of a batch, as partners see them. The last five end it. */
export const batchStates = [
  "received",
  "screening",
  "awaiting-approval",
  "scheduled",
  "settling",
  "awaiting-funds",
  "settled",
  "partially-settled",
  "failed",
  "rejected",
  "cancelled",
] as const satisfies ReadonlyArray<string | ClosedState>
export type BatchState = (typeof batchStates)[number]

/** The state of the batch as a whole, as partners see it. */
export const batchState = (batch: Batch): BatchState => {
  if (batch.closed !== undefined) return batch.closed
  if (batch.startedAt !== undefined) return isAwaitingFunds(batch) ? "awaiting-funds" : "settling"
  const unscreened = batch.tasks.submit.size + batch.tasks.screen.size
  if (unscreened > 0) return batch.tasks.submit.size === batch.itemCount ? "received" : "screening"
  if (isAwaitingApproval(batch)) return "awaiting-approval"
  return batch.executeAt !== undefined && mayStart(batch, Number.POSITIVE_INFINITY) ? "scheduled" : "settling"
}

/** Records who approved it, and when. */
export const approve = (approval: Approval, { at, by, credential }: BatchEventOf<"BatchApproved">): void => {
  approval.approvedBy = by
  approval.approverCredential = credential
  approval.approvedAt = at
}

/** Whether the batch waits for a second person. */
export const isAwaitingApproval = ({ approval, closed }: Batch): boolean =>
  closed === undefined &&
  approval !== undefined &&
  approval.approvedBy === undefined &&
  !approval.expired &&
  !approval.declined

/** Whether the ledger did not reserve the money of some item for lack of funds. */
export const isAwaitingFunds = ({ refused, items }: Batch): boolean => {
  for (const number of refused) {
    const item = items.get(number)
    if (item !== undefined && waitsForFunds(item, item.currency)) return true
  }
  return false
}

/** Whether an item waits for funds in a currency. */
export const waitsForFunds = ({ refusal, currency }: Item, funded: string): boolean =>
  refusal?.kind === "hold" && refusal.code === INSUFFICIENT_FUNDS && currency === funded

/**
 * Whether the batch may start to pay at `now` (epoch milliseconds): it is approved if it has to be, its time has come, at
 * least one item is screened, and in strict mode every item is that was not cancelled.
 */
export const mayStart = (batch: Batch, now: number): boolean =>
  batch.startedAt === undefined &&
  batch.closed === undefined &&
  batch.items.size === batch.itemCount &&
  batch.tasks.hold.size > 0 &&
  (batch.mode === "partial" || batch.tasks.hold.size === batch.itemCount - countOf(batch, "cancelled")) &&
  (batch.approval === undefined || batch.approval.approvedBy !== undefined) &&
  (batch.executeAt === undefined || batch.executeAt <= now)

/**
 * Whether a strict batch waits for a person's review: it pays nothing unless all its items are approved, also when the engine
 * holds several of them after the start. If one is rejected, the others are cancelled.
 */
export const isHeldUp = (batch: Batch): boolean => batch.mode === "strict" && countOf(batch, "held") > 0

/** Whether an item still waits for the answer to a clearance. None does if all were cancelled meanwhile. */
export const isAwaited = (batch: Batch, clearance: number, { items }: OpenClearance): boolean =>
  items.some((item) => batch.items.get(item)?.asked === clearance)

/** Whether nothing is left to do for a machine: every item is final or waits for a person. */
export const isQuiescent = (batch: Batch): boolean =>
  !isTriedAgain(batch) && batch.tasks.none.size + batch.tasks.review.size === batch.itemCount

/** Whether every item is final and accounted for. */
export const isComplete = (batch: Batch): boolean =>
  batch.itemCount > 0 && !isTriedAgain(batch) && batch.tasks.none.size === batch.itemCount

const isTriedAgain = ({ retries, reroutes }: Batch): boolean => retries.size + reroutes.size > 0

/**
 * Whether an item ended without being paid, by all that its log says so far: its money is back, and no policy tries it
 * again.
 */
export const isEndedUnpaid = ({ items, retries, reroutes }: Batch, number: number): boolean => {
  const item = items.get(number)
  if (item === undefined || item.task !== "none" || retries.has(number) || reroutes.has(number)) return false
  return isEnd(item.state) && item.state !== "settled"
}

/** How many items are in a state, over all currencies. */
export const countOf = (batch: Batch, state: ItemState): number => {
  let count = 0
  for (const states of batch.tallies.values()) count += states.get(state)?.count ?? 0
  return count
}

/** The item with a number from the log or a plan. Throws if there is none: then the log is not legal. */
export const itemOf = ({ items }: Pick<Batch, "items">, number: number): Item => {
  const item = items.get(number)
  if (item === undefined) throw new Error(`item ${number} is not in the batch: the log is not legal`)
  return item
}

/** The attempts of an item in order. Only the last one can be open. */
export const attemptsOf = ({ earlier, attempt }: Item): ReadonlyArray<Attempt> =>
  attempt === undefined ? earlier : [...earlier, attempt]

/** The attempt of an item with this number, current or earlier. */
export const attemptOf = (item: Item, attempt: number): Attempt | undefined =>
  item.attempt?.attempt === attempt
    ? item.attempt
    : item.earlier.find((earlier) => earlier.attempt === attempt)

/** The number of an item's next attempt. */
export const nextAttempt = (item: Item): number => (item.attempt?.attempt ?? 0) + 1
