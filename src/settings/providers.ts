/** Who is called, with which credentials, and how long. */
import { Config, Redacted } from "effect"
import { BankSecretsText } from "../parsing/secret-texts.ts"
import {
  callbackSecret,
  count,
  day,
  duration,
  durations,
  hour,
  mapped,
  optional,
  orElse,
  pairs,
  path,
  seconds,
  secret,
  text,
  textOf,
  url,
} from "./kinds.ts"
import { all, made, setting, settingsIn } from "./setting.ts"
import { shownCredentials } from "./shown-settings.ts"

/** The secrets with which banks sign callbacks, by bank. Without a name: that of the only bank that calls back. */
export type BankSecrets = ReadonlyArray<
  readonly [bank: string | undefined, secret: Redacted.Redacted<string>]
>

/** "north=whsec_…,south=whsec_…", or "whsec_…" if only one bank calls back. */
const bankSecrets = secret(
  mapped(textOf("secrets by bank", BankSecretsText), (text): BankSecrets => {
    if (text.startsWith("whsec_")) return [[undefined, Redacted.make(text)]]
    return text.split(",").map((pair) => {
      const at = pair.indexOf("=")
      return [pair.slice(0, at).trim(), Redacted.make(pair.slice(at + 1).trim())] as const
    })
  }),
)

const credentials = orElse({ ...text, form: "how, and a reference", shown: shownCredentials }, "", "none")

const shownByBank = (text: string): string =>
  text
    .split(",")
    .map((pair) => pair.replace(/^([^=]*=)?([\s\S]*)$/, (_, name = "", own) => name + shownCredentials(own)))
    .join(",")

const fromEnvironment = all({
  complianceUrl: setting("COMPLIANCE_URL", url, "the compliance engine"),
  complianceAuth: setting("COMPLIANCE_AUTH", credentials, [
    "our credentials for it: `bearer env:NAME` or `basic user file:path`, a",
    "[reference](PROVIDER-ACCESS.md#secrets-are-references) and never the secret itself. For other",
    "kinds use the providers' file",
  ]),
  ledgerUrl: setting("LEDGER_URL", url, "the ledger"),
  ledgerAuth: setting("LEDGER_AUTH", credentials, "our credentials for the ledger, in the same form"),
  banks: setting("BANKS", pairs, [
    "the banks by name: `north=https://…,south=https://…`. **A name is part of every log that mentions",
    "it**: do not rename a bank while it has open transfers",
  ]),
  bankAuth: setting("BANK_AUTH", orElse({ ...pairs, shown: shownByBank }, [], "none"), [
    "our credentials for the banks, by name: `north=bearer file:/run/secrets/north,south=basic atlas",
    "env:SOUTH_PASSWORD`",
  ]),
  routes: setting(
    "BANK_ROUTES",
    pairs,
    "which bank pays a currency; `*` is any other and is required: `EUR=north,*=south`",
  ),
})

const FILE = "PROVIDERS_FILE"

/** The settings that nothing reads when there is a providers' file, by their names. */
export const replacedByFile: ReadonlyMap<string, string> = new Map(
  settingsIn(fromEnvironment).map(({ name }) => [name, FILE]),
)

const file = setting(FILE, optional(path), [
  "the path of a [providers' file](#the-providers-file). It replaces all variables that name a",
  "provider or our credentials for it",
])

/** The file with the settings of all providers, or the settings from which they are derived. Without it, these are what is missing. */
const source = made(
  Config.String(FILE).pipe(
    Config.map((file) => ({ file })),
    Config.orElse(() => fromEnvironment),
  ),
  [file, fromEnvironment],
)

/** The providers that are called, and their callbacks. */
export const providers = all({
  complianceCallbackSecret: setting("COMPLIANCE_CALLBACK_SECRET", optional(callbackSecret), [
    "the secret that signs the compliance engine's callbacks, `whsec_…`. With it, requests ask the",
    "engine to call `<PUBLIC_URL>/compliance-callbacks` with decisions that it postpones. Without it,",
    "the service only polls the engine",
  ]),
  clearanceDelaysMs: setting("CLEARANCE_DELAYS_MS", durations([300 * seconds, 900 * seconds, hour]), [
    "when the engine is asked again for postponed decisions, after each postponement. The",
    "last one repeats until the engine decides; nothing is paid before. The shortest and",
    "the longest also bound the waits before asking an engine that answers with [other lists than it",
    "announced](SPEC.md#screening-again)",
  ]),
  clearanceMaxAgeMs: setting("CLEARANCE_MAX_AGE_MS", duration(day, 366 * day, seconds), [
    "how old a clearance may be when something is sent because of it. An item",
    "that waited longer, for a worker, its `executeAt`, an approval, funds or another bank, is [screened",
    "again](SPEC.md#screening-again) first. Set it well above `PROVIDER_TIMEOUT_MS`, or a slow engine",
    "is asked again and again",
  ]),
  source,
  bankCallbackSecrets: setting(
    "BANK_CALLBACK_SECRET",
    optional(bankSecrets, "required if a bank calls back"),
    [
      "the secrets that sign banks' callbacks, one per bank: `north=whsec_…,south=whsec_…`, as defined by",
      "[Standard Webhooks](https://www.standardwebhooks.com). To rotate a secret, name the bank twice. If",
      "only one bank calls back, `whsec_…` alone is enough. Banks of the kinds `synchronous` and `files`",
      "do not call back and need none; for `paypal` it is [another secret](providers/paypal.md#webhooks), and",
      "may be left out. The service does not start if two parties (banks, compliance",
      "engine, ledger) share a secret",
    ],
  ),
  ledgerCallbackSecret: setting("LEDGER_CALLBACK_SECRET", optional(callbackSecret), [
    "the secret that signs the ledger's reports of funded accounts, `whsec_…`. Without it",
    "`/ledger-callbacks/funded` does not exist, and batches without funds retry by their schedule only",
  ]),
  timeoutMs: setting("PROVIDER_TIMEOUT_MS", duration(10 * seconds), [
    "how long one call to a provider may take, unless its [policy](#how-a-provider-is-called) says",
    "otherwise",
  ]),
  bankConcurrency: setting(
    "BANK_CONCURRENCY",
    count(32),
    "concurrent calls per bank and process, unless its policy says otherwise",
  ),
  inquiryDelaysMs: setting(
    "INQUIRY_DELAYS_MS",
    durations([5 * seconds, 30 * seconds, 300 * seconds, hour, ...Array<number>(5).fill(day)]),
    [
      "when the bank is asked about an open transfer, after each answer that was not final. After",
      " the last one the transfer is parked for an operator",
    ],
  ),
  postingRetryDelaysMs: setting(
    "POSTING_RETRY_DELAYS_MS",
    durations([
      60 * seconds,
      120 * seconds,
      240 * seconds,
      480 * seconds,
      960 * seconds,
      1_920 * seconds,
      hour,
    ]),
    [
      "when a posting that the ledger refused, for lack of funds or otherwise, is retried after each",
      "consecutive refusal. The last one repeats. Each retry is an entry of the log,",
      "so keep them long",
    ],
  ),
})
