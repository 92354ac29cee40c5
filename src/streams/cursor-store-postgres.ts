/**
 * Cursors in the table `projection_checkpoints`. It is in the database of the read models, so the projector moves rows and
 * cursor in one statement.
 */
import { Effect, Layer } from "effect"
import { Database } from "../database/database.ts"
import { CursorStore, FEED_START, type FollowerCursor } from "./cursor-store.ts"
import { movesOf, stepsTaken } from "./postgres-cursors.ts"

export const layer = Layer.effect(
  CursorStore,
  Effect.gen(function* () {
    const { query } = yield* Database
    return CursorStore.of({
      load: Effect.fn("CursorStore.load")(function* (follower, partitions) {
        const rows = yield* query(
          "load cursors",
          (sql) => sql<Array<{ partition: number; position: string; head: string | null }>>`
            with wanted as (
              select unnest(${[...partitions]}::int[]) as partition
            ), known as (
              select partition, position, case when head_position = position then head end as head
              from projection_checkpoints join wanted using (partition) where projection = ${follower}
            ), begun as (
              insert into projection_checkpoints (projection, partition, position)
              select ${follower}, partition, ${FEED_START} from wanted
              where partition not in (select partition from known)
              on conflict do nothing
            )
            select partition, position, head from known`,
        )
        const known = new Map(
          rows.map(({ partition, position, head }) => [partition, { position, head: head ?? undefined }]),
        )
        return new Map(
          partitions.map((partition) => [
            partition,
            known.get(partition) ?? { position: FEED_START, head: undefined },
          ]),
        )
      }),

      move: Effect.fn("CursorStore.move")(function* (follower, steps) {
        const moved = yield* query(
          "move cursors",
          (sql) => sql<Array<{ partition: number }>>`
            with ${stepsTaken(sql, follower, steps)}
            select partition from moved`,
        )
        return movesOf(steps, moved)
      }),

      moveBack: Effect.fn("CursorStore.moveBack")(function* (follower, other) {
        yield* query(
          "move cursors back",
          // The other one's rows are locked first, in the order of moves.
          (sql) => sql`
            with limits as materialized (
              select partition, position, head, head_position from projection_checkpoints
              where projection = ${other} order by partition for update
            ), ahead as materialized (
              select checkpoint.partition, limits.position, limits.head, limits.head_position
              from limits join projection_checkpoints as checkpoint using (partition)
              where checkpoint.projection = ${follower}
              order by partition for update of checkpoint
            )
            update projection_checkpoints as checkpoint
            set position = ahead.position, head = ahead.head, head_position = ahead.head_position, moved_at = now()
            from ahead
            where checkpoint.projection = ${follower} and checkpoint.partition = ahead.partition
              and string_to_array(checkpoint.position, '-')::numeric[] > string_to_array(ahead.position, '-')::numeric[]`,
        )
      }),

      standing: Effect.fn("CursorStore.standing")(function* (followers) {
        const rows = yield* query(
          "read cursors",
          (sql) => sql<Array<Omit<FollowerCursor, "head"> & { readonly head: string | null }>>`
            select projection as follower, partition, position,
              case when head_position = position then head end as head
            from projection_checkpoints where projection = any(${[...followers]})`,
        )
        return rows.map(({ head, ...cursor }) => ({ ...cursor, head: head ?? undefined }))
      }),

      restart: Effect.fn("CursorStore.restart")(function* (follower, partition) {
        yield* query(
          "restart a cursor",
          (sql) => sql`
            update projection_checkpoints
            set position = ${FEED_START}, head = null, head_position = ${FEED_START}, moved_at = now()
            where projection = ${follower} and partition = ${partition}`,
        )
      }),

      positions: Effect.fn("CursorStore.positions")(function* (follower) {
        const rows = yield* query(
          "read cursors",
          (sql) => sql<Array<{ partition: number; position: string }>>`
            select partition, position from projection_checkpoints where projection = ${follower}`,
        )
        return new Map(rows.map(({ partition, position }) => [partition, position]))
      }),
    })
  }),
)
