/** What the role `bank-files` does for banks of the kind `paypal`: sends payout batches, and asks what became of them. */
import { Effect, Layer } from "effect"
import { ProviderChannels } from "../../calling/channel.ts"
import { providerOf } from "../../calling/provider-access-http.ts"
import { type BankSettings, ownSettings, ProviderSettings } from "../../calling/provider-settings.ts"
import { pollPayouts } from "./payout-polling.ts"
import { sendPayouts } from "./payout-sending.ts"
import { payoutsApi } from "./payouts-api.ts"
import { paypal } from "./paypal.ts"
import { type PayPalBank, PayPalSettings, payPalBankOf } from "./paypal-settings.ts"

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    for (const settings of (yield* ProviderSettings).banks.filter(({ kind }) => kind === paypal.name)) {
      const { bank, api } = yield* openPayouts(settings)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(pass(bank, api), Effect.sleep(bank.pollMs))))
    }
  }),
)

/** A bank of the settings with its API, behind a channel of its own. */
export const openPayouts = Effect.fnUntraced(function* (settings: BankSettings, pageSize?: number) {
  const own = yield* ownSettings(settings, PayPalSettings)
  const bank = payPalBankOf(settings.name, own)
  const provider = yield* providerOf({ ...settings, ...own })
  const channel = yield* (yield* ProviderChannels).open(
    { name: settings.name, kind: settings.kind },
    settings.policy,
  )
  return { bank, api: payoutsApi(provider, channel, bank, settings.policy.patienceMs, pageSize) }
})

type Api = Effect.Success<ReturnType<typeof openPayouts>>["api"]

/** A pass that fails is logged, and the next one follows. */
const pass = Effect.fnUntraced(function* (bank: PayPalBank, api: Api) {
  yield* logged(bank, "payouts", sendPayouts(bank, api))
  yield* logged(bank, "inquiries", pollPayouts(bank, api))
})

const logged = <E extends { readonly _tag: string; readonly step?: string; readonly reason?: string }, R>(
  { name }: PayPalBank,
  part: string,
  look: Effect.Effect<void, E, R>,
) =>
  look.pipe(
    Effect.catch(({ _tag, step, reason }) =>
      Effect.logWarning("payouts cannot be processed yet", { bank: name, part, failure: _tag, step, reason }),
    ),
    Effect.catchDefect((defect) =>
      Effect.logError("the processing of payouts broke", { bank: name, part, defect }),
    ),
  )
