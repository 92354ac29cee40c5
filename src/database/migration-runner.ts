/**
 * Brings a database to the schema of this release: its numbered migrations in their order, each once.
 *
 * What is to be done is planned from what the database has recorded, and goes out as one message without a transaction
 * of its own, which Postgres runs as a single transaction under an advisory lock: it happens wholly or not at all, and
 * processes that start together take turns. Whoever finds, with the lock, that somebody else has migrated since, plans
 * anew. A database that needs nothing is only read.
 */
import { Effect } from "effect"
import { Postgres } from "../platform/postgres.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { type Migration, migrations as ownMigrations } from "./migration-files.ts"
import { type Plan, planOf, type Recorded, type SchemaRefused, type Step } from "./migration-plan.ts"
import { traces } from "./unrecorded-tables.ts"

/** Any number will do that nothing else in the database locks: "atlaspay" in ASCII, shortened to a bigint. */
const LOCK = 0x61746c6173
/** SQLSTATE with which a script ends when somebody else has migrated since it was planned. */
const OVERTAKEN = "40001"
const PLANS_MAX = 10
/** A statement that waits for a table makes all wait that come after it. */
const TABLE_WAIT_MS_MAX = 10_000

/** What a database has recorded, and what it needs. */
const look = Effect.fnUntraced(function* (migrations: ReadonlyArray<Migration>) {
  const recorded = yield* readRecorded
  const found = yield* findTraces(migrations, recorded)
  return { recorded, plan: yield* Effect.fromResult(planOf(migrations, recorded, found)) }
})

/** What a database needs. Changes nothing. */
export const planned = (
  migrations: ReadonlyArray<Migration> = ownMigrations,
): Effect.Effect<Plan, StoreUnavailable | SchemaRefused, Postgres> =>
  Effect.map(look(migrations), ({ plan }) => plan)

/** Does what a database needs, and gives what was done. When it fails, nothing has changed. */
export const migrateTo = Effect.fn("migrate")(function* (migrations: ReadonlyArray<Migration>) {
  const { query } = yield* Postgres
  for (let round = 1; ; round++) {
    const { recorded, plan } = yield* look(migrations)
    if (plan.newer.length > 0)
      yield* Effect.logWarning("the database is newer than this release, which can work with it", {
        migrations: plan.newer,
      })
    if (plan.steps.length === 0) return plan
    const isDone = yield* query("migrate", (sql) => sql.unsafe(scriptOf(plan.steps, recorded))).pipe(
      Effect.as(true),
      Effect.catchIf(
        ({ reason }) => reason === OVERTAKEN && round < PLANS_MAX,
        () => Effect.succeed(false),
      ),
    )
    if (!isDone) continue
    yield* Effect.logInfo("the schema was migrated", {
      applied: countOf(plan, "apply"),
      adopted: countOf(plan, "adopt"),
      schema: plan.steps.at(-1)?.migration.name,
    })
    return plan
  }
})

/** Does what a database needs for this release. */
export const migrate = Effect.suspend(() => migrateTo(ownMigrations))

const countOf = ({ steps }: Plan, wanted: Step["action"]): number =>
  steps.filter(({ action }) => action === wanted).length

/** The records as they are, whichever columns the release gave them that made the table. */
const readRecorded = Effect.gen(function* () {
  const { query } = yield* Postgres
  const [found] = yield* query(
    "look for the schema",
    (sql) =>
      sql<Array<{ isThere: boolean }>>`select to_regclass('schema_migrations') is not null as "isThere"`,
  )
  if (!found?.isThere) return []
  const rows = yield* query(
    "read the schema",
    (sql) => sql<Array<{ row: Recorded }>>`
      select to_jsonb(schema_migrations) as row from schema_migrations order by name collate "C"`,
  )
  return rows.map(({ row }) => row)
})

/** Which of the migrations that are not recorded have left their trace. */
const findTraces = Effect.fnUntraced(function* (
  migrations: ReadonlyArray<Migration>,
  recorded: ReadonlyArray<Recorded>,
) {
  const names = new Set(recorded.map(({ name }) => name))
  const looks = migrations.flatMap(({ name, number }) => {
    const condition = names.has(name) ? undefined : traceCondition(number)
    return condition === undefined ? [] : [`select ${number} as number where ${condition}`]
  })
  if (looks.length === 0) return new Set<number>()
  const rows = yield* (yield* Postgres).query("look for tables", (sql) =>
    sql.unsafe<Array<{ number: number }>>(looks.join(" union all ")),
  )
  return new Set(rows.map(({ number }) => number))
})

const traceCondition = (number: number): string | undefined => {
  const trace = traces.get(number)
  if (trace?.column === undefined) return trace && `to_regclass('${trace.table}') is not null`
  return `exists (select from pg_attribute
    where attrelid = to_regclass('${trace.table}') and attname = '${trace.column}' and not attisdropped)`
}

const scriptOf = (steps: ReadonlyArray<Step>, recorded: ReadonlyArray<Recorded>): string =>
  [
    `select pg_advisory_xact_lock(${LOCK});`,
    `select set_config('lock_timeout', '${TABLE_WAIT_MS_MAX}', true);`,
    // The name and the column that earlier releases know: one that starts finds here what it would do, as done.
    "create table if not exists schema_migrations (name text primary key, applied_at timestamptz default now());",
    `do $records$ begin
       if not exists (select from pg_attribute where attrelid = 'schema_migrations'::regclass and attname = 'checksum') then
         alter table schema_migrations add column checksum text, add column works_from int;
       end if;
       if (select coalesce(string_agg(concat_ws(' ', name, checksum), ',' order by name collate "C"), '')
           from schema_migrations) <> '${stateOf(recorded)}' then
         raise exception using errcode = '${OVERTAKEN}', message = 'somebody else has migrated';
       end if;
     end $records$;`,
    ...steps.flatMap(({ migration, action }) => [
      statementsOf(migration, action),
      `insert into schema_migrations (name, checksum, works_from)
       values ('${migration.name}', '${migration.checksum}', ${migration.worksFrom})
       on conflict (name) do update set checksum = excluded.checksum, works_from = excluded.works_from;`,
    ]),
  ].join("\n")

/** What a plan stands on: names and checksums, in the order of the names. */
const stateOf = (recorded: ReadonlyArray<Recorded>): string =>
  recorded
    .map(({ name, checksum }) => [name, checksum].filter(Boolean).join(" "))
    .join(",")
    .replaceAll("'", "''")

/**
 * What releases before this one make as well, they make under a lock of their own; what they have made meanwhile is left
 * alone.
 */
const statementsOf = ({ number, statements }: Migration, action: Step["action"]): string => {
  const trace = traces.get(number)
  if (trace === undefined) return action === "adopt" ? "" : `${statements}\n;`
  return `do $once$ begin
    perform pg_advisory_xact_lock(hashtext('atlaspay tables of ${trace.table}'));
    if not (${traceCondition(number)}) then
      execute $migration$${statements}$migration$;
    end if;
  end $once$;`
}
