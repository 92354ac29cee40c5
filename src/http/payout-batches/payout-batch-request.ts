/**
 * Reads the body of `POST /payout-batches`: from JSON to payout items in one pass, or to a list of all problems.
 *
 * Each item is decoded once, including its amount. The fast path ignores unknown fields and stops at an item's first
 * problem. Only an item that it refuses, or that has unknown fields, is decoded again to find all its problems.
 */
import { Array as Arr, Effect, Predicate, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { Beneficiary, BeneficiaryAccount, PlainText } from "../../domain/beneficiary.ts"
import { exponentOf } from "../../domain/currency.ts"
import { Actor, BatchMode, type PayoutItem } from "../../domain/events.ts"
import { formatAmount, parseAmount } from "../../domain/money.ts"
import { AcceptedText, type OutsideText } from "../../domain/outside-text.ts"
import type { JsonLimits } from "../../parsing/json-outline.ts"
import { turn } from "../../parsing/turns.ts"
import { InvalidBody } from "../edge/failures.ts"
import { type FieldProblem, fieldProblem, fieldProblems, PROBLEMS_MAX } from "../edge/field-problem.ts"
import { parseJson } from "../edge/json-body.ts"

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
}

/** An instant with its offset, such as "2026-11-23T16:05:00Z" (RFC 3339), as epoch milliseconds. */
const InstantText = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/.test(text) && Date.parse(text) >= 0) ||
      "expected an instant such as 2026-11-23T16:05:00Z",
  ),
)

const PayableCurrency = Schema.String.check(
  Schema.makeFilter(
    (code: string) => exponentOf(code) !== undefined || "expected a payable ISO 4217 currency such as EUR",
  ),
)

const Amount = Schema.Struct({ currency: PayableCurrency, value: Schema.String }).pipe(
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
  message: "expected an account with the scheme iban, sort-code, aba or bic",
})

const Item = Schema.Struct({
  reference: PlainText(64),
  amount: Amount,
  beneficiary: Schema.Struct({ ...Beneficiary.fields, account }),
  remittance: Schema.optionalKey(PlainText(140)),
})

const Envelope = Schema.Struct({
  reference: Schema.optionalKey(PlainText(64)),
  mode: Schema.optionalKey(BatchMode),
  submittedBy: Schema.optionalKey(Actor),
  requireApproval: Schema.optionalKey(Schema.Boolean),
  executeAt: Schema.optionalKey(InstantText),
  duplicates: Schema.optionalKey(Schema.Struct({ allowed: Schema.Literal(true), reason: AcceptedText(280) })),
  items: Schema.Array(Schema.Unknown).check(
    Schema.makeFilter(
      (items) => (items.length >= 1 && items.length <= ITEMS_MAX) || `expected 1 to ${ITEMS_MAX} items`,
    ),
  ),
})

const everything = { errors: "all", onExcessProperty: "error" } as const
const decodeEnvelope = Schema.decodeUnknownResult(Envelope, everything)
const decodeItem = Schema.decodeUnknownResult(Item)
const decodeItemFully = Schema.decodeUnknownResult(Item, everything)

/** Reads a body, and checks all of it: the bytes must be UTF-8, every field known, every reference unique. */
export const readBatchRequest = Effect.fnUntraced(function* (
  body: Buffer,
): Effect.fn.Return<BatchRequest, InvalidBody> {
  const json = yield* parseJson(body, limits)
  const crowded = crowdedObject(json, 1)
  if (crowded !== undefined) return yield* new InvalidBody({ problems: [tooManyFields(crowded)] })
  const envelope = decodeEnvelope(json)
  const reading = new Reading()
  if (Result.isFailure(envelope)) reading.problems.push(...fieldProblems([], envelope.failure.issue))
  const rows = rowsOf(json)
  for (let index = 0; index < rows.length && reading.problems.length < PROBLEMS_MAX; index += 1) {
    if (index > 0 && index % ITEMS_PER_TURN === 0) yield* turn
    reading.add(index, rows[index])
  }
  const { items, problems } = reading
  if (Result.isFailure(envelope) || problems.length > 0 || !Arr.isReadonlyArrayNonEmpty(items))
    return yield* new InvalidBody({ problems: problems.slice(0, PROBLEMS_MAX) })
  const { items: _, executeAt, ...terms } = envelope.success
  const due = executeAt === undefined ? {} : { executeAt: Date.parse(executeAt) }
  return { ...terms, ...due, items, totals: reading.totals() }
})

/** The state of reading a batch. */
class Reading {
  readonly items: Array<RequestedItem> = []
  readonly problems: Array<FieldProblem> = []
  readonly #references = new Map<string, number>()
  readonly #sums = new Map<string, bigint>()

  add(index: number, row: unknown): void {
    this.#checkReference(index, row)
    const decoded = decodeItem(row)
    if (Result.isFailure(decoded) || hasMoreFields(row, decoded.success)) {
      this.problems.push(...problemsOf(["items", index], row))
      return
    }
    const { amount, ...item } = decoded.success
    this.items.push({ item: index + 1, ...item, ...amount })
    this.#sums.set(amount.currency, (this.#sums.get(amount.currency) ?? 0n) + amount.minor)
  }

  totals(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#sums].map(([currency, minor]) => [currency, formatAmount(minor, currency)]),
    )
  }

  /** Also checks items that are refused for other reasons, so that all problems are reported at once. */
  #checkReference(index: number, row: unknown): void {
    if (!Predicate.hasProperty(row, "reference") || !Predicate.isString(row.reference)) return
    const first = this.#references.get(row.reference)
    if (first === undefined) this.#references.set(row.reference, index + 1)
    else this.problems.push(fieldProblem(["items", index, "reference"], `already used by item ${first}`))
  }
}

/** All problems of a refused item. */
const problemsOf = (path: ReadonlyArray<PropertyKey>, row: unknown): ReadonlyArray<FieldProblem> => {
  const crowded = crowdedObject(row, OBJECTS_DEEP_MAX)
  if (crowded !== undefined) return [tooManyFields([...path, ...crowded])]
  return Result.match(decodeItemFully(row), {
    onSuccess: () => [],
    onFailure: ({ issue }) => fieldProblems(path, issue),
  })
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
const hasMoreFields = (row: unknown, read: object): boolean => {
  if (!Predicate.isObject(row)) return false
  const fields = Object.entries(read)
  return (
    Object.keys(row).length !== fields.length ||
    fields.some(([name, value]) => Predicate.isObject(value) && hasMoreFields(row[name], value))
  )
}
