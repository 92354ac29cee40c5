/** A database of a file's tests, with connections that all of them share: most need no process of their own. */
import { Layer, ManagedRuntime } from "effect"
import type { Database } from "../../../../src/database/database.ts"
import type { Postgres } from "../../../../src/platform/postgres.ts"
import { RedisConnections } from "../../../../src/platform/redis.ts"
import { databaseLayer, type OwnDatabase, ownDatabase } from "../../../database.ts"
import { settings } from "../../../settings.ts"

export type Connections = Database | Postgres | RedisConnections

export interface ConnectedDatabase extends OwnDatabase {
  /** One pool on the database, and connections to Redis, from their first use to the drop. */
  readonly connections: Layer.Layer<Connections>
}

/** New connections on a database. */
export const connectionsOn = ({ url }: OwnDatabase): Layer.Layer<Connections> =>
  Layer.merge(Layer.fresh(databaseLayer), Layer.fresh(RedisConnections.layer)).pipe(
    Layer.provide(settings({ DATABASE_URL: url })),
    Layer.orDie,
  )

/** Creates a database as `ownDatabase` does. */
export const connectedDatabase = async (): Promise<ConnectedDatabase> => {
  const database = await ownDatabase()
  const connections = ManagedRuntime.make(connectionsOn(database))
  return {
    ...database,
    connections: Layer.effectContext(connections.contextEffect),
    drop: async () => {
      await connections.dispose()
      await database.drop()
    },
  }
}
