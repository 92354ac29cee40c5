/** Which work is due for a batch: a pure function of its state and the time. */
import { Array as Arr } from "effect"
import { type Batch, isAwaitingApproval, isComplete, mayStart, type Task } from "./batch.ts"
import type { PostingKind } from "./events.ts"
import type { ItemSet } from "./item-set.ts"

type Items = Arr.NonEmptyReadonlyArray<number>

/** Work that is due. The first four are calls to others; the rest are decisions that go straight to the log. */
export type Work =
  | { readonly _tag: "Screen"; readonly clearance: number; readonly items: Items }
  | { readonly _tag: "Book"; readonly posting: number; readonly kind: PostingKind; readonly items: Items }
  | { readonly _tag: "Transfer"; readonly items: Items }
  | { readonly _tag: "Inquire"; readonly items: Items }
  | { readonly _tag: "RequestScreening"; readonly items: Items }
  | { readonly _tag: "ExpireApproval" }
  | { readonly _tag: "StartExecution" }
  | { readonly _tag: "RequestPosting"; readonly kind: PostingKind; readonly items: Items }
  | { readonly _tag: "RequestTransfers"; readonly items: Items }
  | { readonly _tag: "Retry"; readonly item: number }
  | { readonly _tag: "Close" }

/** Items in one call to the compliance engine or the ledger. */
export const CHUNK_MAX = 500

/** Transfers of one batch that may be requested and unanswered at a time: what a takeover has to ask the banks about. */
export const TRANSFERS_IN_AIR_MAX = 256

const postingKinds: ReadonlyArray<PostingKind> = ["hold", "post", "release", "reverse"]

/**
 * The work that is due now (milliseconds since the epoch), except for items that are `busy`: in a call under way.
 * Bounded: at most one chunk of each kind.
 */
export const plan = (
  batch: Batch,
  now: number,
  busy: Pick<ReadonlySet<number>, "has"> = noItems,
): ReadonlyArray<Work> => {
  const work: Array<Work> = []
  const add = (items: ReadonlyArray<number>, make: (items: Items) => Work): void => {
    if (Arr.isReadonlyArrayNonEmpty(items)) work.push(make(items))
  }
  const idle = (task: Task, limit: number) => take(batch.tasks[task], limit, (item) => !busy.has(item))

  add(idle("submit", CHUNK_MAX), (items) => ({ _tag: "RequestScreening", items }))
  for (const [clearance, asked] of batch.clearances) {
    // Asked again it is the same question, also about items that were cancelled meanwhile: its key stands for all.
    const waits = asked.some((item) => batch.tasks.screen.has(item)) && !asked.some((item) => busy.has(item))
    add(waits ? asked : [], (items) => ({ _tag: "Screen", clearance, items }))
  }
  if (isAwaitingApproval(batch) && (batch.approval?.expiresAt ?? now) <= now)
    work.push({ _tag: "ExpireApproval" })
  if (mayStart(batch, now)) work.push({ _tag: "StartExecution" })
  for (const kind of postingKinds) {
    if (kind === "hold" && batch.startedAt === undefined) continue
    // One posting of a kind at a time: what becomes due meanwhile goes together into the next.
    const underWay = [...batch.postings.values()].some((posting) => posting.kind === kind)
    if (!underWay) add(idle(kind, CHUNK_MAX), (items) => ({ _tag: "RequestPosting", kind, items }))
  }
  for (const [posting, { kind, items }] of batch.postings) {
    if (!items.some((item) => busy.has(item))) add(items, (items) => ({ _tag: "Book", posting, kind, items }))
  }
  if (batch.startedAt !== undefined) {
    const room = TRANSFERS_IN_AIR_MAX - batch.tasks.transfer.size
    add(idle("request", room), (items) => ({ _tag: "RequestTransfers", items }))
  }
  add(idle("transfer", TRANSFERS_IN_AIR_MAX), (items) => ({ _tag: "Transfer", items }))
  add(
    take(
      batch.tasks.inquire,
      TRANSFERS_IN_AIR_MAX,
      (item) => !busy.has(item) && inquireAt(batch, item) <= now,
    ),
    (items) => ({ _tag: "Inquire", items }),
  )
  if (batch.closed === undefined) {
    for (const item of take(batch.retries, CHUNK_MAX, () => true)) work.push({ _tag: "Retry", item })
    if (isComplete(batch)) work.push({ _tag: "Close" })
  }
  return work
}

/** When the batch next wants to be woken if nothing happens before, or `undefined` when only the outside can move it. */
export const wakeAt = (batch: Batch): number | undefined => {
  let earliest = Number.POSITIVE_INFINITY
  for (const item of batch.tasks.inquire) earliest = Math.min(earliest, inquireAt(batch, item))
  if (batch.closed === undefined && batch.startedAt === undefined) {
    if (isAwaitingApproval(batch)) earliest = Math.min(earliest, batch.approval?.expiresAt ?? earliest)
    else if (mayStart(batch, Number.POSITIVE_INFINITY))
      earliest = Math.min(earliest, batch.executeAt ?? earliest)
  }
  return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
}

const inquireAt = (batch: Batch, item: number): number => batch.items.get(item)?.transfer?.inquireAt ?? 0

const noItems: ReadonlySet<number> = new Set()

const take = (from: ItemSet, limit: number, accept: (item: number) => boolean): ReadonlyArray<number> => {
  const taken: Array<number> = []
  if (limit <= 0) return taken
  for (const item of from) {
    if (accept(item)) taken.push(item)
    if (taken.length === limit) break
  }
  return taken
}
