/** The pages of drafts, and their items. A page is added once for each idempotency key. */
import { Result } from "effect"
import type { Sql, TransactionSql } from "postgres"
import type { PartnerId } from "../domain/identifiers.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { changeable } from "./draft-changes.ts"
import { changed, locked, lockedToChange } from "./draft-rows-postgres.ts"
import {
  type AddedPage,
  type Draft,
  type DraftChanged,
  DraftLimitReached,
  type DraftLimits,
  type DraftNotOpen,
  type NewPage,
  type NoSuchDraft,
  PageKeyReused,
  type SealedItems,
  type StoredItems,
} from "./drafts.ts"

interface PageRow {
  readonly page: number
  readonly request: string
  readonly version: number
  readonly first_item: number
  readonly item_count: number
}

/** The page that a draft got under a key, or nothing. */
export const repeated = async (
  sql: Sql | TransactionSql,
  draft: string,
  key: string,
  request: string,
): Promise<Result.Result<AddedPage | undefined, PageKeyReused>> => {
  const [row] = await sql<Array<PageRow>>`
    select page, request, version, first_item, item_count from payout_batch_draft_pages
    where draft = ${draft} and idempotency_key = ${key}`
  if (row === undefined) return Result.succeed(undefined)
  const { page, version, first_item: firstItem, item_count: itemCount } = row
  return row.request === request
    ? Result.succeed({ page, version, firstItem, itemCount, isRepeated: true })
    : Result.fail(new PageKeyReused({ page }))
}

/** The lock lets two requests with one key take turns: the second one finds the page of the first. */
export const addPage = async (
  sql: TransactionSql,
  partner: PartnerId,
  id: string,
  version: number,
  { key, request, items }: NewPage,
  limits: DraftLimits,
): Promise<
  Result.Result<AddedPage, DraftChanged | DraftLimitReached | DraftNotOpen | NoSuchDraft | PageKeyReused>
> => {
  const found = await locked(sql, partner, id)
  if (Result.isFailure(found)) return Result.fail(found.failure)
  const before = await repeated(sql, id, key, request)
  if (Result.isFailure(before)) return Result.fail(before.failure)
  if (before.success !== undefined) return Result.succeed(before.success)
  const mayChange = changeable(found.success, version)
  if (Result.isFailure(mayChange)) return Result.fail(mayChange.failure)
  const draft = mayChange.success
  const itemCount = items.reduce((sum, group) => sum + group.itemCount, 0)
  const bytes = items.reduce((sum, group) => sum + group.bytes, 0)
  const beyond = limitReached(draft, { itemCount, bytes }, limits)
  if (beyond !== undefined) return Result.fail(new DraftLimitReached({ reason: beyond }))
  const { nextPage: page, nextItem: firstItem } = draft
  await sql`
    insert into payout_batch_draft_pages (draft, page, idempotency_key, request, version, first_item, item_count)
    values (${id}, ${page}, ${key}, ${request}, ${version + 1}, ${firstItem}, ${itemCount})`
  await sql`
    insert into payout_batch_draft_items (draft, page, first_item, item_count, bytes, items)
    select ${id}, ${page}, * from unnest(
      ${arrayText(items.map((group) => group.firstItem))}::int[],
      ${arrayText(items.map((group) => group.itemCount))}::int[],
      ${arrayText(items.map((group) => group.bytes))}::int[],
      ${arrayText(items.map(({ sealed }) => sealed))}::text[]
    )`
  const change = { items: itemCount, bytes, pages: 1, numbers: itemCount }
  const after = await changed(sql, draft, change, limits.ageMsMax)
  return Result.succeed({ page, version: after.version, firstItem, itemCount, isRepeated: false })
}

/** Which limit a page exceeds, if any. Numbers of items are bounded as well: each page takes new ones. */
const limitReached = (
  { itemCount, itemsBytes, nextPage }: Draft,
  page: { readonly itemCount: number; readonly bytes: number },
  { itemsMax, bytesMax, pagesMax }: DraftLimits,
): string | undefined => {
  if (itemCount + page.itemCount > itemsMax) return `A draft has at most ${itemsMax} items.`
  if (itemsBytes + page.bytes > bytesMax) return `The items of a draft have at most ${bytesMax} bytes.`
  return nextPage > pagesMax ? `A draft gets at most ${pagesMax} pages, removed ones included.` : undefined
}

interface ItemsRow {
  readonly page: number
  readonly first_item: number
  readonly item_count: number
  readonly bytes: number
  readonly items: string
}

/** Groups that begin after a number. */
export const itemsAfter = async (
  sql: Sql,
  draft: string,
  after: number,
  limit: number,
): Promise<ReadonlyArray<StoredItems>> => {
  const rows = await sql<Array<ItemsRow>>`
    select page, first_item, item_count, bytes, items from payout_batch_draft_items
    where draft = ${draft} and first_item > ${after} order by first_item limit ${limit}`
  return rows.map(storedOf)
}

/** The group that has an item, if any has. */
export const itemsWith = async (sql: Sql, draft: string, item: number): Promise<StoredItems | undefined> => {
  const [row] = await sql<Array<ItemsRow>>`
    select page, first_item, item_count, bytes, items from payout_batch_draft_items
    where draft = ${draft} and first_item <= ${item} order by first_item desc limit 1`
  return row === undefined ? undefined : storedOf(row)
}

const storedOf = ({ page, first_item, item_count, bytes, items }: ItemsRow): StoredItems => ({
  page,
  firstItem: first_item,
  itemCount: item_count,
  bytes,
  sealed: items,
})

export const replaceItems = async (
  sql: TransactionSql,
  [partner, id, version]: readonly [PartnerId, string, number],
  { firstItem, itemCount, bytes, sealed }: SealedItems,
  ageMsMax: number,
): Promise<Result.Result<Draft, DraftChanged | DraftNotOpen | NoSuchDraft>> => {
  const found = await lockedToChange(sql, partner, id, version)
  if (Result.isFailure(found)) return Result.fail(found.failure)
  const [before] = await sql<Array<ItemsRow>>`
    select item_count, bytes from payout_batch_draft_items where draft = ${id} and first_item = ${firstItem}`
  if (before === undefined) throw new Error("a draft lacks items of its version")
  if (itemCount === 0)
    await sql`delete from payout_batch_draft_items where draft = ${id} and first_item = ${firstItem}`
  else
    await sql`
      update payout_batch_draft_items set item_count = ${itemCount}, bytes = ${bytes}, items = ${sealed}
      where draft = ${id} and first_item = ${firstItem}`
  const change = { items: itemCount - before.item_count, bytes: bytes - before.bytes }
  return Result.succeed(await changed(sql, found.success, change, ageMsMax))
}

export const removePage = async (
  sql: TransactionSql,
  [partner, id, version]: readonly [PartnerId, string, number],
  page: number,
  ageMsMax: number,
): Promise<Result.Result<Draft | undefined, DraftChanged | DraftNotOpen | NoSuchDraft>> => {
  const found = await lockedToChange(sql, partner, id, version)
  if (Result.isFailure(found)) return Result.fail(found.failure)
  const removed = await sql<Array<ItemsRow>>`
    delete from payout_batch_draft_items where draft = ${id} and page = ${page} returning item_count, bytes`
  if (removed.length === 0) return Result.succeed(undefined)
  const change = {
    items: -removed.reduce((sum, { item_count }) => sum + item_count, 0),
    bytes: -removed.reduce((sum, { bytes }) => sum + bytes, 0),
  }
  return Result.succeed(await changed(sql, found.success, change, ageMsMax))
}

/** Removes all items of a draft, and what is known of its pages. */
export const removeItems = async (sql: TransactionSql, draft: string): Promise<void> => {
  await sql`delete from payout_batch_draft_items where draft = ${draft}`
  await sql`delete from payout_batch_draft_pages where draft = ${draft}`
}
