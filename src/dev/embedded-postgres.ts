/*
 * Postgres with its default, durable settings, on the loopback interface only.
 *
 * It refuses to run as root, so root runs it as `postgres`, or as `nobody` if that user does not exist. If that user
 * cannot enter the data folder (for instance in a clone below /root), the data is in a separate folder under /var/tmp,
 * named after the data folder.
 */
import { execFile, spawnSync } from "node:child_process"
import { createHash, randomUUID } from "node:crypto"
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { writePrivately } from "./data-folder.ts"
import { type ServerKind, StackError } from "./embedded-kind.ts"
import { passwordFile, passwordIn } from "./embedded-password.ts"
import { probePostgres } from "./embedded-probe.ts"
import type { ServerPrograms } from "./embedded-programs.mjs"
import { serverEnvironment } from "./embedded-start.ts"
import { type RunAs, userToRunAs } from "./embedded-user.ts"
import { spawnLeashed } from "./leashed-process.ts"

const ROLE = "atlaspay"
const UNFINISHED = "initdb-"
const SINGLE_MS_MAX = 60_000

interface Cluster {
  readonly programs: ServerPrograms
  readonly home: string
  readonly data: string
  readonly runAs: RunAs
  readonly logFile: string
}

export const postgres: ServerKind = {
  name: "Postgres",
  urlVariable: "DATABASE_URL",
  programs: "postgres",
  probe: probePostgres,
  configure: (programs, folders) =>
    attempt("cannot be run on this data folder", () => {
      const runAs = userToRunAs()
      const home = homeFor(folders.data, runAs)
      const logFile = join(folders.logs, "postgres.log")
      const cluster: Cluster = { programs, home, data: join(home, "data"), runAs, logFile }
      return {
        program: "postgres",
        folder: cluster.data,
        mark: `-D ${cluster.data}`,
        // SIGINT stops it at once; after SIGTERM it waits until every client has disconnected.
        stopSignal: "SIGINT",
        logFile,
        prepare: Effect.scoped(prepare(cluster)),
        command: (port) => run(cluster, "postgres", postgresArguments(cluster, port)),
        url: (port) => `postgres://${ROLE}:${passwordIn(home, runAs)}@127.0.0.1:${port}/postgres`,
        identity: () => cluster.data,
      }
    }),
}

/** JIT compilation only slows queries as small as ours. GMT needs no time zone files. */
const postgresArguments = ({ data }: Cluster, port: number): ReadonlyArray<string> => [
  ...["-D", data],
  ...["-p", String(port)],
  ...[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "jit=off",
    "timezone=GMT",
    "log_timezone=GMT",
  ].flatMap((setting) => ["-c", setting]),
]

const run = ({ programs, runAs, home }: Cluster, program: string, args: ReadonlyArray<string>) => ({
  command: join(programs.folder, program),
  args,
  env: serverEnvironment(programs),
  cwd: home,
  ...runAs,
})

const prepare = Effect.fnUntraced(function* (cluster: Cluster) {
  yield* attempt("cannot prepare its data folder", () => {
    ownFolder(cluster.home, cluster.runAs)
    removeUnfinished(cluster.home)
    removeMisleadingPidFile(cluster.data)
  })
  yield* attempt("cannot keep its password", () => passwordIn(cluster.home, cluster.runAs))
  if (!existsSync(cluster.data)) yield* initialise(cluster)
  else if (yield* attempt("cannot read who may connect", () => trustsEverybody(cluster)))
    yield* askForPassword(cluster)
})

const accessFile = ({ data }: Cluster): string => join(data, "pg_hba.conf")

/** The rules of earlier data folders, without passwords: everybody who reached the port was let in. */
const trustsEverybody = (cluster: Cluster): boolean =>
  /^\s*(host|local)\b.*\btrust\b/m.test(readFileSync(accessFile(cluster), "utf8"))

/** First the password, then the rule that requires it: after a crash between the two, the next start repeats both. */
const askForPassword = Effect.fnUntraced(function* (cluster: Cluster) {
  yield* setPassword(cluster)
  yield* attempt("cannot write who may connect", () => {
    const draft = join(cluster.data, "pg_hba.conf.new")
    writePrivately(draft, "host all all 127.0.0.1/32 scram-sha-256\n")
    const { uid, gid } = cluster.runAs
    if (uid !== undefined && gid !== undefined) chownSync(draft, uid, gid)
    renameSync(draft, accessFile(cluster))
  })
})

/** Uses a single-user server, which nobody can connect to, and gives it the statement on its input, which nobody can see. */
const setPassword = (cluster: Cluster): Effect.Effect<void, StackError> =>
  Effect.callback((resume) => {
    const settings = ["-c", "password_encryption=scram-sha-256"]
    const { command, args, ...options } = run(cluster, "postgres", [
      "--single",
      ...["-D", cluster.data],
      ...settings,
      "postgres",
    ])
    const server = execFile(command, [...args], { ...options, timeout: SINGLE_MS_MAX }, (error) => {
      const reason = "its role cannot be given a password"
      resume(
        error === null
          ? Effect.void
          : Effect.fail(new StackError({ server: "Postgres", reason, log: cluster.logFile })),
      )
    })
    // If it ends before it reads its input, the call fails.
    server.stdin?.on("error", () => undefined)
    server.stdin?.end(`alter role ${ROLE} password '${passwordIn(cluster.home, cluster.runAs)}'\n`)
  })

/** An existing folder is complete, because it gets its name last. */
const initialise = Effect.fnUntraced(function* (
  cluster: Cluster,
): Effect.fn.Return<void, StackError, Scope.Scope> {
  const unfinished = join(cluster.home, `${UNFINISHED}${randomUUID()}`)
  const failed = (reason: string) => new StackError({ server: "Postgres", reason, log: cluster.logFile })
  const initdb = yield* spawnLeashed({
    ...run(cluster, "initdb", [
      "-D",
      unfinished,
      "-U",
      ROLE,
      "--auth=scram-sha-256",
      `--pwfile=${passwordFile(cluster.home)}`,
      "--encoding=UTF8",
      "--locale=C",
    ]),
    logFile: cluster.logFile,
  }).pipe(Effect.mapError((error) => failed(`${error.message}: ${error.cause}`)))
  const { code, signal } = yield* initdb.exited
  if (code !== 0) return yield* failed(`initdb ended with ${signal ?? `status ${code}`}`)
  yield* attempt("cannot keep its new data folder", () => renameSync(unfinished, cluster.data))
})

const removeUnfinished = (home: string): void => {
  for (const entry of readdirSync(home).filter((entry) => entry.startsWith(UNFINISHED)))
    rmSync(join(home, entry), { recursive: true })
}

/**
 * Removes the pid file of an earlier run. Postgres removes it itself, unless any process has that pid now, also another
 * program's or one that only waits to be reaped. Our own processes have ended when this runs.
 */
const removeMisleadingPidFile = (data: string): void => {
  const file = join(data, "postmaster.pid")
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, "utf8").split("\n", 1)[0])
  if (existsPid(pid)) rmSync(file)
}

const existsPid = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false
    throw error
  }
}

/** The Postgres folder of a data folder: inside it, if the user that runs Postgres can enter it. */
const homeFor = (dataDir: string, runAs: RunAs): string => {
  const entered = spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", dataDir], { cwd: "/", ...runAs })
  if (entered.error !== undefined) throw entered.error
  const within = join(dataDir, "postgres")
  const elsewhere = join(
    "/var/tmp",
    `atlaspay-${createHash("sha256").update(dataDir).digest("hex").slice(0, 12)}`,
  )
  // Existing data stays where it is, even if the user can enter the data folder by now.
  const isElsewhere = existsSync(join(elsewhere, "data")) && !existsSync(join(within, "data"))
  return entered.status === 0 && !isElsewhere ? within : elsewhere
}

/** Creates a private folder, and refuses one that another user put in its place. */
const ownFolder = (folder: string, { uid, gid }: RunAs): void => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  if (!found.isDirectory() || ![process.getuid?.(), uid].includes(found.uid))
    throw new Error(`${folder} belongs to somebody else`)
  chmodSync(folder, 0o700)
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
}

const attempt = <A>(what: string, action: () => A): Effect.Effect<A, StackError> =>
  Effect.try({
    try: action,
    catch: (cause) =>
      new StackError({
        server: "Postgres",
        reason: `${what}: ${cause instanceof Error ? cause.message : cause}`,
      }),
  })
