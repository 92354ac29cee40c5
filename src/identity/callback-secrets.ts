/**
 * The secrets with which providers sign callbacks. Each bank has a secret of its own, so that none can impersonate
 * another. This is checked at the start; otherwise the service does not start.
 */
import { Array as Arr, Context, Effect, Layer, Option, type Redacted } from "effect"
import { AppConfig } from "../config.ts"
import type { BankCallbacks } from "../providers/banks/bank-callbacks.ts"
import { BankKinds } from "../providers/banks/bank-kind.ts"
import { InvalidProviderSetting } from "../providers/calling/provider-place.ts"
import { ProviderSettings } from "../providers/calling/provider-settings.ts"
import { keyOf, type Secrets } from "../providers/calling/signed-callback.ts"
import type { BankSecrets } from "../settings/providers.ts"

type Secret = Redacted.Redacted<string>

/** A bank that calls back: how its kind does it, and its secrets, each of which may sign. */
export interface BankCaller {
  readonly callbacks: BankCallbacks
  readonly secrets: Secrets
}

/** A secret and its successor, while the bank changes to it. */
const SECRETS_OF_A_BANK_MAX = 2

const SETTING = "BANK_CALLBACK_SECRET"

export class CallbackSecrets extends Context.Service<
  CallbackSecrets,
  {
    /** `undefined` for a bank that is not configured, or whose kind does not call back. */
    readonly ofBank: (bank: string) => BankCaller | undefined
  }
>()("atlaspay/identity/CallbackSecrets") {}

/** The secrets of the settings, for the banks whose kind calls back. */
export const callbackSecretsLayer = Layer.effect(
  CallbackSecrets,
  Effect.gen(function* () {
    const { bankCallbackSecrets, complianceCallbackSecret, ledgerCallbackSecret } = (yield* AppConfig)
      .providers
    const { banks } = yield* ProviderSettings
    const kinds = yield* BankKinds
    const given = Option.getOrElse(bankCallbackSecrets, (): BankSecrets => [])
    yield* checkedApart([
      ...given.map(([bank = "the banks", secret]) => [bank, secret] as const),
      ...Option.toArray(complianceCallbackSecret).map(
        (secret) => ["COMPLIANCE_CALLBACK_SECRET", secret] as const,
      ),
      ...Option.toArray(ledgerCallbackSecret).map((secret) => ["LEDGER_CALLBACK_SECRET", secret] as const),
    ])
    const callbacks = new Map<string, BankCallbacks>()
    for (const bank of banks) {
      const own = yield* kinds.named(bank.kind)?.callbacks(bank) ?? Effect.undefined
      if (own !== undefined) callbacks.set(bank.name, own)
    }
    const isRequired = (bank: string) => callbacks.get(bank)?.isOptional !== true
    const secrets = yield* secretsOf([...callbacks.keys()], isRequired, given)
    yield* Effect.forEach(
      given.flatMap(([bank]) => (bank === undefined || secrets.has(bank) ? [] : [bank])),
      (bank) => Effect.logWarning("a callback secret is not used: no such bank calls back", { bank }),
    )
    return {
      ofBank: (bank) => {
        const [how, own] = [callbacks.get(bank), secrets.get(bank)]
        return how && own && { callbacks: how, secrets: own }
      },
    }
  }),
)

/** Refuses a secret that two parties share: each could impersonate the other. The same party may have it twice. */
const checkedApart = Effect.fnUntraced(function* (given: ReadonlyArray<readonly [who: string, Secret]>) {
  const owners = new Map<string, string>()
  for (const [who, secret] of given) {
    // The settings refuse an empty secret.
    const key = keyOf(secret).toString("hex")
    const owner = owners.get(key) ?? who
    if (owner !== who) return yield* invalid(`${owner} and ${who} have the same secret`)
    owners.set(key, who)
  }
})

const secretsOf = Effect.fnUntraced(function* (
  callers: ReadonlyArray<string>,
  isRequired: (bank: string) => boolean,
  given: BankSecrets,
) {
  const forOnly = given.filter(([bank]) => bank === undefined)
  if (forOnly.length > 0 && callers.length > 1)
    return yield* invalid(
      `${callers.join(" and ")} call back: each needs a secret of its own, ${callers.map((name) => `${name}=whsec_…`).join(",")}`,
    )
  const secrets = new Map<string, Secrets>()
  for (const caller of callers) {
    const own = given.flatMap(([bank = caller, secret]) => (bank === caller ? [secret] : []))
    if (own.length === 0 && !isRequired(caller)) continue
    if (!Arr.isReadonlyArrayNonEmpty(own)) return yield* invalid(`${caller} calls back, and has no secret`)
    if (own.length > SECRETS_OF_A_BANK_MAX)
      return yield* invalid(`${caller} has more than ${SECRETS_OF_A_BANK_MAX} secrets`)
    secrets.set(caller, own)
  }
  return secrets
})

const invalid = (reason: string) => new InvalidProviderSetting({ setting: SETTING, reason })
