/**
 * A bank's books behind `GET {bank}/books`, as the sandbox's banks keep them: payments, and transfers that were returned. They
 * are the statement of the kinds that use this.
 */
import { Effect, Schema } from "effect"
import type { Source, StatementEntry } from "../books.ts"
import { BookedAmount, bookedDay, minorOf, pagesOf, undatedRows } from "../calling/book-page-http.ts"
import { type ProviderChannel, ProviderChannels } from "../calling/channel.ts"
import type { HttpFields } from "../calling/provider-access.ts"
import { providerOf } from "../calling/provider-access-http.ts"
import { callProvider, type Provider, ProviderId, reading } from "../calling/provider-http.ts"
import type { BankEntry } from "./bank-kind.ts"

/** Rows in one answer, which keeps it well within the size limit. */
const PAGE_SIZE = 1_000

const Payment = Schema.Struct({ reference: Schema.String, amount: BookedAmount, at: Schema.String })
const Page = Schema.Struct({
  payments: Schema.Array(Payment),
  transfers: Schema.Array(
    Schema.Struct({ ...Payment.fields, transferId: ProviderId, status: Schema.String }),
  ),
  next: Schema.NullOr(Schema.Int),
})

const answers = { 200: reading(Page, (page) => page) }

/** Everything that the bank ever paid or returned. */
export const bankBooks = Effect.fnUntraced(function* (bank: BankEntry<HttpFields>) {
  const channel = yield* (yield* ProviderChannels).open({ name: bank.name, kind: bank.kind }, bank.policy)
  return booksOf(yield* providerOf({ ...bank, ...bank.own }), channel)
})

const booksOf =
  (bank: Provider, channel: ProviderChannel): Source<StatementEntry> =>
  (visit, unused) => {
    const undated = undatedRows(bank.name)
    const entry = (kind: "debit" | "credit", { reference, amount, at }: typeof Payment.Type) => {
      const bookedOn = bookedDay(at)
      if (bookedOn === undefined) return undated.add(`books ${kind} ${reference}`)
      const { currency } = amount
      visit({ bank: bank.name, reference, currency, minor: minorOf(amount), kind, bookedOn })
    }
    const path = (offset: number) => `/books?offset=${offset}&limit=${PAGE_SIZE}`
    return pagesOf(bank, channel, (offset) =>
      Effect.map(
        callProvider(bank, { step: "books", method: "GET", path: path(offset) }, answers),
        ({ payments, transfers, next }) => {
          for (const payment of payments) entry("debit", payment)
          for (const transfer of transfers) if (transfer.status === "returned") entry("credit", transfer)
          return next
        },
      ),
    ).pipe(Effect.andThen(Effect.sync(() => undated.report(unused))))
  }
