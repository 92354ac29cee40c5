/** The sandbox as a separate process, so that its banks continue when the service crashes. */
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { Effect, Schedule, Schema, type Scope } from "effect"
import { type TwinName, twinNames } from "../sandbox/data-folder.ts"
import { sandboxBankSecretsWith, sandboxSecretOf } from "../sandbox/sandbox.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"
import { clearingFolder } from "./clearing-files.ts"
import { makePrivateFolder, openDataFolder } from "./data-folder.ts"
import { spawnLeashed } from "./leashed-process.ts"
import type { SandboxAccess } from "./service-record.ts"

const Urls = Schema.fromJsonString(
  Schema.Struct({
    compliance: Schema.String,
    banks: Schema.Struct({
      north: Schema.String,
      south: Schema.String,
      west: Schema.String,
      clearing: Schema.String,
    }),
    ledger: Schema.String,
    twins: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  }),
)
export type LocalSandboxUrls = typeof Urls.Type

const READY_MS_MAX = 20_000
/** How long the sandbox of a run that was just killed may take to end. */
const startAgain = { times: 20, schedule: Schedule.spaced("500 millis") }

const program = fileURLToPath(new URL("../sandbox/main.ts", import.meta.url))

/** Twins of real providers, and the folder of the documents that they are held to, if there is one. */
export interface LocalTwins {
  readonly names: ReadonlyArray<TwinName>
  readonly documents?: string | undefined
}

/** Starts the sandbox on `<dataDir>/sandbox`, with these twins beside its own servers; it ends with the scope. */
export const startLocalSandbox = (
  dataDir: string,
  twins: LocalTwins = { names: [] },
): Effect.Effect<LocalSandboxUrls, CliFailure, Scope.Scope> =>
  startOnce(dataDir, twins).pipe(Effect.retry(startAgain))

const startOnce = Effect.fnUntraced(function* (dataDir: string, { names, documents }: LocalTwins) {
  const logFile = join(dataDir, "logs", "sandbox.log")
  openDataFolder(dataDir)
  makePrivateFolder(join(dataDir, "logs"))
  const sandbox = yield* spawnLeashed({
    command: process.execPath,
    args: [
      program,
      ...["--data", join(dataDir, "sandbox"), "--clearing-folder", clearingFolder(dataDir)],
      ...names.flatMap((name) => ["--twin", name]),
      ...(names.length === 0 ? [] : ["--doors", JSON.stringify(twinDoors)]),
      ...(documents === undefined ? [] : ["--documents", documents]),
    ],
    logFile,
    stdout: "pipe",
  }).pipe(Effect.mapError(asCliFailure))
  const failed = new CliFailure({ reason: `The sandbox did not start; ${logFile} says why.` })
  const line = yield* Effect.raceFirst(
    firstLine(sandbox.stdout),
    Effect.andThen(sandbox.exited, failed),
  ).pipe(Effect.timeoutOrElse({ duration: READY_MS_MAX, orElse: () => failed }))
  return yield* Schema.decodeUnknownEffect(Urls)(line).pipe(Effect.mapError(asCliFailure))
})

const firstLine = (output: Readable | null): Effect.Effect<string> =>
  Effect.callback((resume) => {
    if (output === null) return
    const lines = createInterface(output)
    lines.on("line", (line) => resume(Effect.succeed(line)))
  })

/** Our credentials at the twins, as the settings refer to them. They protect nothing but play money. */
export const twinCredentials = {
  SANDBOX_ADYEN_API_KEY: "sandbox-adyen-key-for-play-money",
  SANDBOX_PAYPAL_CLIENT_ID: "sandbox-paypal-client",
  SANDBOX_PAYPAL_CLIENT_SECRET: "sandbox-paypal-secret-for-play-money",
} as const

/** How the twins ask for them. */
const twinDoors = {
  adyen: { header: { name: "x-api-key", value: twinCredentials.SANDBOX_ADYEN_API_KEY } },
  paypal: {
    oauth2: {
      clientId: twinCredentials.SANDBOX_PAYPAL_CLIENT_ID,
      clientSecret: twinCredentials.SANDBOX_PAYPAL_CLIENT_SECRET,
    },
  },
} as const

/** The secrets with which the sandbox signs its callbacks, one for each server and for these twins. */
export const sandboxCallbackSecrets = (twins: ReadonlyArray<TwinName> = []) => ({
  BANK_CALLBACK_SECRET: sandboxBankSecretsWith(twins),
  COMPLIANCE_CALLBACK_SECRET: sandboxSecretOf("compliance"),
  LEDGER_CALLBACK_SECRET: sandboxSecretOf("ledger"),
})

/**
 * The environment variables that a service needs to work with the sandbox. If there is a providers' file, the service
 * uses only that, and the URLs say where the sandbox shows its books.
 */
export const sandboxEnvironment = ({
  compliance,
  banks,
  ledger,
  providersFile,
}: Omit<SandboxAccess, "partner" | "apiKey">) => ({
  ...(providersFile === undefined ? {} : { PROVIDERS_FILE: providersFile }),
  COMPLIANCE_URL: compliance,
  LEDGER_URL: ledger,
  BANKS: Object.entries(banks)
    .map(([name, url]) => `${name}=${url}`)
    .join(","),
  BANK_ROUTES: "EUR=north,GBP=north,*=south",
  ...twinCredentials,
  ...sandboxCallbackSecrets(twinNames.filter((twin) => Object.hasOwn(banks, twin))),
})

/** The default keys: of the partner `demo`, of its approver, and of two operators. */
export const sandboxKeys = {
  partner: "sandbox-key-for-play-money",
  supervisor: "sandbox-supervisor-key-for-play-money",
  olga: "sandbox-operator-olga-for-play-money",
  otto: "sandbox-operator-otto-for-play-money",
} as const
export const sandboxApiKeys = `demo/clerk=${sandboxKeys.partner},demo/supervisor=${sandboxKeys.supervisor}`
export const sandboxOperatorKeys = `olga=${sandboxKeys.olga},otto=${sandboxKeys.otto}`

export type Environment = Readonly<Record<string, string | undefined>>

/** Whether a service with these settings works with the sandbox, whose secrets are public. */
export const isPlayMoney = ({ BANK_CALLBACK_SECRET }: Environment): boolean =>
  [[], twinNames].some((twins) => BANK_CALLBACK_SECRET === sandboxBankSecretsWith(twins))

/** What the first partner needs to use a service with these settings. */
export const accessOf = ({
  API_KEYS = "",
  BANKS = "",
  COMPLIANCE_URL = "",
  LEDGER_URL = "",
  PROVIDERS_FILE = "",
}: Environment): SandboxAccess => {
  const [[owner, apiKey] = ["", ""]] = pairs(API_KEYS)
  const [partner = ""] = owner.split("/")
  return {
    partner,
    apiKey,
    compliance: COMPLIANCE_URL,
    ledger: LEDGER_URL,
    banks: Object.fromEntries(pairs(BANKS)),
    ...(PROVIDERS_FILE === "" ? {} : { providersFile: PROVIDERS_FILE }),
  }
}

/** "a=1,b=2" as pairs. */
const pairs = (text: string): ReadonlyArray<readonly [string, string]> =>
  text
    .split(",")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.indexOf("=")
      return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
    })
