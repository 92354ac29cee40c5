/** Reads archived logs directly from Postgres. It only reads: it migrates nothing. */
import { Effect, Layer, type Scope } from "effect"
import { layer as logArchiveInPostgres } from "../archive/log-archive-postgres.ts"
import { Database } from "../database/database.ts"
import { Postgres } from "../platform/postgres.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { LogArchive } from "../streams/log-archive.ts"
import { givenTls } from "./given-tls.ts"

const STATEMENT_MS_MAX = 15_000
/** The SQLSTATE of a database of a release that had no archive. */
const NO_TABLE = "42P01"

/** The archive in the Postgres of a URL. It has nothing if that Postgres has no archive. Disconnects with the scope. */
export const openLogArchive = Effect.fnUntraced(function* (
  url: string,
): Effect.fn.Return<Pick<LogArchive["Service"], "entries">, StoreUnavailable, Scope.Scope> {
  const services = yield* Layer.build(
    logArchiveInPostgres.pipe(
      Layer.provide(Layer.effect(Database, Effect.service(Postgres))),
      Layer.provide(Postgres.patient(url, STATEMENT_MS_MAX, givenTls("DATABASE"))),
    ),
  )
  const { entries } = yield* Effect.provide(Effect.service(LogArchive), services)
  return {
    entries: (batch, after, limit) =>
      Effect.catchIf(
        entries(batch, after, limit),
        (failure) => failure.reason === NO_TABLE,
        () => Effect.succeed([]),
      ),
  }
})
