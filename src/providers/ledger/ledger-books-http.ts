/** The ledger's books behind `GET {ledger}/books`, as the sandbox's ledger keeps them. */
import { Effect, Schema } from "effect"
import { PostingKind } from "../../domain/events.ts"
import type { LedgerLine, Source } from "../books.ts"
import { BookedAmount, bookedDay, minorOf, pagesOf, undatedRows } from "../calling/book-page-http.ts"
import type { ProviderChannel } from "../calling/channel.ts"
import { callProvider, type Provider, ProviderId, reading } from "../calling/provider-http.ts"

/** Postings in one answer: each may have 500 lines, and an answer has a size limit. */
const PAGE_SIZE = 20

const Page = Schema.Struct({
  postings: Schema.Array(
    Schema.Struct({
      postingId: ProviderId,
      kind: PostingKind,
      partner: Schema.String,
      batch: Schema.String,
      lines: Schema.Array(Schema.Struct({ item: Schema.Int, amount: BookedAmount })),
      at: Schema.String,
    }),
  ),
  next: Schema.NullOr(Schema.Int),
})

const answers = { 200: reading(Page, (page) => page) }

/** All lines that the ledger ever booked. */
export const ledgerBooks =
  (ledger: Provider, channel: ProviderChannel): Source<LedgerLine> =>
  (visit, unused) => {
    const undated = undatedRows(ledger.name)
    return pagesOf(ledger, channel, (offset) =>
      Effect.map(
        callProvider(
          ledger,
          { step: "books", method: "GET", path: `/books?offset=${offset}&limit=${PAGE_SIZE}` },
          answers,
        ),
        ({ postings, next }) => {
          for (const { lines, at, ...posting } of postings) {
            const bookedOn = bookedDay(at)
            if (bookedOn === undefined) undated.add(`books ${posting.kind} ${posting.postingId}`)
            else
              for (const { item, amount } of lines)
                visit({ ...posting, item, currency: amount.currency, minor: minorOf(amount), bookedOn })
          }
          return next
        },
      ),
    ).pipe(Effect.andThen(Effect.sync(() => undated.report(unused))))
  }
