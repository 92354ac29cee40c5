/** Rows of drafts, and the lock under which each change is made. */
import { Result } from "effect"
import type { TransactionSql } from "postgres"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import { changeable } from "./draft-changes.ts"
import {
  type Attempt,
  type Draft,
  type DraftChanged,
  type DraftNotOpen,
  type DraftState,
  NoSuchDraft,
} from "./drafts.ts"

export interface DraftRow {
  readonly id: string
  readonly partner: PartnerId
  readonly terms: Draft["terms"]
  readonly version: number
  readonly state: DraftState
  readonly item_count: number
  readonly items_bytes: number
  readonly next_page: number
  readonly next_item: number
  readonly attempts: ReadonlyArray<Attempt>
  readonly batch: BatchId | null
  readonly created_at: Date
  readonly changed_at: Date
  readonly expires_at: Date
}

export const draftOf = (row: DraftRow): Draft => ({
  id: row.id,
  partner: row.partner,
  terms: row.terms,
  version: row.version,
  state: row.state,
  itemCount: row.item_count,
  itemsBytes: row.items_bytes,
  nextPage: row.next_page,
  nextItem: row.next_item,
  attempts: row.attempts,
  batch: row.batch ?? undefined,
  createdAt: row.created_at,
  changedAt: row.changed_at,
  expiresAt: row.expires_at,
})

/** What a change makes of its draft besides the next version. */
export interface Change {
  readonly terms?: Draft["terms"]
  readonly items?: number
  readonly bytes?: number
  readonly pages?: number
  /** Numbers that were given to items. */
  readonly numbers?: number
}

/** Locks a draft until the transaction ends. A draft that has expired is not there, whether or not it was removed yet. */
export const locked = async (
  sql: TransactionSql,
  partner: PartnerId,
  id: string,
): Promise<Result.Result<Draft, NoSuchDraft>> => {
  const [row] = await sql<Array<DraftRow>>`
    select * from payout_batch_drafts
    where id = ${id} and partner = ${partner} and expires_at > clock_timestamp() for update`
  return row === undefined ? Result.fail(new NoSuchDraft()) : Result.succeed(draftOf(row))
}

/** Locks a draft, if it is open and has this version. */
export const lockedToChange = async (
  sql: TransactionSql,
  partner: PartnerId,
  id: string,
  version: number,
): Promise<Result.Result<Draft, DraftChanged | DraftNotOpen | NoSuchDraft>> =>
  Result.flatMap(await locked(sql, partner, id), (draft) => changeable(draft, version))

/** Makes the next version of a locked draft, which lives on as long as a new one would. */
export const changed = async (
  sql: TransactionSql,
  { id, terms: before }: Draft,
  { terms = before, items = 0, bytes = 0, pages = 0, numbers = 0 }: Change,
  ageMsMax: number,
): Promise<Draft> => {
  const [row] = await sql<Array<DraftRow>>`
    update payout_batch_drafts set version = version + 1, terms = ${JSON.stringify(terms)}::text::jsonb,
      item_count = item_count + ${items}, items_bytes = items_bytes + ${bytes},
      next_page = next_page + ${pages}, next_item = next_item + ${numbers},
      changed_at = clock_timestamp(),
      expires_at = clock_timestamp() + make_interval(secs => ${ageMsMax / 1_000})
    where id = ${id} returning *`
  if (row === undefined) throw new Error("a locked draft is gone")
  return draftOf(row)
}
