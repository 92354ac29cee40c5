/** Each method is one statement that may be repeated. */
import { Effect, Layer } from "effect"
import { Database } from "../../../database/database.ts"
import type { StoreUnavailable } from "../../../platform/store-unavailable.ts"
import { BankFilesUnavailable } from "../orders/bank-files-unavailable.ts"
import { SentPayouts } from "./sent-payouts.ts"

/** The payout batches, in a table beside the files that they were made of. */
export const layer = Layer.effect(
  SentPayouts,
  Effect.gen(function* () {
    const { query } = yield* Database
    return SentPayouts.of({
      note: Effect.fn("SentPayouts.note")(function* ({ bank, messageId, payoutBatchId, sentAt }) {
        yield* query(
          "note a payout batch",
          (sql) => sql`
            insert into payout_batches_sent (bank, message_id, payout_batch_id, sent_at, poll_at)
            values (${bank}, ${messageId}, ${payoutBatchId}, ${new Date(sentAt)}, ${new Date(sentAt)})
            on conflict do nothing`,
        ).pipe(unavailable)
      }),
      due: Effect.fn("SentPayouts.due")(function* (bank, at, limit) {
        const rows = yield* query(
          "find payout batches to ask about",
          (sql) => sql<Array<Row>>`
            select message_id, payout_batch_id, sent_at from payout_batches_sent
            where bank = ${bank} and closed_at is null and poll_at <= ${new Date(at)}
            order by poll_at limit ${limit}`,
        ).pipe(unavailable)
        return rows.map(({ message_id, payout_batch_id, sent_at }) => ({
          bank,
          messageId: message_id,
          payoutBatchId: payout_batch_id,
          sentAt: sent_at.getTime(),
        }))
      }),
      polled: Effect.fn("SentPayouts.polled")(function* ({ bank, messageId }, next) {
        yield* query("note when to ask again", (sql) =>
          next === "closed"
            ? sql`update payout_batches_sent set closed_at = now() where bank = ${bank} and message_id = ${messageId}`
            : sql`update payout_batches_sent set poll_at = ${new Date(next)} where bank = ${bank} and message_id = ${messageId}`,
        ).pipe(unavailable)
      }),
    })
  }),
)

interface Row {
  readonly message_id: string
  readonly payout_batch_id: string
  readonly sent_at: Date
}

const unavailable = Effect.mapError(
  ({ step, reason }: StoreUnavailable) => new BankFilesUnavailable({ step, reason }),
)
