/**
 * The stand of `npm run bench:pipeline`: real and empty Redis, Postgres and NATS, the sandbox, and the receiver of
 * webhooks, each in a process of its own. The service and the floor are started on it. All of it ends with the scope; only
 * the logs stay.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Effect, Schedule, type Scope } from "effect"
import { Redis } from "ioredis"
import postgres, { type Sql } from "postgres"
import { startStack } from "../../src/dev/embedded-stack.ts"
import { freePort } from "../../src/dev/embedded-start.ts"
import { type LeashedProcess, spawnLeashed } from "../../src/dev/leashed-process.ts"
import { localMasterKeys } from "../../src/dev/local-master-keys.ts"
import {
  type LocalSandboxUrls,
  sandboxApiKeys,
  sandboxEnvironment,
  sandboxKeys,
} from "../../src/dev/local-sandbox.ts"
import { isReady } from "../../src/dev/service-record.ts"
import { serversIn } from "../../src/platform/nats-address.ts"
import { asCliFailure, CliFailure } from "../../src/terminal/cli-failure.ts"
import { emptyFolder, startServer, withTwoBanks } from "../stand.ts"
import type { ServiceProcess } from "./layout.ts"
import type { Parts } from "./processor-time.ts"
import type { Received } from "./receiver.ts"

/** One of the two that pay: the service or the floor. */
export interface Side {
  readonly name: "service" | "floor"
  /** Where batches are posted, with which key. */
  readonly url: string
  readonly apiKey: string
  /** The stream of its events. */
  readonly stream: string
  readonly processes: Parts
  /** How many payouts are settled in its table in Postgres. */
  readonly rows: () => Promise<number>
  readonly received: () => Promise<Received>
  /** Runs something while the side is stopped, so that it costs the other one nothing. */
  readonly whileFrozen: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

export interface Stand {
  readonly redis: Redis
  readonly sql: Sql
  readonly nats: NatsConnection
  /** Sandbox, receiver and servers. */
  readonly processes: Parts
  readonly startService: (service: Service) => Effect.Effect<Side, CliFailure, Scope.Scope>
  readonly startFloor: Effect.Effect<Side, CliFailure, Scope.Scope>
}

export interface Service {
  /** The checkout of the project whose code runs. */
  readonly checkout: string
  readonly layout: ReadonlyArray<ServiceProcess>
  /** Settings besides those of the stand. */
  readonly settings?: Readonly<Record<string, string>>
  /** The folder that gets a processor profile of each process when it ends. */
  readonly profile?: string
}

const READY_MS_MAX = 60_000
const POLL_MS = 50
const STREAMS = { service: "ATLASPAY", floor: "FLOOR" } as const
/** More than any run leaves open: an intake that refuses batches would fail the run. */
const BACKLOG_MAX = "10000000"

/** Starts everything in `folder`, an absolute path that no other process may use. `sandboxArguments` are added to the sandbox's own. */
export const startPipelineStand = Effect.fn("startPipelineStand")(function* (
  folder: string,
  sandboxArguments: ReadonlyArray<string>,
  report: (line: string) => void,
): Effect.fn.Return<Stand, CliFailure, Scope.Scope> {
  yield* emptyFolder(folder)
  const [stack, sandbox, receiver] = yield* Effect.all(
    [
      startStack({ dataDir: folder, given: {}, onProgress: report }).pipe(Effect.mapError(asCliFailure)),
      startProgram(folder, "sandbox", "../../src/sandbox/main.ts", [
        ...["--data", join(folder, "sandbox")],
        ...sandboxArguments,
      ]),
      startProgram(folder, "receiver", "receiver.ts", []),
    ],
    { concurrency: "unbounded" },
  )
  const connections = yield* connectTo(stack)
  const environment = {
    ...sandboxEnvironment(withTwoBanks(JSON.parse(sandbox.line) as LocalSandboxUrls)),
    REDIS_URL: stack.redisUrl,
    DATABASE_URL: stack.databaseUrl,
    NATS_URL: stack.natsUrl,
    // The floor has no quota, and all clients use one key.
    REQUESTS_PER_SECOND: "1000000",
    API_KEYS: sandboxApiKeys,
    MASTER_KEYS: localMasterKeys(folder),
    WEBHOOKS_ALLOW_PRIVATE: "true",
    BACKLOG_MAX,
  }
  const shared = { folder, environment, connections, receiver: receiver.line, report }
  return {
    ...connections,
    processes: {
      ...(yield* attempted(() => serverProcesses(folder, connections))),
      sandbox: [sandbox.process.pid],
      receiver: [receiver.process.pid],
    },
    startService: (service) => startService(shared, service),
    startFloor: startFloor(shared),
  }
})

interface Shared {
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  readonly connections: Connections
  /** The URL of the receiver of webhooks. */
  readonly receiver: string
  readonly report: (line: string) => void
}

export type Connections = Pick<Stand, "redis" | "sql" | "nats">

/** Connects to the servers until the scope closes. */
export const connectTo = Effect.fnUntraced(function* (stack: {
  readonly redisUrl: string
  readonly databaseUrl: string
  readonly natsUrl: string
}): Effect.fn.Return<Connections, CliFailure, Scope.Scope> {
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => new Redis(stack.redisUrl)),
    (redis) => Effect.sync(() => redis.disconnect()),
  )
  // The growth of the append-only file is what was written to it.
  yield* attempted(() => redis.config("SET", "auto-aof-rewrite-percentage", 0))
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(stack.databaseUrl, { max: 1, onnotice: () => {} })),
    (sql) => Effect.promise(() => sql.end()),
  )
  const nats = yield* Effect.acquireRelease(
    attempted(() => connect({ name: "bench", ...serversIn(stack.natsUrl) })),
    (nats) => Effect.promise(() => nats.close()),
  )
  return { redis, sql, nats }
})

/** The servers as processes: each knows itself, except for NATS, whose command line has its folder. */
export const serverProcesses = async (folder: string, { redis, sql }: Connections): Promise<Parts> => {
  const redisPid = Number(/^process_id:(\d+)/m.exec(await redis.info("server"))?.[1])
  const [row] = await sql<Array<{ folder: string }>>`select current_setting('data_directory') as folder`
  const postmaster = readFileSync(join(row?.folder ?? "", "postmaster.pid"), "utf8").split("\n", 1)[0]
  const nats = natsPids(folder)
  if (nats.length !== 1) throw new Error(`${nats.length} NATS servers work in ${folder}`)
  return { redis: [redisPid], postgres: [Number(postmaster)], nats }
}

const natsPids = (folder: string): ReadonlyArray<number> => {
  const isNats = (pid: string): boolean => {
    const file = `/proc/${pid}/cmdline`
    const [program = "", ...args] = existsSync(file) ? readFileSync(file, "utf8").split("\0") : []
    return program.endsWith("nats-server") && args.some((arg) => arg.startsWith(folder))
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isNats(name))
    .map(Number)
}

const startService = Effect.fnUntraced(function* (
  { folder, environment, connections: { sql }, receiver, report }: Shared,
  { checkout, layout, settings: own = {}, profile }: Service,
): Effect.fn.Return<Side, CliFailure, Scope.Scope> {
  const [port, operationsPort] = yield* Effect.all([freePort, freePort], { concurrency: 2 })
  const origin = `http://127.0.0.1:${port}`
  const settings = { ...environment, PUBLIC_URL: origin, NATS_STREAM: STREAMS.service, ...own }
  const started = yield* Effect.forEach(layout, ({ name, roles }, index) => {
    const isApi = roles.split(",").includes("api")
    const api = { HOST: "127.0.0.1", PORT: String(port), OPERATIONS_PORT: String(operationsPort) }
    return startRoles({
      ...{ folder, checkout, roles, profile, name: `${name}-${index + 1}` },
      settings: { ...settings, ...(isApi ? api : {}) },
    }).pipe(Effect.map((process) => ({ name, process })))
  })
  yield* isReady(`http://127.0.0.1:${operationsPort}`).pipe(
    Effect.repeat({ until: (ready) => ready, schedule: Schedule.spaced(POLL_MS) }),
    Effect.timeoutOrElse({ duration: READY_MS_MAX, orElse: () => notReady(folder, "api") }),
  )
  yield* attempted(() => addEndpoint(origin, receiver))
  report(`service of ${checkout}: ${started.map(({ name, process }) => `${name} ${process.pid}`).join(", ")}`)
  const pids = Map.groupBy(started, ({ name }) => name)
  return {
    name: "service",
    url: `${origin}/payout-batches`,
    apiKey: sandboxKeys.partner,
    stream: STREAMS.service,
    processes: Object.fromEntries(
      [...pids].map(([name, some]) => [name, some.map(({ process }) => process.pid)]),
    ),
    rows: () => countOf(sql`select count(*)::int as count from payout_items where state = 'settled'`),
    received: () => receivedBy(receiver, "service"),
    whileFrozen: freezing(started.map(({ process }) => process)),
  }
})

interface RolesStart {
  readonly folder: string
  readonly checkout: string
  readonly name: string
  readonly roles: string
  readonly settings: Readonly<Record<string, string>>
  readonly profile: string | undefined
}

/** Starts some roles as `npm start` does, and waits until they run. */
const startRoles = Effect.fnUntraced(function* ({
  folder,
  checkout,
  name,
  roles,
  settings,
  profile,
}: RolesStart): Effect.fn.Return<LeashedProcess, CliFailure, Scope.Scope> {
  const program = join(checkout, "src/cli/main.ts")
  const logFile = logFileOf(folder, name)
  const process_ = yield* spawnLeashed({
    command: process.execPath,
    args: [
      ...(profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(profile, name)}`]),
      ...["--max-semi-space-size=64", program, "serve"],
      ...["--roles", roles, "--data-dir", join(folder, name)],
    ],
    cwd: checkout,
    env: { PATH: process.env.PATH, ...settings },
    logFile,
  }).pipe(Effect.mapError(asCliFailure))
  const runs = Effect.sync(() => readFileSync(logFile, "utf8").includes("Press Ctrl-C to stop")).pipe(
    Effect.repeat({ until: (runs) => runs, schedule: Schedule.spaced(POLL_MS) }),
    Effect.timeoutOrElse({ duration: READY_MS_MAX, orElse: () => notReady(folder, name) }),
  )
  yield* Effect.raceFirst(runs, Effect.andThen(process_.exited, notReady(folder, name)))
  return process_
})

/** Lets the partner be notified of what is settled, and the receiver know the secret. */
const addEndpoint = async (origin: string, receiver: string): Promise<void> => {
  const answer = await fetch(`${origin}/webhook-endpoints`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${sandboxKeys.partner}` },
    body: JSON.stringify({ url: `${receiver}/service`, eventTypes: ["com.atlaspay.payout.settled.v1"] }),
  })
  if (answer.status !== 201) throw new Error(`the webhook endpoint was refused: ${await answer.text()}`)
  const { secret } = (await answer.json()) as { secret: string }
  await setSecret(receiver, "service", secret)
}

const startFloor = Effect.fnUntraced(function* ({
  folder,
  environment,
  connections: { sql },
  receiver,
}: Shared): Effect.fn.Return<Side, CliFailure, Scope.Scope> {
  const secret = `whsec_${Buffer.from("the floor signs its webhooks").toString("base64")}`
  yield* attempted(() => setSecret(receiver, "floor", secret))
  const { target, process } = yield* startServer(folder, "floor", "pipeline/floor.ts", {
    ...environment,
    NATS_STREAM: STREAMS.floor,
    WEBHOOK_URL: `${receiver}/floor`,
    WEBHOOK_SECRET: secret,
  })
  return {
    name: "floor",
    ...target,
    stream: STREAMS.floor,
    processes: { floor: [process.pid] },
    rows: () => countOf(sql`select count(*)::int as count from floor_payouts where state = 'settled'`),
    received: () => receivedBy(receiver, "floor"),
    whileFrozen: freezing([process]),
  }
})

const freezing =
  (processes: ReadonlyArray<LeashedProcess>): Side["whileFrozen"] =>
  (effect) => {
    const signalAll = (signal: NodeJS.Signals) =>
      Effect.forEach(processes, (process) => process.kill(signal), { discard: true })
    return Effect.acquireUseRelease(
      signalAll("SIGSTOP"),
      () => effect,
      () => signalAll("SIGCONT"),
    )
  }

/**
 * Starts one of our programs, named from this file, that prints one line when it is ready, and returns that line. It gets only
 * these settings.
 */
export const startProgram = Effect.fnUntraced(function* (
  folder: string,
  name: string,
  program: string,
  args: ReadonlyArray<string>,
  settings: Readonly<Record<string, string>> = {},
) {
  const started = yield* spawnLeashed({
    command: process.execPath,
    args: [fileURLToPath(new URL(program, import.meta.url)), ...args],
    env: { PATH: process.env.PATH, ...settings },
    logFile: logFileOf(folder, name),
    stdout: "pipe",
  }).pipe(Effect.mapError(asCliFailure))
  const line = yield* Effect.raceFirst(
    firstLine(started.stdout),
    Effect.andThen(started.exited, notReady(folder, name)),
  ).pipe(Effect.timeoutOrElse({ duration: READY_MS_MAX, orElse: () => notReady(folder, name) }))
  return { line, process: started }
})

const firstLine = (output: Readable | null): Effect.Effect<string> =>
  Effect.callback((resume) => {
    if (output !== null) createInterface(output).on("line", (line) => resume(Effect.succeed(line)))
  })

const notReady = (folder: string, name: string) =>
  new CliFailure({ reason: `${name} did not get ready; ${logFileOf(folder, name)} says why.` })

const logFileOf = (folder: string, name: string): string => join(folder, "logs", `${name}.log`)

const countOf = async (rows: PromiseLike<ReadonlyArray<{ count?: number }>>): Promise<number> =>
  (await rows)[0]?.count ?? 0

const setSecret = async (receiver: string, side: string, secret: string): Promise<void> => {
  const { ok } = await fetch(`${receiver}/secrets/${side}`, { method: "PUT", body: secret })
  if (!ok) throw new Error("the receiver of webhooks refused the secret")
}

const receivedBy = async (receiver: string, side: string): Promise<Received> =>
  (await fetch(`${receiver}/counts/${side}`)).json() as Promise<Received>

/** A step of the benchmark; its failure ends the run with the message. */
export const attempted = <A>(act: () => PromiseLike<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise({
    try: act,
    catch: (error) => new CliFailure({ reason: error instanceof Error ? error.message : String(error) }),
  })
