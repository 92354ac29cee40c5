/** Postgres with the tables of this release. Code that uses tables depends on this, not on `Postgres`. */
import { Context, Effect, Layer } from "effect"
import { Postgres } from "../platform/postgres.ts"
import { migrate } from "./migration-runner.ts"

export class Database extends Context.Service<Database, Postgres["Service"]>()("atlaspay/database/Database") {
  /** Ready once the schema is migrated. */
  static readonly layer = Layer.effect(Database, Effect.andThen(migrate, Effect.service(Postgres)))
}
