/** The stand on which acceptance is measured: the real stack, sandbox and service, and the floor. */
import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schedule, type Scope } from "effect"
import { startStack } from "../src/dev/embedded-stack.ts"
import { freePort } from "../src/dev/embedded-start.ts"
import { type LeashedProcess, spawnLeashed } from "../src/dev/leashed-process.ts"
import { localMasterKeys } from "../src/dev/local-master-keys.ts"
import {
  type LocalSandboxUrls,
  sandboxApiKeys,
  sandboxEnvironment,
  sandboxKeys,
  startLocalSandbox,
} from "../src/dev/local-sandbox.ts"
import { isReady } from "../src/dev/service-record.ts"
import { asCliFailure, CliFailure } from "../src/terminal/cli-failure.ts"
import type { Target } from "./load.ts"
import type { ServiceProcess } from "./pipeline/layout.ts"

export interface Stand {
  readonly service: Target
  readonly floor: Target
  readonly databaseUrl: string
  /** Runs an effect while the service is stopped. */
  readonly whileServiceIsFrozen: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

const READY_MS_MAX = 60_000

/** More than any load leaves behind: an intake that refuses batches would be quick, and measure nothing. */
const backlog = { BACKLOG_MAX: "10000000", PARTNER_BACKLOG_MAX: "10000000" }

const apiKey = sandboxKeys.partner

/**
 * Starts everything in `folder`, which no other process may use, on its own empty servers: the leftovers of an earlier
 * run would be work for the service. One process of the layout has the API. All of it ends with the scope; only the logs
 * stay.
 */
export const startStand = Effect.fn("startStand")(function* (
  folder: string,
  layout: ReadonlyArray<ServiceProcess>,
  report: (line: string) => void,
): Effect.fn.Return<Stand, CliFailure, Scope.Scope> {
  yield* emptyFolder(folder)
  const [stack, sandbox] = yield* Effect.all(
    [
      startStack({ dataDir: folder, given: {}, onProgress: report }).pipe(Effect.mapError(asCliFailure)),
      startLocalSandbox(folder),
    ],
    { concurrency: "unbounded" },
  )
  const { redisUrl, databaseUrl, natsUrl } = stack
  const settings = {
    ...backlog,
    ...sandboxEnvironment(withTwoBanks(sandbox)),
    REDIS_URL: redisUrl,
    DATABASE_URL: databaseUrl,
    NATS_URL: natsUrl,
    // The floor has no quota, and all clients use one key.
    REQUESTS_PER_SECOND: "1000000",
    API_KEYS: sandboxApiKeys,
    MASTER_KEYS: localMasterKeys(folder),
  }
  const port = String(yield* freePort)
  const own = { ...settings, PUBLIC_URL: `http://127.0.0.1:${port}` }
  const withApi = layout.filter(hasApi)
  const [api, floor] = yield* Effect.all([
    startServer(folder, "api", "../src/main.ts", {
      ...own,
      PORT: port,
      ROLES: withApi.map(({ roles }) => roles).join(),
    }),
    startServer(folder, "floor", "floor.ts", { REDIS_URL: redisUrl }),
  ])
  const others = yield* Effect.forEach(
    layout.filter((process) => !hasApi(process)),
    ({ name, roles }, index) =>
      startProcess(folder, `${name}-${index + 1}`, "../src/main.ts", { ...own, ROLES: roles }),
  )
  const service = [api.process, ...others]
  const pids = service.map(({ pid }) => pid)
  report(`service: processes ${pids.join(", ")}; floor: process ${floor.process.pid}`)
  const tellService = (signal: NodeJS.Signals) =>
    Effect.forEach(service, (process) => process.kill(signal), { discard: true })
  return {
    service: api.target,
    floor: floor.target,
    databaseUrl,
    whileServiceIsFrozen: (effect) =>
      Effect.acquireUseRelease(
        tellService("SIGSTOP"),
        () => effect,
        () => tellService("SIGCONT"),
      ),
  }
})

const hasApi = ({ roles }: ServiceProcess): boolean => roles.split(",").includes("api")

/** The sandbox with the two banks that the settings without a file can describe. All payouts go to them. */
export const withTwoBanks = ({ banks: { north, south }, ...others }: LocalSandboxUrls) => ({
  ...others,
  banks: { north, south },
})

/** Empties a folder except for its logs, now and at the end of the scope. */
export const emptyFolder = (folder: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(join(folder, "logs"), { recursive: true })
    }),
    () =>
      Effect.sync(() => {
        for (const entry of readdirSync(folder).filter((name) => name !== "logs"))
          rmSync(join(folder, entry), { recursive: true, force: true })
      }),
  )

/** One of our programs, when it is ready. */
export interface Started {
  readonly target: Target
  readonly operationsUrl: string
  readonly process: LeashedProcess
}

/**
 * Starts one of our programs with only these settings, on the ports in them or on free ones, and waits until it is
 * ready.
 */
export const startServer = Effect.fnUntraced(function* (
  folder: string,
  name: string,
  program: string,
  settings: Readonly<Record<string, string>>,
): Effect.fn.Return<Started, CliFailure, Scope.Scope> {
  const portOf = (given: string | undefined) =>
    given === undefined ? freePort : Effect.succeed(Number(given))
  const [port, operationsPort] = yield* Effect.all(
    [portOf(settings.PORT), portOf(settings.OPERATIONS_PORT)],
    { concurrency: 2 },
  )
  const process_ = yield* startProcess(folder, name, program, {
    HOST: "127.0.0.1",
    PORT: String(port),
    OPERATIONS_PORT: String(operationsPort),
    ...settings,
  })
  const failed = (what: string) =>
    new CliFailure({ reason: `The ${name} ${what}; ${logFileOf(folder, name)} says why.` })
  const url = `http://127.0.0.1:${port}`
  const operationsUrl = `http://127.0.0.1:${operationsPort}`
  const ready = isReady(operationsUrl).pipe(
    Effect.repeat({ until: (ready) => ready, schedule: Schedule.spaced("50 millis") }),
    Effect.timeoutOrElse({ duration: READY_MS_MAX, orElse: () => failed("did not get ready") }),
  )
  yield* Effect.raceFirst(ready, Effect.andThen(process_.exited, failed("ended before it was ready")))
  return { target: { url: `${url}/payout-batches`, apiKey }, operationsUrl, process: process_ }
})

/** Starts one of our programs with only these settings. */
const startProcess = (
  folder: string,
  name: string,
  program: string,
  settings: Readonly<Record<string, string>>,
): Effect.Effect<LeashedProcess, CliFailure, Scope.Scope> =>
  spawnLeashed({
    command: process.execPath,
    // As `npm start` does.
    args: ["--max-semi-space-size=64", fileURLToPath(new URL(program, import.meta.url))],
    env: { PATH: process.env.PATH, ...settings },
    logFile: logFileOf(folder, name),
  }).pipe(Effect.mapError(asCliFailure))

const logFileOf = (folder: string, name: string): string => join(folder, "logs", `${name}.log`)
