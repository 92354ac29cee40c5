import { Effect, Layer } from "effect"
import { type BatchId, transferReference } from "../domain/identifiers.ts"
import { groupCommit } from "../platform/group-commit.ts"
import { Postgres, type PostgresUnavailable } from "../platform/postgres.ts"
import { InstructionRegister, type LogTail, type RegisteredAttempt } from "./instruction-register.ts"
import { ProviderUnavailable } from "./provider-error.ts"

/**
 * `create table if not exists` can fail when two processes start at once, hence the lock. Sent as one simple query,
 * both statements are one transaction, and the lock ends with it.
 */
const migration = `
  select pg_advisory_xact_lock(hashtext('atlaspay.instruction_register'));
  create table if not exists instruction_register (
    batch text collate "C" not null,
    item int not null,
    attempt int not null,
    bank text not null,
    recorded_at timestamptz not null default now(),
    primary key (batch, item, attempt)
  );
  create table if not exists instruction_tails (
    batch text collate "C" primary key,
    version int not null,
    head text not null
  )`

/** Calls that share one statement. A call has at most the transfers that a batch may have in the air. */
const CALLS_MAX = 64

interface Recording {
  readonly attempts: ReadonlyArray<RegisteredAttempt>
  readonly tail: LogTail
}

/** The attempts of a batch that were not there before, as "<item>-<attempt>" with commas between them. */
interface RecordedRow {
  readonly batch: BatchId
  readonly attempts: string
}

/** The register as tables of its own in Postgres, which are created when they are not there. */
export const layer = Layer.effect(
  InstructionRegister,
  Effect.gen(function* () {
    const postgres = yield* Postgres
    yield* postgres.query("create the instruction register", (sql) => sql.unsafe(migration))
    const scope = yield* Effect.scope
    const record = groupCommit(scope, recordAll(postgres), CALLS_MAX)
    const tailOf = groupCommit(scope, readTails(postgres), CALLS_MAX)
    return {
      record: Effect.fnUntraced(function* (attempts, tail) {
        return attempts.length === 0 ? [] : yield* record({ attempts, tail })
      }, Effect.mapError(asProvider)),
      tailOf: (batch) => Effect.mapError(tailOf(batch), asProvider),
    }
  }),
)

/**
 * Writes the attempts and tails of several calls in one statement. Rows come in one order for all, or two writers of
 * the same attempts could wait for each other.
 */
const recordAll = ({ query }: Postgres["Service"]) =>
  Effect.fnUntraced(function* (calls: ReadonlyArray<Recording>) {
    const attempts = calls.flatMap(({ attempts }) => attempts)
    const tails = furthest(calls.map(({ tail }) => tail))
    const recorded = yield* query(
      "record",
      (sql) => sql<Array<RecordedRow>>`
        with tails as (
          insert into instruction_tails (batch, version, head)
          select * from unnest(
            ${arrayOf(tails, ({ batch }) => batch)}::text[],
            ${arrayOf(tails, ({ version }) => version)}::int[],
            ${arrayOf(tails, ({ head }) => head)}::text[]
          ) as tails (batch, version, head)
          order by batch
          on conflict (batch) do update set version = excluded.version, head = excluded.head
            where instruction_tails.version < excluded.version
        ), recorded as (
          insert into instruction_register (batch, item, attempt, bank)
          select * from unnest(
            ${arrayOf(attempts, ({ batch }) => batch)}::text[],
            ${arrayOf(attempts, ({ item }) => item)}::int[],
            ${arrayOf(attempts, ({ attempt }) => attempt)}::int[],
            ${arrayOf(attempts, ({ bank }) => bank)}::text[]
          ) as attempts (batch, item, attempt, bank)
          order by batch, item, attempt
          on conflict do nothing
          returning batch, item, attempt
        )
        select batch, string_agg(item || '-' || attempt, ',') as attempts from recorded group by batch`,
    )
    const fresh = new Map(recorded.map(({ batch, attempts }) => [batch, new Set(attempts.split(","))]))
    const held = calls.map(({ attempts }) => without(attempts, fresh))
    return held.some((attempts) => attempts.length > 0) ? yield* asRegistered(query, held) : held
  })

/** The attempts with the banks that they were registered with. */
const asRegistered = Effect.fnUntraced(function* (
  query: Postgres["Service"]["query"],
  held: ReadonlyArray<ReadonlyArray<RegisteredAttempt>>,
) {
  const attempts = held.flat()
  const rows = yield* query(
    "read attempts",
    (sql) => sql<Array<RegisteredAttempt>>`
      select batch, item, attempt, bank from instruction_register
      join unnest(
        ${arrayOf(attempts, ({ batch }) => batch)}::text[],
        ${arrayOf(attempts, ({ item }) => item)}::int[],
        ${arrayOf(attempts, ({ attempt }) => attempt)}::int[]
      ) as asked (batch, item, attempt) using (batch, item, attempt)`,
  )
  const banks = new Map(rows.map(({ bank, ...key }) => [transferReference(key), bank]))
  return held.map((own) =>
    own.map((attempt) => ({ ...attempt, bank: banks.get(transferReference(attempt)) ?? attempt.bank })),
  )
})

/**
 * An array as Postgres writes it. Ids, banks' names and hashes have no character in them that would need quoting, and the
 * driver's own way of writing arrays takes longer than the insert.
 */
const arrayOf = <A>(rows: ReadonlyArray<A>, column: (row: A) => string | number): string =>
  `{${rows.map(column).join(",")}}`

/** One tail for each batch: a statement may touch a row once. */
const furthest = (tails: ReadonlyArray<LogTail>): ReadonlyArray<LogTail> => [
  ...new Map(tails.toSorted((a, b) => a.version - b.version).map((tail) => [tail.batch, tail])).values(),
]

const readTails = ({ query }: Postgres["Service"]) =>
  Effect.fnUntraced(function* (batches: ReadonlyArray<BatchId>) {
    const rows = yield* query(
      "read tails",
      (sql) => sql<Array<LogTail>>`
        select batch, version, head from instruction_tails where batch = any(${[...batches]})`,
    )
    const tails = new Map(rows.map((row) => [row.batch, row]))
    return batches.map((batch) => tails.get(batch))
  })

/** What was there already. Of calls that share a statement, the first has an attempt, and the others find it taken. */
const without = (
  attempts: ReadonlyArray<RegisteredAttempt>,
  fresh: ReadonlyMap<BatchId, Set<string>>,
): ReadonlyArray<RegisteredAttempt> =>
  attempts
    .filter(({ batch, item, attempt }) => fresh.get(batch)?.delete(`${item}-${attempt}`) !== true)
    .map(({ batch, item, attempt, bank }) => ({ batch, item, attempt, bank }))

const asProvider = ({ step, code }: PostgresUnavailable): ProviderUnavailable =>
  new ProviderUnavailable({ provider: "instruction-register", reason: `${step}: ${code}` })
