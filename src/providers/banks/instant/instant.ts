/**
 * The kind `instant`: banks behind `POST {bank}/instant-transfer` and `GET {bank}/instant-transfer/{reference}`, which call
 * back when a transfer has ended, and have books behind `GET {bank}/books`. Only an agreed answer about the very transfer of
 * the call counts; any other answer leaves the transfer open.
 */
import { Effect, Schema } from "effect"
import { AppConfig } from "../../../config.ts"
import { TextWithin } from "../../../domain/code-points.ts"
import { codedReason } from "../../../domain/coded-reason.ts"
import { formatAmount } from "../../../domain/money.ts"
import { decodingThoroughly } from "../../../parsing/schema-problems.ts"
import { bankCallbackUrl } from "../../calling/callback-url.ts"
import { httpFields } from "../../calling/provider-access.ts"
import { providerOf } from "../../calling/provider-access-http.ts"
import {
  type Answers,
  callProvider,
  type Provider,
  type ProviderCall,
  ProviderId,
  reading,
} from "../../calling/provider-http.ts"
import { signedWebhook } from "../../calling/signed-callback.ts"
import { ambiguous, type BankAnswer, type TransferInstruction, unanswered } from "../bank.ts"
import { bankBooks } from "../bank-books-http.ts"
import {
  type BankCallbacks,
  type BankReport,
  readJsonCallback,
  UnreadableCallback,
} from "../bank-callbacks.ts"
import { type BankEntry, bankKind } from "../bank-kind.ts"
import { LimitSettings, limitsInAnyScript } from "../scheme-limits.ts"

/** A bank's answer, and the reference in it, if it names one. */
interface ReportedAnswer {
  readonly reference?: string
  readonly answer: BankAnswer
}

const Settings = Schema.Struct({
  ...httpFields,
  /** These banks keep their keys permanently, unless the operator sets a limit. */
  keyWindowMs: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  /** What it takes, where that differs from what the schemes carry. */
  limits: Schema.optionalKey(LimitSettings),
})

const Callback = Schema.Struct({
  id: TextWithin(255),
  bank: TextWithin(255),
  reference: TextWithin(35),
  transferId: TextWithin(255),
  status: Schema.Literals(["settled", "rejected", "returned"]),
  /** Whatever the bank writes there: the outcome counts all the same. */
  code: Schema.optionalKey(Schema.NullOr(Schema.String)),
  at: TextWithin(40),
})
const decodeCallback = decodingThoroughly(Callback)

const callbacks: BankCallbacks = {
  ...signedWebhook,
  read: Effect.fnUntraced(function* (bank, header, body) {
    const callback = yield* readJsonCallback(body, decodeCallback)
    if (callback.bank !== bank)
      return yield* new UnreadableCallback({ problem: "The body is from another bank than the path." })
    const { id, reference } = callback
    return [{ id, reference, message: header("webhook-id"), outcome: outcomeOf(callback) }]
  }),
}

const outcomeOf = ({ status, code }: typeof Callback.Type): BankReport["outcome"] => {
  const coded = typeof code === "string" ? { code } : {}
  switch (status) {
    case "settled":
      return { _tag: "Settled" }
    case "rejected":
      return { _tag: "Failed", ...coded }
    case "returned":
      return { _tag: "Returned", ...coded }
  }
}

const connect = Effect.fnUntraced(function* (bank: BankEntry<typeof Settings.Type>) {
  const { keyWindowMs = Number.POSITIVE_INFINITY, limits: _, ...http } = bank.own
  const provider = yield* providerOf({ ...bank, ...http })
  const callbackUrl = bankCallbackUrl((yield* AppConfig).http, bank.name)
  return {
    name: bank.name,
    keyWindowMs,
    sendsAtOnce: provider.access === undefined,
    transfer: (instruction: TransferInstruction) =>
      ask(provider, transferCall(instruction, callbackUrl), transferAnswers, instruction.reference),
    inquire: (reference: string) => ask(provider, inquiryCall(reference), inquiryAnswers, reference),
  }
})

export const instant = bankKind({
  name: "instant",
  settings: Settings,
  http: (own) => own,
  // Texts go out as they were accepted, in any script: the bank writes its own messages to the scheme.
  limits: ({ limits }) => limitsInAnyScript(limits),
  connect,
  callbacks,
  statement: bankBooks,
})

const transferCall = (
  { reference, beneficiary, currency, minor, remittance }: TransferInstruction,
  callbackUrl: string,
): ProviderCall => ({
  step: "transfer",
  method: "POST",
  path: "/instant-transfer",
  idempotencyKey: reference,
  body: {
    reference,
    amount: { currency, value: formatAmount(minor, currency) },
    beneficiary,
    ...(remittance === undefined ? {} : { remittance }),
    callbackUrl,
  },
})

const inquiryCall = (reference: string): ProviderCall => ({
  step: "inquiry",
  method: "GET",
  path: `/instant-transfer/${encodeURIComponent(reference)}`,
})

const about = { reference: Schema.optionalKey(Schema.String) }
const known = { ...about, transferId: ProviderId }
const AcceptedBody = Schema.Struct({ ...known, status: Schema.Literal("accepted") })
const SettledBody = Schema.Struct({ ...known, status: Schema.Literal("settled") })
const RejectedBody = Schema.Struct({ ...known, status: Schema.Literal("rejected"), code: Schema.String })
const ReturnedBody = Schema.Struct({ ...known, status: Schema.Literal("returned"), code: Schema.String })
const RefusalBody = Schema.Struct({ ...about, status: Schema.Literal("rejected"), code: Schema.String })
const NeverSeenBody = Schema.Struct({ code: Schema.Literal("never-seen") })

const answerOf = (body: { readonly reference?: string }, answer: BankAnswer): ReportedAnswer => ({
  ...body,
  answer,
})

const accepted = (body: typeof AcceptedBody.Type): ReportedAnswer =>
  answerOf(body, { _tag: "Accepted", transferId: body.transferId })

const refused = (body: typeof RefusalBody.Type): ReportedAnswer =>
  answerOf(body, { _tag: "Failed", ...codedReason(body.code) })

const standing = reading(
  Schema.Union([AcceptedBody, SettledBody, RejectedBody, ReturnedBody]),
  (body): ReportedAnswer => {
    switch (body.status) {
      case "accepted":
        return accepted(body)
      case "settled":
        return answerOf(body, { _tag: "Settled" })
      case "rejected":
        return refused(body)
      case "returned":
        return answerOf(body, { _tag: "Returned", ...codedReason(body.code) })
    }
  },
)

const transferAnswers: Answers<ReportedAnswer> = {
  200: standing,
  202: reading(AcceptedBody, accepted),
  422: reading(RefusalBody, refused),
}

const inquiryAnswers: Answers<ReportedAnswer> = {
  200: standing,
  404: reading(NeverSeenBody, (): ReportedAnswer => ({ answer: { _tag: "NeverSeen" } }), "exact"),
}

const ask = (provider: Provider, call: ProviderCall, answers: Answers<ReportedAnswer>, asked: string) =>
  Effect.match(callProvider(provider, call, answers), {
    onSuccess: ({ reference = asked, answer }): BankAnswer =>
      reference === asked ? answer : ambiguous(`${call.step}: the answer is about another transfer`),
    onFailure: unanswered,
  })
