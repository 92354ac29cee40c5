/**
 * What Adyen booked on the balance account, from `GET /transactions`, a page at a time. The document has no filter by the day of booking:
 * transactions are asked for by the time of their creation, from some days before, as one may be booked after a weekend.
 */
import { Effect, Schema } from "effect"
import { addDays, type Day } from "../../../domain/business-days.ts"
import { type Source, SourceUnreadable, type StatementEntry } from "../../books.ts"
import { bookedDay, undatedRows, unusedRows } from "../../calling/book-page-http.ts"
import { type ProviderChannel, ProviderChannels } from "../../calling/channel.ts"
import { providerOf } from "../../calling/provider-access-http.ts"
import { callProvider, type Provider, reading } from "../../calling/provider-http.ts"
import type { BankEntry } from "../bank-kind.ts"
import { minorOfAdyen } from "./adyen-amount.ts"
import type { AdyenSettings } from "./adyen-settings.ts"

/** The most that Adyen gives. */
const PAGE_SIZE = 100
/** More pages than a day's payments of one account have; a bank that never ends is no source. */
const PAGES_MAX = 10_000
const DAYS_BEFORE = 5
const DAYS_AFTER = 2

/** Characters of a transaction's id that a report shows; Adyen's have fewer. */
const ID_SHOWN_MAX = 64

/** How long a page waits while the channel admits no calls. */
const PATIENCE_MS = 60_000
const terms = { step: "books", repeatable: true, patienceMs: PATIENCE_MS, outcomeOf: () => "Read" }

const Transaction = Schema.Struct({
  id: Schema.String,
  amount: Schema.Struct({ currency: Schema.String, value: Schema.Int }),
  balanceAccount: Schema.Struct({ id: Schema.optionalKey(Schema.String) }),
  bookingDate: Schema.String,
  status: Schema.String,
  transfer: Schema.optionalKey(
    Schema.Struct({
      reference: Schema.String,
      categoryData: Schema.optionalKey(Schema.Struct({ type: Schema.optionalKey(Schema.String) })),
    }),
  ),
})
type Transaction = typeof Transaction.Type

const Page = Schema.Struct({
  data: Schema.Array(Transaction),
  _links: Schema.optionalKey(
    Schema.Struct({ next: Schema.optionalKey(Schema.NullOr(Schema.Struct({ href: Schema.String }))) }),
  ),
})
const answers = { 200: reading(Page, (page) => page) }

/** The transactions around a day. Money that leaves is negative at Adyen. */
export const adyenStatement = Effect.fnUntraced(function* (bank: BankEntry<AdyenSettings>, day: Day) {
  const channel = yield* (yield* ProviderChannels).open({ name: bank.name, kind: bank.kind }, bank.policy)
  const { url, auth, tls, balanceAccount } = bank.own
  const http = { url, ...(auth === undefined ? {} : { auth }), ...(tls === undefined ? {} : { tls }) }
  const provider = yield* providerOf({ ...bank, ...http })
  const source: Source<StatementEntry> = (visit, unused) => {
    const [undated, unreadable] = [undatedRows(bank.name), unusedRows(bank.name)]
    const read = (transaction: Transaction) => {
      if (!isPayment(transaction, balanceAccount)) return
      const { id, amount, bookingDate, transfer } = transaction
      const bookedOn = bookedDay(bookingDate)
      const place = `transaction ${id.slice(0, ID_SHOWN_MAX)}`
      if (bookedOn === undefined) return undated.add(place)
      const minor = minorOfAdyen(Math.abs(amount.value), amount.currency)
      if (minor === undefined) return unreadable.add(place, "its amount cannot be read")
      const kind = amount.value < 0 ? "debit" : "credit"
      const reference = transfer?.reference ?? ""
      visit({ bank: bank.name, reference, currency: amount.currency, minor, kind, bookedOn })
    }
    return pagesOf(provider, channel, firstQuery(balanceAccount, day), (page) => page.forEach(read)).pipe(
      Effect.andThen(
        Effect.sync(() => {
          unreadable.report(unused)
          undated.report(unused)
        }),
      ),
    )
  }
  return source
})

/** Booked, by bank transfer, on this account. Fees and payments of cards are no payouts. */
const isPayment = ({ status, balanceAccount, transfer }: Transaction, account: string): boolean =>
  status === "booked" &&
  (balanceAccount.id ?? account) === account &&
  transfer !== undefined &&
  (transfer.categoryData?.type ?? "bank") === "bank"

const firstQuery = (balanceAccount: string, day: Day): URLSearchParams =>
  new URLSearchParams({
    balanceAccountId: balanceAccount,
    createdSince: `${addDays(day, -DAYS_BEFORE)}T00:00:00Z`,
    createdUntil: `${addDays(day, DAYS_AFTER)}T00:00:00Z`,
    limit: String(PAGE_SIZE),
  })

/**
 * Reads page after page. Of the link to the next one only the cursor is used: credentials go to the address of the settings alone.
 */
const pagesOf = Effect.fnUntraced(function* (
  provider: Provider,
  channel: ProviderChannel,
  query: URLSearchParams,
  visit: (page: ReadonlyArray<Transaction>) => void,
): Effect.fn.Return<void, SourceUnreadable> {
  const unreadable = (reason: string) => new SourceUnreadable({ source: provider.name, reason })
  const cursors = new Set<string>()
  while (true) {
    const call = { step: "books", method: "GET", path: `/transactions?${query}` } as const
    const { data, _links } = yield* channel
      .call(terms, callProvider(provider, call, answers))
      .pipe(Effect.mapError(({ reason }) => unreadable(reason)))
    visit(data)
    const next = _links?.next
    if (next === undefined || next === null) return
    const cursor = URL.parse(next.href, provider.url)?.searchParams.get("cursor") ?? ""
    if (cursor === "" || cursors.has(cursor))
      return yield* unreadable("the link to its next page leads nowhere new")
    if (cursors.size >= PAGES_MAX) return yield* unreadable(`it has more than ${PAGES_MAX} pages`)
    cursors.add(cursor)
    query.set("cursor", cursor)
  }
})
