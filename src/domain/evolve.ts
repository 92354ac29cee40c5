/**
 * How events change a payout batch.
 *
 * A fold owns its state: `evolve` changes it in place and returns it, so that a batch of any size costs the same per
 * event. Whoever fails to append the events that it evolved throws the state away and folds the log again.
 */
import { standing } from "./attempts.ts"
import {
  type Attempt,
  type AttemptPhase,
  attemptOf,
  type Batch,
  emptyBatch,
  type Item,
  type ItemState,
  isAwaited,
  type Tally,
  type TransferFinal,
  waitsForFunds,
} from "./batch.ts"
import { refusedIn } from "./cancellation-refusal.ts"
import type { BatchEvent, BatchEventOf, ClearanceDecision, PayoutItem } from "./events.ts"
import { isRerouteDue, isRetryDue, taskOf } from "./task.ts"

/** Folds one event into the batch, in place. Total over every event that `decide` emits. */
export const evolve = (batch: Batch, event: BatchEvent): Batch => {
  batch.version += 1
  batch.updatedAt = event.at
  switch (event._tag) {
    case "BatchReceived":
      return begin(batch, event)
    case "ItemsReceived":
      for (const item of event.items) addItem(batch, item)
      batch.seals.push({
        from: event.items[0].item,
        to: event.items.at(-1)?.item ?? 0,
        sealed: event.sealed,
      })
      return batch
    case "ScreeningRequested":
      batch.clearanceCount = event.clearance
      batch.clearances.set(event.clearance, { items: event.items, decideBy: undefined, deferrals: 0 })
      return changeAll(batch, event.items, { state: "screening", clearance: event.clearance })
    case "ItemsScreened":
      return screened(batch, event)
    case "ClearancePending":
      return deferred(batch, event)
    case "ClearanceWithdrawn":
      for (const decision of event.decisions)
        change(batch, decision.item, { ...wordOf(event, decision), clearanceWithdrawn: true })
      return batch
    case "ItemReviewed":
      return event.decision === "released"
        ? change(batch, event.item, { state: "cleared", reason: undefined })
        : change(batch, event.item, { state: "rejected", reason: event.reason })
    case "BatchApproved":
      if (batch.approval !== undefined) batch.approval.approvedBy = event.by
      return batch
    case "ApprovalExpired":
      if (batch.approval !== undefined) batch.approval.expired = true
      return batch
    case "ExecutionStarted":
      batch.startedAt = event.at
      batch.arrivals = event.arrivals
      return batch
    case "ItemsCancelled":
      return changeAll(batch, event.items, { state: "cancelled", cancelled: true, reason: event.reason })
    case "CancellationRefused":
      for (const number of refusedIn(event)) {
        const item = batch.items.get(number)
        if (item !== undefined) item.cancellationRefused = true
      }
      return batch
    case "PostingRequested":
      // Logs from before starts were recorded: a hold is the first thing that a started batch does.
      if (event.kind === "hold") batch.startedAt ??= event.at
      batch.postingCount = event.posting
      batch.postings.set(event.posting, event)
      return changeAll(batch, event.items, { posting: event.posting })
    case "PostingBooked":
      return booked(batch, event.posting)
    case "PostingRefused":
      return refused(batch, event)
    case "FundsArrived":
      return funded(batch, event)
    case "TransfersRequested":
      for (const transfer of event.transfers) requested(batch, event.at, transfer)
      return batch
    case "TransferResent":
      return tracked(batch, event, "transferring", (transfer) => {
        transfer.sends += 1
        transfer.inquiries = 0
        transfer.inquireAt = undefined
        transfer.unknownSince = undefined
      })
    case "TransferAccepted":
      return tracked(batch, event, "pending", (transfer) => {
        transfer.transferId = event.transferId
        transfer.inquireAt = event.inquireAt
        transfer.inquiries += 1
      })
    case "TransferUnknown":
      return tracked(batch, event, "unknown", (transfer) => {
        transfer.unknownSince ??= event.at
        transfer.inquireAt = event.inquireAt
        transfer.inquiries += 1
      })
    case "TransferSettled":
      return concluded(batch, event, "settled", undefined)
    case "TransferFailed":
      return concluded(batch, event, "failed", event)
    case "TransferReturned":
      return concluded(batch, event, "returned", event)
    case "TransferParked":
      return parked(batch, event)
    case "LateOutcomeDetected":
      return disputed(batch, event)
    case "ParkedResolved":
      return resolved(batch, event)
    case "RetryRequested":
      return change(batch, event.item, { state: "cleared", reason: undefined, reroute: undefined })
    case "RerouteRequested":
      return rerouted(batch, event)
    case "ItemsUnrouted":
      return changeAll(batch, event.items, {
        state: "parked",
        reason: `no rule of version ${event.version} leads to a bank`,
      })
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

const begin = (batch: Batch, event: BatchEventOf<"BatchReceived">): Batch => {
  batch.partner = event.partner
  batch.idempotencyKey = event.idempotencyKey
  batch.requestDigest = event.requestDigest
  batch.reference = event.reference
  batch.mode = event.mode
  batch.submittedBy = event.submittedBy
  batch.executeAt = event.executeAt
  batch.approval =
    event.approval === undefined ? undefined : { ...event.approval, approvedBy: undefined, expired: false }
  batch.attemptsMax = event.attemptsMax
  batch.payeePolicy = event.payeePolicy ?? "off"
  batch.itemCount = event.itemCount
  batch.receivedAt = event.at
  return batch
}

const addItem = (batch: Batch, accepted: PayoutItem): void => {
  const item: Item = {
    ...accepted,
    state: "received",
    ledger: "none",
    task: "submit",
    clearance: undefined,
    verdict: undefined,
    listVersion: undefined,
    payee: undefined,
    clearanceWithdrawn: false,
    cancelled: false,
    cancellationRefused: false,
    posting: undefined,
    refusal: undefined,
    transfer: undefined,
    earlier: [],
    reroute: undefined,
    reason: undefined,
  }
  batch.items.set(item.item, item)
  batch.tasks.submit.add(item.item)
  const tally = tallyOf(talliesOf(batch, item.currency), item.state)
  tally.count += 1
  tally.minor += item.minor
}

const verdicts = { approved: "cleared", rejected: "rejected", review: "held" } as const

/** Items that were cancelled while they were screened stay cancelled, whatever the answer. */
const screened = (batch: Batch, event: BatchEventOf<"ItemsScreened">): Batch => {
  for (const decision of event.decisions) {
    const { item, reason } = decision
    change(batch, item, { ...wordOf(event, decision), state: verdicts[decision.decision], reason })
  }
  const asked = batch.clearances.get(event.clearance)
  if (asked !== undefined && !isAwaited(batch, asked)) batch.clearances.delete(event.clearance)
  return batch
}

/** What is remembered of the engine's word, whatever becomes of the item. */
const wordOf = (
  { listVersion }: BatchEventOf<"ItemsScreened" | "ClearanceWithdrawn">,
  { decision, payee }: ClearanceDecision,
): Partial<Item> => ({ verdict: decision, listVersion, ...(payee === undefined ? {} : { payee }) })

const deferred = (batch: Batch, event: BatchEventOf<"ClearancePending">): Batch => {
  const clearance = batch.clearances.get(event.clearance)
  if (clearance === undefined)
    throw new Error(`clearance ${event.clearance} waits for nothing: the log is not legal`)
  clearance.decideBy = event.decideBy
  clearance.deferrals += 1
  return changeAll(batch, event.items, { reason: "the compliance engine decides later" })
}

const bookings = { hold: "held", post: "posted", release: "released", reverse: "reversed" } as const

const booked = (batch: Batch, number: number): Batch => {
  const { kind, items } = takePosting(batch, number)
  return changeAll(batch, items, { posting: undefined, ledger: bookings[kind] })
}

/** Items that need another posting by now, or none, have nothing to wait for. */
const refused = (batch: Batch, { posting, code, retryAt }: BatchEventOf<"PostingRefused">): Batch => {
  const { kind, items } = takePosting(batch, posting)
  for (const number of items) {
    const times = (itemOf(batch, number).refusal?.times ?? 0) + 1
    change(batch, number, { posting: undefined })
    if (itemOf(batch, number).task === kind)
      change(batch, number, { refusal: { posting, kind, code, times, retryAt } })
  }
  return batch
}

const funded = (batch: Batch, { at, currency }: BatchEventOf<"FundsArrived">): Batch => {
  for (const number of batch.refused) {
    const item = itemOf(batch, number)
    if (item.refusal !== undefined && waitsForFunds(item, currency))
      change(batch, number, { refusal: { ...item.refusal, retryAt: Math.min(item.refusal.retryAt, at) } })
  }
  return batch
}

const takePosting = (batch: Batch, number: number) => {
  const posting = batch.postings.get(number)
  if (posting === undefined) throw new Error(`posting ${number} was never requested: the log is not legal`)
  batch.postings.delete(number)
  return posting
}

const requested = (
  batch: Batch,
  at: number,
  { item, attempt, bank, reference, route }: BatchEventOf<"TransfersRequested">["transfers"][number],
): void => {
  const { transfer, earlier, reroute } = itemOf(batch, item)
  if (transfer !== undefined) earlier.push(transfer)
  change(batch, item, {
    state: "transferring",
    reroute: undefined,
    transfer: {
      attempt,
      bank,
      reference,
      route,
      round: (transfer?.round ?? 0) + (reroute === undefined ? 1 : 0),
      requestedAt: at,
      phase: "transferring",
      sends: 1,
      inquiries: 0,
      transferId: undefined,
      inquireAt: undefined,
      unknownSince: undefined,
      outcome: undefined,
      said: [],
      dispute: undefined,
      concludedAt: undefined,
      code: undefined,
      category: undefined,
      retryable: false,
      reroutable: false,
    },
  })
}

const rerouted = (batch: Batch, { item }: BatchEventOf<"RerouteRequested">): Batch =>
  change(batch, item, { state: "cleared", reason: undefined, reroute: itemOf(batch, item).transfer?.route })

type AboutTransfer = { readonly at: number; readonly item: number; readonly attempt: number }

const tracked = (
  batch: Batch,
  about: AboutTransfer,
  phase: AttemptPhase,
  mend: (transfer: Attempt) => void,
): Batch => {
  const transfer = currentTransfer(batch, about)
  transfer.phase = phase
  mend(transfer)
  return stand(batch, about, itemOf(batch, about.item).reason)
}

/** The inquiries have come to their end: a person says what became of it. */
const parked = (batch: Batch, event: BatchEventOf<"TransferParked">): Batch => {
  const transfer = currentTransfer(batch, event)
  transfer.phase = "parked"
  transfer.inquireAt = undefined
  return stand(batch, event, event.reason)
}

/** What a bank said when it failed or returned a transfer. */
type Refusal = Pick<BatchEventOf<"TransferReturned">, "code"> &
  Partial<Pick<BatchEventOf<"TransferFailed">, "category" | "retryable" | "reroutable">>

const concluded = (
  batch: Batch,
  about: AboutTransfer,
  outcome: TransferFinal,
  refusal: Refusal | undefined,
): Batch => {
  const transfer = anyTransfer(batch, about)
  transfer.outcome = outcome
  transfer.said.push(outcome)
  transfer.concludedAt = about.at
  transfer.inquireAt = undefined
  transfer.code = refusal?.code
  transfer.category = refusal?.category
  transfer.retryable = refusal?.retryable ?? false
  transfer.reroutable = refusal?.reroutable ?? false
  return stand(batch, about, refusal?.code)
}

/** What was paid after all is booked like any payment; everything else about a contradiction is a person's to say. */
const disputed = (batch: Batch, event: BatchEventOf<"LateOutcomeDetected">): Batch => {
  const transfer = anyTransfer(batch, event)
  transfer.said.push(event.reported)
  if (event.compensation === "review") {
    transfer.dispute = `of attempt ${event.attempt} the bank reported ${event.reported} after ${event.recorded}`
  } else {
    transfer.outcome = event.reported
    transfer.concludedAt = event.at
  }
  return stand(batch, event, undefined)
}

/** Where a person had to speak, no policy tries again. */
const resolved = (batch: Batch, event: BatchEventOf<"ParkedResolved">): Batch => {
  const transfer = anyTransfer(batch, event)
  transfer.outcome = event.outcome
  transfer.concludedAt = event.at
  transfer.dispute = undefined
  const { transfer: last } = itemOf(batch, event.item)
  if (last !== undefined) last.retryable = last.reroutable = false
  return stand(batch, event, event.reason)
}

const stand = (batch: Batch, { item }: AboutTransfer, reason: string | undefined): Batch =>
  change(batch, item, standing(itemOf(batch, item), reason))

const changeAll = (batch: Batch, items: Iterable<number>, fields: Partial<Item>): Batch => {
  for (const item of items) change(batch, item, fields)
  return batch
}

const change = (batch: Batch, number: number, fields: Partial<Item>): Batch => {
  const item = itemOf(batch, number)
  if (fields.state !== undefined && fields.state !== item.state) {
    const tallies = talliesOf(batch, item.currency)
    const [left, entered] = [tallyOf(tallies, item.state), tallyOf(tallies, fields.state)]
    left.count -= 1
    left.minor -= item.minor
    entered.count += 1
    entered.minor += item.minor
  }
  Object.assign(item, fields)
  const task = taskOf(item)
  if (task !== item.task) {
    batch.tasks[item.task].delete(number)
    batch.tasks[task].add(number)
    item.task = task
  }
  if (task !== "book" && task !== item.refusal?.kind) item.refusal = undefined
  if (item.refusal !== undefined) batch.refused.add(number)
  else if (batch.refused.size > 0) batch.refused.delete(number)
  if (isRetryDue(batch, item)) batch.retries.add(number)
  else if (batch.retries.size > 0) batch.retries.delete(number)
  if (isRerouteDue(item)) batch.reroutes.add(number)
  else if (batch.reroutes.size > 0) batch.reroutes.delete(number)
  return batch
}

type Tallies = Map<ItemState, Tally>

const talliesOf = ({ tallies }: Batch, currency: string): Tallies =>
  tallies.get(currency) ?? kept(tallies, currency, new Map())

const tallyOf = (tallies: Tallies, state: ItemState): Tally =>
  tallies.get(state) ?? kept(tallies, state, { count: 0, minor: 0n })

const kept = <K, V>(map: Map<K, V>, key: K, made: V): V => {
  map.set(key, made)
  return made
}

const itemOf = (batch: Batch, number: number): Item => {
  const item = batch.items.get(number)
  if (item === undefined) throw new Error(`item ${number} is not in the batch: the log is not legal`)
  return item
}

const anyTransfer = (batch: Batch, { item, attempt }: AboutTransfer): Attempt => {
  const transfer = attemptOf(itemOf(batch, item), attempt)
  if (transfer === undefined) throw new Error(`item ${item} has no attempt ${attempt}: the log is not legal`)
  return transfer
}

const currentTransfer = (batch: Batch, { item, attempt }: AboutTransfer): Attempt => {
  const { transfer } = itemOf(batch, item)
  if (transfer?.attempt !== attempt)
    throw new Error(`item ${item} has no attempt ${attempt} under way: the log is not legal`)
  return transfer
}

const unreachable = (event: never): never => {
  throw new Error(`no such event: ${JSON.stringify(event)}`)
}
