/**
 * Cursors in the table `projection_checkpoints`. It is in the database of the read models, so the projector moves rows and
 * cursor in one statement.
 */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import {
  type CursorMove,
  type CursorStep,
  CursorStore,
  FEED_START,
  type FollowerCursor,
} from "./cursor-store.ts"

/**
 * The part of a statement that moves cursors, for a `with`: `moved` has the partitions whose cursor was still at `from`.
 *
 * The locks on the rows make processes that follow the same partitions take turns. They are taken in one order, so that no
 * two processes wait for each other. Who comes second finds the cursor elsewhere.
 */
export const stepsTaken = (sql: Sql, follower: string, steps: ReadonlyArray<CursorStep>) => sql`
    taken as (
      select * from unnest(
        ${steps.map(({ partition }) => partition)}::int[], ${steps.map(({ from }) => from)}::text[],
        ${steps.map(({ to }) => to.position)}::text[], ${steps.map(({ to }) => to.head ?? null)}::text[]
      ) as taken (partition, from_position, to_position, to_head)
    ), standing as materialized (
      select partition, position from projection_checkpoints
      where projection = ${follower} and partition in (select partition from taken)
      order by partition for update
    ), moved as (
      update projection_checkpoints as checkpoint
      set position = to_position, head = to_head, head_position = to_position, moved_at = now()
      from taken join standing using (partition)
      where checkpoint.projection = ${follower} and checkpoint.partition = taken.partition
        and checkpoint.position = from_position
      returning checkpoint.partition
    )`

/** What became of each step, from the partitions that moved. */
export const movesOf = (
  steps: ReadonlyArray<CursorStep>,
  moved: ReadonlyArray<{ readonly partition: number }>,
): ReadonlyArray<CursorMove> => {
  const partitions = new Set(moved.map(({ partition }) => partition))
  return steps.map(({ partition }) => (partitions.has(partition) ? "moved" : "elsewhere"))
}

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
