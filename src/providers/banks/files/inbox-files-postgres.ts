import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../../../database/database.ts"
import type { StoreUnavailable } from "../../../platform/store-unavailable.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import { type FileNotes, type InboxFile, InboxFiles, type ServicerReference } from "./inbox-files.ts"

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
          (sql) => sql<Array<ServicerReference>>`
            select servicer_reference as servicer, reference from bank_servicer_references
            where bank = ${bank} and servicer_reference = any (${[...servicers]})`,
        ).pipe(unavailable)
      }),
      finish: Effect.fn("InboxFiles.finish")(function* (file, notes) {
        const rows = yield* query("mark a file as read", (sql) => finish(sql, file, notes)).pipe(unavailable)
        return rows.length === 1
      }),
    })
  }),
)

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
    select ${bank}, servicer, reference
    from jsonb_to_recordset(${JSON.stringify(servicerReferences)}::text::jsonb) as learned (servicer text, reference text)
    on conflict do nothing
  )
  insert into bank_inbox (bank, digest, name) values (${bank}, ${digest}, ${name})
  on conflict do nothing returning digest`

const unavailable = Effect.mapError(
  ({ step, reason }: StoreUnavailable) => new BankFilesUnavailable({ step, reason }),
)
