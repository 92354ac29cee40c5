/** Which version of a draft is submitted, who may still open its batch, and what became of it. */
import { Result } from "effect"
import type { Sql, TransactionSql } from "postgres"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import { changeable, notOpen } from "./draft-changes.ts"
import { removeItems } from "./draft-items-postgres.ts"
import { type DraftRow, draftOf, locked } from "./draft-rows-postgres.ts"
import {
  ATTEMPTS_MAX,
  type Attempt,
  CLOCKS_DIFFER_MS,
  type Draft,
  type DraftChanged,
  DraftLimitReached,
  type DraftNotOpen,
  type NoSuchDraft,
} from "./drafts.ts"

/** Drafts that one statement forgets, and groups of items. */
const PRUNED_DRAFTS_MAX = 100
const PRUNED_ITEMS_MAX = 1_000

export const beginSubmission = async (
  sql: TransactionSql,
  [partner, id, version]: readonly [PartnerId, string, number],
  attempt: Attempt,
  now: number,
  ageMsMax: number,
): Promise<Result.Result<Draft, DraftChanged | DraftLimitReached | DraftNotOpen | NoSuchDraft>> => {
  const found = await locked(sql, partner, id)
  if (Result.isFailure(found)) return Result.fail(found.failure)
  const draft = found.success
  const isSubmitting = draft.state === "submitting"
  if (isSubmitting && draft.version !== version) return Result.fail(notOpen(draft))
  const mayBegin = isSubmitting ? Result.succeed(draft) : changeable(draft, version)
  if (Result.isFailure(mayBegin)) return Result.fail(mayBegin.failure)
  const attempts = [...underWay(draft.attempts, now), attempt]
  if (attempts.length > ATTEMPTS_MAX)
    return Result.fail(
      new DraftLimitReached({
        reason: `At most ${ATTEMPTS_MAX} submissions of a draft are under way at a time.`,
      }),
    )
  const [row] = await sql<Array<DraftRow>>`
    update payout_batch_drafts set state = 'submitting', attempts = ${JSON.stringify(attempts)}::text::jsonb,
      changed_at = clock_timestamp(),
      expires_at = clock_timestamp() + make_interval(secs => ${ageMsMax / 1_000})
    where id = ${id} returning *`
  if (row === undefined) throw new Error("a locked draft is gone")
  return Result.succeed(draftOf(row))
}

/** The submissions that may still open the batch. */
const underWay = (attempts: ReadonlyArray<Attempt>, now: number): ReadonlyArray<Attempt> =>
  attempts.filter(({ openBy }) => openBy + CLOCKS_DIFFER_MS >= now)

export const endSubmission = async (
  sql: TransactionSql,
  [partner, id]: readonly [PartnerId, string],
  ended: string | undefined,
  now: number,
): Promise<void> => {
  const found = await locked(sql, partner, id)
  if (Result.isFailure(found) || found.success.state !== "submitting") return
  const left = underWay(found.success.attempts, now).filter((attempt) => attempt.id !== ended)
  await sql`
    update payout_batch_drafts set attempts = ${JSON.stringify(left)}::text::jsonb,
      state = ${left.length === 0 ? "open" : "submitting"}
    where id = ${id}`
}

export const submitted = async (
  sql: TransactionSql,
  [partner, id]: readonly [PartnerId, string],
  batch: BatchId,
  ageMsMax: number,
): Promise<void> => {
  const found = await locked(sql, partner, id)
  if (Result.isFailure(found) || found.success.state !== "submitting") return
  await removeItems(sql, id)
  await sql`
    update payout_batch_drafts set state = 'submitted', batch = ${batch}, attempts = '[]',
      changed_at = clock_timestamp(),
      expires_at = clock_timestamp() + make_interval(secs => ${ageMsMax / 1_000})
    where id = ${id}`
}

/** Items first: a draft goes with the statement that finds none of it. Two processes never take the same drafts. */
export const pruneOnce = async (sql: Sql): Promise<number> => {
  const [row] = await sql<Array<{ readonly pruned: number }>>`
    with old as (
      select id from payout_batch_drafts where expires_at < clock_timestamp()
      order by expires_at limit ${PRUNED_DRAFTS_MAX} for update skip locked
    ), items as (
      delete from payout_batch_draft_items where ctid = any(array(
        select ctid from payout_batch_draft_items where draft in (select id from old) limit ${PRUNED_ITEMS_MAX}
      ))
      returning draft
    ), pages as (
      delete from payout_batch_draft_pages where ctid = any(array(
        select ctid from payout_batch_draft_pages where draft in (select id from old) limit ${PRUNED_ITEMS_MAX}
      ))
      returning draft
    ), drafts as (
      delete from payout_batch_drafts where id in (select id from old)
        and not exists (select from payout_batch_draft_items where draft = payout_batch_drafts.id)
        and not exists (select from payout_batch_draft_pages where draft = payout_batch_drafts.id)
      returning id
    )
    select ((select count(*) from items) + (select count(*) from pages) + (select count(*) from drafts))::int as pruned`
  return row?.pruned ?? 0
}
