/**
 * The kind `formance`: a ledger of the Formance Ledger API v2. A posting of ours
 *
 *   1. is sent as one transaction, with our key as `reference` and as `Idempotency-Key`; the ledger books it wholly or not at all,
 *   2. and after any error, is looked up by its reference: what is booked is booked, also if the key was forgotten or its answer lost.
 *
 * Only a transaction with exactly these lines counts as booked, and only a lack of funds, while the reference is free, as refused.
 */
import { Effect, Result, Schema } from "effect"
import { INSUFFICIENT_FUNDS } from "../../../domain/batch.ts"
import { ProviderChannels } from "../../calling/channel.ts"
import { providerOf } from "../../calling/provider-access-http.ts"
import { ProviderUnavailable } from "../../calling/provider-error.ts"
import {
  type Answers,
  callProvider,
  type Provider,
  type Reader,
  reading,
} from "../../calling/provider-http.ts"
import { providerKind } from "../../calling/provider-kind.ts"
import { type LedgerPosting, PostingRefused } from "../ledger.ts"
import type { LedgerKind } from "../ledger-kind.ts"
import { formanceBooks } from "./formance-books-http.ts"
import { ErrorAnswer, type ErrorCode, errorMeanings, isAbsence } from "./formance-errors.ts"
import { bodyOf, isBooking, Transaction } from "./formance-transaction.ts"

/** `ledger` is its name there. */
const settings = Schema.Struct({ ledger: Schema.String.check(Schema.isPattern(/^[0-9a-zA-Z_-]{1,63}$/)) })

export const formance: LedgerKind = providerKind({
  name: "formance",
  settings,
  connect: Effect.fnUntraced(function* ({ own, ...ledger }) {
    const provider = yield* providerOf(ledger)
    const channel = yield* (yield* ProviderChannels).open(
      { name: ledger.name, kind: "ledger" },
      ledger.policy,
    )
    const at = `/v2/${own.ledger}`
    return {
      presence: presence(provider, at),
      books: formanceBooks(provider, channel, at),
      post: Effect.fn("Ledger.post")(function* (posting) {
        const { key, kind } = posting
        const terms = { step: kind, repeatable: true, patienceMs: 0, outcomeOf }
        const answer = yield* channel.call(terms, booked(provider, at, posting))
        if (Result.isSuccess(answer)) return answer.success
        return yield* new PostingRefused({ key, code: answer.failure })
      }),
    }
  }),
})

/** The ledger's id of the transaction, or the code of the refusal. */
type Booked = Result.Result<string, string>

const outcomeOf = (answer: Booked): string => (Result.isSuccess(answer) ? "Booked" : "Refused")

/** Books a posting, or finds out that it is booked. */
const booked = Effect.fnUntraced(function* (
  provider: Provider,
  at: string,
  posting: LedgerPosting,
): Effect.fn.Return<Booked, ProviderUnavailable> {
  const { key, kind } = posting
  const unclear = (problem: string) =>
    new ProviderUnavailable({ provider: provider.name, reason: `${kind}: ${problem}`, kind: "refused" })
  const call = {
    step: kind,
    method: "POST",
    path: `${at}/transactions`,
    idempotencyKey: key,
    body: bodyOf(posting),
  } as const
  const { transaction, error = "INTERNAL" } = yield* callProvider(provider, call, creating)
  const found = transaction ?? (isAbsence(error) ? undefined : yield* withReference(provider, at, posting))
  if (found !== undefined)
    return isBooking(posting, found)
      ? Result.succeed(String(found.id))
      : yield* unclear("another transaction has its reference, or it was reverted: nothing counts as booked")
  const meaning = errorMeanings[error]
  return meaning === "refused" ? Result.fail(INSUFFICIENT_FUNDS) : yield* unclear(`${error}: ${meaning}`)
})

/** One of both. */
interface Created {
  readonly transaction?: Transaction
  readonly error?: ErrorCode
}

const refused: Reader<{ readonly error: ErrorCode }> = reading(ErrorAnswer, ({ errorCode }) => ({
  error: errorCode,
}))

/** The document has one answer for all errors. Those of 5xx, and those that mean our credentials or our pace, need no reading. */
const errors = { 400: refused, 404: refused, 409: refused, 422: refused }

const creating: Answers<Created> = {
  ...errors,
  200: reading(Schema.Struct({ data: Transaction }), ({ data }) => ({ transaction: data })),
}

const Found = Schema.Struct({ cursor: Schema.Struct({ data: Schema.Array(Transaction) }) })

/**
 * The transaction with the reference of a posting, if there is one. References are unique in a ledger. An answer with others is that of
 * a ledger, or of something before it, that did not read the filter: then nothing is known.
 */
const withReference = (provider: Provider, at: string, { key, kind }: LedgerPosting) =>
  callProvider(
    provider,
    {
      step: `${kind} (look-up)`,
      method: "GET",
      path: `${at}/transactions?pageSize=1`,
      body: { $match: { reference: key } },
    },
    {
      200: (json: unknown) =>
        Result.flatMap(
          reading(Found, ({ cursor }) => cursor.data)(json),
          (found): Result.Result<Transaction | undefined, unknown> =>
            found.every(({ reference }) => reference === key)
              ? Result.succeed(found[0])
              : Result.fail("not filtered"),
        ),
    },
  )

const Present = Schema.Struct({ data: Schema.Struct({ name: Schema.String }) })

/** Fails if the ledger cannot be asked, or if there is none of that name. */
const presence = Effect.fnUntraced(function* (provider: Provider, at: string) {
  const call = { step: "presence", method: "GET", path: at } as const
  const answer = yield* callProvider(provider, call, { ...errors, 200: reading(Present, () => undefined) })
  if (answer === undefined) return
  const reason = `presence: ${answer.error}: ${errorMeanings[answer.error]}`
  return yield* new ProviderUnavailable({ provider: provider.name, reason, kind: "refused" })
})
