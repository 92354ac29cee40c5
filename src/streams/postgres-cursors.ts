/** Moving cursors as a part of a statement, which also stores the work that they stand for. */
import type { Sql } from "postgres"
import { arrayText } from "../platform/postgres-arrays.ts"
import type { CursorMove, CursorStep } from "./cursor-store.ts"

/**
 * The part of a statement that moves cursors, for a `with`: `moved` has the partitions whose cursor was still at `from`.
 *
 * The locks on the rows make processes that follow the same partitions take turns. They are taken in one order, so that no
 * two processes wait for each other. Who comes second finds the cursor elsewhere, and so does everybody while it is held.
 */
export const stepsTaken = (sql: Sql, follower: string, steps: ReadonlyArray<CursorStep>) => sql`
    taken as (
      select * from unnest(
        ${arrayText(steps.map(({ partition }) => partition))}::int[],
        ${arrayText(steps.map(({ from }) => from))}::text[],
        ${arrayText(steps.map(({ to }) => to.position))}::text[],
        ${arrayText(steps.map(({ to }) => to.head ?? null))}::text[]
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
        and checkpoint.position = from_position and coalesce(checkpoint.held_until < now(), true)
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
