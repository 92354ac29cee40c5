import { Effect, Layer, Result, Schedule } from "effect"
import type { ISql } from "postgres"
import { writeAudit } from "../database/audit-entry.ts"
import { Database } from "../database/database.ts"
import { decodeMail, encodeMail } from "../domain/event-codec.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { groupCommit } from "../platform/group-commit.ts"
import type { Postgres } from "../platform/postgres.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { DecisionRegister, type OverdueDecision, type RegisteredDecision } from "./decision-register.ts"
import type { LogTail } from "./log-tail.ts"
import { upsertTails } from "./postgres-tails.ts"

/** Notes that share one statement, and notes that may wait. Beyond that a note is dropped: the decision is answered again. */
const NOTES_MAX = 64
const NOTES_WAITING_MAX = 10_000
/** How long answered decisions are kept. A log that is restored from an older copy needs them again. */
const KEPT_DAYS = 90
const PRUNE_EVERY_MS = 3_600_000
const PRUNED_MAX = 10_000
/** The longest wait before a decision that no log answers is enqueued again. */
const PUT_OFF_S_MAX = 3_600

interface Note {
  readonly tail: LogTail
  readonly ids: ReadonlyArray<string>
}

/** The register as its own table in Postgres. */
export const layer = Layer.effect(
  DecisionRegister,
  Effect.gen(function* () {
    const postgres = yield* Database
    const scope = yield* Effect.scope
    const note = groupCommit(scope, noteAll(postgres), NOTES_MAX)
    let waiting = 0
    yield* Effect.forkScoped(prune(postgres))
    return DecisionRegister.of({
      keep: Effect.fn("DecisionRegister.keep")(function* (decision, takenOn, audited) {
        const keep = (sql: ISql) => insertDecision(sql, decision, takenOn)
        const [row] = yield* postgres.query("keep a decision", (sql) =>
          audited === undefined
            ? keep(sql)
            : transaction(sql, "default", async (sql) => {
                const rows = await keep(sql)
                if (rows[0]?.isNew === true) await writeAudit(sql, audited.by, audited)
                return rows
              }),
        )
        return row?.digest === decision.digest ? "kept" : "differs"
      }),
      drop: Effect.fn("DecisionRegister.drop")(function* (batch, id, audited) {
        yield* postgres.query(
          "take back a decision",
          (sql) =>
            sql`update decision_register set tellers = tellers - 1 where batch = ${batch} and id = ${id}`,
        )
        // A separate transaction, so that it sees who kept or dropped the decision meanwhile.
        yield* postgres.query("drop a decision", (sql) =>
          transaction(sql, "default", async (sql) => {
            const dropped = await sql`
              delete from decision_register
              where batch = ${batch} and id = ${id} and answered_at is null and tellers <= 0 returning id`
            if (dropped.length > 0 && audited !== undefined)
              await writeAudit(sql, audited.by, { ...audited, act: `${audited.act}.dropped` })
          }),
        )
      }),
      acceptLoss: Effect.fn("DecisionRegister.acceptLoss")(function* (partition, by, reason) {
        yield* postgres.query(
          "accept a loss",
          (sql) => sql`
            insert into accepted_losses (partition, accepted_by, reason) values (${partition}, ${by}, ${reason})
            on conflict (partition) do update
            set accepted_at = now(), accepted_by = excluded.accepted_by, reason = excluded.reason`,
        )
      }),
      overdue: Effect.fn("DecisionRegister.overdue")(function* (idleMs, limit) {
        const rows = yield* takeOverdue(postgres, idleMs, limit)
        return (yield* Effect.forEach(rows, readable)).flat()
      }),
      decided: Effect.fn("DecisionRegister.decided")(function* (after, limit) {
        return (yield* readDecided(postgres, after, limit)).map(({ batch, version, head }) => ({
          batch,
          answered: version === null ? undefined : { batch, version, head },
        }))
      }),
      recall: Effect.fn("DecisionRegister.recall")(function* (batches) {
        if (batches.length === 0) return
        yield* postgres.query(
          "recall decisions",
          (sql) => sql`
            update decision_register
            set answered_at = null, answered_version = null, answered_head = null, due_at = kept_at
            where batch = any(${arrayText(batches)}::text[])`,
        )
      }),
      answered: Effect.fnUntraced(function* (tail, ids) {
        if (ids.length === 0) return
        if (waiting >= NOTES_WAITING_MAX)
          return yield* Effect.logWarning("an answered decision is not recorded: too many wait")
        waiting += 1
        const noted = note({ tail, ids }).pipe(
          Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
            Effect.logWarning("an answered decision is not recorded", { batch: tail.batch, step, reason }),
          ),
          Effect.ensuring(
            Effect.sync(() => {
              waiting -= 1
            }),
          ),
        )
        yield* Effect.forkIn(noted, scope, { startImmediately: true })
      }),
    })
  }),
)

/** `isNew`: no request kept it before. */
const insertDecision = (
  sql: ISql,
  { batch, id, digest, command }: RegisteredDecision & { readonly digest: string },
  takenOn: LogTail | undefined,
) => sql<Array<{ readonly digest: string; readonly isNew: boolean }>>`
  with ${upsertTails(sql, takenOn === undefined ? [] : [takenOn])}
  insert into decision_register (batch, id, digest, command)
  values (${batch}, ${id}, ${digest}, ${encodeMail(command)})
  on conflict (batch, id) do update
  set tellers = decision_register.tellers + (decision_register.digest = excluded.digest)::int
  returning digest, xmax = 0 as "isNew"`

type OverdueRow = Omit<OverdueDecision, "command"> & { readonly command: string }

/** Takes decisions and puts them off in the same statement, so that two workers never take the same one. */
const takeOverdue = ({ query }: Postgres["Service"], idleMs: number, limit: number) =>
  query(
    "take overdue decisions",
    (sql) => sql<Array<OverdueRow>>`
      with due as (
        select batch, id from decision_register
        where answered_at is null and due_at <= now() - make_interval(secs => ${idleMs / 1_000})
        order by due_at limit ${limit} for update skip locked
      ), taken as (
        update decision_register
        set due_at = now() + least(now() - kept_at, make_interval(secs => ${PUT_OFF_S_MAX}))
        from due where decision_register.batch = due.batch and decision_register.id = due.id
        returning number, decision_register.batch, decision_register.id, digest, command
      )
      select batch, id, digest, command from taken order by number`,
  )

/** The decision, or nothing and an alarm: an unreadable decision stops its own batch and no others. */
const readable = ({ command, ...row }: OverdueRow) =>
  Result.match(decodeMail(command), {
    onSuccess: (command): Effect.Effect<ReadonlyArray<OverdueDecision>> =>
      Effect.succeed([{ ...row, command }]),
    onFailure: () => Effect.as(Effect.logError("a decision is unreadable", { batch: row.batch }), []),
  })

type DecidedRow = { readonly batch: BatchId } & (
  | Pick<LogTail, "version" | "head">
  | { readonly version: null; readonly head: null }
)

const readDecided = ({ query }: Postgres["Service"], after: string, limit: number) =>
  query(
    "read who was decided about",
    (sql) => sql<Array<DecidedRow>>`
      select distinct on (batch) batch, answered_version as version, answered_head as head
      from decision_register where batch > ${after}
      order by batch, answered_version desc nulls last limit ${limit}`,
  )

const noteAll = ({ query }: Postgres["Service"]) =>
  Effect.fnUntraced(function* (notes: ReadonlyArray<Note>) {
    const rows = notes.flatMap(({ tail, ids }) => ids.map((id) => ({ ...tail, id })))
    yield* query(
      "note answered decisions",
      (sql) => sql`
        with noted as (
          update decision_register
          set answered_at = now(), answered_version = answered.version, answered_head = answered.head
          from unnest(
            ${arrayText(rows.map(({ batch }) => batch))}::text[],
            ${arrayText(rows.map(({ id }) => id))}::text[],
            ${arrayText(rows.map(({ version }) => version))}::int[],
            ${arrayText(rows.map(({ head }) => head))}::text[]
          ) as answered (batch, id, version, head)
          where decision_register.batch = answered.batch and decision_register.id = answered.id
            and answered_at is null
          returning answered.batch, answered.version, answered.head
        )
        insert into instruction_tails (batch, version, head)
        select distinct on (batch) batch, version, head from noted order by batch, version desc
        on conflict (batch) do update set version = excluded.version, head = excluded.head, noted_at = now()
          where instruction_tails.version < excluded.version`,
    )
    return notes.map(() => undefined)
  })

/** Deletes decisions that were answered long ago, a bounded number at a time. */
const prune = ({ query }: Postgres["Service"]) =>
  query(
    "forget old decisions",
    (sql) => sql`
      delete from decision_register where (batch, id) in (
        select batch, id from decision_register
        where answered_at < now() - make_interval(days => ${KEPT_DAYS}) order by answered_at limit ${PRUNED_MAX}
      )`,
  ).pipe(
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.logWarning("old decisions are not deleted yet", { step, reason }),
    ),
    Effect.repeat(Schedule.spaced(PRUNE_EVERY_MS)),
  )
