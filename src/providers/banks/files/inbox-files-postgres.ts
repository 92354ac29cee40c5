import { Effect, Layer } from "effect"
import { Database } from "../../../database/database.ts"
import type { StoreUnavailable } from "../../../platform/store-unavailable.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import { InboxFiles } from "./inbox-files.ts"

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
      finish: Effect.fn("InboxFiles.finish")(function* ({ bank, digest, name }, oddities) {
        const rows = yield* query(
          "mark a file as read",
          (sql) => sql`
            with odd as (
              insert into bank_oddities (bank, digest, reference, reason)
              select ${bank}, ${digest}, reference, reason
              from jsonb_to_recordset(${JSON.stringify(oddities)}::text::jsonb) as odd (reference text, reason text)
              on conflict do nothing
            )
            insert into bank_inbox (bank, digest, name) values (${bank}, ${digest}, ${name})
            on conflict do nothing returning digest`,
        ).pipe(unavailable)
        return rows.length === 1
      }),
    })
  }),
)

const unavailable = Effect.mapError(
  ({ step, reason }: StoreUnavailable) => new BankFilesUnavailable({ step, reason }),
)
