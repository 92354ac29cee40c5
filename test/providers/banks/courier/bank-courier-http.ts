/** A bank behind `POST {bank}/orders` and `GET {bank}/orders/{ref}`, which pays before it answers. */
import { Effect, Schema } from "effect"
import { formatAmount } from "../../../../src/domain/money.ts"
import { ambiguous, type Bank, type BankAnswer, unanswered } from "../../../../src/providers/banks/bank.ts"
import { httpFields } from "../../../../src/providers/calling/provider-access.ts"
import { providerOf } from "../../../../src/providers/calling/provider-access-http.ts"
import {
  type Answers,
  callProvider,
  type ProviderCall,
  ProviderCode,
  reading,
} from "../../../../src/providers/calling/provider-http.ts"
import { type BankSettings, ownSettings } from "../../../../src/providers/calling/provider-settings.ts"

const OwnSettings = Schema.Struct(httpFields)
const HOUR_MS = 3_600_000

/** Makes a bank of the kind `courier`. */
export const courierBank = Effect.fnUntraced(function* (settings: BankSettings) {
  const http = yield* ownSettings(settings, OwnSettings)
  const { name } = settings
  const provider = yield* providerOf({ ...settings, ...http })
  const ask = (call: ProviderCall, reference: string) =>
    Effect.catchTag(callProvider(provider, call, answersAbout(reference)), "ProviderUnavailable", (error) =>
      Effect.succeed(unanswered(error)),
    )
  const bank: Bank = {
    name,
    keyWindowMs: 48 * HOUR_MS,
    transfer: ({ reference, beneficiary, currency, minor, remittance }) => {
      const to = { holder: beneficiary.name, account: beneficiary.account }
      const body = { ref: reference, to, currency, amount: formatAmount(minor, currency), text: remittance }
      return ask(
        { step: "transfer", method: "POST", path: "/orders", idempotencyKey: reference, body },
        reference,
      )
    },
    inquire: (reference) =>
      ask({ step: "inquiry", method: "GET", path: `/orders/${encodeURIComponent(reference)}` }, reference),
  }
  return bank
})

const Paid = Schema.Struct({ ref: Schema.String, state: Schema.Literal("paid") })
const Refused = Schema.Struct({ ref: Schema.String, state: Schema.Literal("refused"), why: ProviderCode })
const Missing = Schema.Struct({ missing: Schema.String })

/** Only these words are believed, and only of the transfer that was asked for. */
const answersAbout = (reference: string): Answers<BankAnswer> => {
  const of = (ref: string, answer: BankAnswer) =>
    ref === reference ? answer : ambiguous("answered of another transfer")
  return {
    200: reading(Schema.Union([Paid, Refused]), (order) =>
      of(order.ref, order.state === "paid" ? { _tag: "Settled" } : { _tag: "Failed", code: order.why }),
    ),
    410: reading(Missing, ({ missing }) => of(missing, { _tag: "NeverSeen" })),
  }
}
