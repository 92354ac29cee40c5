/** The parameters that narrow lists of batches and items. What is malformed is refused, never ignored. */
import { Effect, Result, Schema } from "effect"
import { Currency, parseAmount } from "../../domain/money.ts"
import { instantOf, isDay } from "../../domain/written-time.ts"
import type { AmountRange } from "../../projections/search-filter.ts"
import { InvalidRequest } from "../edge/failures.ts"
import { type Parameter, PlainWords, someOf, text, wholeNumber } from "../routing/parameters.ts"
import { BatchState, ItemState } from "./shapes.ts"

const PAGE_DEFAULT = 100
export const DAY_MS = 24 * 3_600_000

/** `limit` and `cursor`. */
export const pageOf = (limitMax: number) => ({
  limit: wholeNumber({
    description: "How many entries a page has at most.",
    minimum: 1,
    maximum: limitMax,
    fallback: PAGE_DEFAULT,
  }),
  cursor: text(Schema.String, {
    description: "`next` of the previous page of the same list with the same filters.",
    expected: "a cursor",
  }),
})

/** For lists that a partner gets of its own, and an operator of the partner that it names. */
export const ofPartner = {
  partner: text(Schema.String, {
    description: "For operators, who have to name it: the partner whose batches to list.",
    expected: "the partner whose batches to list",
  }),
}

const reference = (of: string) =>
  text(PlainWords, { description: `Only with this reference of the ${of}.`, expected: "1 to 256 characters" })

const amount = (description: string) =>
  text(PlainWords, { description, example: "12.34", expected: "an amount such as 12.34" })

const ofMoney = {
  currency: text(Currency, {
    description: "Only with this currency.",
    example: "EUR",
    expected: "a currency such as EUR",
  }),
  amount: amount("Only with exactly this amount of `currency`; of a batch, its total."),
  amountFrom: amount("The least amount of `currency`."),
  amountTo: amount("The highest amount of `currency`."),
}

/** A time or a day in UTC, as epoch milliseconds. A day counts from its begin, or `ofDay` later. */
export const time = (description: string, ofDay: number): Parameter<number | undefined> => ({
  description,
  required: false,
  example: "2026-11-27",
  schema: PlainWords,
  read: (written) => {
    if (written === undefined) return { value: undefined }
    const at = isDay(written) ? Date.parse(`${written}T00:00:00Z`) + ofDay : instantOf(written)
    return at === undefined || at < 0
      ? { expected: "a time such as 2026-11-27T10:00:00Z, or a day such as 2026-11-27" }
      : { value: at }
  },
})

/** When a batch was received. A day as `receivedTo` is included. */
export const ofTime = {
  receivedFrom: time("Only of batches that were received at this time or later; a day is one of UTC.", 0),
  receivedTo: time("Only of batches that were received before this time; a day is included.", DAY_MS),
}

/** The filters of batches. */
export const batchFilters = {
  state: someOf(BatchState, { description: "Only those in these states." }),
  ...ofMoney,
  ...ofTime,
  reference: reference("batch"),
}

/** The filters of items, of one batch or of several. */
export const itemFilters = {
  state: someOf(ItemState, { description: "Only those in these states." }),
  ...ofMoney,
  reference: reference("item"),
  lastFour: text(Schema.String.check(Schema.isPattern(/^[0-9A-Z]{1,4}$/)), {
    description: "The last characters of the beneficiary's account, at most four.",
    example: "3000",
    expected: "one to four letters in upper case or digits",
  }),
  failureCode: text(PlainWords, {
    description: "The bank's code of an item that failed or was returned.",
    example: "AC04",
    expected: "a bank's code",
  }),
  providerReference: text(PlainWords, {
    description: "Our reference of a transfer, its UETR, or the bank's own id of it; of any attempt.",
    expected: "a reference of a transfer",
  }),
}

/** What a list of items has beside them. */
export const withMore = {
  include: someOf(Schema.Literals(["attempts"]), {
    description: "What each item has beside what is always shown: `attempts`.",
  }),
}

interface Money {
  readonly currency: string | undefined
  readonly amount: string | undefined
  readonly amountFrom: string | undefined
  readonly amountTo: string | undefined
}

/** Filters as they were read, with `amount`, or `amountFrom` and `amountTo`, in minor units of `currency`. */
export const withAmounts = Effect.fnUntraced(function* <Read extends Money>({
  amount,
  amountFrom,
  amountTo,
  ...filter
}: Read) {
  const { currency } = filter
  const [exact, from, to] = [
    yield* minorUnits("amount", amount, currency),
    yield* minorUnits("amountFrom", amountFrom, currency),
    yield* minorUnits("amountTo", amountTo, currency),
  ]
  if (exact !== undefined && (from !== undefined || to !== undefined))
    return yield* invalid("amount", "either amount, or amountFrom and amountTo")
  const isBounded = (exact ?? from ?? to) !== undefined
  const range: AmountRange | undefined =
    currency === undefined || !isBounded ? undefined : { currency, from: exact ?? from, to: exact ?? to }
  return { ...filter, amount: range }
})

const minorUnits = Effect.fnUntraced(function* (
  name: string,
  written: string | undefined,
  currency: string | undefined,
) {
  if (written === undefined) return undefined
  if (currency === undefined) return yield* invalid("currency", `the currency of ${name}`)
  const parsed = parseAmount(written, currency)
  return Result.isSuccess(parsed)
    ? parsed.success
    : yield* new InvalidRequest({ detail: `${name}: ${parsed.failure}.` })
})

const invalid = (name: string, expected: string) =>
  new InvalidRequest({ detail: `${name}: expected ${expected}.` })
