/** The settings of a service at its start: the environment, completed on a developer's machine. */
import { createServer } from "node:net"
import { Effect, type Scope } from "effect"
import { startStack } from "../dev/embedded-stack.ts"
import { freePort } from "../dev/embedded-start.ts"
import { localMasterKeys } from "../dev/local-master-keys.ts"
import { localProofKey } from "../dev/local-proof-key.ts"
import { writeLocalProviders } from "../dev/local-providers.ts"
import {
  accessOf,
  type Environment,
  isPlayMoney,
  sandboxApiKeys,
  sandboxEnvironment,
  sandboxOperatorKeys,
  startLocalSandbox,
} from "../dev/local-sandbox.ts"
import type { SandboxAccess } from "../dev/service-record.ts"
import { fileNameOf } from "../settings/secret-file.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"

export interface ServeEnvironment {
  readonly environment: Environment
  /** Present if the sandbox plays the providers. */
  readonly sandbox: SandboxAccess | undefined
}

const serverVariables = ["REDIS_URL", "DATABASE_URL", "NATS_URL"]
const providerVariables = ({ PROVIDERS_FILE }: Environment): ReadonlyArray<string> => [
  ...(PROVIDERS_FILE ? ["PROVIDERS_FILE"] : ["COMPLIANCE_URL", "LEDGER_URL", "BANKS", "BANK_ROUTES"]),
  "BANK_CALLBACK_SECRET",
]
const PORT_DEFAULT = 8080

/** The variables that {@link serveEnvironment} would set; none in production. */
export const completedBy = (given: Environment): ReadonlyArray<string> => {
  if (given.NODE_ENV === "production") return []
  const missing = (names: ReadonlyArray<string>) =>
    names.filter((name) => !given[name] && !given[fileNameOf(name)])
  const ofProviders = providerVariables(given)
  const sandboxed = missing(ofProviders).length === ofProviders.length
  return missing([
    ...serverVariables,
    ...(sandboxed ? [...ofProviders, "API_KEYS", "OPERATOR_KEYS", "MASTER_KEYS", "PROOF_SIGNING_KEY"] : []),
  ])
}

/**
 * Completes the environment: starts missing servers, and the sandbox if no provider is named, until the scope closes.
 * Production is not completed: what is missing there is told with all other mistakes, when the settings are read.
 */
export const serveEnvironment = Effect.fn("serveEnvironment")(function* (
  dataDir: string,
  given: Environment,
  report: (line: string) => void,
): Effect.fn.Return<ServeEnvironment, CliFailure, Scope.Scope> {
  // A secret may be named by its file.
  const missing = (names: ReadonlyArray<string>) =>
    names.filter((name) => !given[name] && !given[fileNameOf(name)])
  if (given.NODE_ENV === "production")
    return { environment: { ...given, ...(yield* chosenPort(given)) }, sandbox: undefined }
  const ofProviders = providerVariables(given)
  const sandboxed = missing(ofProviders).length === ofProviders.length
  // The service itself checks whether a bank calls back and therefore needs a secret.
  const required = sandboxed
    ? []
    : [...ofProviders, "API_KEYS", "MASTER_KEYS"].filter((name) => name !== "BANK_CALLBACK_SECRET")
  const absent = missing(required)
  if (absent.length > 0) return yield* new CliFailure({ reason: missingReason(absent) })
  const [servers, providers] = yield* Effect.all(
    [
      missing(serverVariables).length === 0 ? Effect.succeed({}) : startServers(dataDir, report),
      sandboxed ? startProviders(dataDir, given, report) : Effect.succeed({}),
    ],
    { concurrency: "unbounded" },
  )
  const environment = { ...given, ...servers, ...providers, ...(yield* chosenPort(given)) }
  return { environment, sandbox: isPlayMoney(environment) ? accessOf(environment) : undefined }
})

const missingReason = (absent: ReadonlyArray<string>): string =>
  `Not set: ${absent.join(", ")}. Set all of them, or no provider at all to run against the sandbox. docs/CONFIGURATION.md describes each.`

const startServers = Effect.fnUntraced(function* (dataDir: string, report: (line: string) => void) {
  const stack = yield* startStack({ dataDir, onProgress: report }).pipe(Effect.mapError(asCliFailure))
  return { REDIS_URL: stack.redisUrl, DATABASE_URL: stack.databaseUrl, NATS_URL: stack.natsUrl }
})

const startProviders = Effect.fnUntraced(function* (
  dataDir: string,
  given: Environment,
  report: (line: string) => void,
) {
  const urls = yield* startLocalSandbox(dataDir)
  report("No bank, ledger or compliance engine is configured: the sandbox simulates them, with play money.")
  return {
    WEBHOOKS_ALLOW_PRIVATE: "true",
    ...sandboxEnvironment({ ...urls, providersFile: writeLocalProviders(dataDir, urls) }),
    API_KEYS: given.API_KEYS || sandboxApiKeys,
    OPERATOR_KEYS: given.OPERATOR_KEYS || sandboxOperatorKeys,
    MASTER_KEYS: given.MASTER_KEYS || localMasterKeys(dataDir),
    PROOF_SIGNING_KEY: given.PROOF_SIGNING_KEY || localProofKey(dataDir),
  }
})

/** A requested port is used, or the start fails. Otherwise the usual port is used, or any free one. */
const chosenPort = Effect.fnUntraced(function* ({ HOST, PORT }: Environment) {
  if (PORT) return {}
  const port = (yield* isFree(PORT_DEFAULT, HOST || "127.0.0.1")) ? PORT_DEFAULT : yield* freePort
  return { PORT: String(port) }
})

const isFree = (port: number, host: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen(port, host, () => server.close(() => resume(Effect.succeed(true))))
  })
