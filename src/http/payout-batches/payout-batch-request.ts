/**
 * Reads the body of `POST /payout-batches`: from JSON to payout items in one pass, or to a list of all problems.
 *
 * Each item is checked once, by a compiled schema that stops at its first problem, and its amount is read. Only an item that
 * this refuses, or that has unknown fields, is decoded again to find all its problems.
 */

import {
  Array as Arr,
  Clock,
  Effect,
  Predicate,
  Result,
  Schema,
  SchemaIssue,
  SchemaTransformation,
} from "effect"
import {
  Beneficiary,
  BeneficiaryAccount,
  EnteredText,
  holderAgrees,
  PlainText,
} from "../../domain/beneficiary.ts"
import { exponentOf } from "../../domain/currency.ts"
import { enteredAccount } from "../../domain/entered-account.ts"
import { BatchMode, type PayoutItem } from "../../domain/events.ts"
import { formatAmount, parseAmount } from "../../domain/money.ts"
import { AcceptedText, type OutsideText } from "../../domain/outside-text.ts"
import { Actor } from "../../domain/personal-events.ts"
import type { RejectedRows } from "../../domain/rejected-rows.ts"
import { instantOf } from "../../domain/written-time.ts"
import type { JsonLimits } from "../../parsing/json-outline.ts"
import { withNormalTexts } from "../../parsing/normal-text.ts"
import { turn } from "../../parsing/turns.ts"
import { InvalidBody } from "../edge/failures.ts"
import { type FieldProblem, fieldProblem, fieldProblems, PROBLEMS_MAX } from "../edge/field-problem.ts"
import { parseJson } from "../edge/json-body.ts"
import {
  CurrenciesInUse,
  executeAtProblem,
  failsModulusCheck,
  type IntakeRules,
  leftToTheService,
  MODULUS_FAILED,
  modulusField,
} from "./intake-rules.ts"

/** The most items of a batch. */
export const ITEMS_MAX = 100_000
const FIELDS_MAX = 64
/** The depth of an item: the item, its beneficiary, the beneficiary's account. */
const OBJECTS_DEEP_MAX = 3
/** How many items are decoded before other requests get their turn. */
const ITEMS_PER_TURN = 250

const limits: JsonLimits = {
  depthMax: 16,
  // An item with all fields, an address included, has 41.
  tokensMax: 60 * ITEMS_MAX,
  elementsMax: ITEMS_MAX,
  tokensPerPartMax: 4_096,
  partBytesMax: 64 * 1024,
}

/** A requested item: its account is open until intake seals it. */
export type RequestedItem = Omit<PayoutItem, "beneficiary"> & { readonly beneficiary: Beneficiary }

/** How many accounts fail the UK modulus check, and where the first 100 of them are. */
export interface ModulusFailures {
  readonly count: number
  readonly places: ReadonlyArray<FieldProblem>
}

/** A requested payout batch. `totals` are decimal strings by currency. */
export interface BatchRequest {
  readonly reference?: string
  readonly mode?: BatchMode
  readonly submittedBy?: string
  readonly requireApproval?: boolean
  /** Epoch milliseconds. */
  readonly executeAt?: number
  /** The partner means it: duplicates are accepted, for a reason. */
  readonly duplicates?: { readonly allowed: true; readonly reason: OutsideText }
  readonly items: Arr.NonEmptyReadonlyArray<RequestedItem>
  readonly totals: Readonly<Record<string, string>>
  /** Items whose account fails the UK modulus check, and is accepted all the same. */
  readonly modulusFailures: ModulusFailures
  /** Of a file whose good rows are asked for: the rows that are left out. */
  readonly rejectedRows?: RejectedRows
}

/** An instant with its offset, "2026-11-23T16:05:00Z" (RFC 3339); not before 1970, as the log counts from there. */
export const InstantText = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      (instantOf(text) ?? -1) >= 0 ||
      "expected an instant that exists and has an offset, such as 2026-11-23T16:05:00Z",
    { toJsonSchema: () => ({ format: "date-time" }) },
  ),
)

const PayableCurrency = Schema.String.check(
  Schema.makeFilter(
    (code: string) => exponentOf(code) !== undefined || "expected a payable ISO 4217 currency such as EUR",
  ),
)

const WrittenAmount = Schema.Struct({ currency: PayableCurrency, value: Schema.String })

const Amount = WrittenAmount.pipe(
  Schema.decodeTo(
    Schema.Struct({ currency: Schema.String, minor: Schema.BigInt }),
    SchemaTransformation.transformEffect({
      decode: ({ currency, value }) =>
        Result.match(parseAmount(value, currency), {
          onSuccess: (minor) => Effect.succeed({ currency, minor }),
          onFailure: (message) =>
            Effect.fail(new SchemaIssue.Pointer(["value"], new SchemaIssue.InvalidValue({ message }))),
        }),
      encode: ({ currency, minor }) => Effect.succeed({ currency, value: formatAmount(minor, currency) }),
    }),
  ),
)

const account = BeneficiaryAccount.annotate({
  message: "expected an account with the scheme iban, sort-code, aba, bic, email, phone or paypal-id",
})

const itemWith = <A extends Schema.Constraint>(amount: A) =>
  Schema.Struct({
    reference: EnteredText(64),
    amount,
    beneficiary: Schema.Struct({ ...Beneficiary.fields, name: EnteredText(140), account }).check(
      holderAgrees,
    ),
    remittance: Schema.optionalKey(EnteredText(140)),
  })

/** An item, with its amount still as it is written: a check that converts nothing is compiled, and so many times as fast. */
const WrittenItem = itemWith(WrittenAmount)
const Item = itemWith(Amount)

const terms = {
  reference: Schema.optionalKey(PlainText(64)),
  mode: Schema.optionalKey(BatchMode),
  submittedBy: Schema.optionalKey(Actor),
  requireApproval: Schema.optionalKey(Schema.Boolean),
  executeAt: Schema.optionalKey(InstantText),
  duplicates: Schema.optionalKey(Schema.Struct({ allowed: Schema.Literal(true), reason: AcceptedText(280) })),
}

const Envelope = Schema.Struct({
  ...terms,
  items: Schema.Array(Schema.Unknown).check(
    Schema.makeFilter(
      (items) => (items.length >= 1 && items.length <= ITEMS_MAX) || `expected 1 to ${ITEMS_MAX} items`,
    ),
  ),
})

/** A batch as it is posted. Items are checked one by one, by the same schema, because there may be many. */
export const NewPayoutBatch = Schema.Struct({
  ...Envelope.fields,
  items: Schema.Array(WrittenItem.annotate({ identifier: "NewPayoutItem" })).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(ITEMS_MAX),
  ),
}).annotate({ identifier: "NewPayoutBatch" })

export const exampleRequest = {
  reference: "week 12",
  items: [
    {
      reference: "invoice-4711",
      amount: { currency: "EUR", value: "12.34" },
      beneficiary: {
        name: "Erika Mustermann",
        account: { scheme: "iban", iban: "DE89370400440532013000" },
      },
      remittance: "Invoice 4711",
    },
  ],
} as const

const everything = { errors: "all", onExcessProperty: "error" } as const
const decodeTerms = Schema.decodeUnknownResult(Schema.Struct(terms), everything)
const decodeEnvelope = Schema.decodeUnknownResult(Envelope, everything)
const readWrittenItem = Schema.decodeUnknownResult(WrittenItem)
/** Reads an item as it is asked for, in its final form of texts, or finds all its problems. */
export const decodeItemFully = Schema.decodeUnknownResult(Item, everything)

/**
 * Reads a body, and checks all of it: the bytes must be UTF-8, every field known, every reference unique. Texts are
 * converted to Unicode form C, and identifiers of accounts to their electronic form.
 */
export const readBatchRequest = Effect.fnUntraced(function* (
  body: Buffer,
  rules: IntakeRules = leftToTheService,
): Effect.fn.Return<BatchRequest, InvalidBody> {
  const json = withNormalEnvelope(yield* parseJson(body, limits))
  const crowded = crowdedObject(json, 1)
  if (crowded !== undefined) return yield* new InvalidBody({ problems: [tooManyFields(crowded)] })
  const now = yield* Clock.currentTimeMillis
  const envelope = decodeEnvelope(json)
  const asked = Predicate.hasProperty(json, "executeAt") ? json.executeAt : undefined
  const reading = new BatchReading(rules, new CurrenciesInUse(now, asked))
  if (Result.isFailure(envelope)) reading.problems.push(...fieldProblems([], envelope.failure.issue))
  const executeAt = typeof asked === "string" ? instantOf(asked) : undefined
  const untimely = executeAt === undefined ? undefined : executeAtProblem(executeAt, now, rules)
  if (untimely !== undefined) reading.problems.push(fieldProblem(["executeAt"], untimely))
  const rows = rowsOf(json)
  for (let index = 0; index < rows.length && reading.problems.length < PROBLEMS_MAX; index += 1) {
    if (index > 0 && index % ITEMS_PER_TURN === 0) yield* turn
    reading.add(index, rows[index])
  }
  const { items, problems } = reading
  if (Result.isFailure(envelope) || problems.length > 0 || !Arr.isReadonlyArrayNonEmpty(items))
    return yield* new InvalidBody({ problems: problems.slice(0, PROBLEMS_MAX) })
  const { items: _, executeAt: __, ...terms } = envelope.success
  const due = executeAt === undefined ? {} : { executeAt }
  return { ...terms, ...due, items, totals: reading.totals(), modulusFailures: reading.modulusFailures }
})

/** What a request says beside its items. */
export type BatchTerms = Omit<BatchRequest, "items" | "totals" | "modulusFailures" | "rejectedRows">

/**
 * Reads the terms of a batch whose items come in another form than JSON, with the same checks as in a body. `now` is in epoch
 * milliseconds.
 */
export const readBatchTerms = (
  asked: Readonly<Record<string, unknown>>,
  now: number,
  rules: IntakeRules,
): Result.Result<BatchTerms, ReadonlyArray<FieldProblem>> => {
  const decoded = decodeTerms(withNormalTexts({ ...asked }))
  if (Result.isFailure(decoded)) return Result.fail(fieldProblems([], decoded.failure.issue))
  const { executeAt: written, ...others } = decoded.success
  const executeAt = written === undefined ? undefined : instantOf(written)
  if (executeAt === undefined) return Result.succeed(others)
  const untimely = executeAtProblem(executeAt, now, rules)
  return untimely === undefined
    ? Result.succeed({ ...others, executeAt })
    : Result.fail([fieldProblem(["executeAt"], untimely)])
}

/** The items get their turn one by one: there may be many. */
const withNormalEnvelope = (json: unknown): unknown => {
  if (!Predicate.isObject(json)) return json
  const { items, ...terms } = json
  return Object.assign(json, withNormalTexts(terms))
}

/** An item as it is read: with its texts in form C, and its account in electronic form. */
export const enteredItem = (row: unknown): unknown => {
  const item = withNormalTexts(row)
  if (!Predicate.isObject(item) || !Predicate.isObject(item.beneficiary)) return item
  const account = enteredAccount(item.beneficiary.account)
  return account === item.beneficiary.account
    ? item
    : { ...item, beneficiary: { ...item.beneficiary, account } }
}

/** The state of reading a batch, item by item, from whatever form they come in. */
export class BatchReading {
  readonly items: Array<RequestedItem> = []
  readonly problems: Array<FieldProblem> = []
  readonly modulusFailures = { count: 0, places: [] as Array<FieldProblem> }
  readonly #rules: IntakeRules
  readonly #currencies: CurrenciesInUse
  readonly #references = new Map<string, number>()
  readonly #sums = new Map<string, bigint>()
  readonly #place: (index: number) => string

  /** `place` says in the reader's words where the item of an index stands. */
  constructor(
    rules: IntakeRules,
    currencies: CurrenciesInUse,
    place = (index: number): string => `item ${index + 1}`,
  ) {
    this.#rules = rules
    this.#currencies = currencies
    this.#place = place
  }

  /** Whether an item before had this reference, also one that was refused. */
  hasReference(reference: string): boolean {
    return this.#references.has(reference)
  }

  /** Reads what stands at an index of the request; `item` is the number that it would have in the batch. */
  add(index: number, asked: unknown, item = index + 1): void {
    const row = enteredItem(asked)
    this.#checkReference(index, row, item - 1)
    this.#checkCurrency(item - 1, row)
    const read = readItem(item - 1, row)
    if (Result.isFailure(read)) {
      this.problems.push(...read.failure)
      return
    }
    const { reference, amount, beneficiary, remittance } = read.success
    const { currency, minor } = amount
    this.#checkModulus(item - 1, beneficiary.account)
    this.items.push(
      remittance === undefined
        ? { item, reference, beneficiary, currency, minor }
        : { item, reference, beneficiary, remittance, currency, minor },
    )
    this.#sums.set(currency, (this.#sums.get(currency) ?? 0n) + minor)
  }

  /** Takes back the last item: it could be read, and cannot be paid. */
  withdraw(): void {
    const last = this.items.pop()
    if (last === undefined) return
    this.#sums.set(last.currency, (this.#sums.get(last.currency) ?? 0n) - last.minor)
  }

  totals(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#sums]
        .filter(([, minor]) => minor > 0n)
        .map(([currency, minor]) => [currency, formatAmount(minor, currency)]),
    )
  }

  /** Checks that the currency is in use. The schema checks that it is a currency. */
  #checkCurrency(index: number, row: unknown): void {
    if (!Predicate.hasProperty(row, "amount") || !Predicate.hasProperty(row.amount, "currency")) return
    const { currency } = row.amount
    if (!Predicate.isString(currency) || exponentOf(currency) === undefined) return
    const problem = this.#currencies.problemOf(currency)
    if (problem !== undefined)
      this.problems.push(fieldProblem(["items", index, "amount", "currency"], problem))
  }

  #checkModulus(index: number, account: BeneficiaryAccount): void {
    const { ukModulus } = this.#rules
    if (ukModulus === "off" || !failsModulusCheck(account)) return
    const path = ["items", index, "beneficiary", "account", modulusField(account)]
    if (ukModulus === "refuse") {
      this.problems.push(fieldProblem(path, MODULUS_FAILED))
      return
    }
    // Nothing that is refused is warned of.
    if (this.problems.length > 0) return
    this.modulusFailures.count += 1
    if (this.modulusFailures.places.length < PROBLEMS_MAX)
      this.modulusFailures.places.push(fieldProblem(path, MODULUS_FAILED))
  }

  /** Also checks items that are refused for other reasons, so that all problems are reported at once. */
  #checkReference(index: number, row: unknown, at: number): void {
    if (!Predicate.hasProperty(row, "reference") || !Predicate.isString(row.reference)) return
    const first = this.#references.get(row.reference)
    if (first === undefined) this.#references.set(row.reference, index)
    else this.problems.push(fieldProblem(["items", at, "reference"], `already used by ${this.#place(first)}`))
  }
}

type ReadItem = typeof Item.Type

/** Reads an item, or finds all its problems. What the quick check does not take, the thorough one judges. */
const readItem = (index: number, row: unknown): Result.Result<ReadItem, ReadonlyArray<FieldProblem>> => {
  const item = itemInOrder(row)
  if (item !== undefined) return Result.succeed(item)
  const path = ["items", index]
  const crowded = crowdedObject(row, OBJECTS_DEEP_MAX)
  if (crowded !== undefined) return Result.fail([tooManyFields([...path, ...crowded])])
  return Result.mapError(decodeItemFully(row), ({ issue }) => fieldProblems(path, issue))
}

/** An item that is in order in all that it has: what {@link decodeItemFully} reads, several times as fast. `undefined` for any other. */
export const itemInOrder = (row: unknown): ReadItem | undefined => {
  const written = readWrittenItem(row)
  if (Result.isFailure(written) || hasMoreFields(row, written.success)) return undefined
  const { reference, beneficiary, remittance } = written.success
  const { currency, value } = written.success.amount
  const minor = parseAmount(value, currency)
  if (Result.isFailure(minor)) return undefined
  const amount = { currency, minor: minor.success }
  return remittance === undefined
    ? { reference, amount, beneficiary }
    : { reference, amount, beneficiary, remittance }
}

/** The items to check; a list that is too long is one problem, not many. */
const rowsOf = (json: unknown): ReadonlyArray<unknown> =>
  Predicate.hasProperty(json, "items") && Array.isArray(json.items) && json.items.length <= ITEMS_MAX
    ? json.items
    : []

/** The path of an object with so many fields that it would take long to list the unknown ones. */
const crowdedObject = (value: unknown, deep: number): ReadonlyArray<string> | undefined => {
  if (!Predicate.isObject(value) || deep === 0) return undefined
  const names = Object.keys(value)
  if (names.length > FIELDS_MAX) return []
  for (const name of names) {
    const within = crowdedObject(value[name], deep - 1)
    if (within !== undefined) return [name, ...within]
  }
  return undefined
}

const tooManyFields = (path: ReadonlyArray<PropertyKey>): FieldProblem =>
  fieldProblem(path, `expected at most ${FIELDS_MAX} fields`)

/** Whether an object, or one inside it, has fields that the schema does not have. */
const hasMoreFields = (row: unknown, read: Readonly<Record<string, unknown>>): boolean => {
  if (!Predicate.isObject(row)) return false
  let more = 0
  for (const _ in row) more += 1
  for (const name in read) {
    more -= 1
    const value = read[name]
    if (isRecord(value) && hasMoreFields(row[name], value)) return true
  }
  return more !== 0
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null
