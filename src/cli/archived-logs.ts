/** The archive for programs that only read logs: the Postgres in DATABASE_URL, or else the local stack's, once a log is asked for. */
import { Console, Context, Effect, Layer, Scope } from "effect"
import { layer as archiveInPostgres } from "../archive/log-archive-postgres.ts"
import { Database } from "../database/database.ts"
import { startStore } from "../dev/embedded-stores.ts"
import { Postgres } from "../platform/postgres.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { LogArchive } from "../streams/log-archive.ts"
import { loggingLayer } from "../telemetry/logging.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { givenTls } from "./given-tls.ts"

const STATEMENT_MS_MAX = 60_000

/**
 * The archive, which connects when it is first asked, so that a log in Redis is read without Postgres. It reads the schema as it is
 * and never migrates it. Fails if production names no Postgres: what is in the archive would look as if it were not there.
 */
export const openArchive = Effect.fnUntraced(function* (
  dataDir: string,
): Effect.fn.Return<Pick<LogArchive["Service"], "entries" | "logs">, CliFailure, Scope.Scope> {
  if (process.env.NODE_ENV === "production" && !process.env.DATABASE_URL)
    return yield* new CliFailure({
      reason: "Not set: DATABASE_URL. Logs of closed batches are in the archive.",
    })
  if (process.env.REDIS_URL && !process.env.DATABASE_URL) {
    // The local stack's archive is not of these logs. Whoever asks for all logs is not told that those in Redis are all.
    yield* Console.error("DATABASE_URL is not set: logs that are only in the archive are not read.")
    return { entries: () => Effect.succeed([]), logs: () => notNamed }
  }
  const scope = yield* Effect.scope
  const opened = yield* Effect.cached(Scope.provide(connect(dataDir), scope))
  return {
    entries: (batch, after, limit) => Effect.flatMap(opened, ({ entries }) => entries(batch, after, limit)),
    logs: (after, limit) => Effect.flatMap(opened, ({ logs }) => logs(after, limit)),
  }
})

const notNamed = new StoreUnavailable({
  store: "postgres",
  step: "list of archived logs",
  reason: "DATABASE_URL is not set",
})

const connect = Effect.fnUntraced(function* (dataDir: string) {
  const url =
    process.env.DATABASE_URL ||
    (yield* startStore(dataDir, "postgres").pipe(
      Effect.mapError(
        ({ message }) => new StoreUnavailable({ store: "postgres", step: "start", reason: message }),
      ),
    ))
  const postgres = Postgres.patient(url, STATEMENT_MS_MAX, givenTls("DATABASE")).pipe(
    Layer.provide(loggingLayer()),
  )
  const services = yield* Layer.build(
    archiveInPostgres.pipe(
      Layer.provide(Layer.effect(Database, Effect.service(Postgres)).pipe(Layer.provide(postgres))),
    ),
  )
  return Context.get(services, LogArchive)
})
