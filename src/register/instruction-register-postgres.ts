import { Array as Arr, Effect, Layer, Result } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import { decodeMail } from "../domain/event-codec.ts"
import { type BatchId, transferReference } from "../domain/identifiers.ts"
import { groupCommit } from "../platform/group-commit.ts"
import type { Postgres } from "../platform/postgres.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { RegisteredDecision } from "./decision-register.ts"
import {
  InstructionRegister,
  type Recorded,
  type RegisteredAttempt,
  type Standing,
} from "./instruction-register.ts"
import type { LogTail } from "./log-tail.ts"
import { upsertTails } from "./postgres-tails.ts"

/** Calls that share one statement. A call has at most the transfers that a batch may have under way. */
const CALLS_MAX = 64
/** Decisions of one batch that are read at a time. The batch asks again for the others. */
const DECISIONS_MAX = 64
/** Attempts restored in one statement. */
const RESTORED_MAX = 10_000

interface Recording {
  readonly attempts: ReadonlyArray<RegisteredAttempt>
  readonly tail: LogTail
  readonly answered: ReadonlySet<string>
}

/**
 * The attempts of a batch that were newly recorded, as "<item>-<attempt>" separated by commas, or `null` if they are all that were
 * given, as nearly always; or a waiting decision about the batch.
 */
type RecordedRow =
  | { readonly batch: BatchId; readonly attempts: string | null; readonly id: null; readonly command: null }
  | (DecisionRow & { readonly attempts: null })

interface DecisionRow {
  readonly batch: BatchId
  readonly id: string
  readonly command: string
}

/** The register as its own tables in Postgres. */
export const layer = Layer.effect(
  InstructionRegister,
  Effect.gen(function* () {
    const postgres = yield* Database
    const scope = yield* Effect.scope
    const record = groupCommit(scope, recordAll(postgres), CALLS_MAX)
    const standing = groupCommit(scope, readStandings(postgres), CALLS_MAX)
    return InstructionRegister.of({
      record: Effect.fnUntraced(function* (attempts, tail, answered) {
        return attempts.length === 0
          ? { registered: [], decisions: [] }
          : yield* Effect.flatMap(record({ attempts, tail, answered }), Effect.fromResult)
      }),
      standing: (batch, partition) => standing({ batch, partition }).pipe(Effect.flatMap(Effect.fromResult)),
      rebase: Effect.fn("InstructionRegister.rebase")(function* ({ batch, version, head }) {
        yield* postgres.query(
          "rebase",
          (sql) => sql`
            with again as (
              update decision_register
              set answered_at = null, answered_version = null, answered_head = null
              where batch = ${batch} and answered_at is not null
            )
            update instruction_tails set version = ${version}, head = ${head}, noted_at = now()
            where batch = ${batch}`,
        )
      }),
      restore: Effect.fn("InstructionRegister.restore")(function* (attempts, tail) {
        let missing = 0
        for (const chunk of Arr.chunksOf(attempts, RESTORED_MAX))
          missing += yield* restore(postgres, chunk, tail)
        return missing
      }),
    })
  }),
)

/**
 * Writes the attempts and tails of several calls in one statement, but no attempts of batches with a waiting decision. All
 * writers order their rows in the same way; otherwise two writers of the same attempts could deadlock.
 */
const recordAll = ({ query }: Postgres["Service"]) =>
  Effect.fnUntraced(function* (calls: ReadonlyArray<Recording>) {
    const groups = grouped(calls.flatMap(({ attempts }) => attempts))
    const answered = calls.flatMap(({ tail, answered }) => [...answered].map((id) => ({ ...tail, id })))
    const rows = yield* query(
      "record",
      (sql) => sql<Array<RecordedRow>>`
        with waiting as (
          select batch, id, command, number, row_number() over (partition by batch order by number) as place
          from decision_register
          where answered_at is null
            and batch = any(${arrayText(calls.map(({ tail }) => tail.batch))}::text[])
            and not exists (
              select from unnest(
                ${arrayText(answered.map(({ batch }) => batch))}::text[],
                ${arrayText(answered.map(({ id }) => id))}::text[]
              ) as answered (batch, id)
              where answered.batch = decision_register.batch and answered.id = decision_register.id
            )
        ), ${upsertTails(
          sql,
          calls.map(({ tail }) => tail),
        )}, given as (
          select batch, attempt, bank, items::int[] as items from ${groupsOf(sql, groups)}
        ), recorded as (
          insert into instruction_register (batch, item, attempt, bank)
          select batch, unnest(items) as item, attempt, bank from given
          where batch not in (select batch from waiting)
          order by batch, item, attempt
          on conflict do nothing
          returning batch, item, attempt
        )
        select batch, case when count(*) < given.count then (
          select string_agg(item || '-' || attempt, ',') from recorded as own where own.batch = recorded.batch
        ) end as attempts, null as id, null as command
        from recorded
        join (select batch, sum(cardinality(items)) as count from given group by batch) as given using (batch)
        group by batch, given.count
        union all
        (select batch, null, id, command from waiting where place <= ${DECISIONS_MAX} order by batch, number)`,
    )
    const decisions = Map.groupBy(
      rows.filter((row) => row.id !== null),
      ({ batch }) => batch,
    )
    const fresh = new Map<BatchId, Fresh>()
    for (const { batch, attempts, id } of rows)
      if (id === null) fresh.set(batch, attempts === null ? "all" : new Set(attempts.split(",")))
    const registered = calls.map(({ attempts, tail }) =>
      decisions.has(tail.batch) ? [] : without(attempts, fresh),
    )
    const known = registered.some((own) => own.length > 0)
      ? yield* asRegistered(query, registered)
      : registered
    return calls.map(({ tail }, index) =>
      Result.map(decisionsOf(decisions.get(tail.batch) ?? [], tail.batch), (decisions): Recorded => {
        return { registered: known[index] ?? [], decisions }
      }),
    )
  })

/** An unreadable decision stops its batch, because it may forbid a payment. */
const decisionsOf = (waiting: ReadonlyArray<DecisionRow>, batch: BatchId) =>
  Result.all(
    waiting.map(({ id, command }) =>
      Result.mapBoth(decodeMail(command), {
        onSuccess: (command): RegisteredDecision => ({ batch, id, command }),
        onFailure: () => unreadable(batch),
      }),
    ),
  )

const unreadable = (batch: BatchId) =>
  new StoreUnavailable({
    store: "postgres",
    step: "read decisions",
    reason: `a decision about ${batch} is unreadable`,
  })

/** The attempts, each with the bank that it was registered with. */
const asRegistered = Effect.fnUntraced(function* (
  query: Postgres["Service"]["query"],
  registered: ReadonlyArray<ReadonlyArray<RegisteredAttempt>>,
) {
  const attempts = registered.flat()
  const rows = yield* query(
    "read attempts",
    (sql) => sql<Array<RegisteredAttempt>>`
      select batch, item, attempt, bank from instruction_register
      join unnest(
        ${arrayText(attempts.map(({ batch }) => batch))}::text[],
        ${arrayText(attempts.map(({ item }) => item))}::int[],
        ${arrayText(attempts.map(({ attempt }) => attempt))}::int[]
      ) as asked (batch, item, attempt) using (batch, item, attempt)`,
  )
  const banks = new Map(rows.map(({ bank, ...key }) => [transferReference(key), bank]))
  return registered.map((own) =>
    own.map((attempt) => ({ ...attempt, bank: banks.get(transferReference(attempt)) ?? attempt.bank })),
  )
})

/** One statement, so that a decision that is answered meanwhile shows either as waiting or in the log's tail. */
const readStandings = ({ query }: Postgres["Service"]) =>
  Effect.fnUntraced(function* (
    asked: ReadonlyArray<{ readonly batch: BatchId; readonly partition: number }>,
  ) {
    const rows = yield* query(
      "read standings",
      (sql) => sql<Array<StandingRow>>`
        select batch, version, head, id, command, exists (
          select from accepted_losses
          where accepted_losses.partition = asked.partition and accepted_at > noted_at
        ) as accepted
        from (
          select distinct batch, partition from unnest(
            ${arrayText(asked.map(({ batch }) => batch))}::text[],
            ${arrayText(asked.map(({ partition }) => partition))}::int[]
          ) as asked (batch, partition)
        ) as asked
        left join instruction_tails using (batch)
        left join lateral (
          select id, command, number from decision_register
          where decision_register.batch = asked.batch and answered_at is null
          order by number limit ${DECISIONS_MAX}
        ) as waiting on true
        order by batch, number`,
    )
    const byBatch = Map.groupBy(rows, ({ batch }) => batch)
    return asked.map(({ batch }) => standingOf(batch, byBatch.get(batch) ?? []))
  })

type StandingRow = { readonly batch: BatchId; readonly accepted: boolean } & (
  | Pick<LogTail, "version" | "head">
  | { readonly version: null; readonly head: null }
) &
  (Omit<DecisionRow, "batch"> | { readonly id: null; readonly command: null })

const standingOf = (batch: BatchId, rows: ReadonlyArray<StandingRow>) => {
  const [first] = rows
  const tail =
    first === undefined || first.version === null
      ? undefined
      : { batch, version: first.version, head: first.head }
  const waiting = rows.flatMap(({ id, command }) => (id === null ? [] : [{ batch, id, command }]))
  return Result.map(decisionsOf(waiting, batch), (decisions): Standing => {
    return { tail, isLossAccepted: first?.accepted ?? false, decisions }
  })
}

/** Attempts that differ only in their items. */
interface AttemptGroup extends Omit<RegisteredAttempt, "item"> {
  readonly items: Array<number>
}

/** Attempts in groups of neighbours, of which nearly all batches have one. */
const grouped = (attempts: ReadonlyArray<RegisteredAttempt>): ReadonlyArray<AttemptGroup> => {
  const groups: Array<AttemptGroup> = []
  let last: AttemptGroup | undefined
  for (const { batch, item, attempt, bank } of attempts) {
    if (last?.batch !== batch || last.attempt !== attempt || last.bank !== bank) {
      last = { batch, attempt, bank, items: [] }
      groups.push(last)
    }
    last.items.push(item)
  }
  return groups
}

/** Groups as rows: their items are the text of an array. */
const groupsOf = (sql: Sql, groups: ReadonlyArray<AttemptGroup>) => sql`unnest(
  ${arrayText(groups.map(({ batch }) => batch))}::text[],
  ${arrayText(groups.map(({ attempt }) => attempt))}::int[],
  ${arrayText(groups.map(({ bank }) => bank))}::text[],
  ${arrayText(groups.map(({ items }) => `{${items.join(",")}}`))}::text[]
) as groups (batch, attempt, bank, items)`

const restore = Effect.fnUntraced(function* (
  { query }: Postgres["Service"],
  attempts: ReadonlyArray<RegisteredAttempt>,
  { batch, version, head }: LogTail,
) {
  const rows = yield* query(
    "restore attempts",
    (sql) => sql<Array<{ readonly missing: number }>>`
      with restored as (
        insert into instruction_register (batch, item, attempt, bank)
        select batch, unnest(items::int[]) as item, attempt, bank from ${groupsOf(sql, grouped(attempts))}
        order by batch, item, attempt
        on conflict do nothing
        returning item
      ), noted as (
        insert into instruction_tails (batch, version, head)
        select ${batch}, ${version}::int, ${head} where exists (select from restored)
        on conflict (batch) do update
        set version = excluded.version, head = excluded.head, noted_at = now()
          where instruction_tails.version < excluded.version
      )
      select count(*)::int as missing from restored`,
  )
  return rows[0]?.missing ?? 0
})

/** The attempts of a batch that were recorded first by a statement, as "<item>-<attempt>". */
type Fresh = Set<string> | "all"

/** The attempts that were registered before. If calls of one statement share an attempt, only the first recorded it. */
const without = (
  attempts: ReadonlyArray<RegisteredAttempt>,
  fresh: ReadonlyMap<BatchId, Fresh>,
): ReadonlyArray<RegisteredAttempt> =>
  attempts
    .filter(({ batch, item, attempt }) => {
      const own = fresh.get(batch)
      return own !== "all" && own?.delete(`${item}-${attempt}`) !== true
    })
    .map(({ batch, item, attempt, bank }) => ({ batch, item, attempt, bank }))
