/** Connections on which the tables of a rebuild come before the live ones, under the same names. */
import { Context, Effect, Layer } from "effect"
import { Database } from "../database/database.ts"
import { Postgres } from "../platform/postgres.ts"

/** The schema of the tables that are being rebuilt. */
export const REBUILT = "rebuilt"

/** One that copies or makes an index, and one that follows. */
const CONNECTIONS_MAX = 2
/** An index over many rows takes long. */
const STATEMENT_MS_MAX = 3_600_000

export class RebuiltDatabase extends Context.Service<RebuiltDatabase, Postgres["Service"]>()(
  "atlaspay/projections/RebuiltDatabase",
) {
  /** Ready once the schema is migrated. */
  static readonly layer = Layer.effect(
    RebuiltDatabase,
    Effect.andThen(Database, Postgres.beside(REBUILT, CONNECTIONS_MAX, STATEMENT_MS_MAX)),
  )
}
