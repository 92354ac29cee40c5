/** Everything on one machine: the stack, the sandbox and the service, each in its own processes. */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Option, Schedule, type Scope } from "effect"
import { twinNames } from "../sandbox/data-folder.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"
import { partOf } from "./chosen-twins.ts"
import { makePrivateFolder, openDataFolder } from "./data-folder.ts"
import { startStack } from "./embedded-stack.ts"
import { freePort } from "./embedded-start.ts"
import { spawnLeashed } from "./leashed-process.ts"
import { localMasterKeys } from "./local-master-keys.ts"
import { writeLocalProviders } from "./local-providers.ts"
import {
  accessOf,
  type LocalSandboxUrls,
  type LocalTwins,
  sandboxApiKeys,
  sandboxEnvironment,
  sandboxOperatorKeys,
  startLocalSandbox,
} from "./local-sandbox.ts"
import { isReady, runningService, type SandboxAccess, type ServiceRecord } from "./service-record.ts"

export interface LocalPlatform {
  readonly url: string
  readonly operationsUrl: string
  readonly sandbox: SandboxAccess
  /** The URLs of the twins of real providers, by name. */
  readonly twins: Readonly<Record<string, string>>
  readonly natsUrl: string
  /** Fails if the service that was started here ends before the scope. */
  readonly serviceEnded: Effect.Effect<never, CliFailure>
}

const READY_MS_MAX = 60_000
const STARTS_MAX = 3
const TWIN_MS_MAX = 10_000

const program = fileURLToPath(new URL("../cli/main.ts", import.meta.url))

/** How long the demo waits for silent banks: short, so that it ends within seconds. */
const impatience = { PROVIDER_TIMEOUT_MS: "2000", INQUIRY_DELAYS_MS: "1000,2000,5000,10000,30000" }

/**
 * Starts what is missing on a data folder, and uses a service that already runs there. What it started ends with the
 * scope: first the service, which drains, then the sandbox, then the servers. `report` gets a line for each part.
 */
export const startLocalPlatform = Effect.fn("startLocalPlatform")(function* (
  dataDir: string,
  report: (line: string) => void,
  twins: LocalTwins = { names: [] },
): Effect.fn.Return<LocalPlatform, CliFailure, Scope.Scope> {
  const running = yield* runningService(dataDir)
  if (Option.isNone(running)) return yield* startAll(dataDir, report, twins)
  if (twins.names.length > 0)
    return yield* new CliFailure({
      reason: `Process ${running.value.pid} runs a service on this data folder, with the providers it was started with: stop it, or give another --data-dir.`,
    })
  return yield* attach(dataDir, running.value, report)
})

const attach = Effect.fnUntraced(function* (
  dataDir: string,
  { url, operationsUrl, pid, sandbox }: ServiceRecord,
  report: (line: string) => void,
) {
  if (sandbox === undefined)
    return yield* new CliFailure({ reason: `Process ${pid} runs a service here that is not the sandbox's.` })
  const { natsUrl } = yield* startServers(dataDir, report)
  report(`AtlasPay on ${url} (attached, process ${pid})`)
  return { url, operationsUrl, sandbox, twins: {}, natsUrl, serviceEnded: Effect.never }
})

const startAll = Effect.fnUntraced(function* (
  dataDir: string,
  report: (line: string) => void,
  chosen: LocalTwins,
) {
  const together = { concurrency: "unbounded" } as const
  const [stack, sandbox] = yield* Effect.all(
    [startServers(dataDir, report), startLocalSandbox(dataDir, chosen)],
    together,
  )
  const { compliance, banks, ledger, twins = {} } = sandbox
  report(`Sandbox: compliance engine ${compliance}, ledger ${ledger},`)
  report(
    `  banks ${Object.entries(banks)
      .map((bank) => bank.join(" "))
      .join(", ")}`,
  )
  if (chosen.names.length > 0)
    report(
      `Twins of real providers: ${Object.entries(twins)
        .map((twin) => twin.join(" "))
        .join(", ")}`,
    )
  const settings = {
    ...impatience,
    REDIS_URL: stack.redisUrl,
    DATABASE_URL: stack.databaseUrl,
    NATS_URL: stack.natsUrl,
    ...sandboxEnvironment({
      ...withTwinsAsBanks(sandbox),
      providersFile: writeLocalProviders(dataDir, sandbox),
    }),
    API_KEYS: sandboxApiKeys,
    OPERATOR_KEYS: sandboxOperatorKeys,
    MASTER_KEYS: process.env.MASTER_KEYS || localMasterKeys(dataDir),
    WEBHOOKS_ALLOW_PRIVATE: "true",
  }
  const { url, operationsUrl, pid, ended } = yield* startService(dataDir, settings).pipe(
    Effect.retry({ times: STARTS_MAX - 1 }),
  )
  yield* tellOfNotifications(twins, url)
  report(`AtlasPay on ${url} (process ${pid})`)
  return {
    url,
    operationsUrl,
    sandbox: accessOf(settings),
    twins,
    natsUrl: stack.natsUrl,
    serviceEnded: ended,
  }
})

/** Tells the twin of Adyen where the service listens. Orders to Adyen do not say where it notifies: its customer enters that once, as this does at the twin. */
export const tellOfNotifications = Effect.fnUntraced(function* (
  { adyen }: NonNullable<LocalSandboxUrls["twins"]>,
  service: string,
) {
  if (adyen === undefined) return
  const { ok } = yield* Effect.tryPromise({
    try: (interrupted) =>
      fetch(`${adyen}/sandbox/webhook`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ url: `${service}/bank-callbacks/adyen` }),
        signal: AbortSignal.any([interrupted, AbortSignal.timeout(TWIN_MS_MAX)]),
      }),
    catch: () => new CliFailure({ reason: "The twin of Adyen does not answer." }),
  })
  if (!ok) return yield* new CliFailure({ reason: "The twin of Adyen does not take the address to notify." })
})

/** The books of the twins that are banks are looked at like those of other banks. */
export const withTwinsAsBanks = ({ banks, twins = {}, ...others }: LocalSandboxUrls) => ({
  ...others,
  banks: {
    ...banks,
    ...Object.fromEntries(
      twinNames.flatMap((name) =>
        partOf[name] === "bank" && twins[name] !== undefined ? [[name, twins[name]]] : [],
      ),
    ),
  },
})

const startServers = (dataDir: string, report: (line: string) => void) =>
  startStack({ dataDir, onProgress: report }).pipe(Effect.mapError(asCliFailure))

/** Starts `serve` as a separate process on free ports, and waits until it is ready. */
const startService = Effect.fnUntraced(function* (
  dataDir: string,
  settings: Readonly<Record<string, string>>,
) {
  const logFile = join(dataDir, "logs", "service.log")
  openDataFolder(dataDir)
  makePrivateFolder(join(dataDir, "logs"))
  const [port, operationsPort] = yield* Effect.all([freePort, freePort], { concurrency: 2 })
  const url = `http://127.0.0.1:${port}`
  const operationsUrl = `http://127.0.0.1:${operationsPort}`
  const service = yield* spawnLeashed({
    command: process.execPath,
    args: [program, "serve", "--data-dir", dataDir],
    env: {
      ...process.env,
      ...settings,
      HOST: "127.0.0.1",
      PORT: String(port),
      PUBLIC_URL: url,
      OPERATIONS_HOST: "127.0.0.1",
      OPERATIONS_PORT: String(operationsPort),
    },
    logFile,
  }).pipe(Effect.mapError(asCliFailure))
  const failed = (what: string) => new CliFailure({ reason: `The service ${what}; ${logFile} says why.` })
  const ready = isReady(operationsUrl).pipe(
    Effect.repeat({ until: (ready) => ready, schedule: Schedule.spaced("50 millis") }),
    Effect.timeoutOrElse({
      duration: READY_MS_MAX,
      orElse: () => failed(`was not ready after ${READY_MS_MAX} ms`),
    }),
  )
  const ended = Effect.flatMap(service.exited, ({ code, signal }) =>
    failed(`ended with ${signal ?? `status ${code}`}`),
  )
  yield* Effect.raceFirst(ready, ended)
  return { url, operationsUrl, pid: service.pid, ended }
})
