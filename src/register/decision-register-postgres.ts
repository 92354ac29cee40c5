import { Effect, Layer, Schedule } from "effect"
import { encodeMail } from "../domain/event-codec.ts"
import { groupCommit } from "../platform/group-commit.ts"
import { Postgres, type PostgresUnavailable } from "../platform/postgres.ts"
import { DecisionRegister } from "./decision-register.ts"
import type { LogTail } from "./log-tail.ts"
import { registerTables } from "./migrations.ts"
import { arrayOf } from "./postgres-array.ts"
import { upsertTails } from "./postgres-tails.ts"
import { RegisterUnavailable } from "./register-unavailable.ts"

/** Notes that share one statement, and those that may wait for it; beyond, a decision is answered again. */
const NOTES_MAX = 64
const NOTES_WAITING_MAX = 10_000
/** Answered decisions are kept for so long: a log that is restored from an older copy takes them again. */
const KEPT_DAYS = 90
const PRUNE_EVERY_MS = 3_600_000
const PRUNED_MAX = 10_000

interface Note {
  readonly tail: LogTail
  readonly ids: ReadonlyArray<string>
}

/** The register as a table of its own in Postgres, which is created when it is not there. */
export const layer = Layer.effect(
  DecisionRegister,
  Effect.gen(function* () {
    const postgres = yield* Postgres
    for (const tables of registerTables)
      yield* postgres.query("create the registers", (sql) => sql.unsafe(tables))
    const scope = yield* Effect.scope
    const note = groupCommit(scope, noteAll(postgres), NOTES_MAX)
    let waiting = 0
    yield* Effect.forkScoped(prune(postgres))
    return DecisionRegister.of({
      keep: Effect.fn("DecisionRegister.keep")(function* ({ batch, id, digest, command }, takenOn) {
        const tails = takenOn === undefined ? [] : [takenOn]
        const rows = yield* postgres.query(
          "keep a decision",
          (sql) => sql<Array<{ readonly digest: string }>>`
            with ${upsertTails(sql, tails)}
            insert into decision_register (batch, id, digest, command)
            values (${batch}, ${id}, ${digest}, ${encodeMail(command)})
            on conflict (batch, id) do update set digest = decision_register.digest
            returning digest`,
        )
        return rows[0]?.digest === digest ? "kept" : "differs"
      }, unavailable),
      drop: Effect.fn("DecisionRegister.drop")(function* (batch, id) {
        yield* postgres.query(
          "drop a decision",
          (sql) =>
            sql`delete from decision_register where batch = ${batch} and id = ${id} and answered_at is null`,
        )
      }, unavailable),
      acceptLoss: Effect.fn("DecisionRegister.acceptLoss")(function* (partition, by, reason) {
        yield* postgres.query(
          "accept a loss",
          (sql) => sql`
            insert into accepted_losses (partition, accepted_by, reason) values (${partition}, ${by}, ${reason})
            on conflict (partition) do update
            set accepted_at = now(), accepted_by = excluded.accepted_by, reason = excluded.reason`,
        )
      }, unavailable),
      answered: Effect.fnUntraced(function* (tail, ids) {
        if (ids.length === 0) return
        if (waiting >= NOTES_WAITING_MAX)
          return yield* Effect.logWarning("an answered decision is not noted: too many wait")
        waiting += 1
        const noted = note({ tail, ids }).pipe(
          Effect.catchTag("PostgresUnavailable", ({ step, code }) =>
            Effect.logWarning("an answered decision is not noted", { batch: tail.batch, step, code }),
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
            ${arrayOf(rows, ({ batch }) => batch)}::text[],
            ${arrayOf(rows, ({ id }) => id)}::text[],
            ${arrayOf(rows, ({ version }) => version)}::int[],
            ${arrayOf(rows, ({ head }) => head)}::text[]
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

/** What was answered long ago goes, a bounded number at a time. */
const prune = ({ query }: Postgres["Service"]) =>
  query(
    "forget old decisions",
    (sql) => sql`
      delete from decision_register where (batch, id) in (
        select batch, id from decision_register
        where answered_at < now() - make_interval(days => ${KEPT_DAYS}) order by answered_at limit ${PRUNED_MAX}
      )`,
  ).pipe(
    Effect.catchTag("PostgresUnavailable", ({ step, code }) =>
      Effect.logWarning("old decisions are not forgotten yet", { step, code }),
    ),
    Effect.repeat(Schedule.spaced(PRUNE_EVERY_MS)),
  )

const unavailable = Effect.mapError(
  ({ step, code }: PostgresUnavailable) => new RegisterUnavailable({ step, reason: code }),
)
