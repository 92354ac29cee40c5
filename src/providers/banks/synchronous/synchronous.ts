/**
 * The kind `synchronous`: banks behind `POST {bank}/v1/payments` and `GET {bank}/v1/payments?clientRef=…`. They pay before they
 * answer, send no callbacks, forget idempotency keys after a while, and have books behind `GET {bank}/books`. Only an agreed
 * answer about the very transfer of the call counts; any other answer leaves the transfer open.
 */
import { Effect, Result, Schema } from "effect"
import { type BankAccount, isWallet } from "../../../domain/beneficiary.ts"
import { codedReason } from "../../../domain/coded-reason.ts"
import { UNSPECIFIED } from "../../../domain/failure-codes.ts"
import { httpFields } from "../../calling/provider-access.ts"
import { providerOf } from "../../calling/provider-access-http.ts"
import {
  type Answers,
  callProvider,
  type Provider,
  type ProviderCall,
  ProviderId,
  type Reader,
  reading,
} from "../../calling/provider-http.ts"
import { ambiguous, type BankAnswer, type TransferInstruction, unanswered } from "../bank.ts"
import { bankBooks } from "../bank-books-http.ts"
import { type BankEntry, bankKind } from "../bank-kind.ts"
import { LimitSettings, limitsInAnyScript } from "../scheme-limits.ts"

const KEY_WINDOW_MS = 86_400_000

const Settings = Schema.Struct({
  ...httpFields,
  keyWindowMs: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  /** What it takes, where that differs from what the schemes carry. */
  limits: Schema.optionalKey(LimitSettings),
})

const connect = Effect.fnUntraced(function* (bank: BankEntry<typeof Settings.Type>) {
  const { keyWindowMs = KEY_WINDOW_MS, limits: _, ...http } = bank.own
  const provider = yield* providerOf({ ...bank, ...http })
  return {
    name: bank.name,
    keyWindowMs,
    sendsAtOnce: provider.access === undefined,
    transfer: (instruction: TransferInstruction): Effect.Effect<BankAnswer> => {
      const { account } = instruction.beneficiary
      if (isWallet(account)) return Effect.succeed({ _tag: "Failed", code: "AG03", unsent: true })
      return ask(provider, paymentCall(instruction, account), paymentAnswers(instruction.reference))
    },
    inquire: (reference: string) => ask(provider, inquiryCall(reference), inquiryAnswers(reference)),
  }
})

export const synchronous = bankKind({
  name: "synchronous",
  settings: Settings,
  http: (own) => own,
  // Texts go out as they were accepted, in any script: the bank writes its own messages to the scheme.
  limits: ({ limits }) => limitsInAnyScript(limits),
  connect,
  statement: bankBooks,
})

const paymentCall = (
  { reference, beneficiary: { name, type, address }, currency, minor, remittance }: TransferInstruction,
  account: BankAccount,
): ProviderCall => ({
  step: "transfer",
  method: "POST",
  path: "/v1/payments",
  idempotencyKey: reference,
  keyHeader: "x-request-id",
  body: {
    clientRef: reference,
    currencyCode: currency,
    amountMinor: minor.toString(),
    creditor: {
      fullName: name,
      ...(type === undefined ? {} : { type }),
      ...creditorAccount(account),
      ...(address === undefined ? {} : { address }),
    },
    ...(remittance === undefined ? {} : { purpose: remittance }),
  },
})

const creditorAccount = (account: BankAccount) => {
  switch (account.scheme) {
    case "iban":
      return {
        accountType: "IBAN",
        accountId: account.iban,
        ...(account.bic === undefined ? {} : { bankId: account.bic }),
      }
    case "sort-code":
      return { accountType: "SORT_CODE", accountId: account.accountNumber, bankId: account.sortCode }
    case "aba":
      return { accountType: "ABA", accountId: account.accountNumber, bankId: account.routingNumber }
    case "bic":
      return { accountType: "BIC", accountId: account.accountNumber, bankId: account.bic }
  }
}

const inquiryCall = (reference: string): ProviderCall => ({
  step: "inquiry",
  method: "GET",
  path: `/v1/payments?clientRef=${encodeURIComponent(reference)}`,
})

const known = { paymentRef: ProviderId, clientRef: Schema.String }
const reason = { reason: Schema.optionalKey(Schema.NullOr(Schema.String)) }
const Completed = Schema.Struct({ ...known, state: Schema.Literal("COMPLETED") })
const Processing = Schema.Struct({ ...known, state: Schema.Literal("PROCESSING") })
const Rejected = Schema.Struct({ ...known, ...reason, state: Schema.Literal("REJECTED") })
const Returned = Schema.Struct({ ...known, ...reason, state: Schema.Literal("RETURNED") })
const Payment = Schema.Union([Completed, Processing, Rejected, Returned])

type Read<A> = (asked: string) => A
/** Readers that know later which reference was asked for: to make one of a schema costs more than the call. */
const readPaid = reading(
  Schema.Union([Completed, Processing]),
  (payment): Read<BankAnswer> =>
    (asked) =>
      standing(payment, asked),
)
const readPayments = reading(
  Schema.Struct({ payments: Schema.Array(Payment) }),
  ({ payments }): Read<BankAnswer> =>
    (asked) => {
      const [payment, another] = payments
      if (payment === undefined) return { _tag: "NeverSeen" }
      return another === undefined
        ? standing(payment, asked)
        : ambiguous("inquiry: several payments under one reference, perhaps paid more than once")
    },
)
const about =
  (reader: Reader<Read<BankAnswer>>, asked: string): Reader<BankAnswer> =>
  (json) =>
    Result.map(reader(json), (read) => read(asked))

const standing = (payment: typeof Payment.Type, asked: string): BankAnswer => {
  if (payment.clientRef !== asked) return ambiguous("the answer is about another transfer")
  switch (payment.state) {
    case "COMPLETED":
      return { _tag: "Settled" }
    case "PROCESSING":
      return { _tag: "Accepted", transferId: payment.paymentRef }
    case "REJECTED":
      return { _tag: "Failed", ...codedReason(payment.reason ?? UNSPECIFIED) }
    case "RETURNED":
      return { _tag: "Returned", ...codedReason(payment.reason ?? UNSPECIFIED) }
  }
}

const Refusal = Schema.Struct({
  error: Schema.Struct({ type: Schema.Literal("payment_refused"), reason: Schema.String }),
})
const refusal = reading(
  Refusal,
  ({ error }): BankAnswer => ({ _tag: "Failed", ...codedReason(error.reason) }),
)

/** A key conflict (409) says nothing about the outcome of the transfer. Like any other status, it leaves the transfer open. */
const paymentAnswers = (reference: string): Answers<BankAnswer> => ({
  200: about(readPaid, reference),
  402: refusal,
  422: refusal,
})

const inquiryAnswers = (reference: string): Answers<BankAnswer> => ({
  200: about(readPayments, reference),
})

const ask = (provider: Provider, call: ProviderCall, answers: Answers<BankAnswer>) =>
  Effect.catchTag(callProvider(provider, call, answers), "ProviderUnavailable", (error) =>
    Effect.succeed(unanswered(error)),
  )
