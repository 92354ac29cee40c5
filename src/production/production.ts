/**
 * What a start with NODE_ENV=production refuses: keys that can be guessed, secrets that everybody knows, connections
 * that anybody can read or play the other side of, switches of a laptop. All of it is told at once. What the operator
 * stands for all the same is named in VOUCH_FOR, one by one, and told again at each start.
 */
import { Effect, Option, Result, Schema } from "effect"
import { AppConfig, type BankSecrets, type Role, type Settings } from "../config.ts"
import { BankKinds } from "../providers/banks/bank-kind.ts"
import type { InvalidProviderSetting } from "../providers/calling/provider-place.ts"
import { COMPLIANCE_ENGINE, LEDGER, ProviderSettings } from "../providers/calling/provider-settings.ts"
import {
  isLoopback,
  natsFindings,
  postgresFindings,
  providerFindings,
  redisFindings,
} from "./address-checks.ts"
import { Finding, isCheck, nameOf, subjectOf } from "./finding.ts"
import {
  callbackSecretFindings,
  callerKeyFindings,
  keysOf,
  masterKeyFindings,
  type NamedSecret,
  namedApart,
  providerSecretFindings,
  sharedSecretFindings,
  sharedWithProviderFindings,
} from "./key-checks.ts"
import { type ProviderSecrets, providerSecrets } from "./provider-secrets.ts"
import { callTime, publicUrlFindings, switchFindings, timeFindings, timesOf } from "./settings-checks.ts"

/** With real money, the start is refused. */
export class UnfitForProduction extends Schema.TaggedError<UnfitForProduction>()("UnfitForProduction", {
  findings: Schema.Array(Finding),
}) {
  override get message() {
    const lines = this.findings.map(
      (finding) =>
        `  ${nameOf(finding)}: ${finding.setting}: found ${finding.found}, wanted ${finding.wanted}`,
    )
    return ["Production refuses these settings. VOUCH_FOR may name what is meant so.", ...lines].join("\n")
  }
}

/**
 * The providers as they are called by HTTP: banks, as their kind says. What a kind cannot read is like a document that cannot be
 * read. A bank of a kind that there is not is refused by whoever would call it.
 */
const readProviders = Effect.gen(function* () {
  const { compliance, ledger, banks } = yield* ProviderSettings
  const kinds = yield* BankKinds
  const asCalled = Effect.forEach(banks, (bank) => {
    const http = kinds.named(bank.kind)?.http?.(bank) ?? Effect.undefined
    return Effect.map(http, (http) => ({ ...bank, http }))
  })
  return { compliance, ledger, banks: yield* asCalled }
}).pipe(Effect.provide(ProviderSettings.layer))

type Providers = Effect.Success<typeof readProviders>

/** The document of the providers cannot be read: nobody can stand for that. */
const DOCUMENT = "providers"

/**
 * Checks what processes with these roles are told. The environment is checked whoever uses it, the providers and how
 * they call back by those who call them. Outside production nothing is refused, and only a service that calls somebody
 * beyond this machine is told what production would say.
 */
export const checkedSettings = Effect.fn("checkedSettings")(function* (roles: ReadonlyArray<Role>) {
  const settings = yield* AppConfig
  const calls = roles.includes("worker") || roles.includes("bank-files")
  const read = calls ? yield* Effect.result(readProviders) : undefined
  const providers = read === undefined || Result.isFailure(read) ? undefined : read.success
  const secrets = yield* providerSecrets(providers === undefined ? [] : calledOf(providers))
  const findings = [
    ...environmentFindings(settings),
    ...(calls ? publicUrlFindings(settings.http) : []),
    ...(providers === undefined ? [] : documentFindings(providers, settings.providers.timeoutMs)),
    ...providerSecretFindings(secrets.read),
    ...sharedWithProviderFindings(secrets.read, Object.values(secretsOf(settings)).flat()),
    ...(read !== undefined && Result.isFailure(read) ? [unreadable(read.failure)] : []),
  ]
  if (settings.production)
    return yield* vouchedFor(findings, settings.vouchedFor, { calls, unread: secrets.unread })
  const isReal =
    providers !== undefined && urlsOf(providers).some(({ url }) => !isLoopback(new URL(url).hostname))
  if (isReal && findings.length > 0)
    yield* Effect.logWarning(
      "calls providers beyond this machine, and is not started with NODE_ENV=production",
      {
        refusedThere: findings.map(nameOf),
      },
    )
})

/** What was looked at beside the environment: the providers, but not the secrets of all of them. */
interface LookedAt extends Pick<ProviderSecrets, "unread"> {
  readonly calls: boolean
}

/** Refuses what nobody stands for, and tells what somebody does. */
const vouchedFor = Effect.fnUntraced(function* (
  findings: ReadonlyArray<Finding>,
  vouches: ReadonlyArray<string>,
  lookedAt: LookedAt,
) {
  const refused = findings.filter(
    (finding) => finding.check === DOCUMENT || !vouches.includes(nameOf(finding)),
  )
  const strange = vouches.filter((vouch) => !isCheck(checkOf(vouch))).map(unknownVouch)
  if (refused.length + strange.length > 0)
    return yield* new UnfitForProduction({ findings: [...refused, ...strange] })
  for (const { setting, found, ...finding } of findings)
    yield* Effect.logWarning("vouched for in production", { vouch: nameOf(finding), setting, found })
  const found = new Set(findings.map(nameOf))
  for (const vouch of vouches)
    if (!found.has(vouch) && isLookedAt(vouch, lookedAt))
      yield* Effect.logWarning("VOUCH_FOR names what is not there: take it away", { vouch })
})

/** Whether what a vouch is about was looked at: else nobody knows that it is not there. */
const isLookedAt = (vouch: string, { calls, unread }: LookedAt): boolean => {
  const check = checkOf(vouch)
  if (!isCheck(check)) return false
  const whose = vouch.slice(check.length + 1).split("+")
  switch (subjectOf(check)) {
    case "environment":
      return true
    case "providers":
      return calls
    case "provider-secrets":
      return calls && !whose.some((name) => unread.has(name))
  }
}

const checkOf = (vouch: string): string => vouch.split(":")[0] ?? ""

const unknownVouch = (vouch: string): Finding => ({
  check: "unknown-vouch",
  of: vouch,
  setting: "VOUCH_FOR",
  found: "the name of no check",
  wanted: "names as they are told at a start that is refused",
})

const unreadable = ({ setting, reason }: InvalidProviderSetting): Finding => ({
  check: DOCUMENT,
  setting,
  found: reason,
  wanted: "a document that can be read",
})

/** The secrets of the environment, by what they are for. */
const secretsOf = (settings: Settings) => {
  const { http, vault } = settings
  const operators = Option.match(http.operatorKeys, {
    onNone: () => [],
    onSome: (keys) => keysOf("operator", "OPERATOR_KEYS", keys),
  })
  const masters: ReadonlyArray<NamedSecret> = vault.masterKeys.map(([id, secret]) => ({
    name: `master/${id}`,
    setting: "MASTER_KEYS",
    secret,
  }))
  return {
    callers: [...keysOf("partner", "API_KEYS", http.apiKeys), ...operators],
    callbacks: callbackSecretsOf(settings),
    masters,
  }
}

/** What speaks against the settings of the environment. */
const environmentFindings = (settings: Settings): ReadonlyArray<Finding> => {
  const { redis, postgres, nats } = settings
  const { callers, callbacks, masters } = secretsOf(settings)
  return [
    ...callerKeyFindings(callers),
    ...callbackSecretFindings(callbacks),
    ...masterKeyFindings(masters),
    ...sharedSecretFindings([...callers, ...callbacks, ...masters]),
    ...redisFindings(redis.url),
    ...postgresFindings(postgres.url),
    ...natsFindings(nats.url),
    ...switchFindings(settings),
    ...timeFindings(timesOf(settings)),
  ]
}

/** What is signed with: by the banks, the compliance engine, the ledger. */
const callbackSecretsOf = ({ providers }: Settings): ReadonlyArray<NamedSecret> => {
  const { bankCallbackSecrets, complianceCallbackSecret, ledgerCallbackSecret } = providers
  const other = (party: string, setting: string, secret: typeof ledgerCallbackSecret) =>
    Option.isNone(secret) ? [] : [{ name: `callback/${party}`, party, setting, secret: secret.value }]
  return [
    ...bankSecretsOf(Option.getOrElse(bankCallbackSecrets, (): BankSecrets => [])),
    ...other(COMPLIANCE_ENGINE, "COMPLIANCE_CALLBACK_SECRET", complianceCallbackSecret),
    ...other(LEDGER, "LEDGER_CALLBACK_SECRET", ledgerCallbackSecret),
  ]
}

/** One for the only bank that calls back stands there without a name. */
const bankSecretsOf = (secrets: BankSecrets): ReadonlyArray<NamedSecret> =>
  namedApart(
    secrets.map(([bank, secret]) => ({
      name: `callback/${bank ?? "banks"}`,
      ...(bank === undefined ? {} : { party: bank }),
      setting: "BANK_CALLBACK_SECRET",
      secret,
    })),
  )

/** The providers by name, and how they are called. */
const calledOf = ({ compliance, ledger, banks }: Providers) => [
  { name: COMPLIANCE_ENGINE, place: compliance.place, policy: compliance.policy, http: compliance },
  { name: LEDGER, place: ledger.place, policy: ledger.policy, http: ledger },
  ...banks.flatMap(({ name, place, policy, http }) =>
    http === undefined ? [] : [{ name, place, policy, http }],
  ),
]

/** Where they are called, and where tokens for them come from. */
const urlsOf = (providers: Providers) =>
  calledOf(providers).flatMap(({ name, place: { path }, http: { url, auth } }) => [
    { name, setting: path, url },
    ...(auth?.kind === "oauth2" ? [{ name: `${name}/token`, setting: path, url: auth.tokenUrl }] : []),
  ])

/** Providers beyond this machine that would do what anybody asks of them. */
const trustingFindings = (providers: Providers): ReadonlyArray<Finding> =>
  calledOf(providers)
    .filter(({ http: { url, auth, tls } }) => !auth && !tls?.cert && !isLoopback(new URL(url).hostname))
    .map(({ name, place: { path } }) => ({
      check: "without-auth" as const,
      of: name,
      setting: path,
      found: "nothing that proves to it who calls",
      wanted: "auth, or a certificate of ours in tls",
    }))

/** A time that is that of all is judged where it is set. */
const documentFindings = (providers: Providers, usualMs: number): ReadonlyArray<Finding> => {
  const times = calledOf(providers).map(({ name, place, policy }) =>
    callTime(name, place.path, policy.timeoutMs),
  )
  return [
    ...providerFindings(urlsOf(providers)),
    ...trustingFindings(providers),
    ...timeFindings(times.filter(({ ms }) => ms !== usualMs)),
  ]
}
