/** Postgres with the tables of this release: whoever reads or writes a table asks for this, and not for the server. */
import { Context, Effect, Layer } from "effect"
import { Postgres } from "../platform/postgres.ts"
import { migrate } from "./migration-runner.ts"

export class Database extends Context.Service<Database, Postgres["Service"]>()("atlaspay/database/Database") {
  /** There once the schema is what this release needs. */
  static readonly layer = Layer.effect(Database, Effect.andThen(migrate, Effect.service(Postgres)))
}
