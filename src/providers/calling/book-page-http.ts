/** Reads books over HTTP a page at a time, and defines the fields that their rows share. */
import { Effect, Result, Schema } from "effect"
import { parseAmount } from "../../domain/money.ts"
import { RECORDS_MAX, SourceUnreadable } from "../books.ts"
import type { ProviderChannel } from "./channel.ts"
import type { ProviderUnavailable } from "./provider-error.ts"
import type { Provider } from "./provider-http.ts"

/** How long a page waits while the channel admits no calls. Books are never urgent. */
const PATIENCE_MS = 60_000

/** Reading a page has no effect, so it may be repeated. */
const terms = { step: "books", repeatable: true, patienceMs: PATIENCE_MS, outcomeOf: () => "Read" }

/** An amount that we could have paid. No other is accepted. */
export const BookedAmount = Schema.Struct({ currency: Schema.String, value: Schema.String }).check(
  Schema.makeFilter(({ currency, value }) => Result.isSuccess(parseAmount(value, currency)), {
    expected: "a plain decimal in a payable currency",
  }),
)

export const minorOf = ({ currency, value }: typeof BookedAmount.Type): bigint =>
  Result.getOrThrow(parseAmount(value, currency))

/** A time in ISO 8601. Only its day in UTC is used. */
export const BookedAt = Schema.String.check(
  Schema.makeFilter((text: string) => !Number.isNaN(Date.parse(text)), { expected: "a time in ISO 8601" }),
)

/** Reads pages by offset until there is no next one. Fails if the offset does not grow. */
export const pagesOf = Effect.fnUntraced(function* (
  { name }: Provider,
  channel: ProviderChannel,
  read: (offset: number) => Effect.Effect<number | null, ProviderUnavailable>,
): Effect.fn.Return<void, SourceUnreadable> {
  let offset = 0
  while (true) {
    const next = yield* channel
      .call(terms, read(offset))
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
