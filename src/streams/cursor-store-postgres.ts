/**
 * Cursors in the table `projection_checkpoints`. It is in the database of the read models, so the projector moves rows and
 * cursor in one statement.
 */
import { Effect, Layer } from "effect"
import { Database } from "../database/database.ts"
import { CursorStore, FEED_START, type FollowerCursor } from "./cursor-store.ts"

export const layer = Layer.effect(
  CursorStore,
  Effect.gen(function* () {
    const { query } = yield* Database
    return CursorStore.of({
      load: Effect.fn("CursorStore.load")(function* (follower, partition) {
        const rows = yield* query(
          "load cursor",
          (sql) => sql<Array<{ position: string; head: string | null }>>`
            with known as (
              select position, case when head_position = position then head end as head
              from projection_checkpoints where projection = ${follower} and partition = ${partition}
            ), begun as (
              insert into projection_checkpoints (projection, partition, position)
              select ${follower}, ${partition}, ${FEED_START} where not exists (select from known)
              on conflict do nothing
            )
            select position, head from known`,
        )
        return { position: rows[0]?.position ?? FEED_START, head: rows[0]?.head ?? undefined }
      }),

      move: Effect.fn("CursorStore.move")(function* (follower, partition, from, to) {
        const moved = yield* query(
          "move cursor",
          (sql) => sql`
            update projection_checkpoints
            set position = ${to.position}, head = ${to.head ?? null}, head_position = ${to.position}, moved_at = now()
            where projection = ${follower} and partition = ${partition} and position = ${from}`,
        )
        return moved.count === 1 ? "moved" : "elsewhere"
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
