/** Which work is due for a batch: a pure function of its state and the time. */
import { Array as Arr } from "effect"
import { type Batch, isAwaited, isAwaitingApproval, isComplete, mayStart, type Task } from "./batch.ts"
import {
  anyClearance,
  type ClearanceTerms,
  isCurrent,
  isScreenedAgain,
  mayStartCleared,
  screenAgainAt,
} from "./clearance.ts"
import type { PostingKind } from "./events.ts"

type Items = Arr.NonEmptyReadonlyArray<number>
/** Items that are in a call under way. */
type Busy = Pick<ReadonlySet<number>, "has">

/** Work that is due. The first five are calls to others; the rest are decisions that go straight to the log. */
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
  | { readonly _tag: "RequestTransfers"; readonly items: Items }
  | { readonly _tag: "Retry"; readonly item: number }
  | { readonly _tag: "Reroute"; readonly item: number }
  | { readonly _tag: "Close" }

/** Items in one call to the compliance engine or the ledger. */
export const CHUNK_MAX = 500

/** Transfers of one batch that may be requested and unanswered at a time: what a takeover has to ask the banks about. */
export const TRANSFERS_IN_AIR_MAX = 256

const postingKinds: ReadonlyArray<PostingKind> = ["hold", "post", "release", "reverse"]

/**
 * The work that is due now (milliseconds since the epoch), except for items that are `busy`: in a call under way.
 * Bounded: at most one chunk of each kind. `terms` say which clearances are good; what has another one is screened again.
 */
export const plan = (
  batch: Batch,
  now: number,
  busy: Busy = noItems,
  terms: ClearanceTerms = anyClearance,
): ReadonlyArray<Work> => {
  const work: Array<Work> = []
  const add = (items: ReadonlyArray<number>, make: (items: Items) => Work): void => {
    if (Arr.isReadonlyArrayNonEmpty(items)) work.push(make(items))
  }
  const idle = (task: Task, limit: number) => batch.tasks[task].take(limit, (item) => !busy.has(item))

  add(idle("submit", CHUNK_MAX), (items) => ({ _tag: "RequestScreening", items }))
  for (const [clearance, asked] of batch.clearances) {
    const { items, decideBy = now } = asked
    // Asked again it is the same question, also about items that are decided or cancelled: its key stands for all.
    const due = decideBy <= now && isAwaited(batch, clearance, asked) && !items.some((item) => busy.has(item))
    add(due ? items : [], (items) => ({ _tag: "Screen", clearance, items }))
  }
  if (isAwaitingApproval(batch) && (batch.approval?.expiresAt ?? now) <= now)
    work.push({ _tag: "ExpireApproval" })
  const again = outdated(batch, now, busy, terms)
  add(again, (items) => ({ _tag: "RequestScreening", items }))
  if (again.length === 0 && mayStartCleared(batch, terms, now)) work.push({ _tag: "StartExecution" })
  for (const kind of postingKinds) {
    if (kind === "hold" && batch.startedAt === undefined) continue
    // One posting of a kind at a time: what becomes due meanwhile goes together into the next.
    const underWay = [...batch.postings.values()].some((posting) => posting.kind === kind)
    if (!underWay) add(postable(batch, kind, now, busy), (items) => ({ _tag: "RequestPosting", kind, items }))
  }
  for (const [posting, { kind, items }] of batch.postings) {
    if (!items.some((item) => busy.has(item))) add(items, (items) => ({ _tag: "Book", posting, kind, items }))
  }
  if (batch.startedAt !== undefined) {
    const room = TRANSFERS_IN_AIR_MAX - batch.tasks.transfer.size
    const payable = batch.tasks.request.take(
      room,
      (item) => !busy.has(item) && isGood(batch, item, terms, now),
    )
    add(payable, (items) => ({ _tag: "RequestTransfers", items }))
  }
  add(idle("transfer", TRANSFERS_IN_AIR_MAX), (items) => ({ _tag: "Transfer", items }))
  add(idle("withdraw", TRANSFERS_IN_AIR_MAX), (items) => ({ _tag: "Withdraw", items }))
  add(
    batch.tasks.inquire.take(
      TRANSFERS_IN_AIR_MAX,
      (item) => !busy.has(item) && inquireAt(batch, item) <= now,
    ),
    (items) => ({ _tag: "Inquire", items }),
  )
  if (batch.closed === undefined) {
    for (const item of batch.retries.take(CHUNK_MAX, anyItem)) work.push({ _tag: "Retry", item })
    for (const item of batch.reroutes.take(CHUNK_MAX, anyItem)) work.push({ _tag: "Reroute", item })
    if (isComplete(batch)) work.push({ _tag: "Close" })
  }
  return work
}

/** When the batch next wants to be woken if nothing happens before, or `undefined` when only the outside can move it. */
export const wakeAt = (batch: Batch, terms: ClearanceTerms = anyClearance): number | undefined => {
  let earliest = Number.POSITIVE_INFINITY
  for (const item of batch.tasks.inquire) earliest = Math.min(earliest, inquireAt(batch, item))
  for (const [number, clearance] of batch.clearances)
    if (clearance.decideBy !== undefined && isAwaited(batch, number, clearance))
      earliest = Math.min(earliest, clearance.decideBy)
  for (const number of batch.refused) {
    const item = batch.items.get(number)
    // One that is being asked for again wakes nobody.
    if (item?.posting === undefined) earliest = Math.min(earliest, item?.refusal?.retryAt ?? earliest)
  }
  if (batch.closed === undefined && batch.startedAt === undefined) {
    if (isAwaitingApproval(batch)) earliest = Math.min(earliest, batch.approval?.expiresAt ?? earliest)
    else if (mayStart(batch, Number.POSITIVE_INFINITY)) {
      const startsAt = Math.max(batch.executeAt ?? 0, screenedAgainAt(batch, batch.tasks.hold, terms) ?? 0)
      earliest = startsAt === 0 ? earliest : Math.min(earliest, startsAt)
    }
  }
  earliest = Math.min(earliest, screenedAgainAt(batch, batch.tasks.request, terms) ?? earliest)
  return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
}

/**
 * The items of the next posting of a kind. What the ledger refused is tried again apart from what it was not asked yet,
 * and by currency, so that nothing waits for funds that others lack.
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

/** What is cleared, may be sent otherwise, and has to be screened again first. */
const outdated = (batch: Batch, now: number, busy: Busy, terms: ClearanceTerms): ReadonlyArray<number> => {
  const waiting = batch.startedAt !== undefined ? batch.tasks.request : batch.tasks.hold
  if (batch.startedAt === undefined && !mayStart(batch, now)) return []
  return waiting.take(CHUNK_MAX, (number) => {
    const item = batch.items.get(number)
    return !busy.has(number) && item !== undefined && isScreenedAgain(item, terms, now)
  })
}

const isGood = (batch: Batch, number: number, terms: ClearanceTerms, now: number): boolean => {
  const item = batch.items.get(number)
  return item !== undefined && isCurrent(item, terms, now)
}

/** When the first of those items may be screened again for which the engine has to be given time; nothing, where none. */
const screenedAgainAt = (
  batch: Batch,
  items: Iterable<number>,
  terms: ClearanceTerms,
): number | undefined => {
  let earliest: number | undefined
  for (const number of items) {
    const item = batch.items.get(number)
    const at = item === undefined ? 0 : screenAgainAt(item, terms)
    if (at > 0 && Number.isFinite(at)) earliest = Math.min(earliest ?? at, at)
  }
  return earliest
}

const inquireAt = (batch: Batch, item: number): number => batch.items.get(item)?.transfer?.inquireAt ?? 0

const anyItem = () => true

const noItems: Busy = new Set<number>()
