/**
 * What providers sign their callbacks with. Each bank has a secret of its own, so that none can speak for another: that is
 * settled at the start, or the service does not start.
 */
import { Array as Arr, Context, Effect, Layer, Option, Redacted } from "effect"
import { AppConfig, type BankSecrets } from "../config.ts"
import { InvalidProviderSetting } from "../providers/calling/provider-place.ts"
import { ProviderSettings } from "../providers/calling/provider-settings.ts"

type Secret = Redacted.Redacted<string>
type Secrets = Arr.NonEmptyReadonlyArray<Secret>

/** A secret and its successor, while the bank goes over to it. */
const SECRETS_OF_A_BANK_MAX = 2

const SETTING = "BANK_CALLBACK_SECRET"

export class CallbackSecrets extends Context.Service<
  CallbackSecrets,
  {
    /** Any of them will do; `undefined` for a bank that is not configured, or is of a kind that calls nobody back. */
    readonly ofBank: (bank: string) => Secrets | undefined
  }
>()("atlaspay/identity/CallbackSecrets") {}

/** The secrets of the settings; `kinds` are those of the banks that call back. */
export const callbackSecretsLayer = (kinds: ReadonlyArray<string>) =>
  Layer.effect(
    CallbackSecrets,
    Effect.gen(function* () {
      const { bankCallbackSecrets, complianceCallbackSecret, ledgerCallbackSecret } = (yield* AppConfig)
        .providers
      const { banks } = yield* ProviderSettings
      const given = Option.getOrElse(bankCallbackSecrets, (): BankSecrets => [])
      yield* checkedApart([
        ...given.map(([bank = "the banks", secret]) => [bank, secret] as const),
        ...Option.toArray(complianceCallbackSecret).map(
          (secret) => ["COMPLIANCE_CALLBACK_SECRET", secret] as const,
        ),
        ...Option.toArray(ledgerCallbackSecret).map((secret) => ["LEDGER_CALLBACK_SECRET", secret] as const),
      ])
      const callers = banks.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name)
      const secrets = yield* secretsOf(callers, given)
      yield* Effect.forEach(
        given.flatMap(([bank]) => (bank === undefined || secrets.has(bank) ? [] : [bank])),
        (bank) => Effect.logWarning("a callback secret is of no use: no such bank calls back", { bank }),
      )
      return { ofBank: (bank) => secrets.get(bank) }
    }),
  )

/** Two who share a secret could speak for each other. A secret may be given twice to the same one. */
const checkedApart = Effect.fnUntraced(function* (given: ReadonlyArray<readonly [who: string, Secret]>) {
  const owners = new Map<string, string>()
  for (const [who, secret] of given) {
    const key = keyIn(secret)
    const owner = owners.get(key) ?? who
    if (owner !== who) return yield* invalid(`${owner} and ${who} have the same secret`)
    owners.set(key, who)
  }
})

/** The bytes that it signs with: the settings have no secret without any. */
const keyIn = (secret: Secret): string =>
  Buffer.from(Redacted.value(secret).slice("whsec_".length), "base64").toString("hex")

const secretsOf = Effect.fnUntraced(function* (callers: ReadonlyArray<string>, given: BankSecrets) {
  const forOnly = given.filter(([bank]) => bank === undefined)
  if (forOnly.length > 0 && callers.length > 1)
    return yield* invalid(
      `${callers.join(" and ")} call back: each needs a secret of its own, ${callers.map((name) => `${name}=whsec_…`).join(",")}`,
    )
  const secrets = new Map<string, Secrets>()
  for (const caller of callers) {
    const own = given.flatMap(([bank = caller, secret]) => (bank === caller ? [secret] : []))
    if (!Arr.isReadonlyArrayNonEmpty(own)) return yield* invalid(`${caller} calls back, and has no secret`)
    if (own.length > SECRETS_OF_A_BANK_MAX)
      return yield* invalid(`${caller} has more than ${SECRETS_OF_A_BANK_MAX} secrets`)
    secrets.set(caller, own)
  }
  return secrets
})

const invalid = (reason: string) => new InvalidProviderSetting({ setting: SETTING, reason })
