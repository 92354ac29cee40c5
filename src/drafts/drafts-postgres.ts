/**
 * Drafts as tables of their own in Postgres. Each change locks its draft, and checks state and version before it writes: of two
 * changes of one version, one is refused.
 */
import { randomBytes } from "node:crypto"
import { Effect, Layer, Result, Schedule } from "effect"
import type { Sql, TransactionSql } from "postgres"
import { AppConfig } from "../config.ts"
import { Database } from "../database/database.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import {
  addPage,
  itemsAfter,
  itemsWith,
  removeItems,
  removePage,
  repeated,
  replaceItems,
} from "./draft-items-postgres.ts"
import { changed, type DraftRow, draftOf, lockedToChange } from "./draft-rows-postgres.ts"
import { beginSubmission, endSubmission, pruneOnce, submitted } from "./draft-submissions-postgres.ts"
import {
  type Draft,
  DraftLimitReached,
  type DraftLimits,
  type DraftPlace,
  Drafts,
  NoSuchDraft,
} from "./drafts.ts"

/** The most bytes of a draft's items: those of a batch in JSON. */
const ITEMS_BYTES_MAX = 48 * 1024 * 1024
/** Whatever the database is set to: each statement after a lock sees what was committed before it. */
const READ_COMMITTED = "isolation level read committed"
const PRUNE_EVERY_MS = 600_000
/** Statements of one round. */
const PRUNES_MAX = 500

export const layer = Layer.effect(
  Drafts,
  Effect.gen(function* () {
    const { query } = yield* Database
    const limits: DraftLimits = { ...(yield* AppConfig).drafts, bytesMax: ITEMS_BYTES_MAX }
    const { ageMsMax } = limits
    const change = <A, E>(step: string, run: (sql: TransactionSql) => Promise<Result.Result<A, E>>) =>
      Effect.flatMap(
        query(step, (sql) => transaction(sql, READ_COMMITTED, run)),
        (result) => Effect.fromResult(result),
      )
    const drafts = Drafts.of({
      create: Effect.fn("Drafts.create")((partner, terms) =>
        change("create a draft", (sql) => insert(sql, partner, terms, limits)),
      ),
      list: Effect.fn("Drafts.list")((partner, limit, before) =>
        query("list drafts", (sql) => listed(sql, partner, limit, before)),
      ),
      find: Effect.fn("Drafts.find")(function* (partner, id) {
        const [row] = yield* query(
          "find a draft",
          (sql) => sql<Array<DraftRow>>`
            select * from payout_batch_drafts
            where id = ${id} and partner = ${partner} and expires_at > clock_timestamp()`,
        )
        return row === undefined ? yield* new NoSuchDraft() : draftOf(row)
      }),
      setTerms: Effect.fn("Drafts.setTerms")((partner, id, version, terms) =>
        change("set a draft's terms", async (sql) => {
          const found = await lockedToChange(sql, partner, id, version)
          return Result.isFailure(found)
            ? found
            : Result.succeed(await changed(sql, found.success, { terms }, ageMsMax))
        }),
      ),
      remove: Effect.fn("Drafts.remove")((partner, id, version) =>
        change("remove a draft", async (sql) => {
          const found = await lockedToChange(sql, partner, id, version)
          if (Result.isFailure(found)) return Result.fail(found.failure)
          await removeItems(sql, id)
          await sql`delete from payout_batch_drafts where id = ${id}`
          return Result.succeed(undefined)
        }),
      ),
      added: Effect.fn("Drafts.added")((id, key, request) =>
        Effect.flatMap(
          query("look for a page", (sql) => repeated(sql, id, key, request)),
          (result) => Effect.fromResult(result),
        ),
      ),
      addPage: Effect.fn("Drafts.addPage")((partner, id, version, page) =>
        change("add a page", (sql) => addPage(sql, partner, id, version, page, limits)),
      ),
      items: Effect.fn("Drafts.items")((id, after, limit) =>
        query("read a draft's items", (sql) => itemsAfter(sql, id, after, limit)),
      ),
      itemsWith: Effect.fn("Drafts.itemsWith")((id, item) =>
        query("read a draft's items", (sql) => itemsWith(sql, id, item)),
      ),
      replaceItems: Effect.fn("Drafts.replaceItems")((partner, id, version, items) =>
        change("replace a draft's items", (sql) =>
          replaceItems(sql, [partner, id, version], items, ageMsMax),
        ),
      ),
      removePage: Effect.fn("Drafts.removePage")((partner, id, version, page) =>
        change("remove a page", (sql) => removePage(sql, [partner, id, version], page, ageMsMax)),
      ),
      beginSubmission: Effect.fn("Drafts.beginSubmission")((partner, id, version, attempt, now) =>
        change("submit a draft", (sql) =>
          beginSubmission(sql, [partner, id, version], attempt, now, ageMsMax),
        ),
      ),
      endSubmission: Effect.fn("Drafts.endSubmission")((partner, id, attempt, now) =>
        query("end a submission", (sql) =>
          transaction(sql, READ_COMMITTED, (sql) => endSubmission(sql, [partner, id], attempt, now)),
        ),
      ),
      submitted: Effect.fn("Drafts.submitted")((partner, id, batch) =>
        query("note the batch of a draft", (sql) =>
          transaction(sql, READ_COMMITTED, (sql) => submitted(sql, [partner, id], batch, ageMsMax)),
        ),
      ),
      prune: query("forget old drafts", pruneOnce).pipe(Effect.withSpan("Drafts.prune")),
    })
    yield* Effect.forkScoped(pruning(drafts))
    return drafts
  }),
)

const newId = (): string => `pd_${randomBytes(16).toString("hex")}`

/** The lock makes the inserts of one partner take turns, so that the limit of its drafts holds. Those that became batches do not count. */
const insert = async (
  sql: TransactionSql,
  partner: PartnerId,
  terms: Draft["terms"],
  { perPartnerMax, ageMsMax }: DraftLimits,
): Promise<Result.Result<Draft, DraftLimitReached>> => {
  await sql`select pg_advisory_xact_lock(hashtext(${`payout batch drafts of ${partner}`}))`
  const [row] = await sql<Array<DraftRow>>`
    insert into payout_batch_drafts (id, partner, terms, version, state, item_count, items_bytes, next_page, next_item,
      attempts, created_at, changed_at, expires_at)
    select ${newId()}, ${partner}, ${JSON.stringify(terms)}::text::jsonb, 1, 'open', 0, 0, 1, 1, '[]', now, now,
      now + make_interval(secs => ${ageMsMax / 1_000})
    from date_trunc('milliseconds', clock_timestamp()) as now
    where (
      select count(*) from payout_batch_drafts
      where partner = ${partner} and state <> 'submitted' and expires_at > now
    ) < ${perPartnerMax}
    returning *`
  return row === undefined
    ? Result.fail(new DraftLimitReached({ reason: `A partner has at most ${perPartnerMax} drafts.` }))
    : Result.succeed(draftOf(row))
}

const listed = async (sql: Sql, partner: PartnerId, limit: number, before: DraftPlace | undefined) => {
  const place = before ?? { createdAt: 253_402_300_799_999, id: "" }
  const rows = await sql<Array<DraftRow>>`
    select * from payout_batch_drafts
    where partner = ${partner} and expires_at > clock_timestamp()
      and (created_at, id) < (to_timestamp(${place.createdAt}::float8 / 1000), ${place.id})
    order by created_at desc, id desc limit ${limit}`
  return rows.map(draftOf)
}

const pruning = ({ prune }: Drafts["Service"]) =>
  prune.pipe(
    Effect.repeat({ while: (pruned) => pruned > 0, times: PRUNES_MAX }),
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.logWarning("old drafts are not forgotten yet", { step, reason }),
    ),
    Effect.repeat(Schedule.spaced(PRUNE_EVERY_MS)),
  )
