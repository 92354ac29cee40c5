/*
 * The life of one embedded server, the same for Redis, Postgres and NATS.
 *
 *   given      the environment has its URL: it only has to answer
 *   attached   a live process of this project already runs it on this data folder: we use its URL
 *   started    otherwise we start it on a free loopback port, and stop it with the scope
 *
 * A lock beside the data folder makes looking, starting and stopping one step each, so two processes can neither both
 * start a server on one folder, nor start one while another one stops it. A record file says which process runs the
 * server. If that process is dead, we first end what it left running.
 */
import { join } from "node:path"
import { Effect, Exit, Option, Scope } from "effect"
import { type RunningServer, type ServerConfiguration, type ServerKind, StackError } from "./embedded-kind.ts"
import { withLock } from "./embedded-lock.ts"
import { endAll, isAlive, processesOf } from "./embedded-process.ts"
import { dropRecord, readRecord, writeRecord } from "./embedded-record.ts"
import { startOnFreePort } from "./embedded-start.ts"

const LOCK_WAIT_MS = 120_000
const ATTACH_TRIES = 20
const ATTACH_RETRY_MS = 100

/** Checks that a server whose URL was given answers. Never shows the URL, which may contain a password. */
export const useGivenServer = Effect.fn("useGivenServer")(function* (
  kind: ServerKind,
  url: string,
): Effect.fn.Return<RunningServer, StackError> {
  const since = Date.now()
  const { version } = yield* kind.probe(url).pipe(
    Effect.mapError(({ message }) => {
      const reason = `the server in ${kind.urlVariable} does not answer: ${message}`
      return new StackError({ server: kind.name, reason })
    }),
  )
  return {
    name: kind.name,
    url,
    version,
    port: portOf(url),
    origin: "given",
    readyAfterMs: Date.now() - since,
  }
})

/** A server that runs on this data folder: attached to or started, see the top of this file. */
export const useServer = Effect.fn("useServer")(function* (
  kind: ServerKind,
  configuration: ServerConfiguration,
  runFolder: string,
  port: Effect.Effect<number>,
): Effect.fn.Return<RunningServer, StackError, Scope.Scope> {
  const since = Date.now()
  const server = { kind, configuration, runFolder, port }
  const found = yield* attachOrStart(server).pipe(
    locked(server),
    Effect.catchTag("LockError", ({ message }) => new StackError({ server: kind.name, reason: message })),
  )
  return { ...found, name: kind.name, readyAfterMs: Date.now() - since }
})

interface EmbeddedServer {
  readonly kind: ServerKind
  readonly configuration: ServerConfiguration
  readonly runFolder: string
  readonly port: Effect.Effect<number>
}

type Found = Omit<RunningServer, "name" | "readyAfterMs">

const attachOrStart = Effect.fnUntraced(function* (server: EmbeddedServer) {
  const running = yield* attach(server)
  return Option.isSome(running) ? running.value : yield* start(server)
})

const attach = Effect.fnUntraced(function* (
  server: EmbeddedServer,
): Effect.fn.Return<Option.Option<Found>, StackError> {
  const record = yield* readRecord(recordFile(server))
  if (Option.isNone(record)) return Option.none()
  const { owner, url, version, port } = record.value
  for (let tries = 1; isAlive(owner); tries += 1) {
    const exit = yield* Effect.exit(server.kind.probe(url))
    // Look at the owner again: after its death its servers still answer for a moment.
    if (Exit.isSuccess(exit) && isAlive(owner)) return Option.some({ url, version, port, origin: "attached" })
    if (tries === ATTACH_TRIES) {
      const reason = `process ${owner.pid} runs it, but it does not answer; stop that process and try again`
      return yield* new StackError({ server: server.kind.name, reason, log: server.configuration.logFile })
    }
    // An owner that was just killed may still be visible while its server already stops.
    yield* Effect.sleep(ATTACH_RETRY_MS)
  }
  return Option.none()
})

const start = Effect.fnUntraced(function* (
  server: EmbeddedServer,
): Effect.fn.Return<Found, StackError, Scope.Scope> {
  yield* endOrphans(server)
  yield* server.configuration.prepare
  const processes = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => stop(server, Scope.close(processes, exit)))
  const started = yield* startOnFreePort(server.kind, server.configuration, server.port).pipe(
    Scope.provide(processes),
  )
  yield* writeRecord(recordFile(server), started)
  return { ...started, origin: "started" }
})

/** Also ends an interrupted start. If it does not get the lock in time, it stops our own processes even so. */
const stop = (server: EmbeddedServer, stopProcesses: Effect.Effect<void>): Effect.Effect<void> =>
  dropRecord(recordFile(server)).pipe(
    Effect.andThen(stopProcesses),
    locked(server),
    Effect.catchTag("LockError", ({ message }) =>
      Effect.logWarning(message).pipe(Effect.andThen(stopProcesses)),
    ),
  )

/** Ends what a dead process left running on the data folder. No live process owns the folder when this is called. */
const endOrphans = Effect.fnUntraced(function* ({ kind, configuration }: EmbeddedServer) {
  const remaining = yield* endAll(processesOf(configuration), configuration.stopSignal)
  if (remaining.length === 0) return
  const pids = remaining.map(({ pid }) => pid).join(", ")
  const reason = `process ${pids} of an earlier run still uses the data folder and cannot be ended`
  return yield* new StackError({ server: kind.name, reason })
})

const locked = ({ configuration, runFolder }: EmbeddedServer) =>
  withLock(join(runFolder, `${configuration.program}.lock`), LOCK_WAIT_MS)

const recordFile = ({ configuration, runFolder }: EmbeddedServer): string =>
  join(runFolder, `${configuration.program}.json`)

/** Zero if the URL has no port, or is a list of addresses as NATS allows. */
const portOf = (url: string): number => (URL.canParse(url) ? Number(new URL(url).port) : 0)
