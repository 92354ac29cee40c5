/** Reads books over HTTP a page at a time, and defines the fields that their rows share. */
import { Effect, Result, Schema } from "effect"
import { type Day, utcDay } from "../../domain/business-days.ts"
import { parseAmount } from "../../domain/money.ts"
import { instantOf } from "../../domain/written-time.ts"
import { RECORDS_MAX, SourceUnreadable, type UnusedPart } from "../books.ts"
import type { ProviderChannel } from "./channel.ts"
import type { ProviderUnavailable } from "./provider-error.ts"
import type { Provider } from "./provider-http.ts"

/** How long a page waits while the channel admits no calls. Books are never urgent. */
const PATIENCE_MS = 60_000

/** The terms of reading a page. It has no effect, so it may be repeated. */
export const booksTerms = {
  step: "books",
  repeatable: true,
  patienceMs: PATIENCE_MS,
  outcomeOf: () => "Read",
}

/** An amount that we could have paid. No other is accepted. */
export const BookedAmount = Schema.Struct({ currency: Schema.String, value: Schema.String }).check(
  Schema.makeFilter(({ currency, value }) => Result.isSuccess(parseAmount(value, currency)), {
    expected: "a plain decimal in a payable currency",
  }),
)

export const minorOf = ({ currency, value }: typeof BookedAmount.Type): bigint =>
  Result.getOrThrow(parseAmount(value, currency))

/** What a time has beyond its milliseconds; no more than RFC 3339 is read with. */
const fractionOfMillisecond = /(\.\d{3})\d{1,6}(?!\d)/

/** The day in UTC of a time with its offset (RFC 3339); `undefined` for a text that is none, which spoils no other row. */
export const bookedDay = (at: string): Day | undefined => {
  // An instant is never before the time that is written, which could make it the next day's.
  const ms = instantOf(at.replace(fractionOfMillisecond, "$1"))
  return ms === undefined ? undefined : utcDay(ms)
}

/** Rows of one source that are listed one by one. */
const UNUSED_LISTED_MAX = 100

const NO_TIME = "its time is not one of RFC 3339 with an offset"

/**
 * Collects the rows of books that cannot be used. `report` lists the first of them and says how many more there are; `source` is the
 * name of the bank or the ledger.
 */
export const unusedRows = (source: string, ofFurther = "cannot be used") => {
  const rows: Array<{ readonly place: string; readonly problem: string }> = []
  let further = 0
  return {
    /** `place` says which row of the books it is, `problem` why it cannot be used; by default, because of its time. */
    add: (place: string, problem = NO_TIME): void => {
      if (rows.length < UNUSED_LISTED_MAX) rows.push({ place, problem })
      else further += 1
    },
    report: (unused: ((part: UnusedPart) => void) | undefined): void => {
      for (const { place, problem } of rows) unused?.({ bank: source, place, problem })
      if (further > 0)
        unused?.({ bank: source, place: "books", problem: `${further} further rows ${ofFurther}` })
    },
  }
}

/** Collects the rows of books that have no readable time. */
export const undatedRows = (source: string) => unusedRows(source, "have no readable time")

/** Reads pages by offset until there is no next one. Fails if the offset does not grow. */
export const pagesOf = Effect.fnUntraced(function* (
  { name }: Provider,
  channel: ProviderChannel,
  read: (offset: number) => Effect.Effect<number | null, ProviderUnavailable>,
): Effect.fn.Return<void, SourceUnreadable> {
  let offset = 0
  while (true) {
    const next = yield* channel
      .call(booksTerms, read(offset))
      .pipe(Effect.mapError(({ reason }) => new SourceUnreadable({ source: name, reason })))
    if (next === null) return
    if (next <= offset || next > RECORDS_MAX)
      return yield* new SourceUnreadable({
        source: name,
        reason: `the offset of its next page is ${next}, after ${offset}`,
      })
    offset = next
  }
})
