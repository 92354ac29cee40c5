import { Effect, Layer } from "effect"
import { Database } from "../../../database/database.ts"
import { referenceEndIn } from "../../../domain/uetr.ts"
import { type BookedOrder, BookedOrders } from "../../booked-orders.ts"
import { SourceUnreadable } from "../../books.ts"
import { individualId } from "../orders/individual-id-expression.ts"

/** Our orders as their bank may book them, from the tables of orders, files and reports. */
export const layer = Layer.effect(
  BookedOrders,
  Effect.gen(function* () {
    const { query } = yield* Database
    return BookedOrders.of({
      under: Effect.fn("BookedOrders.under")(function* (bank, ids) {
        const { references, servicerReferences, individualIds = [], files } = ids
        const ends = ids.uetrs.flatMap((uetr) => referenceEndIn(uetr) ?? [])
        const rows = yield* query(
          "find booked orders",
          (sql) => sql<Array<Row>>`
            select sent.reference, file.message_id as file, sent.currency, sent.minor, file.day,
              to_char(file.made_at at time zone 'UTC', 'YYYY-MM-DD') as made_on,
              -- Releases before there were reports wrote the bank's refusal into the order itself.
              sent.state = 'failed' or exists (
                select from file_order_words report
                where report.bank = sent.bank and report.reference = sent.reference and report.word like 'failed %'
              ) as is_refused,
              array (
                select servicer_reference from bank_servicer_references known
                where known.bank = sent.bank and known.reference = sent.reference
              ) as servicer_references
            from file_orders sent join bank_files file on file.id = sent.file
            where sent.bank = ${bank} and sent.reference in (
              select unnest(${[...references]}::text[])
              union select reference from bank_servicer_references
                where bank = ${bank} and servicer_reference = any (${[...servicerReferences]})
              union select reference from file_orders where bank = ${bank} and substr(reference, 3) = any (${ends})
              union select reference from file_orders
                where bank = ${bank} and ${individualId(sql)} = any (${[...individualIds]}) and scheme = 'ach'
              union select named.reference from file_orders named join bank_files whole on whole.id = named.file
                where whole.bank = ${bank} and whole.message_id = any (${[...files]}))
            order by sent.file, sent.number`,
        ).pipe(
          Effect.mapError(({ reason }) => new SourceUnreadable({ source: `the orders of ${bank}`, reason })),
        )
        return rows.map(
          ({
            reference,
            file,
            currency,
            minor,
            is_refused,
            servicer_references,
            day,
            made_on,
          }): BookedOrder => ({
            reference,
            file,
            currency,
            minor: BigInt(minor),
            isRefused: is_refused,
            servicerReferences: servicer_references,
            sent: { messageId: file, madeOn: made_on, executedOn: day },
          }),
        )
      }),
    })
  }),
)

interface Row {
  readonly reference: string
  readonly file: string
  readonly currency: string
  readonly minor: string
  readonly is_refused: boolean
  readonly servicer_references: ReadonlyArray<string>
  readonly day: string
  readonly made_on: string
}
