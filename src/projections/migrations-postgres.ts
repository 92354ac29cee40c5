/**
 * Brings the database to the schema that this release needs: the numbered files of `migrations/`, in order, each once.
 *
 * All of it goes out as one message without a transaction of its own, which Postgres runs as a single transaction
 * under an advisory lock: it happens wholly or not at all, and processes that start together take turns.
 */
import { readdirSync, readFileSync } from "node:fs"
import { Effect, Layer } from "effect"
import { Postgres } from "../platform/postgres.ts"

/** Any number will do that nothing else in the database locks: "atlaspay" in ASCII, shortened to a bigint. */
const LOCK = 0x61746c6173
const folder = new URL("migrations/", import.meta.url)

/** Applies what is missing. When it fails, nothing has changed. */
export const migrate = Effect.gen(function* () {
  const { query } = yield* Postgres
  const names = readdirSync(folder)
    .filter((name) => /^\d{4}-[a-z-]+\.sql$/.test(name))
    .sort()
  const script = [
    `select pg_advisory_xact_lock(${LOCK});`,
    "create table if not exists schema_migrations (name text primary key, applied_at timestamptz default now());",
    ...names.map((name) => applyOnce(name, readFileSync(new URL(name, folder), "utf8"))),
  ].join("\n")
  yield* query("migrate", (sql) => sql.unsafe(script))
}).pipe(Effect.withSpan("migrate"))

/** A layer that is ready once the schema is. */
export const layer = Layer.effectDiscard(migrate)

const applyOnce = (name: string, statements: string): string => `
do $once$ begin
  if not exists (select from schema_migrations where name = '${name}') then
    execute $migration$${statements}$migration$;
    insert into schema_migrations (name) values ('${name}');
  end if;
end $once$;`
