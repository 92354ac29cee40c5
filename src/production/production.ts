/**
 * The checks that a start with NODE_ENV=production has to pass. They refuse keys that can be guessed, publicly known
 * secrets, connections that can be read or impersonated, and switches for development. All findings are reported
 * together. An operator can vouch for a finding by its name in VOUCH_FOR; every start logs it again.
 */
import { Effect, Option, Result, Schema } from "effect"
import { AppConfig, type Settings } from "../config.ts"
import { BankKinds } from "../providers/banks/bank-kind.ts"
import type { InvalidProviderSetting } from "../providers/calling/provider-place.ts"
import { COMPLIANCE_ENGINE, LEDGER, ProviderSettings } from "../providers/calling/provider-settings.ts"
import type { Role } from "../service-roles.ts"
import type { BankSecrets } from "../settings/providers.ts"
import {
  collectorFindings,
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
  proofKeyFindings,
  providerSecretFindings,
  sharedSecretFindings,
  sharedWithProviderFindings,
} from "./key-checks.ts"
import { type ProviderSecrets, providerSecrets } from "./provider-secrets.ts"
import {
  callTime,
  proofFindings,
  publicUrlFindings,
  secretFileFindings,
  switchFindings,
  timeFindings,
  timesOf,
} from "./settings-checks.ts"

/** The settings are not fit for production, and the service does not start. */
export class UnfitForProduction extends Schema.TaggedError<UnfitForProduction>()("UnfitForProduction", {
  findings: Schema.Array(Finding),
}) {
  override get message() {
    const lines = this.findings.map(
      (finding) =>
        `  ${nameOf(finding)}: ${finding.setting}: found ${finding.found}, wanted ${finding.wanted}`,
    )
    return ["Production refuses these settings. VOUCH_FOR may name those that are intended.", ...lines].join(
      "\n",
    )
  }
}

/**
 * The providers that are called over HTTP, banks by their kind. Settings that a kind cannot read count as an unreadable
 * document. A bank of an unknown kind is refused by the role that calls it.
 */
const readProviders = Effect.gen(function* () {
  const { compliance, ledger, banks } = yield* ProviderSettings
  const kinds = yield* BankKinds
  const asCalled = Effect.forEach(banks, (bank) => {
    const http = kinds.named(bank.kind)?.http(bank) ?? Effect.undefined
    return Effect.map(http, (http) => ({ ...bank, http }))
  })
  return { compliance, ledger, banks: yield* asCalled }
}).pipe(Effect.provide(ProviderSettings.layer))

type Providers = Effect.Success<typeof readProviders>

/** The check for a providers' document that cannot be read. Nobody can vouch for it. */
const DOCUMENT = "providers"

/**
 * Checks the settings of a process with these roles. The environment is checked for every role; the providers and their
 * callbacks only for roles that call providers. Outside production nothing is refused, but a service that calls a provider
 * beyond this machine logs what production would refuse.
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
    ...(roles.includes("archiver") ? proofFindings(settings) : []),
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

/** What was checked besides the environment: whether the providers were, and whose secrets could not be read. */
interface Checked extends Pick<ProviderSecrets, "unread"> {
  readonly calls: boolean
}

/** Refuses findings that nobody vouches for, and logs those that somebody does. */
const vouchedFor = Effect.fnUntraced(function* (
  findings: ReadonlyArray<Finding>,
  vouches: ReadonlyArray<string>,
  checked: Checked,
) {
  const refused = findings.filter(
    (finding) => finding.check === DOCUMENT || !vouches.includes(nameOf(finding)),
  )
  const unknown = vouches.filter((vouch) => !isCheck(checkOf(vouch))).map(unknownVouch)
  if (refused.length + unknown.length > 0)
    return yield* new UnfitForProduction({ findings: [...refused, ...unknown] })
  for (const { setting, found, ...finding } of findings)
    yield* Effect.logWarning("vouched for in production", { vouch: nameOf(finding), setting, found })
  const found = new Set(findings.map(nameOf))
  for (const vouch of vouches)
    if (!found.has(vouch) && wasChecked(vouch, checked))
      yield* Effect.logWarning("VOUCH_FOR names a finding that does not exist: remove it", { vouch })
})

/** Whether the subject of a vouch was checked. Otherwise the vouch may still be needed, although there is no finding. */
const wasChecked = (vouch: string, { calls, unread }: Checked): boolean => {
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
  wanted: "names as a refused start reports them",
})

const unreadable = ({ setting, reason }: InvalidProviderSetting): Finding => ({
  check: DOCUMENT,
  setting,
  found: reason,
  wanted: "a document that can be read",
})

/** The secrets of the environment, by their use. */
const secretsOf = (settings: Settings) => {
  const { http, vault, proof } = settings
  const operators = Option.match(http.operatorKeys, {
    onNone: () => [],
    onSome: (keys) => keysOf("operator", "OPERATOR_KEYS", keys),
  })
  const masters: ReadonlyArray<NamedSecret> = vault.masterKeys.map(([id, secret]) => ({
    name: `master/${id}`,
    setting: "MASTER_KEYS",
    secret,
  }))
  const proofs: ReadonlyArray<NamedSecret> = Option.match(proof.signingKey, {
    onNone: () => [],
    onSome: (secret) => [{ name: "proof-signing-key", setting: "PROOF_SIGNING_KEY", secret }],
  })
  return {
    callers: [...keysOf("partner", "API_KEYS", http.apiKeys), ...operators],
    callbacks: callbackSecretsOf(settings),
    masters,
    proofs,
  }
}

/** Findings about the environment. */
const environmentFindings = (settings: Settings): ReadonlyArray<Finding> => {
  const { redis, postgres, nats, traces } = settings
  const { callers, callbacks, masters, proofs } = secretsOf(settings)
  return [
    ...callerKeyFindings(callers),
    ...callbackSecretFindings(callbacks),
    ...masterKeyFindings(masters),
    ...proofKeyFindings(proofs),
    ...sharedSecretFindings([...callers, ...callbacks, ...masters, ...proofs]),
    ...redisFindings(redis.url),
    ...postgresFindings(postgres.url),
    ...natsFindings(nats.url),
    ...collectorFindings(traces.endpoint),
    ...switchFindings(settings),
    ...secretFileFindings(settings),
    ...timeFindings(timesOf(settings)),
  ]
}

/** The secrets with which banks, compliance engine and ledger sign callbacks. */
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

/** A secret without a bank belongs to the only bank that calls back. */
const bankSecretsOf = (secrets: BankSecrets): ReadonlyArray<NamedSecret> =>
  namedApart(
    secrets.map(([bank, secret]) => ({
      name: `callback/${bank ?? "banks"}`,
      ...(bank === undefined ? {} : { party: bank }),
      setting: "BANK_CALLBACK_SECRET",
      secret,
    })),
  )

/** The providers with their names and how they are called. */
const calledOf = ({ compliance, ledger, banks }: Providers) => [
  { name: COMPLIANCE_ENGINE, place: compliance.place, policy: compliance.policy, http: compliance },
  { name: LEDGER, place: ledger.place, policy: ledger.policy, http: ledger },
  ...banks.flatMap(({ name, place, policy, http }) =>
    http === undefined ? [] : [{ name, place, policy, http }],
  ),
]

/** The providers' URLs, and those of their token servers. */
const urlsOf = (providers: Providers) =>
  calledOf(providers).flatMap(({ name, place: { path }, http: { url, auth } }) => [
    { name, setting: path, url },
    ...(auth?.kind === "oauth2" ? [{ name: `${name}/token`, setting: path, url: auth.tokenUrl }] : []),
  ])

/** Findings about providers beyond this machine that do not authenticate us, and so would obey anybody. */
const trustingFindings = (providers: Providers): ReadonlyArray<Finding> =>
  calledOf(providers)
    .filter(({ http: { url, auth, tls } }) => !auth && !tls?.cert && !isLoopback(new URL(url).hostname))
    .map(({ name, place: { path } }) => ({
      check: "without-auth" as const,
      of: name,
      setting: path,
      found: "nothing that authenticates us to it",
      wanted: "auth, or a certificate of ours in tls",
    }))

/** Findings about the providers' document. A default time-out is checked with the environment, where it is set. */
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
