/**
 * Migrates a database to the schema of this release: applies the numbered migrations in order, each once.
 *
 * The plan follows from the migrations that the database has recorded. All steps go out as one message, which Postgres
 * runs as a single transaction under an advisory lock. So they are applied completely or not at all, and processes that
 * start together take turns. A process that gets the lock and finds that another one has migrated since plans again. A
 * database that needs nothing is only read.
 */
import { Effect } from "effect"
import { Postgres } from "../platform/postgres.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { type Migration, migrations as ownMigrations } from "./migration-files.ts"
import { type Plan, planOf, type Recorded, type SchemaRefused, type Step } from "./migration-plan.ts"
import { traces } from "./unrecorded-tables.ts"

/** A number that nothing else in the database locks: the beginning of "atlaspay" in ASCII. */
const LOCK = 0x61746c6173
/** The SQLSTATE with which the script fails if another process has migrated since the plan was made. */
const OVERTAKEN = "40001"
const PLANS_MAX = 10
/** A statement that waits for a lock on a table blocks all later statements on it, so it must not wait long. */
const TABLE_WAIT_MS_MAX = 10_000

/** The recorded migrations of a database, and the plan for it. */
const look = Effect.fnUntraced(function* (migrations: ReadonlyArray<Migration>) {
  const recorded = yield* readRecorded
  const found = yield* findTraces(migrations, recorded)
  return { recorded, plan: yield* Effect.fromResult(planOf(migrations, recorded, found)) }
})

/** The plan for a database. Changes nothing. */
export const planned = (
  migrations: ReadonlyArray<Migration> = ownMigrations,
): Effect.Effect<Plan, StoreUnavailable | SchemaRefused, Postgres> =>
  Effect.map(look(migrations), ({ plan }) => plan)

/** Migrates a database, and gives the plan that was applied. If it fails, nothing has changed. */
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

/** Migrates a database for this release. */
export const migrate = Effect.suspend(() => migrateTo(ownMigrations))

const countOf = ({ steps }: Plan, wanted: Step["action"]): number =>
  steps.filter(({ action }) => action === wanted).length

/** The recorded migrations, whichever columns `schema_migrations` has: they depend on the release that created it. */
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

/** Which migrations without a record have been applied, by their {@link traces}. */
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
    // The table and column of earlier releases. If one of them starts, it finds its migrations recorded as done.
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

/** The records that a plan is based on: names and checksums, by name. */
const stateOf = (recorded: ReadonlyArray<Recorded>): string =>
  recorded
    .map(({ name, checksum }) => [name, checksum].filter(Boolean).join(" "))
    .join(",")
    .replaceAll("'", "''")

/**
 * Earlier releases create some of these tables too, under a lock for each table. This takes the same lock, and skips a table
 * that an earlier release has created meanwhile.
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
