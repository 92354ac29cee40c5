/**
 * What a start with NODE_ENV=production refuses: keys that can be guessed, secrets that everybody knows, connections
 * that anybody can read or play the other side of, switches of a laptop. All of it is told at once. What the operator
 * stands for all the same is named in VOUCH_FOR, one by one, and told again at each start.
 */
import { Effect, Option, Result, Schema } from "effect"
import { AppConfig, type BankSecrets, type Role, type Settings } from "../config.ts"
import { BankKinds } from "../providers/banks/bank-kind.ts"
import type { InvalidProviderSetting } from "../providers/calling/provider-place.ts"
import { ProviderSettings } from "../providers/calling/provider-settings.ts"
import {
  isLoopback,
  natsFindings,
  postgresFindings,
  providerFindings,
  redisFindings,
} from "./address-checks.ts"
import { Finding, nameOf } from "./finding.ts"
import {
  callbackSecretFindings,
  callerKeyFindings,
  keysOf,
  masterKeyFindings,
  type NamedSecret,
  namedApart,
  sharedSecretFindings,
} from "./key-checks.ts"
import { secretFindings } from "./provider-secrets.ts"
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

/** The checks by name, and what they look at: the environment, or what workers alone read. */
export const checks: Readonly<Record<string, "environment" | "providers">> = {
  "weak-secret": "environment",
  "known-secret": "environment",
  "shared-secret": "environment",
  "redis-without-tls": "environment",
  "redis-without-password": "environment",
  "postgres-without-tls": "environment",
  "postgres-without-password": "environment",
  "nats-without-tls": "environment",
  "nats-without-password": "environment",
  "private-webhooks": "environment",
  "crash-point": "environment",
  "any-certificate": "environment",
  "odd-time": "providers",
  "plain-http": "providers",
  "play-host": "providers",
  "without-auth": "providers",
  "weak-secret-of-provider": "providers",
  "known-secret-of-provider": "providers",
  "public-url": "providers",
}

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
  const findings = [
    ...environmentFindings(settings),
    ...(calls ? publicUrlFindings(settings.http) : []),
    ...(providers === undefined ? [] : yield* documentFindings(providers, settings.providers.timeoutMs)),
    ...(read !== undefined && Result.isFailure(read) ? [unreadable(read.failure)] : []),
  ]
  if (settings.production) return yield* vouchedFor(findings, settings.vouchedFor, calls)
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

/** Refuses what nobody stands for, and tells what somebody does; `calls` says whether the providers were looked at. */
const vouchedFor = Effect.fnUntraced(function* (
  findings: ReadonlyArray<Finding>,
  vouches: ReadonlyArray<string>,
  calls: boolean,
) {
  const refused = findings.filter(
    (finding) => finding.check === DOCUMENT || !vouches.includes(nameOf(finding)),
  )
  const strange = vouches.filter((vouch) => checks[checkOf(vouch)] === undefined).map(unknownVouch)
  if (refused.length + strange.length > 0)
    return yield* new UnfitForProduction({ findings: [...refused, ...strange] })
  for (const { setting, found, ...finding } of findings)
    yield* Effect.logWarning("vouched for in production", {
      vouch: nameOf({ setting, found, ...finding }),
      setting,
      found,
    })
  const found = new Set(findings.map(nameOf))
  for (const vouch of vouches)
    if (!found.has(vouch) && (calls || checks[checkOf(vouch)] === "environment"))
      yield* Effect.logWarning("VOUCH_FOR names what is not there: take it away", { vouch })
})

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

/** What speaks against the settings of the environment. */
const environmentFindings = (settings: Settings): ReadonlyArray<Finding> => {
  const { http, redis, postgres, nats } = settings
  const operators = Option.match(http.operatorKeys, {
    onNone: () => [],
    onSome: (keys) => keysOf("operator", "OPERATOR_KEYS", keys),
  })
  const callers = [...keysOf("partner", "API_KEYS", http.apiKeys), ...operators]
  const callbacks = callbackSecretsOf(settings)
  const masters = settings.vault.masterKeys.map(([id, secret]) => ({
    name: `master/${id}`,
    setting: "MASTER_KEYS",
    secret,
  }))
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
  const other = (name: string, setting: string, secret: typeof ledgerCallbackSecret) =>
    Option.isNone(secret) ? [] : [{ name, setting, secret: secret.value }]
  return [
    ...bankSecretsOf(Option.getOrElse(bankCallbackSecrets, (): BankSecrets => [])),
    ...other("callback/compliance-engine", "COMPLIANCE_CALLBACK_SECRET", complianceCallbackSecret),
    ...other("callback/ledger", "LEDGER_CALLBACK_SECRET", ledgerCallbackSecret),
  ]
}

/** One for the only bank that calls back stands there without a name. */
const bankSecretsOf = (secrets: BankSecrets): ReadonlyArray<NamedSecret> =>
  namedApart(
    secrets.map(([bank = "banks", secret]) => ({
      name: `callback/${bank}`,
      setting: "BANK_CALLBACK_SECRET",
      secret,
    })),
  )

/** The providers by name, and how they are called. */
const calledOf = ({ compliance, ledger, banks }: Providers) => [
  { name: "compliance-engine", place: compliance.place, policy: compliance.policy, http: compliance },
  { name: "ledger", place: ledger.place, policy: ledger.policy, http: ledger },
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
      check: "without-auth",
      of: name,
      setting: path,
      found: "nothing that proves to it who calls",
      wanted: "auth, or a certificate of ours in tls",
    }))

/** A time that is that of all is judged where it is set. */
const documentFindings = Effect.fnUntraced(function* (providers: Providers, usualMs: number) {
  const called = calledOf(providers)
  const times = called.map(({ name, place, policy }) => callTime(name, place.path, policy.timeoutMs))
  const secrets = yield* Effect.forEach(called, ({ name, place, http: { auth } }) =>
    auth === undefined ? Effect.succeed([]) : secretFindings(name, auth, place),
  )
  return [
    ...providerFindings(urlsOf(providers)),
    ...trustingFindings(providers),
    ...secrets.flat(),
    ...timeFindings(times.filter(({ ms }) => ms !== usualMs)),
  ]
})
