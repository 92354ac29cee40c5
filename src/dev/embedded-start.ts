/*
 * Starting a server on a port that is free, and waiting until it is that server which answers there.
 *
 * Another program may take the port before the server does. Then the server logs that and ends, and we try the next port.
 */
import { readFileSync, renameSync, statSync } from "node:fs"
import { createServer } from "node:net"
import { Effect, Schedule, type Scope } from "effect"
import { type ServerConfiguration, type ServerKind, StackError } from "./embedded-kind.ts"
import { type Probe, ProbeError, type ServerAnswer } from "./embedded-probe.ts"
import type { ServerPrograms } from "./embedded-programs.mjs"
import { spawnLeashed } from "./leashed-process.ts"

const READY_WITHIN_MS = 60_000
const POLL_MS = 20
const STARTS_MAX = 5
const RETRY_AFTER_MS = 200
const LOG_BYTES_MAX = 8 * 1024 * 1024
const LOG_TAIL_LINES = 12
/** Log lines of Redis, Postgres and NATS; the last one is Postgres', while children of an earlier run are still ending. */
const PASSING_TROUBLE = /address already in use|could not bind|pre-existing shared memory block/i

export interface StartedServer {
  readonly url: string
  readonly version: string
  readonly port: number
}

/** Servers get only what they need: settings in a developer's shell must not change them. */
export const serverEnvironment = (
  programs: ServerPrograms,
): Readonly<Record<string, string | undefined>> => ({
  PATH: process.env.PATH,
  TMPDIR: process.env.TMPDIR,
  LC_ALL: "C",
  ...programs.environment,
})

/** A port of the loopback interface on which nobody listens at this moment. */
export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = createServer()
  server.once("error", (error) => resume(Effect.die(error)))
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() =>
      resume(Effect.succeed(address === null || typeof address === "string" ? 0 : address.port)),
    )
  })
})

/** Starts the server, which ends with the scope. */
export const startOnFreePort = (
  kind: ServerKind,
  configuration: ServerConfiguration,
  port: Effect.Effect<number>,
): Effect.Effect<StartedServer, StackError, Scope.Scope> =>
  Effect.sync(() => setAsideLongLog(configuration.logFile)).pipe(
    Effect.andThen(port),
    Effect.flatMap((port) => startOnce(kind, configuration, port)),
    Effect.retry({
      times: STARTS_MAX - 1,
      while: ({ reason }) => PASSING_TROUBLE.test(reason),
      schedule: Schedule.spaced(RETRY_AFTER_MS),
    }),
  )

const startOnce = Effect.fnUntraced(function* (
  kind: ServerKind,
  configuration: ServerConfiguration,
  port: number,
): Effect.fn.Return<StartedServer, StackError, Scope.Scope> {
  const { command, logFile, stopSignal, url } = configuration
  const logged = sizeOf(logFile)
  const failed = (what: string) =>
    new StackError({ server: kind.name, reason: `${what}${tailOf(logFile, logged)}`, log: logFile })
  const server = yield* spawnLeashed({ ...command(port), logFile, stopSignal }).pipe(
    Effect.mapError(({ message, cause }) => failed(`${message}: ${cause}`)),
  )
  const ended = server.exited.pipe(
    Effect.flatMap(({ code, signal }) =>
      failed(`ended with ${signal ?? `status ${code}`} before it was ready`),
    ),
  )
  const ready = untilAnswers(kind.probe(url(port)), configuration.identity(server.pid)).pipe(
    Effect.timeoutOrElse({
      duration: READY_WITHIN_MS,
      orElse: () => failed(`not ready after ${READY_WITHIN_MS} ms`),
    }),
  )
  const { version } = yield* Effect.raceFirst(ready, ended)
  return { url: url(port), version, port }
})

/** Polls until our own server answers; another one on the same port does not count. */
const untilAnswers = (probe: ReturnType<Probe>, identity: string): Effect.Effect<ServerAnswer> =>
  probe.pipe(
    Effect.filterOrFail(
      (answer) => answer.identity === identity,
      () => new ProbeError({ cause: new Error("another server answers on this port") }),
    ),
    Effect.retry(Schedule.spaced(POLL_MS)),
    Effect.orDie,
  )

/** At most two files of this size are kept from run to run. */
const setAsideLongLog = (file: string): void => {
  if (sizeOf(file) > LOG_BYTES_MAX) renameSync(file, `${file}.1`)
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** The last lines that were logged after the file had the given size. */
const tailOf = (file: string, since: number): string => {
  if (sizeOf(file) <= since) return ""
  const lines = readFileSync(file).subarray(since).toString("utf8").trimEnd().split("\n")
  return ["", ...lines.slice(-LOG_TAIL_LINES)].join("\n  ")
}
