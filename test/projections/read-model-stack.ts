/** The log on Redis and the read models on Postgres, with a key prefix and a database of the test file's own. */
import { Effect, Layer, Schedule } from "effect"
import type { Sql } from "postgres"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { layer as queriesOnPostgres } from "../../src/projections/batch-queries-postgres.ts"
import { projectorLayer } from "../../src/projections/projector.ts"
import { PROJECTION } from "../../src/projections/read-models.ts"
import { layer as readModelsOnPostgres } from "../../src/projections/read-models-postgres.ts"
import { CursorStore } from "../../src/streams/cursor-store.ts"
import { layer as cursorsOnPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { layer as streamsOnRedis } from "../../src/streams/streams-redis.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { settings } from "../settings.ts"
import { wholeLog } from "../streams/whole-log.ts"

export const readModelStack = (partitions: number) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.promise(() => ownDatabase()),
        ({ drop }) => Effect.promise(drop),
      )
      return Layer.mergeAll(
        streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
        Layer.mergeAll(cursorsOnPostgres, readModelsOnPostgres, queriesOnPostgres).pipe(
          Layer.provideMerge(databaseLayer),
        ),
      ).pipe(Layer.provide(settings({ PARTITIONS: String(partitions), DATABASE_URL: database.url })))
    }),
  )

/** A projector as another process would run it, with memory of its own. */
export const anotherProjector = () => Layer.fresh(projectorLayer)

/** Rows of a statement. */
export const rowsOf = Effect.fnUntraced(function* <Row>(
  statement: (sql: Sql) => PromiseLike<ReadonlyArray<Row>>,
) {
  return yield* (yield* Postgres).query("look", statement)
})

const isCaughtUp = Effect.gen(function* () {
  const log = yield* wholeLog
  const positions = yield* (yield* CursorStore).positions(PROJECTION)
  for (let partition = 0; partition < log.partitions.count; partition++) {
    const tail = (yield* log.entries(partition, "0-0", 10_000)).at(-1)?.id
    if (tail !== undefined && positions.get(partition) !== tail) return false
  }
  return true
})

/** Waits until the checkpoints stand at the end of the feed. */
export const caughtUp = isCaughtUp.pipe(
  Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced(10) }),
  Effect.timeout("20 seconds"),
)

/** All tables as they are stored, in the order of their keys. */
export const tables = Effect.gen(function* () {
  return {
    batches: yield* rowsOf((sql) => sql`select * from payout_batches order by id`),
    items: yield* rowsOf((sql) => sql`select * from payout_items order by batch, item`),
    days: yield* rowsOf(
      (sql) => sql`select * from payout_batch_days order by batch, day, currency, bank, state, code`,
    ),
    acts: yield* rowsOf((sql) => sql`select * from payout_acts order by batch, version`),
  }
})
