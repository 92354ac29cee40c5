/**
 * Whether an event may follow in a batch. `evolve` takes whatever has an item and an attempt to change; this asks what `decide`
 * promises: an event that it would never have made is not legal, however well its hash is computed.
 */
import { type Attempt, attemptOf, type Batch, type Item, isComplete, nextAttempt } from "../domain/batch.ts"
import { type BatchEvent, type BatchEventOf, ITEMS_PER_EVENT_MAX } from "../domain/events.ts"
import { type GatheredEvent, isGathered, type SingleEvent, singleEvents } from "../domain/gathered-events.ts"
import { type BatchId, transferReference } from "../domain/identifiers.ts"
import type { ItemState } from "../domain/item-state.ts"

/** Why an event cannot follow in this state of the batch; nothing if it can. Throws nothing, changes nothing. */
export const illegality = (id: BatchId, batch: Batch, event: BatchEvent): string | undefined => {
  if (event._tag === "BatchReceived") return batch.version === 0 ? undefined : "the batch was received before"
  if (batch.version === 0) return "the log does not begin with the receipt of the batch"
  if (event._tag === "ItemsReceived") return receiptFault(batch, event)
  if (batch.items.size !== batch.itemCount) return "not all items were received before it"
  return isGathered(event) ? gatheredFault(id, batch, event) : singleFault(id, batch, event)
}

/** Each of the events that it stands for may follow in the state before all of them, because each is about another item. */
const gatheredFault = (id: BatchId, batch: Batch, event: GatheredEvent): string | undefined => {
  const { transfers } = event
  if (transfers.length < 2 || transfers.length > ITEMS_PER_EVENT_MAX)
    return `it has ${transfers.length} transfers`
  if (Math.max(...transfers.map(({ at }) => at)) !== event.at)
    return "its time is not that of its last report"
  const seen = new Set<number>()
  const twice = transfers.find(({ item }) => seen.size === seen.add(item).size)
  if (twice !== undefined) return `item ${twice.item} is in it twice`
  return firstFault(singleEvents(event), (single) => singleFault(id, batch, single))
}

const singleFault = (id: BatchId, batch: Batch, event: SingleEvent): string | undefined => {
  switch (event._tag) {
    case "ScreeningRequested":
      return event.clearance === batch.clearanceCount + 1 ? undefined : "its clearance is not the next one"
    case "ItemsScreened":
    case "ClearancePending":
    case "ClearanceWithdrawn":
      return event.clearance <= batch.clearanceCount ? undefined : "its clearance was never requested"
    case "ItemReviewed":
      return stateFault(batch, event.item, event.decision === "released" ? held : reviewed)
    case "BatchApproved":
      return batch.approval !== undefined && batch.approval.approvedBy === undefined
        ? undefined
        : "no approval was waited for"
    case "ApprovalExpired":
    case "ApprovalDeclined":
      return batch.approval === undefined ? "no approval was waited for" : undefined
    case "ExecutionStarted":
      return batch.startedAt === undefined ? undefined : "the batch had started before"
    case "ItemsCancelled":
      return firstFault(event.items, (item) => stateFault(batch, item, cancellable))
    case "PostingRequested":
      return postingFault(batch, event)
    case "TransfersRequested":
      return firstFault(event.transfers, (transfer) => intentFault(id, batch, transfer))
    case "TransferResent":
    case "TransferAccepted":
    case "TransferUnknown":
    case "TransferParked":
    case "TransferSettled":
    case "TransferFailed":
    case "TransferWithdrawn":
      return outcomeFault(batch, event, undefined)
    case "TransferReturned":
      return outcomeFault(batch, event, "settled")
    case "ParkedResolved":
      return stateFault(batch, event.item, resolvable)
    case "RetryRequested":
      return stateFault(batch, event.item, retriable)
    case "RerouteRequested":
      return stateFault(batch, event.item, failed)
    case "BatchClosed":
      if (batch.closed !== undefined) return "the batch was closed before"
      return isComplete(batch) ? undefined : "not all items are final"
    default:
      return undefined
  }
}

type States = ReadonlySet<ItemState>

const held: States = new Set(["held"])
const reviewed: States = new Set(["held", "screened"])
/** Failed, if its order was withdrawn so that it could be resolved. */
const resolvable: States = new Set(["parked", "failed"])
const failed: States = new Set(["failed"])
const retriable: States = new Set(["failed", "parked"])
const cancellable: States = new Set([
  "received",
  "screening",
  "held",
  "screened",
  "transferring",
  "unknown",
  "failed",
  "parked",
])

const firstFault = <A>(all: Iterable<A>, faultOf: (one: A) => string | undefined): string | undefined => {
  for (const one of all) {
    const fault = faultOf(one)
    if (fault !== undefined) return fault
  }
  return undefined
}

const withItem = (
  batch: Batch,
  number: number,
  faultOf: (item: Item) => string | undefined,
): string | undefined => {
  const item = batch.items.get(number)
  return item === undefined ? `item ${number} is not in the batch` : faultOf(item)
}

const stateFault = (batch: Batch, number: number, states: States): string | undefined =>
  withItem(batch, number, ({ state }) => (states.has(state) ? undefined : `item ${number} is ${state}`))

const receiptFault = (batch: Batch, { items }: BatchEventOf<"ItemsReceived">): string | undefined => {
  const before = batch.items.size
  if (before + items.length > batch.itemCount) return "the batch has fewer items"
  const misplaced = items.find(({ item }, index) => item !== before + index + 1)
  return misplaced === undefined ? undefined : `item ${misplaced.item} is not the next one`
}

/** Where an item's money may be when a posting of each kind is requested. */
const ledgersBefore = {
  hold: new Set(["none", "released", "reversed"]),
  post: new Set(["held"]),
  release: new Set(["held"]),
  reverse: new Set(["posted"]),
} as const

const postingFault = (
  batch: Batch,
  { posting, kind, items }: BatchEventOf<"PostingRequested">,
): string | undefined =>
  posting === batch.postingCount + 1
    ? firstFault(items, (number) =>
        withItem(batch, number, ({ ledger, posting }) => {
          if (posting !== undefined) return `item ${number} waits for posting ${posting}`
          const before: ReadonlySet<string> = ledgersBefore[kind]
          return before.has(ledger) ? undefined : `item ${number}'s money is ${ledger}`
        }),
      )
    : "its posting is not the next one"

const intentFault = (
  id: BatchId,
  batch: Batch,
  { item: number, attempt, reference }: BatchEventOf<"TransfersRequested">["transfers"][number],
): string | undefined =>
  withItem(batch, number, (item) => {
    if (item.state !== "screened" || item.cancelled) return `item ${number} is ${item.state}`
    if (item.ledger !== "held") return `item ${number}'s money is ${item.ledger}`
    if (attempt !== nextAttempt(item))
      return `item ${number} has attempt ${item.attempt?.attempt ?? 0} before it`
    return reference === transferReference({ batch: id, item: number, attempt })
      ? undefined
      : `the reference of item ${number} is not derived from batch, item and attempt`
  })

const outcomeFault = (
  batch: Batch,
  { item: number, attempt }: { readonly item: number; readonly attempt: number },
  before: Attempt["outcome"],
): string | undefined =>
  withItem(batch, number, (item) => {
    const about = attemptOf(item, attempt)
    if (about === undefined) return `item ${number} has no attempt ${attempt}`
    return about.outcome === before
      ? undefined
      : `attempt ${attempt} of item ${number} is ${about.outcome ?? "open"}`
  })
