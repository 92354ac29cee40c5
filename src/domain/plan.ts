/** The work that is due for a batch: a pure function of its state, the time, and what banks take. */
import { Array as Arr } from "effect"
import { type Capacities, capacityOf, lookAgainAt } from "./bank-capacity.ts"
import {
  type Batch,
  isAwaited,
  isAwaitingApproval,
  isComplete,
  isHeldUp,
  itemOf,
  mayStart,
  type Task,
} from "./batch.ts"
import { type ClearanceTerms, isScreenedAgain, mayStartScreened, screenAgainAt } from "./clearance.ts"
import type { PostingKind } from "./events.ts"
import { type PayingTerms, type PlannedTransfer, planTransfers } from "./plan-transfers.ts"

type Items = Arr.NonEmptyReadonlyArray<number>
type Busy = PayingTerms["busy"]

/** Due work. The first five are calls to providers; the others are decisions that go straight to the log. */
export type Work =
  | { readonly _tag: "Screen"; readonly clearance: number; readonly items: Items }
  | { readonly _tag: "Book"; readonly posting: number; readonly kind: PostingKind; readonly items: Items }
  | { readonly _tag: "Transfer"; readonly items: Items }
  | { readonly _tag: "Inquire"; readonly items: Items }
  | { readonly _tag: "Withdraw"; readonly items: Items }
  | { readonly _tag: "RequestScreening"; readonly items: Items }
  | { readonly _tag: "ExpireApproval" }
  | { readonly _tag: "StartExecution" }
  | { readonly _tag: "RequestPosting"; readonly kind: PostingKind; readonly items: Items }
  | { readonly _tag: "RequestTransfers"; readonly transfers: Arr.NonEmptyReadonlyArray<PlannedTransfer> }
  | { readonly _tag: "RecordUnrouted"; readonly items: Items }
  | { readonly _tag: "Retry"; readonly item: number }
  | { readonly _tag: "Reroute"; readonly item: number }
  | { readonly _tag: "Close" }

/** Due work, and when to look again at items that their banks do not take now (epoch milliseconds). */
export interface Plan {
  readonly work: ReadonlyArray<Work>
  readonly waitUntil: number | undefined
}

/** Items in one call to the compliance engine or the ledger. */
export const CHUNK_MAX = 500

/** Transfers of one batch that may be unanswered at a time: a takeover has to ask the banks about all of them. */
export const TRANSFERS_IN_AIR_MAX = 256

/** Clearances requested at a time: a batch never has more calls under way. */
const SCREENS_MAX = 8

const postingKinds: ReadonlyArray<PostingKind> = ["hold", "post", "release", "reverse"]

/**
 * The work that is due now, within what banks take, without items in a call under way. It is bounded: at most one chunk of
 * each kind. Items that wait for a bank or for their time cost nothing. A caller that may write no intents passes a line
 * without queues.
 */
export const plan = (batch: Batch, known: PayingTerms): Plan => {
  const { now, busy, terms, banks } = known
  const work: Array<Work> = []
  const add = (items: ReadonlyArray<number>, make: (items: Items) => Work): void => {
    if (Arr.isReadonlyArrayNonEmpty(items)) work.push(make(items))
  }
  const idle = (task: Task, limit: number) => batch.tasks[task].take(limit, (item) => !busy.has(item))

  add(idle("submit", CHUNK_MAX), (items) => ({ _tag: "RequestScreening", items }))
  let screens = 0
  for (const [clearance, asked] of batch.clearances) {
    if (screens === SCREENS_MAX) break
    const { items, decideBy = now } = asked
    // A repeated request is the same request, also for items that are decided or cancelled: its key covers all of them.
    const due = decideBy <= now && isAwaited(batch, clearance, asked) && !items.some((item) => busy.has(item))
    if (due) screens += 1
    add(due ? items : [], (items) => ({ _tag: "Screen", clearance, items }))
  }
  if (isAwaitingApproval(batch) && (batch.approval?.expiresAt ?? now) <= now)
    work.push({ _tag: "ExpireApproval" })
  const again = outdated(batch, known)
  add(again, (items) => ({ _tag: "RequestScreening", items }))
  if (again.length === 0 && mayStartScreened(batch, terms, now)) work.push({ _tag: "StartExecution" })
  for (const kind of postingKinds) {
    if (batch.tasks[kind].size === 0 || (kind === "hold" && batch.startedAt === undefined)) continue
    // One posting of a kind at a time. Items that become due meanwhile go into the next one together.
    const underWay = [...batch.postings.values()].some((posting) => posting.kind === kind)
    if (!underWay) add(postable(batch, kind, now, busy), (items) => ({ _tag: "RequestPosting", kind, items }))
  }
  for (const [posting, { kind, items }] of batch.postings) {
    if (!items.some((item) => busy.has(item))) add(items, (items) => ({ _tag: "Book", posting, kind, items }))
  }
  // Items that have to be screened again come first. The others are paid after that request.
  const isPaying = batch.startedAt !== undefined && again.length === 0 && !isHeldUp(batch)
  const room = isPaying ? TRANSFERS_IN_AIR_MAX - batch.tasks.transfer.size : 0
  const { transfers, unrouted, waitUntil } = planTransfers(room, known)
  if (Arr.isReadonlyArrayNonEmpty(transfers)) work.push({ _tag: "RequestTransfers", transfers })
  add(unrouted, (items) => ({ _tag: "RecordUnrouted", items }))
  add(idle("transfer", TRANSFERS_IN_AIR_MAX), (items) => ({ _tag: "Transfer", items }))
  add(idle("withdraw", TRANSFERS_IN_AIR_MAX), (items) => ({ _tag: "Withdraw", items }))
  add(dueInquiries(batch, now, busy, banks), (items) => ({ _tag: "Inquire", items }))
  if (batch.closed === undefined) {
    for (const item of batch.retries.take(CHUNK_MAX, anyItem)) work.push({ _tag: "Retry", item })
    for (const item of batch.reroutes.take(CHUNK_MAX, anyItem)) work.push({ _tag: "Reroute", item })
    if (isComplete(batch)) work.push({ _tag: "Close" })
  }
  return { work, waitUntil }
}

/**
 * When to wake the batch if nothing happens before, in epoch milliseconds; `undefined` if it waits only for others. Items that
 * wait for their bank before an intent are not included: the plan has `waitUntil` for them.
 */
export const wakeAt = (
  batch: Batch,
  { now, terms, banks, line }: Pick<PayingTerms, "now" | "terms" | "banks" | "line">,
): number | undefined => {
  let earliest = Number.POSITIVE_INFINITY
  for (const [bank, { least }] of batch.inquiries) {
    const capacity = capacityOf(banks, bank)
    const at = capacity.inquiries > 0 ? least : Math.max(least, lookAgainAt(capacity, now))
    earliest = Math.min(earliest, at)
  }
  for (const [number, clearance] of batch.clearances)
    if (clearance.decideBy !== undefined && isAwaited(batch, number, clearance))
      earliest = Math.min(earliest, clearance.decideBy)
  for (const number of batch.refused) {
    const item = batch.items.get(number)
    // An item whose posting is under way again needs no wake-up.
    if (item?.posting === undefined) earliest = Math.min(earliest, item?.refusal?.retryAt ?? earliest)
  }
  if (batch.closed === undefined && batch.startedAt === undefined) {
    if (isAwaitingApproval(batch)) earliest = Math.min(earliest, batch.approval?.expiresAt ?? earliest)
    else if (mayStart(batch, Number.POSITIVE_INFINITY)) {
      const startsAt = Math.max(batch.executeAt ?? 0, screenedAgainAt(batch, batch.tasks.hold, terms) ?? 0)
      earliest = startsAt === 0 ? earliest : Math.min(earliest, startsAt)
    }
  }
  earliest = Math.min(earliest, payableAgainAt(line, terms) ?? earliest)
  return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
}

/**
 * The items of the next posting of a kind. Refused items are posted apart from new ones, and by refused posting and currency,
 * so that no item waits for funds that others lack.
 */
const postable = (batch: Batch, kind: PostingKind, now: number, busy: Busy): ReadonlyArray<number> => {
  let group: string | undefined
  return batch.tasks[kind].take(CHUNK_MAX, (number) => {
    const item = batch.items.get(number)
    if (busy.has(number) || item === undefined || (item.refusal?.retryAt ?? now) > now) return false
    const own = item.refusal === undefined ? "new" : `${item.refusal.posting} ${item.currency}`
    group ??= own
    return own === group
  })
}

/** Items that could be sent, but whose clearance is outdated, so they have to be screened again. */
const outdated = (batch: Batch, { now, busy, terms, line }: PayingTerms): ReadonlyArray<number> => {
  if (batch.startedAt !== undefined)
    return batch.tasks.request.size === 0 ? [] : [...outdatedPayable(line, busy, terms, now)]
  if (!mayStart(batch, now)) return []
  const isOutdated = (number: number): boolean => isScreenedAgain(itemOf(batch, number), terms, now)
  return batch.tasks.hold.take(CHUNK_MAX, (number) => !busy.has(number) && isOutdated(number))
}

/** Items to be paid with an outdated clearance. In each of the two queues, the oldest clearance is outdated first. */
const outdatedPayable = function* (
  { byLists, byOthers }: PayingTerms["line"],
  busy: Busy,
  terms: ClearanceTerms,
  now: number,
): Generator<number> {
  let left = CHUNK_MAX
  for (const items of [byLists, byOthers]) {
    for (const item of items) {
      if (left === 0 || !isScreenedAgain(item, terms, now)) break
      if (busy.has(item.item)) continue
      yield item.item
      left -= 1
    }
  }
}

/** Due inquiries at banks that take some, the longest due first. */
const dueInquiries = (batch: Batch, now: number, busy: Busy, banks: Capacities): ReadonlyArray<number> => {
  const due: Array<{ readonly number: number; readonly at: number }> = []
  for (const [bank, items] of batch.inquiries) {
    let left = Math.min(capacityOf(banks, bank).inquiries, TRANSFERS_IN_AIR_MAX)
    if (left <= 0 || items.least > now) continue
    for (const number of items) {
      const at = items.keyOf(number)
      if (at > now || left === 0) break
      if (busy.has(number)) continue
      due.push({ number, at })
      left -= 1
    }
  }
  due.sort((one, other) => one.at - other.at)
  return due.slice(0, TRANSFERS_IN_AIR_MAX).map(({ number }) => number)
}

/** When the first of the items may be screened again that have to give the engine time; `undefined` if there is none. */
const screenedAgainAt = (
  batch: Batch,
  items: Iterable<number>,
  terms: ClearanceTerms,
): number | undefined => {
  let earliest: number | undefined
  for (const number of items) {
    const at = screenAgainAt(itemOf(batch, number), terms)
    if (at > 0 && Number.isFinite(at)) earliest = Math.min(earliest ?? at, at)
  }
  return earliest
}

/** The same for items to be paid. Only those screened by other lists than announced wait, the oldest first. */
const payableAgainAt = ({ byOthers }: PayingTerms["line"], terms: ClearanceTerms): number | undefined => {
  if (terms === "unknown") return undefined
  for (const item of byOthers) {
    const at = screenAgainAt(item, terms)
    if (at > 0) return at
  }
  return undefined
}

const anyItem = () => true
