/** The parameters that narrow lists of batches and items. What is unknown or malformed is refused, never ignored. */
import { Effect, Result } from "effect"
import { type BatchState, batchStates } from "../../domain/batch.ts"
import { exponentOf } from "../../domain/currency.ts"
import { publicItemStates } from "../../domain/item-state.ts"
import { parseAmount } from "../../domain/money.ts"
import { instantOf, isDay } from "../../domain/written-time.ts"
import type { AmountRange, BatchFilter, ItemFilter, Received } from "../../projections/search-filter.ts"
import type { EdgeContext } from "../edge/edge.ts"
import { InvalidRequest } from "../edge/failures.ts"
import { textIn, wholeNumber } from "../edge/query.ts"

const PAGE_DEFAULT = 100
const DAY_MS = 24 * 3_600_000

/** `limit` and `cursor`. */
export const pageTerms = Effect.fnUntraced(function* (c: EdgeContext, limitMax: number) {
  const limit = yield* wholeNumber(c, "limit", { fallback: PAGE_DEFAULT, minimum: 1, maximum: limitMax })
  return { limit, cursor: c.req.query("cursor") }
})

export const batchFilter = Effect.fnUntraced(function* (
  c: EdgeContext,
): Effect.fn.Return<BatchFilter, InvalidRequest> {
  return {
    state: yield* someOf<BatchState>(c, "state", batchStates),
    ...(yield* money(c)),
    reference: yield* textIn(c, "reference", "a text of 1 to 256 characters"),
    ...(yield* received(c)),
  }
})

export const itemFilter = Effect.fnUntraced(function* (
  c: EdgeContext,
): Effect.fn.Return<ItemFilter, InvalidRequest> {
  return {
    state: yield* someOf(c, "state", publicItemStates),
    ...(yield* money(c)),
    reference: yield* textIn(c, "reference", "a text of 1 to 256 characters"),
    lastFour: yield* textIn(
      c,
      "lastFour",
      "one to four letters in upper case or digits",
      (text): text is string => /^[0-9A-Z]{1,4}$/.test(text),
    ),
    failureCode: yield* textIn(c, "failureCode", "a bank's code"),
    providerReference: yield* textIn(c, "providerReference", "a reference of a transfer"),
  }
})

/** `receivedFrom` and `receivedTo`: instants, or days in UTC. A day as `receivedTo` is included. */
export const received = Effect.fnUntraced(function* (
  c: EdgeContext,
): Effect.fn.Return<Received, InvalidRequest> {
  return {
    receivedFrom: yield* timeIn(c, "receivedFrom", 0),
    receivedTo: yield* timeIn(c, "receivedTo", DAY_MS),
  }
})

const timeIn = Effect.fnUntraced(function* (c: EdgeContext, name: string, ofDay: number) {
  const expected = "a time such as 2026-11-27T10:00:00Z, or a day such as 2026-11-27"
  const text = yield* textIn(c, name, expected)
  if (text === undefined) return undefined
  const at = isDay(text) ? Date.parse(`${text}T00:00:00Z`) + ofDay : instantOf(text)
  if (at === undefined || at < 0) return yield* invalid(name, expected)
  return at
})

/** Words of a list, separated by commas. */
const someOf = Effect.fnUntraced(function* <Word extends string>(
  c: EdgeContext,
  name: string,
  words: ReadonlyArray<Word>,
) {
  const expected = `one or more of ${words.join(", ")}, separated by commas`
  const text = yield* textIn(c, name, expected)
  if (text === undefined) return undefined
  const named = text.split(",").flatMap((part) => words.filter((word) => word === part))
  if (named.length !== text.split(",").length) return yield* invalid(name, expected)
  // In their own order, so that the same states are the same filter.
  return words.filter((word) => named.includes(word))
})

/** `currency`, and with it `amount`, or `amountFrom` and `amountTo`. */
const money = Effect.fnUntraced(function* (c: EdgeContext) {
  const currency = yield* textIn(
    c,
    "currency",
    "a currency such as EUR",
    (text): text is string => exponentOf(text) !== undefined,
  )
  const [exact, from, to] = [
    yield* amountIn(c, "amount", currency),
    yield* amountIn(c, "amountFrom", currency),
    yield* amountIn(c, "amountTo", currency),
  ]
  if (exact !== undefined && (from !== undefined || to !== undefined))
    return yield* invalid("amount", "either amount, or amountFrom and amountTo")
  if (currency === undefined || (exact ?? from ?? to) === undefined) return { currency }
  const amount: AmountRange = { currency, from: exact ?? from, to: exact ?? to }
  return { currency, amount }
})

const amountIn = Effect.fnUntraced(function* (c: EdgeContext, name: string, currency: string | undefined) {
  const text = yield* textIn(c, name, "an amount such as 12.34")
  if (text === undefined) return undefined
  if (currency === undefined) return yield* invalid("currency", `the currency of ${name}`)
  const parsed = parseAmount(text, currency)
  return Result.isSuccess(parsed)
    ? parsed.success
    : yield* new InvalidRequest({ detail: `${name}: ${parsed.failure}.` })
})

const invalid = (name: string, expected: string) =>
  new InvalidRequest({ detail: `${name}: expected ${expected}.` })
