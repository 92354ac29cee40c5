/**
 * A bank behind `POST {bank}/instant-transfer` and `GET {bank}/instant-transfer/{reference}`. Only a word that was
 * agreed, about the very transfer that was asked for, is believed; all else leaves the transfer open.
 */
import { Effect, Schema } from "effect"
import { AppConfig } from "../../../config.ts"
import { formatAmount } from "../../../domain/money.ts"
import { callbackUrl } from "../../calling/callback-url.ts"
import { httpFields } from "../../calling/provider-access.ts"
import { providerOf } from "../../calling/provider-access-http.ts"
import {
  type Answers,
  callProvider,
  type Provider,
  type ProviderCall,
  ProviderCode,
  ProviderId,
  reading,
} from "../../calling/provider-http.ts"
import { type BankSettings, ownSettings } from "../../calling/provider-settings.ts"
import { ambiguous, type Bank, type BankAnswer, type TransferInstruction, unanswered } from "../bank.ts"

/** What a bank said, and the reference that it said it of, where it names one. */
interface Word {
  readonly reference?: string
  readonly answer: BankAnswer
}

const OwnSettings = Schema.Struct({
  ...httpFields,
  /** These banks keep their keys for good, unless the operator knows better. */
  keyWindowMs: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
})

/** Makes a bank of the kind `instant`. */
export const instantBank = Effect.fnUntraced(function* (settings: BankSettings) {
  const { keyWindowMs = Number.POSITIVE_INFINITY, ...http } = yield* ownSettings(settings, OwnSettings)
  const { name } = settings
  const provider = yield* providerOf({ ...settings, ...http })
  const ownCallbackUrl = `${callbackUrl((yield* AppConfig).http, "/bank-callbacks")}/${name}`
  const bank: Bank = {
    name,
    keyWindowMs,
    transfer: (instruction) =>
      ask(provider, transferCall(instruction, ownCallbackUrl), transferAnswers, instruction.reference),
    inquire: (reference) => ask(provider, inquiryCall(reference), inquiryAnswers, reference),
  }
  return bank
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
const RejectedBody = Schema.Struct({ ...known, status: Schema.Literal("rejected"), code: ProviderCode })
const ReturnedBody = Schema.Struct({ ...known, status: Schema.Literal("returned"), code: ProviderCode })
const RefusalBody = Schema.Struct({ ...about, status: Schema.Literal("rejected"), code: ProviderCode })
const NeverSeenBody = Schema.Struct({ code: Schema.Literal("never-seen") })

const wordOf = (body: { readonly reference?: string }, answer: BankAnswer): Word => ({ ...body, answer })

const accepted = (body: typeof AcceptedBody.Type): Word =>
  wordOf(body, { _tag: "Accepted", transferId: body.transferId })

const refused = (body: typeof RefusalBody.Type): Word => wordOf(body, { _tag: "Failed", code: body.code })

const standing = reading(
  Schema.Union([AcceptedBody, SettledBody, RejectedBody, ReturnedBody]),
  (body): Word => {
    switch (body.status) {
      case "accepted":
        return accepted(body)
      case "settled":
        return wordOf(body, { _tag: "Settled" })
      case "rejected":
        return refused(body)
      case "returned":
        return wordOf(body, { _tag: "Returned", code: body.code })
    }
  },
)

const transferAnswers: Answers<Word> = {
  200: standing,
  202: reading(AcceptedBody, accepted),
  422: reading(RefusalBody, refused),
}

const inquiryAnswers: Answers<Word> = {
  200: standing,
  404: reading(NeverSeenBody, (): Word => ({ answer: { _tag: "NeverSeen" } }), "exact"),
}

const ask = (provider: Provider, call: ProviderCall, answers: Answers<Word>, asked: string) =>
  callProvider(provider, call, answers).pipe(
    Effect.map(({ reference = asked, answer }) =>
      reference === asked ? answer : ambiguous(`${call.step}: answered of another transfer`),
    ),
    Effect.catchTag("ProviderUnavailable", (error) => Effect.succeed(unanswered(error))),
  )
