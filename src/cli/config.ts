/** `atlaspay config`: what a start in this environment would run with, or all that is wrong with it. Nothing connects. */
import { ConfigProvider, Console, Effect, References } from "effect"
import { Command } from "effect/cli"
import { AppConfig, misspeltHere, type Settings } from "../config.ts"
import { asProblem, readsProviders } from "../production/every-mistake.ts"
import type { HttpFields } from "../providers/calling/provider-access.ts"
import {
  type BankSettings,
  type ProviderAt,
  ProviderSettings,
} from "../providers/calling/provider-settings.ts"
import { replacedByFile } from "../settings/providers.ts"
import { type ShownSetting, shownSettings, withoutPasswords } from "../settings/shown-settings.ts"
import { standIns } from "../settings/stand-ins.ts"
import { allSettings } from "../settings/tables.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { json } from "./flags.ts"
import { rolesFlag } from "./roles-flag.ts"
import { completedBy } from "./serve-environment.ts"

export const config = Command.make(
  "config",
  { roles: rolesFlag, json: json("Print each setting, provider or mistake as one line of JSON") },
  Effect.fn(function* ({ roles, json }) {
    const given = (name: string) => process.env[name] || undefined
    const completed = completedBy(process.env)
    for (const { given, like } of misspeltHere())
      yield* Console.error(`${given} is no setting. Is ${like} meant?`)
    // Imported here, because only a check of everything needs the kinds of banks.
    const { checkedHere } = yield* Effect.promise(() => import("../app.ts"))
    const settings = yield* checkedHere(roles).pipe(
      Effect.provide(environmentWith(completed)),
      Effect.provideService(References.MinimumLogLevel, "None"),
      Effect.catchTags({
        InvalidSettings: ({ problems, message }) => refused(json, problems, message),
        UnfitForProduction: ({ findings, message }) => refused(json, findings.map(asProblem), message),
      }),
    )
    const shown = shownSettings(allSettings, given, {
      completed: new Set(completed),
      replaced: given("PROVIDERS_FILE") === undefined ? new Map() : replacedByFile,
    })
    for (const setting of shown) yield* Console.log(json ? JSON.stringify(setting) : line(setting))
    // The sandbox writes its document when it starts. Of other roles it was not checked, and they do not read it.
    if (completed.includes("COMPLIANCE_URL") || !readsProviders(roles)) return
    for (const provider of yield* providersIn(settings))
      yield* Console.log(json ? JSON.stringify({ provider }) : `provider ${JSON.stringify(provider)}`)
  }),
).pipe(Command.withDescription("Show the settings in force, without secrets, or all that is wrong with them"))

const refused = Effect.fnUntraced(function* (
  json: boolean,
  problems: ReadonlyArray<{ readonly setting: string; readonly problem: string }>,
  message: string,
) {
  if (json) for (const problem of problems) yield* Console.log(JSON.stringify(problem))
  return yield* new CliFailure({ reason: message })
})

const line = ({ setting, value, from, file }: ShownSetting): string =>
  `${setting}=${value}  [${file === undefined ? from : `file ${file}`}]`

/** A callback secret for the stand-in of the only bank: `whsec_` and 32 bytes. */
const BANK_STAND_IN = `whsec_${Buffer.alloc(32).toString("base64")}`

/** The environment, with stand-ins for what the local platform would set. */
const environmentWith = (completed: ReadonlyArray<string>) => {
  const standing = completed.flatMap((name): ReadonlyArray<readonly [string, string]> => {
    if (name === "BANK_CALLBACK_SECRET") return [[name, BANK_STAND_IN]]
    const text = standIns.get(name)
    return text === undefined ? [] : [[name, text]]
  })
  const given = Object.entries(process.env).flatMap(
    ([name, text]): ReadonlyArray<readonly [string, string]> => (text ? [[name, text]] : []),
  )
  return ConfigProvider.layer(ConfigProvider.fromEnvRecord(Object.fromEntries([...given, ...standing])))
}

/** The providers in force, by what is the same for all kinds: the other fields of a bank may have account numbers. */
const providersIn = Effect.fnUntraced(
  function* (settings: Settings) {
    const { version, compliance, ledger, banks, routes } = yield* ProviderSettings.pipe(
      Effect.provide(ProviderSettings.layer),
      Effect.provideService(AppConfig, settings),
    )
    return [
      { name: "compliance-engine", ...shownProvider(compliance) },
      { name: "ledger", ...shownProvider(ledger) },
      ...banks.map(shownBank),
      { version, routes: routes.map(({ rule, banks }) => ({ rule, banks })) },
    ]
  },
  Effect.mapError(({ message }) => new CliFailure({ reason: message })),
)

const shownProvider = ({ kind, url, auth, tls, own, policy }: ProviderAt) => ({
  kind,
  ...shownAccess({ url, ...(auth && { auth }), ...(tls && { tls }) }),
  ...(Object.keys(own).length === 0 ? {} : { fields: Object.keys(own) }),
  policy,
})

/** The kind of a credential, and the references to its secrets, which are no secret themselves. */
const shownAccess = ({ url, auth, tls }: HttpFields) => ({
  url: withoutPasswords(url),
  ...(auth === undefined ? {} : { auth: auth.kind }),
  ...(tls === undefined ? {} : { tls }),
})

const shownBank = ({ name, kind, policy, own }: BankSettings) => ({
  name,
  kind,
  ...(typeof own.url === "string" ? { url: withoutPasswords(own.url) } : {}),
  fields: Object.keys(own),
  policy,
})
