/** Stores whole rows of many batches in the tables of a rebuild, by one statement with how far that goes. */
import { Effect } from "effect"
import type { Sql } from "postgres"
import type { Postgres } from "../platform/postgres.ts"
import { arrayText, columnText } from "../platform/postgres-arrays.ts"
import { READ_MODEL_TABLES, type ReadModelRow, type ReadModelTable } from "./read-model-tables.ts"
import type { Copied } from "./rebuilds.ts"
import { REBUILT } from "./rebuilt-database.ts"
import { storable } from "./storable.ts"

interface Column {
  readonly table: ReadModelTable
  readonly name: string
  /** Its type, as in a cast. */
  readonly type: string
}

/** The columns of the new tables are read once, when the first rows are stored. */
export const makeRowCopier = (query: Postgres["Service"]["query"], holder: string, heldSeconds: number) => {
  let columns: ReadonlyArray<Column> | undefined
  return Effect.fn("Rebuilds.copy")(function* (rebuild: number, copied: Copied) {
    columns ??= yield* query("read columns", readColumns)
    const known = columns
    const stored = yield* query("copy rows", (sql) =>
      sql.unsafe<Array<{ readonly id: string }>>(
        statementOf(known, copied),
        [
          rebuild,
          holder,
          heldSeconds,
          copied.from,
          copied.to,
          copied.batches,
          copied.events,
          ...valuesOf(known, copied),
        ],
        { prepare: true },
      ),
    )
    return stored.length > 0
  })
}

const readColumns = (sql: Sql) => sql<Array<Column>>`
  select relname::text as table, attname::text as name, format_type(atttypid, atttypmod) as type
  from pg_attribute join pg_class on pg_class.oid = attrelid
  where relnamespace = ${REBUILT}::regnamespace and relname = any(${[...READ_MODEL_TABLES]})
    and attnum > 0 and not attisdropped and attgenerated = ''
  order by relname, attnum`

/** The columns that rows of a table have. */
const columnsOf = (
  known: ReadonlyArray<Column>,
  table: ReadModelTable,
  [first = {}]: ReadonlyArray<ReadModelRow>,
) => known.filter((column) => column.table === table && column.name in first)

const isArray = ({ type }: Column): boolean => type.endsWith("[]")

/**
 * The same text for the same columns, so that it is prepared once. Values that are arrays go as texts: `unnest` would take them apart.
 * As in the projector's statement, arrays are unnested where columns are named.
 */
const statementOf = (known: ReadonlyArray<Column>, { rows }: Copied): string => {
  let parameter = 7
  const inserts = READ_MODEL_TABLES.flatMap((table) => {
    const columns = columnsOf(known, table, rows[table])
    if (columns.length === 0) return []
    const names = columns.map(({ name }) => `"${name}"`).join(", ")
    const values = columns.map((column) =>
      isArray(column) ? `"${column.name}"::${column.type}` : `"${column.name}"`,
    )
    const arrays = columns.map(
      (column) => `unnest($${++parameter}::${isArray(column) ? "text" : column.type}[]) as "${column.name}"`,
    )
    return [
      `into_${table} as (
        insert into ${REBUILT}.${table} (${names}) select ${values.join(", ")}
        from (select ${arrays.join(", ")}) as rows where exists (select from step)
      )`,
    ]
  })
  return `
    with step as (
      update read_model_rebuilds set
        copied_to = $5, batches = batches + $6, events = events + $7, held_until = now() + make_interval(secs => $3)
      where id = $1 and holder = $2 and state = 'copying' and copied_to = $4 and ended_at is null
      returning id
    ), ${inserts.map((insert) => `${insert}, `).join("")}closed as (
      insert into public.closed_batches (batch, partition, version, head, closed_at, archived_version, entered_version)
      select batch, partition, version, head, closed_at,
        coalesce((select version from archived_logs where archived_logs.batch = rows.batch), 0),
        coalesce((select max(version) from proof_leaves where proof_leaves.batch = rows.batch), 0)
      from unnest($${parameter + 1}::text[], $${parameter + 2}::int[], $${parameter + 3}::int[], $${parameter + 4}::text[], $${parameter + 5}::timestamptz[])
        as rows (batch, partition, version, head, closed_at) where exists (select from step)
      on conflict (batch) do update set
        version = excluded.version, head = excluded.head, closed_at = excluded.closed_at
      where excluded.version > closed_batches.version
    )
    select id from step`
}

const valuesOf = (known: ReadonlyArray<Column>, { rows, partitionOf }: Copied): ReadonlyArray<string> => {
  const closed = rows.payout_batches.filter(({ closed_at }) => closed_at !== null && closed_at !== undefined)
  return [
    ...READ_MODEL_TABLES.flatMap((table) =>
      columnsOf(known, table, rows[table]).map((column) =>
        columnText(rows[table], (row) => writtenValue(row[column.name], isArray(column))),
      ),
    ),
    arrayText(closed.map(({ id }) => writtenValue(id))),
    arrayText(closed.map(({ id }) => partitionOf(id as Parameters<typeof partitionOf>[0]))),
    ...["version", "head", "closed_at"].map((name) =>
      arrayText(closed.map((row) => writtenValue(row[name]))),
    ),
  ]
}

const writtenValue = (value: unknown, isArray = false): string | number | null => {
  if (value === null || value === undefined) return null
  if (typeof value === "string" || typeof value === "number") return value
  if (typeof value === "boolean" || typeof value === "bigint") return String(value)
  return isArray && Array.isArray(value) ? arrayText(value) : storable(value)
}
