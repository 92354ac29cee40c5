/** Our transactions in a Formance ledger, oldest first, a page at a time. */
import { Effect, Schema } from "effect"
import { type LedgerLine, RECORDS_MAX, type Source, SourceUnreadable } from "../../books.ts"
import { bookedDay, booksTerms, unusedRows } from "../../calling/book-page-http.ts"
import type { ProviderChannel } from "../../calling/channel.ts"
import { callProvider, type Provider, reading } from "../../calling/provider-http.ts"
import { APPLICATION, linesOf, Transaction } from "./formance-transaction.ts"

/** Transactions in one answer: each may have 500 postings with long addresses, and an answer has a size limit. */
const PAGE_SIZE = 5

const Page = Schema.Struct({
  cursor: Schema.Struct({
    hasMore: Schema.Boolean,
    next: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[\x21-\x7e]{1,4096}$/))),
    data: Schema.Array(Transaction),
  }),
})

const answers = { 200: reading(Page, ({ cursor }) => cursor) }

const filter = { $match: { "metadata[application]": APPLICATION } }

/**
 * All lines that the service booked. A transaction that was reverted counts as not booked, and is reported; so is one whose metadata was
 * changed. Transactions of others, such as what pays money in, are no lines.
 */
export const formanceBooks =
  (ledger: Provider, channel: ProviderChannel, at: string): Source<LedgerLine> =>
  (visit, unused) =>
    Effect.gen(function* () {
      const rows = unusedRows(ledger.name)
      const unreadable = (reason: string) => new SourceUnreadable({ source: ledger.name, reason })
      let [query, rest] = [`pageSize=${PAGE_SIZE}&sort=id:asc`, Math.ceil(RECORDS_MAX / PAGE_SIZE)]
      let last = -1
      while (rest > 0) {
        rest -= 1
        const path = `${at}/transactions?${query}`
        const { data, hasMore, next } = yield* channel
          .call(
            booksTerms,
            callProvider(ledger, { step: "books", method: "GET", path, body: filter }, answers),
          )
          .pipe(Effect.mapError(({ reason }) => unreadable(reason)))
        for (const transaction of data) {
          if (transaction.id <= last) return yield* unreadable("its pages are not in the order of their ids")
          last = transaction.id
          readInto(transaction, visit, rows)
        }
        if (!hasMore) {
          rows.report(unused)
          return
        }
        if (next === undefined || data.length === 0)
          return yield* unreadable("a page that is not the last one has no next one, or is empty")
        query = `cursor=${encodeURIComponent(next)}`
      }
      return yield* unreadable(`more than ${RECORDS_MAX} transactions`)
    })

const readInto = (
  transaction: Transaction,
  visit: (line: LedgerLine) => void,
  rows: ReturnType<typeof unusedRows>,
): void => {
  if (transaction.metadata.application !== APPLICATION) return
  const place = `transaction ${transaction.id}`
  const lines = linesOf(transaction)
  const bookedOn = bookedDay(transaction.timestamp)
  if ("problem" in lines) rows.add(place, lines.problem)
  else if (bookedOn === undefined) rows.add(place)
  else for (const line of lines) visit({ ...line, bookedOn })
}
