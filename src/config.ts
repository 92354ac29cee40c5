/** All settings of the service, read once at its start and only here. The declarations are in `settings/`, and docs/CONFIGURATION.md is made of them. */
import { type Config, ConfigProvider, Context, Effect, Layer, Schema } from "effect"
import { drafts, intake, policy } from "./settings/batches.ts"
import { type Given, givenSettings, secretOf } from "./settings/given-settings.ts"
import { proof, vault } from "./settings/keys.ts"
import { http, operations } from "./settings/listeners.ts"
import {
  believesAnyCertificate,
  crashAt,
  logLevel,
  production,
  rolesToRun,
  vouchedFor,
} from "./settings/process.ts"
import { providers } from "./settings/providers.ts"
import { fileNameOf } from "./settings/secret-file.ts"
import { all, type Problem, problemsIn, settingsIn } from "./settings/setting.ts"
import { signIn } from "./settings/sign-in.ts"
import { type Misspelt, misspeltNames } from "./settings/similar-names.ts"
import { withStandIns } from "./settings/stand-ins.ts"
import { nats, postgres, redis } from "./settings/stores.ts"
import { traces } from "./settings/traces.ts"
import { webhooks } from "./settings/webhooks.ts"
import { archive, projections, worker } from "./settings/workers.ts"

/** The settings of the service, by the part that uses them. */
export const settings = all({
  http,
  signIn,
  operations,
  logLevel,
  production,
  vouchedFor,
  rolesToRun,
  believesAnyCertificate,
  redis,
  vault,
  proof,
  postgres,
  nats,
  worker,
  projections,
  intake,
  drafts,
  policy,
  providers,
  webhooks,
  archive,
  traces,
  crashAt,
})

/** The names of the secrets, each of which may be in a file. */
const secrets = settingsIn(settings).flatMap(({ name, secret }) => (secret === undefined ? [] : [name]))

/** What the settings come with besides their values. */
interface Sources {
  /** The secrets that came from a file, by their names. */
  readonly secretFiles: Given["files"]
  /**
   * A secret that the providers' document names, which is read once the document is known; `undefined` if it is not set. Fails if its
   * file cannot be read.
   */
  readonly secretNamed: (name: string) => Effect.Effect<string | undefined, Problem>
}
export type Settings = Config.Success<typeof settings> & Sources

/** Settings are missing or malformed, or contradict each other. `problems` has all of them, and quotes none. */
export class InvalidSettings extends Schema.TaggedError<InvalidSettings>()("InvalidSettings", {
  problems: Schema.Array(Schema.Struct({ setting: Schema.String, problem: Schema.String })),
}) {
  override get message() {
    return [
      "These settings cannot be used:",
      ...this.problems.map(({ setting, problem }) => `  ${setting}: ${problem}`),
    ].join("\n")
  }
}

/** The settings, or what is wrong with them and what can be checked nevertheless. */
export interface ReadSettings {
  readonly settings: Settings
  /** If there are any, stand-ins are in the place of required settings that they are about, and the defaults of others. */
  readonly problems: ReadonlyArray<Problem>
}

/** Reads the environment, and the files that it names for secrets. */
export const readSettings = Effect.gen(function* (): Effect.fn.Return<ReadSettings, Config.ConfigError> {
  const environment = yield* ConfigProvider.ConfigProvider
  const { provider, files, problems } = yield* givenSettings(environment, secrets)
  const sources: Sources = {
    secretFiles: files,
    secretNamed: (name) =>
      Effect.map(secretOf(environment, name), (found) => (typeof found === "object" ? found.secret : found)),
  }
  const isRead = new Set(problems.map(({ setting }) => setting))
  const others = (yield* inFull(provider, problemsIn(settings))).filter(
    ({ setting }) => !isRead.has(fileNameOf(setting)),
  )
  const all = [...problems, ...others]
  const values = yield* inFull(all.length === 0 ? provider : withStandIns(provider, all), settings)
  return { settings: { ...values, ...sources }, problems: all }
})

const inFull = <A, E>(provider: ConfigProvider.ConfigProvider, effect: Effect.Effect<A, E>) =>
  Effect.provideService(effect, ConfigProvider.ConfigProvider, provider)

/** The settings and the files of secrets, by their variables. */
const ourNames = [...settingsIn(settings).map(({ name }) => name), ...secrets.map(fileNameOf)]

/** The variables of this process that look like a misspelt setting. */
export const misspeltHere = (): ReadonlyArray<Misspelt> => misspeltNames(Object.keys(process.env), ourNames)

/** The settings that the service runs with. */
export class AppConfig extends Context.Service<AppConfig, Settings>()("atlaspay/AppConfig") {
  /** Reads the environment. Fails if settings are missing or malformed, and names them; then the process does not start. */
  static readonly layer = Layer.effect(
    AppConfig,
    Effect.gen(function* () {
      const { settings, problems } = yield* readSettings
      return problems.length === 0 ? settings : yield* new InvalidSettings({ problems })
    }),
  )
}
