/** The stack of the read models, with all that rebuilds and audits them as `app.ts` wires it. */
import { Effect, Layer } from "effect"
import { RedisConnections } from "../../src/platform/redis.ts"
import { layer as queriesOnPostgres } from "../../src/projections/batch-queries-postgres.ts"
import { layer as liveRowsOnPostgres } from "../../src/projections/live-rows-postgres.ts"
import { layer as readModelsOnPostgres } from "../../src/projections/read-models-postgres.ts"
import { type RebuildProgress, rebuildReadModels } from "../../src/projections/rebuild.ts"
import { RebuildFollower } from "../../src/projections/rebuild-follower.ts"
import { layer as rebuildsOnPostgres } from "../../src/projections/rebuilds-postgres.ts"
import { RebuiltDatabase } from "../../src/projections/rebuilt-database.ts"
import { layer as cursorsOnPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { layer as logIndexOnRedis } from "../../src/streams/log-index-redis.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { settings } from "../settings.ts"
import { emptyArchive } from "../streams/memory-archive.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"

export const rebuildStack = (partitions: number) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.promise(() => ownDatabase()),
        ({ drop }) => Effect.promise(drop),
      )
      const stores = Layer.merge(cursorsOnPostgres, readModelsOnPostgres)
      return Layer.mergeAll(
        Layer.merge(rebuildsOnPostgres, RebuildFollower.layer(stores)).pipe(
          Layer.provide(RebuiltDatabase.layer),
        ),
        stores,
        queriesOnPostgres,
        liveRowsOnPostgres,
      ).pipe(
        Layer.provideMerge(
          Layer.merge(streamsOnRedis, logIndexOnRedis.pipe(Layer.provide(emptyArchive))).pipe(
            Layer.provide(RedisConnections.layer),
          ),
        ),
        Layer.provideMerge(databaseLayer),
        Layer.provideMerge(settings({ PARTITIONS: String(partitions), DATABASE_URL: database.url })),
      )
    }),
  )

/** Rebuilds, and gives what was told of it. */
export const rebuilt = Effect.gen(function* () {
  const told: Array<RebuildProgress> = []
  const end = yield* rebuildReadModels((progress) => Effect.sync(() => told.push(progress)))
  return { end, told }
})

/** A process of its own, with another holder of rebuilds. */
export const anotherRebuilder = () =>
  Layer.fresh(rebuildsOnPostgres).pipe(Layer.provide(Layer.fresh(RebuiltDatabase.layer)))
