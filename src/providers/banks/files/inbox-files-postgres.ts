import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../../../database/database.ts"
import type { StoreUnavailable } from "../../../platform/store-unavailable.ts"
import { BankFilesUnavailable } from "../orders/bank-files-unavailable.ts"
import { type FileNotes, type InboxFile, InboxFiles, type LearnedReference } from "./inbox-files.ts"

/** The record of processed files, in the tables beside those of the orders. */
export const layer = Layer.effect(
  InboxFiles,
  Effect.gen(function* () {
    const { query } = yield* Database
    return InboxFiles.of({
      isRead: Effect.fn("InboxFiles.isRead")(function* ({ bank, digest }) {
        const rows = yield* query(
          "find a read file",
          (sql) => sql`select from bank_inbox where bank = ${bank} and digest = ${digest}`,
        ).pipe(unavailable)
        return rows.length > 0
      }),
      learned: Effect.fn("InboxFiles.learned")(function* (bank, servicers) {
        if (servicers.length === 0) return []
        return yield* query(
          "find orders by a bank's ids",
          (sql) => sql<Array<LearnedReference>>`
            select known.servicer_reference as servicer, known.reference, jsonb_build_object(
              'messageId', file.message_id, 'executedOn', file.day,
              'madeOn', to_char(file.made_at at time zone 'UTC', 'YYYY-MM-DD')) as sent
            from bank_servicer_references known
              join file_orders sent on sent.bank = known.bank and sent.reference = known.reference
              join bank_files file on file.id = sent.file
            where known.bank = ${bank} and known.servicer_reference = any (${[...servicers]})`,
        ).pipe(unavailable)
      }),
      finish: Effect.fn("InboxFiles.finish")(function* (file, notes) {
        const rows = yield* query("mark a file as read", (sql) => finish(sql, file, notes)).pipe(unavailable)
        return rows.length === 1
      }),
    })
  }),
)

/**
 * A bank's own id is forgotten so many days after a file named its order by both ids last. A SEPA credit transfer may be
 * recalled for fraud, and so come back, for 13 months (the rulebook EPC125-05).
 */
const SERVICER_REFERENCE_DAYS = 400
/** Of them, with each file. */
const FORGOTTEN_MAX = 1_000

/** One statement: a file that was read has its notes. */
const finish = (
  sql: Sql,
  { bank, digest, name }: InboxFile,
  { oddities, remarks, servicerReferences }: FileNotes,
) => sql`
  with odd as (
    insert into bank_oddities (bank, digest, reference, reason, detail)
    select ${bank}, ${digest}, reference, reason, detail
    from jsonb_to_recordset(${JSON.stringify(oddities)}::text::jsonb) as odd (reference text, reason text, detail text)
    on conflict do nothing
  ), remarked as (
    insert into bank_remarks (bank, digest, reference, kind, remark)
    select ${bank}, ${digest}, reference, kind, remark
    from jsonb_to_recordset(${JSON.stringify(remarks)}::text::jsonb) as remarked (reference text, kind text, remark text)
    on conflict do nothing
  ), learned as (
    insert into bank_servicer_references (bank, servicer_reference, reference)
    select distinct ${bank}, servicer, reference
    from jsonb_to_recordset(${JSON.stringify(servicerReferences)}::text::jsonb) as learned (servicer text, reference text)
    order by servicer, reference
    on conflict (bank, servicer_reference, reference) do update set seen_at = now()
    returning servicer_reference, reference
  ), forgotten as (
    delete from bank_servicer_references where (bank, servicer_reference, reference) in (
      select bank, servicer_reference, reference from bank_servicer_references
      where bank = ${bank} and seen_at < now() - make_interval(days => ${SERVICER_REFERENCE_DAYS})
        and (servicer_reference, reference) not in (select servicer_reference, reference from learned)
      order by seen_at limit ${FORGOTTEN_MAX} for update skip locked)
  )
  insert into bank_inbox (bank, digest, name) values (${bank}, ${digest}, ${name})
  on conflict do nothing returning digest`

const unavailable = Effect.mapError(
  ({ step, reason }: StoreUnavailable) => new BankFilesUnavailable({ step, reason }),
)
