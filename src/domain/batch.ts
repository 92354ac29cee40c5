/**
 * What is known of a payout batch. `evolve.ts` folds events into it; `tasks` say what has to happen next to each item,
 * kept as sets so that `plan` finds due work without walking the batch.
 */

import type { Day } from "./business-days.ts"
import type { FindingName, PayeeMatch, PayeePolicy, Verdict } from "./clearance-answers.ts"
import type { Credential } from "./credential.ts"
import type {
  BatchEventOf,
  BatchMode,
  ClosedState,
  OpenRefusal,
  PayoutItem,
  PostingKind,
  Route,
} from "./events.ts"
import type { FailureCategory } from "./failure-codes.ts"
import type { ItemHeap } from "./item-heap.ts"
import { ItemSet } from "./item-set.ts"
import type { ItemState } from "./item-state.ts"
import type { ResolvedOutcome, TransferFinal } from "./outcomes.ts"
import type { OutsideText } from "./outside-text.ts"
import type { Scheme } from "./scheme.ts"

/** Where the item's money stands in the ledger. */
export type LedgerState = "none" | "held" | "posted" | "released" | "reversed"

/** What has to happen to an item next: a posting, a call to a bank or the compliance engine, a person, or nothing. */
export type Task =
  | "submit"
  | "screen"
  | PostingKind
  | "book"
  | "request"
  | "transfer"
  | "inquire"
  | "withdraw"
  | "review"
  | "none"

/** Where an attempt is that has no final word. */
export type AttemptPhase = Extract<ItemState, "transferring" | "unknown" | "pending" | "parked">

/** What is asked of an order that may still lie with us: to be taken back. */
export type Withdrawal = Omit<BatchEventOf<"WithdrawalsRequested">, "_tag" | "at" | "transfers">

/** One attempt to pay an item: a child of the item, with a key of its own. */
export interface Attempt {
  readonly attempt: number
  readonly bank: string
  readonly reference: string
  readonly route: Route | undefined
  /** How often the item was tried anew, with this attempt: one that follows to another bank is of the same round. */
  readonly round: number
  readonly requestedAt: number
  /** Where it is until its outcome is known. */
  phase: AttemptPhase
  /** How often the attempt went out under its key. */
  sends: number
  /** How often the bank was asked, or promised to tell, without a final word. */
  inquiries: number
  /** The bank's id, once it said that it has the transfer. */
  transferId: string | undefined
  /** When to ask the bank, while the outcome is open. */
  inquireAt: number | undefined
  /** Since when nobody can say whether the bank has it. */
  unknownSince: number | undefined
  /** The bank's final word, or a person's. An attempt without one is open. */
  outcome: TransferFinal | undefined
  /** A refusal by the bank that is to be confirmed, until it is, or the bank turns out to have the transfer. */
  refusal: OpenRefusal | undefined
  /** The refusals in doubt since the bank last said that it has it, each once: said again meanwhile, they are old news. */
  refusalsInDoubt: ReadonlyArray<OpenRefusal>
  /** Every refusal that was asked about, or that a person was told of, as often as it was. */
  readonly refusalsAsked: Array<OpenRefusal>
  /** Whether its order lies with us before it goes out; not any more, once it may have gone. */
  withdrawable: boolean
  /** That its order is to be taken back, until it is known whether it could be. */
  withdrawal: Withdrawal | undefined
  /** Every final word that the bank has ever said of it, and that it has it after all: said again, it is old news. */
  readonly reports: Array<TransferFinal | "accepted">
  /** How the bank contradicted itself about it, until a person resolves it. */
  dispute: OutsideText | undefined
  concludedAt: number | undefined
  /** The bank's own code for a failure or a return, and what it meant then. */
  code: OutsideText | undefined
  category: FailureCategory | undefined
  retryable: boolean
  /** Whether another bank may pay what this one refused. */
  reroutable: boolean
}

/** What the ledger last said of an item's posting that it would not book. */
export interface PostingRefusal {
  readonly posting: number
  readonly kind: PostingKind
  readonly code: OutsideText
  /** How often in a row. */
  readonly times: number
  /** When the item is posted again. */
  readonly retryAt: number
}

/** The code under which the ledger refuses a hold that the partner's funds do not cover. */
export const INSUFFICIENT_FUNDS = "insufficient-funds"

/** What the compliance engine, or the policy on payees, has against an item. */
export interface Finding extends FindingName {
  readonly decision: Exclude<Verdict, "approved">
  readonly foundAt: number
  /** A reviewer saw it and released the item all the same. */
  readonly released: boolean
}

/** How an attempt ended by the word of one operator, who needs another one. */
export interface Proposal {
  readonly attempt: number
  readonly outcome: ResolvedOutcome
  readonly credential: Credential
  readonly expiresAt: number
}

export interface Item extends PayoutItem {
  state: ItemState
  /** The version of the event that last said in which state it is, also when that was the same as before. */
  since: number
  ledger: LedgerState
  task: Task
  /** Its place among all that were ever to be paid: a new one each time that this becomes its task. */
  place: number
  /** The first and the last clearance that asked about it. */
  firstClearance: number | undefined
  clearance: number | undefined
  /** The clearance whose answer it waits for. */
  asked: number | undefined
  /** The clearance that was answered last: by which lists, and how old it is counted from. */
  lastAnswer: { readonly at: number; readonly listVersion: string } | undefined
  /** What was found against it, each finding once, at most as many as wait for a reviewer at a time and one more. */
  findings: ReadonlyArray<Finding>
  /** The strictest word that the engine has said of it, the lists that this was said by, and whether the name matches. */
  verdict: Verdict | undefined
  listVersion: string | undefined
  payee: PayeeMatch | undefined
  /** The engine took an approval back when an intent was in the log already: nothing more is sent. */
  clearanceWithdrawn: boolean
  /** It was cancelled: whatever a bank still says of an attempt before that, there is none after it. */
  cancelled: boolean
  /** The log tells that a cancellation came too late for it: asked again, it tells nothing new. */
  cancellationRefused: boolean
  /** The posting that is requested and not yet booked. */
  posting: number | undefined
  /** Present until the posting that the ledger refused is booked after all, or not needed any more. */
  refusal: PostingRefusal | undefined
  /** The attempt under way or last made, and those before it. */
  attempt: Attempt | undefined
  readonly earlier: Array<Attempt>
  /** Machines gave it to people: it was held, parked or in dispute. From then on only an operator tries it again. */
  attended: boolean
  /** What one operator said of a parked attempt, until another one says the same or the item is not as it was. */
  proposal: Proposal | undefined
  /** The route that the next attempt has to follow, to another of its banks; else the rules are asked. */
  reroute: Route | undefined
  /** Why the item is held, rejected, failed, returned, cancelled or parked: the code or reason as it was given. */
  reason: OutsideText | undefined
}

export interface Tally {
  count: number
  minor: bigint
}

/** A clearance that was asked for, while items wait for it. */
export interface OpenClearance {
  readonly items: ReadonlyArray<number>
  readonly askedAt: number
  /** When the engine is asked again, once it said that it will decide later, and how often it said so. */
  decideBy: number | undefined
  deferrals: number
}

export interface Approval {
  readonly reason: "asked" | "threshold"
  readonly expiresAt: number
  readonly hash: string
  approvedBy: string | undefined
  expired: boolean
}

export interface Batch {
  version: number
  partner: string
  idempotencyKey: string
  requestDigest: string
  reference: string | undefined
  mode: BatchMode
  submittedBy: string
  /** Under which it was posted; nothing in logs from before that was kept. */
  credential: Credential | undefined
  executeAt: number | undefined
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
  /** The last place that was given to an item to be paid. */
  placeCount: number
  /** Items whose bank is to be asked, by bank, by when. */
  readonly inquiries: Map<string, ItemHeap>
  /** Items that failed in a way that a new attempt may mend, and may have one by policy. */
  readonly retries: ItemSet
  /** Items that one bank refused and that go to the next one of their rule. */
  readonly reroutes: ItemSet
  readonly clearances: Map<number, OpenClearance>
  clearanceCount: number
  /** Postings requested and not yet booked. */
  readonly postings: Map<number, { readonly kind: PostingKind; readonly items: ReadonlyArray<number> }>
  postingCount: number
  /** Items whose posting the ledger refused. */
  readonly refused: ItemSet
  /** Per currency and item state: how many, and how much. The sum over the states is the batch's total. */
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
  tasks: {
    submit: new ItemSet(),
    screen: new ItemSet(),
    hold: new ItemSet(),
    post: new ItemSet(),
    release: new ItemSet(),
    reverse: new ItemSet(),
    book: new ItemSet(),
    request: new ItemSet(),
    transfer: new ItemSet(),
    inquire: new ItemSet(),
    withdraw: new ItemSet(),
    review: new ItemSet(),
    none: new ItemSet(),
  },
  placeCount: 0,
  inquiries: new Map(),
  retries: new ItemSet(),
  reroutes: new ItemSet(),
  clearances: new Map(),
  clearanceCount: 0,
  postings: new Map(),
  postingCount: 0,
  refused: new ItemSet(),
  tallies: new Map(),
})

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

/** What the partner is told of the batch as a whole. */
export const batchState = (batch: Batch): BatchState => {
  if (batch.closed !== undefined) return batch.closed
  if (batch.startedAt !== undefined) return isAwaitingFunds(batch) ? "awaiting-funds" : "settling"
  const unscreened = batch.tasks.submit.size + batch.tasks.screen.size
  if (unscreened > 0) return batch.tasks.submit.size === batch.itemCount ? "received" : "screening"
  if (isAwaitingApproval(batch)) return "awaiting-approval"
  return batch.executeAt !== undefined && mayStart(batch, Number.POSITIVE_INFINITY) ? "scheduled" : "settling"
}

export const isAwaitingApproval = ({ approval, closed }: Batch): boolean =>
  closed === undefined && approval !== undefined && approval.approvedBy === undefined && !approval.expired

/** Whether the ledger has refused to hold the money of some item for lack of funds. */
export const isAwaitingFunds = ({ refused, items }: Batch): boolean => {
  for (const number of refused) {
    const item = items.get(number)
    if (item !== undefined && waitsForFunds(item, item.currency)) return true
  }
  return false
}

export const waitsForFunds = ({ refusal, currency }: Item, funded: string): boolean =>
  refusal?.kind === "hold" && refusal.code === INSUFFICIENT_FUNDS && currency === funded

/**
 * Whether the batch may start to pay at `now` (epoch milliseconds): approved if it has to be, its time come, something
 * screened and ready to pay, and, in strict mode, every item screened that was not cancelled.
 */
export const mayStart = (batch: Batch, now: number): boolean =>
  batch.startedAt === undefined &&
  batch.closed === undefined &&
  batch.items.size === batch.itemCount &&
  batch.tasks.hold.size > 0 &&
  (batch.mode === "partial" || batch.tasks.hold.size === batch.itemCount - countOf(batch, "cancelled")) &&
  (batch.approval === undefined || batch.approval.approvedBy !== undefined) &&
  (batch.executeAt === undefined || batch.executeAt <= now)

/** Whether an item still waits for the answer to a clearance: none does when all were cancelled meanwhile. */
export const isAwaited = (batch: Batch, clearance: number, { items }: OpenClearance): boolean =>
  items.some((item) => batch.items.get(item)?.asked === clearance)

/** Nothing is left to do for a machine: every item is final or waits for a person. */
export const isQuiescent = (batch: Batch): boolean =>
  !isTriedAgain(batch) && batch.tasks.none.size + batch.tasks.review.size === batch.itemCount

/** Whether every item is final and accounted for. */
export const isComplete = (batch: Batch): boolean =>
  batch.itemCount > 0 && !isTriedAgain(batch) && batch.tasks.none.size === batch.itemCount

const isTriedAgain = ({ retries, reroutes }: Batch): boolean => retries.size + reroutes.size > 0

/** How many items are in a state, over all currencies. */
export const countOf = (batch: Batch, state: ItemState): number => {
  let count = 0
  for (const states of batch.tallies.values()) count += states.get(state)?.count ?? 0
  return count
}

/** The item with a number that the log, or a plan made from it, speaks of. */
export const itemOf = ({ items }: Pick<Batch, "items">, number: number): Item => {
  const item = items.get(number)
  if (item === undefined) throw new Error(`item ${number} is not in the batch: the log is not legal`)
  return item
}

/** The attempts of an item, in their order; only the last can be open. */
export const attemptsOf = ({ earlier, attempt }: Item): ReadonlyArray<Attempt> =>
  attempt === undefined ? earlier : [...earlier, attempt]

/** The attempt of an item with a number, the current one or an earlier one. */
export const attemptOf = (item: Item, attempt: number): Attempt | undefined =>
  item.attempt?.attempt === attempt
    ? item.attempt
    : item.earlier.find((earlier) => earlier.attempt === attempt)

export const nextAttempt = (item: Item): number => (item.attempt?.attempt ?? 0) + 1
