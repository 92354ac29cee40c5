/** Checks of Postgres: version, durability, size, the schema, and what the service keeps there. */
import { Effect } from "effect"
import type { Sql } from "postgres"
import type { Database } from "../database/database.ts"
import { planned } from "../database/migration-runner.ts"
import { Postgres } from "../platform/postgres.ts"
import { readDurability, weaknessesOf } from "../platform/postgres-durability.ts"
import { type Check, type NotSeen, ok, problem, type Seen, warning } from "./check.ts"
import { mebibytes } from "./redis-checks.ts"
import { type DoctorSettings, type Targets, withTarget } from "./targets.ts"

/** The oldest major version that this release works with. */
const MAJOR_MIN = 14
const FULL_CONNECTIONS = 0.9
const DAY_SECONDS = 86_400
const ARCHIVE_LATE_SECONDS = 3_600
const DELIVERY_LATE_SECONDS = 300

type Query = Database["Service"]["query"]
type Looked = Effect.Effect<Seen, NotSeen>

/** The checks that look at Postgres. */
export const postgresChecks = ({ query, settings }: Targets): ReadonlyArray<Check> => {
  const on = (look: (query: Query) => Looked) => withTarget(query, look)
  return [
    {
      name: "postgres",
      look: Effect.catch(on(server), ({ message }) => Effect.succeed(unreachable(message))),
    },
    { name: "postgres-durability", look: on((query) => durability(query, settings)) },
    { name: "postgres-size", look: on(size) },
    { name: "schema", look: on(schema) },
    { name: "archive-lag", look: on((query) => archiveLag(query, settings)) },
    { name: "webhook-endpoints", look: on(endpoints) },
    { name: "reconciliation", look: on(reconciliation) },
    { name: "bank-files", look: on(bankFiles) },
    { name: "proofs", look: on(proofs) },
  ]
}

const unreachable = (reason: string): Seen =>
  problem(
    `cannot be reached: ${reason}`,
    "Start Postgres, or correct DATABASE_URL: batches are accepted without it, and nobody is paid (docs/architecture/crashes.md).",
  )

/** The first row of a statement that has one. */
const row = <Row>(query: Query, step: string, run: (sql: Sql) => PromiseLike<ReadonlyArray<Row>>) =>
  Effect.flatMap(query(step, run), ([first]) =>
    first === undefined ? Effect.fail({ message: `${step}: nothing was answered` }) : Effect.succeed(first),
  )

const server = (query: Query): Looked =>
  Effect.map(
    row(
      query,
      "look at the server",
      (sql) => sql<Array<{ version: string; number: number; used: number; most: number }>>`
        select current_setting('server_version') as version, current_setting('server_version_num')::int / 10000 as number,
          (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
          current_setting('max_connections')::int as most`,
    ),
    ({ version, number, used, most }) => {
      const seen = `Postgres ${version}, ${used} of ${most} connections`
      if (number < MAJOR_MIN) return problem(seen, `Upgrade Postgres to ${MAJOR_MIN} or newer.`)
      return used > most * FULL_CONNECTIONS
        ? warning(seen, "Raise max_connections, or lower DATABASE_CONNECTIONS of the processes.")
        : ok(seen)
    },
  )

const durability = (query: Query, { postgresStandbys, production }: DoctorSettings): Looked =>
  Effect.map(readDurability(query), (found) => {
    const weaknesses = found === undefined ? [] : weaknessesOf(found, postgresStandbys)
    if (weaknesses.length === 0)
      return ok(`fsync ${found?.fsync}, synchronous_commit ${found?.synchronous_commit}`)
    const seen = weaknesses
      .map(({ setting, found, wanted }) => `${setting} ${found}, wanted ${wanted}`)
      .join("; ")
    return (production ? problem : warning)(
      seen,
      "Change the settings of Postgres as docs/architecture/topologies.md says.",
    )
  })

const size = (query: Query): Looked =>
  Effect.map(
    row(
      query,
      "read the size",
      (sql) => sql<Array<{ bytes: string }>>`select pg_database_size(current_database())::text as bytes`,
    ),
    ({ bytes }) => ok(`${mebibytes(Number(bytes))}; how much room its disk has cannot be read from here`),
  )

const schema = (query: Query): Looked =>
  Effect.map(planned().pipe(Effect.provideService(Postgres, { query })), ({ steps, newer }) => {
    const names = steps.map(({ migration }) => migration.name)
    if (names.length > 0)
      return warning(
        `${names.length} migrations are not applied, ${names[0]} first`,
        "atlaspay migrate --plan shows them, and atlaspay migrate applies them; so does the start of this release.",
      )
    return newer.length > 0
      ? warning(
          `a newer release has applied ${newer.join(", ")}`,
          "Upgrade these processes too, unless you go back.",
        )
      : ok("as this release wants it")
  }).pipe(
    Effect.catchTag("SchemaRefused", ({ message }) =>
      Effect.succeed(
        problem(message, "Use the release that wrote this schema, or a newer one (docs/DATABASE.md)."),
      ),
    ),
  )

const archiveLag = (query: Query, { archiveAfterMs }: DoctorSettings): Looked =>
  Effect.map(
    row(
      query,
      "look for the longest wait",
      (sql) => sql<Array<{ waited: number | null; failing: number }>>`
        select extract(epoch from now() - min(archive_at))::float8 as waited,
          count(*) filter (where archive_failures > 0)::int as failing
        from closed_batches where archived_version < version`,
    ),
    ({ waited, failing }) => {
      const overdue = Math.max(0, Math.round((waited ?? 0) - archiveAfterMs / 1_000))
      const seen = `the oldest closed batch is ${overdue} s overdue; ${failing} could not be archived`
      if (failing > 0)
        return problem(
          seen,
          "Look what the archiver logs, and run atlaspay verify on these batches (docs/ARCHIVE.md).",
        )
      return overdue > ARCHIVE_LATE_SECONDS
        ? warning(seen, "Look whether an archiver runs; atlaspay archive run archives what is due.")
        : ok(seen)
    },
  )

const endpoints = (query: Query): Looked =>
  Effect.map(
    row(
      query,
      "count endpoints",
      (sql) => sql<Array<{ disabled: number; failing: number; active: number; due: number | null }>>`
        select count(*) filter (where state = 'disabled')::int as disabled,
          count(*) filter (where state = 'active' and failing_since is not null)::int as failing,
          count(*) filter (where state = 'active')::int as active,
          (
            select extract(epoch from now() - min(next_attempt_at))::float8
            from webhook_endpoints as endpoint cross join lateral (
              select next_attempt_at from webhook_deliveries
              where endpoint = endpoint.id and state = 'pending' order by next_attempt_at limit 1
            ) as first
            where endpoint.state = 'active' and endpoint.failing_since is null
          ) as due
        from webhook_endpoints`,
    ),
    ({ disabled, failing, active, due }) => {
      const waits = Math.max(0, Math.round(due ?? 0))
      const seen = `${active} active, ${failing} failing, ${disabled} disabled; a due delivery waits for ${waits} s`
      if (waits > DELIVERY_LATE_SECONDS)
        return problem(seen, "Look whether a process with the role webhooks runs, and what it logs.")
      return failing + disabled > 0
        ? warning(seen, "atlaspay webhooks endpoints shows them; tell their partners (docs/WEBHOOKS.md).")
        : ok(seen)
    },
  )

const reconciliation = (query: Query): Looked =>
  Effect.map(
    query(
      "read the last reconciliation",
      (sql) => sql<Array<{ day: string; discrepancies: number; age: number }>>`
        select day::text, discrepancies, extract(epoch from now() - finished_at)::float8 as age
        from reconciliation_runs order by day desc limit 1`,
    ),
    ([last]) => {
      if (last === undefined) return ok("no day was reconciled yet")
      const seen = `${last.day}: ${last.discrepancies} discrepancies`
      if (last.discrepancies > 0)
        return problem(seen, `atlaspay reconcile --day ${last.day} shows them (docs/RECONCILIATION.md).`)
      return last.age > 2 * DAY_SECONDS
        ? warning(
            `${seen}, ${Math.round(last.age / DAY_SECONDS)} days ago`,
            "Run atlaspay reconcile each day.",
          )
        : ok(seen)
    },
  )

const bankFiles = (query: Query): Looked =>
  Effect.map(
    row(
      query,
      "look at bank files",
      (sql) => sql<Array<{ oddities: number; unwritten: number; overdue: number }>>`
        select (select count(*)::int from bank_oddities where seen_at > now() - interval '7 days') as oddities,
          (select count(*)::int from bank_files where written_at is null) as unwritten,
          (
            select count(*)::int from file_orders
            where file is null and state = 'accepted' and due_at < now() - interval '5 minutes'
          ) as overdue`,
    ),
    ({ oddities, unwritten, overdue }) => {
      const seen = `${overdue} orders wait too long for a file, ${unwritten} files are not written, ${oddities} oddities in seven days`
      if (overdue > 0)
        return problem(
          seen,
          "Look whether a process with the role bank-files runs, and what it logs (docs/BANK-FILES.md).",
        )
      return oddities > 0
        ? warning(seen, "Look at the table bank_oddities, and ask the bank (docs/BANK-FILES.md).")
        : ok(seen)
    },
  )

const proofs = (query: Query): Looked =>
  Effect.map(
    row(
      query,
      "look at the proof tree",
      (sql) => sql<Array<{ refused: number; waiting: number; age: number | null }>>`
        select (select count(*)::int from proof_refusals) as refused,
          (select count(*)::int from closed_batches where entered_version < version
            and closed_at < now() - interval '1 hour') as waiting,
          (select extract(epoch from now() - max(signed_at))::float8 from proof_roots) as age`,
    ),
    ({ refused, waiting, age }) => {
      const signed = age === null ? "no root was signed" : `the last root was signed ${Math.round(age)} s ago`
      const seen = `${signed}; ${waiting} heads wait for more than an hour, ${refused} were refused`
      if (refused > 0)
        return problem(
          seen,
          "Run atlaspay verify on the batches in the table proof_refusals (docs/PROOFS.md).",
        )
      return age !== null && waiting > 0
        ? warning(seen, "Look whether an archiver with PROOF_SIGNING_KEY runs, and what it logs.")
        : ok(seen)
    },
  )
