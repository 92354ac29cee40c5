/** A rebuild of the read models in Postgres: tables of the same names in a schema of their own, which then change places. */
import { randomUUID } from "node:crypto"
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { READ_MODEL_TABLES } from "./read-model-tables.ts"
import { PROJECTION } from "./read-models.ts"
import {
  abandonScript,
  HOLD,
  lackingIndexes,
  OUTCOMES,
  prepareScript,
  switchScript,
} from "./rebuild-scripts.ts"
import { type Rebuild, type RebuildState, Rebuilds, type Switching } from "./rebuilds.ts"
import { REBUILT, RebuiltDatabase } from "./rebuilt-database.ts"
import { makeRowCopier } from "./row-copier.ts"

/** How long a process has a rebuild after its last sign of life. */
const HELD_SECONDS = 15
/** A rebuild that nobody works on holds the feed for so long. */
const FEED_HELD_HOURS = 24
const LOCK_TIMEOUT = "55P03"
const DEADLOCK = "40P01"

const PREVIOUS: Partial<Record<RebuildState, RebuildState>> = {
  copying: "listing",
  indexing: "copying",
  following: "indexing",
}

interface Row {
  readonly id: string
  readonly state: RebuildState
  readonly started_at: Date
  readonly ended_at: Date | null
  readonly is_held: boolean
  readonly listed: string
  readonly batches: string
  readonly events: string
  readonly copied_to: string
}

const rebuildOf = (row: Row): Rebuild => ({
  id: Number(row.id),
  state: row.state,
  startedAt: row.started_at.getTime(),
  endedAt: row.ended_at?.getTime(),
  isHeld: row.is_held,
  listed: Number(row.listed),
  batches: Number(row.batches),
  events: Number(row.events),
  copiedTo: row.copied_to,
})

export const layer = Layer.effect(
  Rebuilds,
  Effect.gen(function* () {
    const { query } = yield* Database
    const { query: beside } = yield* RebuiltDatabase
    const holder = randomUUID()
    const until = (sql: Sql) => sql`now() + make_interval(secs => ${HELD_SECONDS})`
    const columns = (sql: Sql) => sql`*, coalesce(held_until > now(), false) as is_held`

    return Rebuilds.of({
      take: query(
        "take a rebuild",
        (sql) => sql<Array<Row>>`
          with taken as (
            update read_model_rebuilds set holder = ${holder}, held_until = ${until(sql)}
            where ended_at is null and (holder = ${holder} or held_until is null or held_until < now())
            returning ${columns(sql)}
          ), begun as (
            insert into read_model_rebuilds (holder, held_until) select ${holder}, ${until(sql)}
            where not exists (select from read_model_rebuilds where ended_at is null)
            on conflict do nothing returning ${columns(sql)}
          )
          select * from taken union all select * from begun`,
      ).pipe(Effect.map(([row]) => row && rebuildOf(row))),

      keep: Effect.fn("Rebuilds.keep")(function* (rebuild) {
        const kept = yield* query(
          "keep a rebuild",
          (sql) => sql`
            with kept as (
              update read_model_rebuilds set held_until = ${until(sql)}
              where id = ${rebuild} and holder = ${holder} and ended_at is null returning id
            ), held as (
              update projection_checkpoints set moved_at = now()
              where projection = ${HOLD} and exists (select from kept)
            )
            select id from kept`,
        )
        return kept.length > 0
      }),

      release: Effect.fn("Rebuilds.release")(function* (rebuild) {
        yield* query(
          "release a rebuild",
          (sql) => sql`
            update read_model_rebuilds set held_until = null
            where id = ${rebuild} and holder = ${holder} and ended_at is null`,
        )
      }),

      prepare: (rebuild) =>
        Effect.asVoid(query("prepare tables", (sql) => sql.unsafe(prepareScript({ rebuild, holder })))),

      begin: Effect.fn("Rebuilds.begin")(function* (rebuild, ends) {
        const column = (of: (end: (typeof ends)[number]) => string | number | null) => arrayText(ends.map(of))
        yield* beside(
          "hold the feed",
          (sql) => sql`
            with ends as (
              select * from unnest(
                ${column(({ partition }) => partition)}::int[], ${column(({ position }) => position)}::text[],
                ${column(({ head }) => head ?? null)}::text[]
              ) as ends (partition, position, head)
              where exists (
                select from read_model_rebuilds
                where id = ${rebuild} and holder = ${holder} and state = 'listing' and ended_at is null
              )
            ), followed as (
              insert into ${sql(REBUILT)}.projection_checkpoints (projection, partition, position, head, head_position)
              select ${PROJECTION}, partition, position, head, position from ends
              on conflict (projection, partition) do update set
                position = excluded.position, head = excluded.head, head_position = excluded.head_position
            )
            insert into public.projection_checkpoints (projection, partition, position)
            select ${HOLD}, partition, position from ends
            on conflict (projection, partition) do update set position = excluded.position, moved_at = now()`,
        )
      }),

      list: Effect.fn("Rebuilds.list")(function* (batches) {
        yield* beside(
          "note names",
          (sql) => sql`
            insert into ${sql(REBUILT)}.listed_batches select unnest(${arrayText(batches)}::text[]) on conflict do nothing`,
        )
      }),

      listed: Effect.fn("Rebuilds.listed")(function* (after, limit) {
        const rows = yield* beside(
          "read names",
          (sql) => sql<Array<{ readonly batch: BatchId }>>`
            select batch from ${sql(REBUILT)}.listed_batches where batch > ${after} order by batch limit ${limit}`,
        )
        return rows.map(({ batch }) => batch)
      }),

      enter: Effect.fn("Rebuilds.enter")(function* (rebuild, state) {
        yield* beside(
          "go on with a rebuild",
          (sql) => sql`
            update read_model_rebuilds set state = ${state}, held_until = ${until(sql)},
              listed = case when ${state} = 'copying' then (select count(*) from ${sql(REBUILT)}.listed_batches) else listed end
            where id = ${rebuild} and holder = ${holder} and state = ${PREVIOUS[state] ?? ""} and ended_at is null`,
        )
      }),

      copy: makeRowCopier(beside, holder, HELD_SECONDS),

      makeIndex: Effect.gen(function* () {
        const [lacking] = yield* beside("look for indexes", (sql) =>
          sql.unsafe<Array<{ readonly name: string; readonly statement: string }>>(lackingIndexes),
        )
        if (lacking === undefined) return undefined
        yield* beside("make an index", (sql) => sql.unsafe(lacking.statement))
        return lacking.name
      }),

      analyze: Effect.forEach(
        READ_MODEL_TABLES,
        (table) => beside("analyze", (sql) => sql`vacuum (analyze) ${sql(REBUILT)}.${sql(table)}`),
        { discard: true },
      ),

      standing: Effect.gen(function* () {
        const rows = yield* beside(
          "read cursors",
          (sql) => sql<Array<{ readonly partition: number; readonly position: string }>>`
            select partition, position from projection_checkpoints where projection = ${PROJECTION}`,
        )
        return new Map(rows.map(({ partition, position }) => [partition, position]))
      }),

      pause: Effect.fn("Rebuilds.pause")(function* (forMs) {
        yield* query(
          "hold checkpoints",
          (sql) => sql`
            update projection_checkpoints
            set held_until = case when ${forMs > 0} then now() + make_interval(secs => ${forMs / 1_000}) end
            where projection = ${PROJECTION}`,
        )
      }),

      switchTables: Effect.fn("Rebuilds.switchTables")(function* (rebuild, waitMs, notCompared) {
        return yield* query("switch tables", (sql) =>
          sql.unsafe(switchScript({ rebuild, holder }, waitMs, notCompared)),
        ).pipe(
          Effect.as<Switching>("switched"),
          Effect.catchIf(
            ({ reason }) => outcomeOf(reason) !== undefined,
            ({ reason }) => Effect.succeed(outcomeOf(reason) ?? "lost"),
          ),
        )
      }),

      abandon: Effect.gen(function* () {
        const under = yield* query(
          "look for a rebuild",
          (sql) => sql`select id from read_model_rebuilds where ended_at is null`,
        )
        yield* query("abandon a rebuild", (sql) => sql.unsafe(abandonScript))
        return under.length > 0
      }),

      last: query(
        "look for a rebuild",
        (sql) => sql<Array<Row>>`select ${columns(sql)} from read_model_rebuilds order by id desc limit 1`,
      ).pipe(Effect.map(([row]) => row && rebuildOf(row))),

      holds: holdsOf(query),
    })
  }),
)

const outcomeOf = (reason: string): Exclude<Switching, "switched"> | undefined => {
  if (reason === OUTCOMES.lost) return "lost"
  if (reason === OUTCOMES.behind) return "behind"
  if (reason === OUTCOMES.changed) return "changed"
  return reason === LOCK_TIMEOUT || reason === DEADLOCK ? "busy" : undefined
}

/** What `holds` of the port gives, for who has only the database. */
export const holdsOf = (
  query: Database["Service"]["query"],
): Effect.Effect<ReadonlyMap<number, string>, StoreUnavailable> =>
  Effect.map(
    query(
      "read what a rebuild holds",
      (sql) => sql<Array<{ readonly partition: number; readonly position: string }>>`
        select partition, position from projection_checkpoints
        where projection = ${HOLD} and moved_at > now() - make_interval(hours => ${FEED_HELD_HOURS})`,
    ),
    (rows) => new Map(rows.map(({ partition, position }) => [partition, position])),
  )
