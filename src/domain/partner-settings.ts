/**
 * The settings of one partner: what its new batches are held to. What is not set is as the settings of the service say, or not
 * limited. Amounts are decimal strings by currency, as in requests.
 */
import { Result, Schema } from "effect"
import type { AmountsByCurrency } from "./approval-threshold.ts"
import { exponentOf } from "./currency.ts"
import { readDuplicatePolicy } from "./duplicate-policy.ts"
import { BatchMode } from "./events.ts"
import { parseAmount } from "./money.ts"
import { schemes } from "./scheme.ts"

const CURRENCIES_MAX = 200
const BACKLOG_MAX = 10_000_000
/** What the document shows of currencies and amounts. */
const CURRENCY = "^[A-Z]{3}$"
const AMOUNT = "^[0-9]+(\\.[0-9]+)?$"

/** Why amounts by currency are none; `undefined` if they are. */
const amountsProblem = (amounts: Readonly<Record<string, string>>): string | undefined => {
  const entries = Object.entries(amounts)
  if (entries.length > CURRENCIES_MAX) return `expected at most ${CURRENCIES_MAX} currencies`
  for (const [currency, value] of entries) {
    if (exponentOf(currency) === undefined) return "expected payable ISO 4217 currencies such as EUR"
    const read = parseAmount(value, currency)
    if (Result.isFailure(read)) return `${currency}: ${read.failure}`
  }
  return undefined
}

const amounts = (description: string) =>
  Schema.Record(Schema.String, Schema.String)
    .check(
      Schema.makeFilter((given) => amountsProblem(given) ?? true, {
        toJsonSchema: () => ({
          maxProperties: CURRENCIES_MAX,
          propertyNames: { pattern: CURRENCY },
          additionalProperties: { type: "string", pattern: AMOUNT },
        }),
      }),
    )
    .annotate({ description })

const limits = (description: string) =>
  amounts(description).check(
    Schema.makeFilter(
      (given) => Object.keys(given).length > 0 || "expected at least one amount, such as EUR",
      { toJsonSchema: () => ({ minProperties: 1 }) },
    ),
  )

const someOf = <A extends string>(one: Schema.Codec<A, A>, description: string) =>
  Schema.Array(one)
    .check(
      Schema.makeFilter(
        (given) =>
          (given.length > 0 && given.length <= CURRENCIES_MAX && new Set(given).size === given.length) ||
          "expected at least one, and each once",
        { toJsonSchema: () => ({ minItems: 1, maxItems: CURRENCIES_MAX, uniqueItems: true }) },
      ),
    )
    .annotate({ description })

const PayableCurrency = Schema.String.check(
  Schema.makeFilter(
    (code: string) => exponentOf(code) !== undefined || "expected a payable ISO 4217 currency such as EUR",
    { toJsonSchema: () => ({ pattern: CURRENCY }) },
  ),
)

const DuplicateSetting = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      Result.match(readDuplicatePolicy(text), { onSuccess: () => true, onFailure: (problem) => problem }),
    { toJsonSchema: () => ({ pattern: "^(off|(warn|refuse):[0-9]{1,3}(:(reference|remittance))?)$" }) },
  ),
).annotate({ description: "What becomes of payouts that were accepted before: off, warn:7 or refuse:30." })

export const PartnerSettings = Schema.Struct({
  approvalAbove: Schema.optionalKey(
    amounts(
      "Totals of a batch, or of a day, above which somebody else has to approve. If any is set, other currencies always need it; without any, nothing does.",
    ),
  ),
  modes: Schema.optionalKey(someOf(BatchMode, "The modes that a batch may have; the first is the default.")),
  currencies: Schema.optionalKey(someOf(PayableCurrency, "The currencies that may be paid.")),
  schemes: Schema.optionalKey(someOf(Schema.Literals(schemes), "The schemes that may be used.")),
  itemMax: Schema.optionalKey(limits("The most of one item. Other currencies are refused.")),
  batchMax: Schema.optionalKey(limits("The most of one batch. Other currencies are refused.")),
  dayMax: Schema.optionalKey(
    limits("The most of all batches that are accepted within 24 hours. Other currencies are refused."),
  ),
  backlogMax: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: BACKLOG_MAX })).annotate({
      description: "Open batches beyond which intake answers 429.",
    }),
  ),
  duplicates: Schema.optionalKey(DuplicateSetting),
}).annotate({ identifier: "PartnerSettings" })
export type PartnerSettings = typeof PartnerSettings.Type

/** Settings as they are stored, and their version: when they were set, in milliseconds since the Unix epoch; 0 if never. */
export interface StoredSettings {
  readonly version: number
  readonly settings: PartnerSettings
}

export const NO_SETTINGS: StoredSettings = { version: 0, settings: {} }

/** Amounts of settings in minor units. Those that a setting was checked for can all be read. */
export const minorAmounts = (amounts: Readonly<Record<string, string>>): AmountsByCurrency =>
  Object.fromEntries(
    Object.entries(amounts).map(([currency, value]) => [
      currency,
      Result.getOrThrowWith(parseAmount(value, currency), (problem) => new Error(problem)),
    ]),
  )
