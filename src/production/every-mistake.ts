/**
 * All that is wrong with the settings of a process, in one list: what is missing or malformed, what contradicts each other, what the
 * providers' document and the files that it names lack, and what production refuses.
 */
import { Context, Effect, Layer, Option, Redacted, Result } from "effect"
import { AppConfig, InvalidSettings, misspeltHere, readSettings, type Settings } from "../config.ts"
import { callbackSecretsLayer } from "../identity/callback-secrets.ts"
import { checkedApart, readOperatorKeys, readPartnerKeys } from "../identity/key-list.ts"
import { signInProblems } from "../identity/sign-in-settings.ts"
import { BankKinds } from "../providers/banks/bank-kind.ts"
import type { HttpFields } from "../providers/calling/provider-access.ts"
import { checkedByKind, ProviderKinds } from "../providers/calling/provider-kind.ts"
import { InvalidProviderSetting, type Place } from "../providers/calling/provider-place.ts"
import {
  COMPLIANCE_ENGINE,
  LEDGER,
  type ProviderAt,
  ProviderSettings,
} from "../providers/calling/provider-settings.ts"
import type { Role } from "../service-roles.ts"
import type { Problem } from "../settings/setting.ts"
import { type Finding, nameOf } from "./finding.ts"
import { checkedSettings, type UnfitForProduction } from "./production.ts"
import { storeProblems } from "./store-problems.ts"

/** Reads the secrets and certificates for a provider, as the process does that calls it. */
export type Opening = (
  called: HttpFields & Pick<ProviderAt, "policy" | "place"> & { readonly name: string },
) => Effect.Effect<unknown, InvalidProviderSetting, AppConfig>

/**
 * Checks the settings of a process with these roles before anything connects. Fails with all mistakes at once; where production's
 * findings are the only ones, with these.
 */
export const checkedEnvironment = Effect.fn("checkedEnvironment")(function* (
  roles: ReadonlyArray<Role>,
  opening: Opening,
): Effect.fn.Return<Settings, InvalidSettings | UnfitForProduction, BankKinds | ProviderKinds> {
  for (const { given, like } of misspeltHere())
    yield* Effect.logWarning("a variable looks like a misspelt setting, and nothing reads it", {
      variable: given,
      setting: like,
    })
  const { settings, problems } = yield* Effect.orDie(readSettings)
  const inForce = Effect.provideService(AppConfig, settings)
  const broken = new Set(problems.map(({ setting }) => setting.replace(/_FILE$/, "")))
  const isAboutStandIn = (setting: string) => setting.split(", ").some((name) => broken.has(name))
  const withProviders = !ofProviders.some((name) => broken.has(name))
  const contradictions = yield* inForce(
    contradictionsIn(settings, roles, withProviders ? opening : undefined),
  )
  const mistakes = [...problems, ...contradictions.filter(({ setting }) => !isAboutStandIn(setting))]
  const fitness = yield* Effect.result(inForce(checkedSettings(withProviders ? roles : withoutCalls(roles))))
  if (mistakes.length === 0) {
    if (Result.isFailure(fitness)) return yield* fitness.failure
    return settings
  }
  const findings = Result.isFailure(fitness) ? fitness.failure.findings : []
  return yield* new InvalidSettings({
    problems: unique([
      ...mistakes,
      ...findings
        .filter(({ check, setting }) => check !== "providers" && !isAboutStandIn(setting))
        .map(asProblem),
    ]),
  })
})

/** The settings of which the providers' document is made without a file. */
const ofProviders = [
  "PROVIDERS_FILE",
  "COMPLIANCE_URL",
  "COMPLIANCE_AUTH",
  "LEDGER_URL",
  "LEDGER_AUTH",
  "BANKS",
  "BANK_AUTH",
  "BANK_ROUTES",
]

const calls = (roles: ReadonlyArray<Role>) => roles.includes("worker") || roles.includes("bank-files")

/** Whether a process with these roles reads the providers' document: who calls providers, or is called by them. */
export const readsProviders = (roles: ReadonlyArray<Role>): boolean => calls(roles) || roles.includes("api")

const withoutCalls = (roles: ReadonlyArray<Role>) =>
  roles.filter((role) => role !== "worker" && role !== "bank-files")

/** A finding as a problem of its setting, with the name by which it can be vouched for. */
export const asProblem = (finding: Finding): Problem => ({
  setting: finding.setting,
  problem: `production refuses ${finding.found} (${nameOf(finding)}); wanted: ${finding.wanted}`,
})

const unique = (problems: ReadonlyArray<Problem>): ReadonlyArray<Problem> => [
  ...new Map(problems.map((one) => [`${one.setting}: ${one.problem}`, one])).values(),
]

/** What a start with these settings would stumble over later, one after the other. */
const contradictionsIn = Effect.fnUntraced(function* (
  settings: Settings,
  roles: ReadonlyArray<Role>,
  opening: Opening | undefined,
) {
  return [
    ...storeProblems(settings),
    ...(roles.includes("api") ? yield* keyProblems(settings) : []),
    ...(opening !== undefined && readsProviders(roles) ? yield* providerProblems(roles, opening) : []),
  ]
})

const keyProblems = Effect.fnUntraced(function* ({ http, signIn }: Settings) {
  const partners = yield* Effect.result(readPartnerKeys(Redacted.value(http.apiKeys)))
  const operators = yield* Effect.result(
    Option.isNone(http.operatorKeys)
      ? Effect.succeed([])
      : readOperatorKeys(Redacted.value(http.operatorKeys.value)),
  )
  const ofPartners = Result.getOrElse(partners, () => [])
  const apart = [
    yield* Effect.result(checkedApart("API_KEYS", ofPartners)),
    yield* Effect.result(
      checkedApart(
        "OPERATOR_KEYS",
        Result.getOrElse(operators, () => []),
        ofPartners,
      ),
    ),
  ]
  return [
    ...[partners, operators, ...apart].flatMap((one) =>
      Result.isFailure(one) ? [{ setting: one.failure.setting, problem: one.failure.reason }] : [],
    ),
    ...signInProblems(signIn).map(({ setting, reason }) => ({ setting, problem: reason })),
  ]
})

/** What is wrong with the providers' document, and with the secrets and certificates that a process with these roles needs. */
const providerProblems = Effect.fnUntraced(function* (roles: ReadonlyArray<Role>, opening: Opening) {
  const document = yield* Effect.result(Effect.scoped(Layer.build(ProviderSettings.layer)))
  if (Result.isFailure(document)) return [asTold(document.failure)]
  const kinds = yield* BankKinds
  const known = Layer.merge(Layer.succeedContext(document.success), Layer.succeed(BankKinds, kinds))
  const { compliance, ledger, banks } = Context.get(document.success, ProviderSettings)
  const problems: Array<Problem> = []
  const check = <A>(checked: Effect.Effect<A, InvalidProviderSetting, AppConfig>) =>
    Effect.map(Effect.result(checked), (result) => {
      if (Result.isFailure(result)) problems.push(asTold(result.failure))
      return Result.getOrUndefined(result)
    })
  // Only who calls a provider has the secrets for it.
  const open = (called: HttpFields & Pick<ProviderAt, "policy" | "place">, name: string) =>
    roles.includes("worker") ? check(opening({ ...called, name })) : Effect.void
  yield* open(compliance, COMPLIANCE_ENGINE)
  yield* open(ledger, LEDGER)
  // Of a kind of another release only who calls it must know.
  if (roles.includes("worker")) {
    const called = yield* ProviderKinds
    yield* check(checkedByKind(called.compliance, compliance))
    yield* check(checkedByKind(called.ledger, ledger))
    for (const { kind, place } of banks)
      if (kinds.named(kind) === undefined) yield* check(noKind(kinds, place))
  }
  for (const { own: _, ...bank } of banks) {
    const http = yield* check(kinds.named(bank.kind)?.http({ ...bank, own: _ }) ?? Effect.undefined)
    if (http !== undefined) yield* open({ ...bank, ...http }, bank.name)
  }
  // The role with the callbacks, which alone needs their secrets.
  if (roles.includes("api"))
    yield* check(Effect.scoped(Layer.build(callbackSecretsLayer.pipe(Layer.provide(known)))))
  return problems
})

const noKind = ({ names }: BankKinds["Service"], { setting, path }: Place) =>
  new InvalidProviderSetting({ setting, reason: `${path}.kind: expected one of ${names.join(", ")}` })

const asTold = ({ setting, reason }: InvalidProviderSetting): Problem => ({ setting, problem: reason })
