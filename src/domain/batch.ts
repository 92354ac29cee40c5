/**
 * The state of a payout batch, and how events change it.
 *
 * A fold owns its state: `evolve` changes it in place and returns it, so that a batch of any size costs the same per
 * event. Whoever fails to append the events that it evolved throws the state away and folds the log again.
 *
 * Every item has exactly one task: what has to happen to it next. The tasks are kept as sets, so that `plan` finds
 * due work without walking the batch.
 */
import type { BatchEvent, ClosedState, PayoutItem, PostingKind } from "./events.ts"

export type ItemState =
  | "received"
  | "held"
  | "rejected"
  | "cleared"
  | "transferring"
  | "unknown"
  | "pending"
  | "settled"
  | "failed"
  | "returned"
  | "parked"

/** Where the item's money stands in the ledger. */
export type LedgerState = "none" | "held" | "posted" | "released" | "reversed"

/** What has to happen to an item next: a posting, a call to a bank or the compliance engine, a person, or nothing. */
export type Task = "screen" | PostingKind | "book" | "request" | "transfer" | "inquire" | "review" | "none"

/** The one attempt under way or last made to pay an item. */
export interface Attempt {
  readonly attempt: number
  readonly bank: string
  readonly reference: string
  /** How often the attempt went out under its key. */
  sends: number
  /** How often the bank was asked, or promised to tell, without a final word. */
  inquiries: number
  /** The bank's id, once it said that it has the transfer. */
  transferId: string | undefined
  /** When to ask the bank, while the outcome is open. */
  inquireAt: number | undefined
  /** The bank's final word. A transfer without one is open. */
  outcome: "settled" | "failed" | "returned" | undefined
}

export interface Item extends PayoutItem {
  state: ItemState
  ledger: LedgerState
  task: Task
  /** The posting that is requested and not yet booked. */
  posting: number | undefined
  transfer: Attempt | undefined
  /** Why the item is held, rejected, failed, returned or parked: the code or reason as it was given. */
  reason: string | undefined
}

export interface Tally {
  count: number
  minor: bigint
}

export interface Batch {
  version: number
  partner: string
  idempotencyKey: string
  requestDigest: string
  reference: string | undefined
  itemCount: number
  receivedAt: number
  updatedAt: number
  closed: ClosedState | undefined
  readonly items: Map<number, Item>
  readonly tasks: Readonly<Record<Task, Set<number>>>
  /** Postings requested and not yet booked. */
  readonly postings: Map<number, { readonly kind: PostingKind; readonly items: ReadonlyArray<number> }>
  postingCount: number
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
  itemCount: 0,
  receivedAt: 0,
  updatedAt: 0,
  closed: undefined,
  items: new Map(),
  tasks: {
    screen: new Set(),
    hold: new Set(),
    post: new Set(),
    release: new Set(),
    reverse: new Set(),
    book: new Set(),
    request: new Set(),
    transfer: new Set(),
    inquire: new Set(),
    review: new Set(),
    none: new Set(),
  },
  postings: new Map(),
  postingCount: 0,
  tallies: new Map(),
})

export type BatchState = "received" | "screening" | "settling" | ClosedState

/** What the partner is told of the batch as a whole. */
export const batchState = (batch: Batch): BatchState => {
  if (batch.closed !== undefined) return batch.closed
  const unscreened = batch.tasks.screen.size
  if (unscreened === 0) return "settling"
  return unscreened === batch.itemCount ? "received" : "screening"
}

/** Nothing is left to do for a machine: every item is final or waits for a person. */
export const isQuiescent = (batch: Batch): boolean =>
  batch.tasks.none.size + batch.tasks.review.size === batch.itemCount

/** Folds one event into the batch, in place. Total over every event that `decide` emits. */
export const evolve = (batch: Batch, event: BatchEvent): Batch => {
  batch.version += 1
  batch.updatedAt = event.at
  switch (event._tag) {
    case "BatchReceived":
      batch.partner = event.partner
      batch.idempotencyKey = event.idempotencyKey
      batch.requestDigest = event.requestDigest
      batch.reference = event.reference
      batch.itemCount = event.itemCount
      batch.receivedAt = event.at
      return batch
    case "ItemsReceived":
      for (const item of event.items) addItem(batch, item)
      return batch
    case "ItemsScreened":
      for (const { item, decision, reason } of event.decisions)
        change(batch, item, { state: screened[decision], reason })
      return batch
    case "PostingRequested":
      batch.postingCount = event.posting
      batch.postings.set(event.posting, event)
      for (const item of event.items) change(batch, item, { posting: event.posting })
      return batch
    case "PostingBooked":
      return book(batch, event.posting)
    case "TransferRequested":
      change(batch, event.item, {
        state: "transferring",
        transfer: {
          attempt: event.attempt,
          bank: event.bank,
          reference: event.reference,
          sends: 1,
          inquiries: 0,
          transferId: undefined,
          inquireAt: undefined,
          outcome: undefined,
        },
      })
      return batch
    case "TransferResent":
      changeTransfer(batch, event.item, "transferring", (transfer) => {
        transfer.sends += 1
        transfer.inquireAt = undefined
      })
      return batch
    case "TransferAccepted":
      changeTransfer(batch, event.item, "pending", (transfer) => {
        transfer.transferId = event.transferId
        transfer.inquireAt = event.inquireAt
        transfer.inquiries += 1
      })
      return batch
    case "TransferUnknown":
      changeTransfer(batch, event.item, "unknown", (transfer) => {
        transfer.inquireAt = event.inquireAt
        transfer.inquiries += 1
      })
      return batch
    case "TransferSettled":
      return conclude(batch, event.item, "settled")
    case "TransferFailed":
      return conclude(batch, event.item, "failed", event.code)
    case "TransferReturned":
      return conclude(batch, event.item, "returned", event.code)
    case "TransferParked":
      change(batch, event.item, { state: "parked", reason: event.reason })
      return batch
    case "BatchClosed":
      batch.closed = event.state
      return batch
    default:
      return unreachable(event)
  }
}

/** Folds events in order, from the empty batch unless another state is handed over (which is then changed in place). */
export const fold = (events: Iterable<BatchEvent>, batch: Batch = emptyBatch()): Batch => {
  for (const event of events) evolve(batch, event)
  return batch
}

const screened = { approved: "cleared", rejected: "rejected", review: "held" } as const

const booked = { hold: "held", post: "posted", release: "released", reverse: "reversed" } as const

/** The next thing that has to happen to an item, from its states alone. */
const taskOf = (item: Item): Task => {
  if (item.posting !== undefined) return "book"
  switch (item.state) {
    case "received":
      return "screen"
    case "held":
    case "parked":
      return "review"
    case "rejected":
      return "none"
    case "cleared":
      return item.ledger === "none" ? "hold" : "request"
    case "transferring":
      return "transfer"
    case "unknown":
    case "pending":
      return "inquire"
    case "settled":
      return item.ledger === "held" ? "post" : "none"
    case "failed":
      return item.ledger === "held" ? "release" : "none"
    case "returned":
      // What was settled is posted first, however quickly it came back: the ledger shows both.
      return item.ledger === "held" ? "post" : item.ledger === "posted" ? "reverse" : "none"
  }
}

const addItem = (batch: Batch, accepted: PayoutItem): void => {
  const item: Item = {
    ...accepted,
    state: "received",
    ledger: "none",
    task: "screen",
    posting: undefined,
    transfer: undefined,
    reason: undefined,
  }
  batch.items.set(item.item, item)
  batch.tasks.screen.add(item.item)
  tally(batch, item, 1)
}

const change = (batch: Batch, number: number, fields: Partial<Item>): void => {
  const item = itemOf(batch, number)
  tally(batch, item, -1)
  batch.tasks[item.task].delete(number)
  Object.assign(item, fields)
  item.task = taskOf(item)
  batch.tasks[item.task].add(number)
  tally(batch, item, 1)
}

const changeTransfer = (
  batch: Batch,
  number: number,
  state: ItemState,
  mend: (transfer: Attempt) => void,
): void => {
  const { transfer } = itemOf(batch, number)
  if (transfer === undefined) throw new Error(`item ${number} has no transfer: the log is not legal`)
  mend(transfer)
  change(batch, number, { state })
}

const conclude = (
  batch: Batch,
  number: number,
  outcome: "settled" | "failed" | "returned",
  code?: string,
): Batch => {
  changeTransfer(batch, number, outcome, (transfer) => {
    transfer.outcome = outcome
    transfer.inquireAt = undefined
  })
  itemOf(batch, number).reason = code
  return batch
}

const book = (batch: Batch, number: number): Batch => {
  const posting = batch.postings.get(number)
  if (posting === undefined) throw new Error(`posting ${number} was never requested: the log is not legal`)
  batch.postings.delete(number)
  for (const item of posting.items) change(batch, item, { posting: undefined, ledger: booked[posting.kind] })
  return batch
}

const tally = (batch: Batch, item: Item, sign: 1 | -1): void => {
  const states = entryOf(batch.tallies, item.currency, () => new Map<ItemState, Tally>())
  const entry = entryOf(states, item.state, () => ({ count: 0, minor: 0n }))
  entry.count += sign
  entry.minor += sign === 1 ? item.minor : -item.minor
}

const entryOf = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}

const itemOf = (batch: Batch, number: number): Item => {
  const item = batch.items.get(number)
  if (item === undefined) throw new Error(`item ${number} is not in the batch: the log is not legal`)
  return item
}

const unreachable = (event: never): never => {
  throw new Error(`no such event: ${JSON.stringify(event)}`)
}
