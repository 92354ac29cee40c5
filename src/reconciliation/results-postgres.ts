/** The tables `reconciliation_runs` and `reconciliation_discrepancies`, and the list of batches from the read model. */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { type DiscrepancyKind, discrepancyId } from "./discrepancy.ts"
import { type Reconciliation, ReconciliationResults } from "./results.ts"

/** The results in Postgres. */
export const layer = Layer.effect(
  ReconciliationResults,
  Effect.gen(function* () {
    const { query } = yield* Database
    return ReconciliationResults.of({
      aliveOn: Effect.fn("ReconciliationResults.aliveOn")(function* (day, after, limit) {
        const rows = yield* query(
          "find batches of a day",
          (sql) => sql<Array<{ id: BatchId }>>`
            select id from payout_batches
            where received_at < (${day}::text::date + 1)::timestamp at time zone 'UTC'
              and updated_at >= ${day}::text::date::timestamp at time zone 'UTC'
              and id > ${after}
            order by id
            limit ${limit}`,
        )
        return rows.map(({ id }) => id)
      }),
      store: Effect.fn("ReconciliationResults.store")(function* (run) {
        yield* query("store reconciliation", storeRun(run))
      }),
      last: query(
        "read last reconciliation",
        (sql) => sql<Array<{ day: string; kind: DiscrepancyKind | null; count: number }>>`
          select to_char(run.day, 'YYYY-MM-DD') as day, found.kind, count(found.id)::int as count
          from (select day from reconciliation_runs order by day desc limit 1) run
          left join reconciliation_discrepancies found on found.day = run.day
          group by run.day, found.kind`,
      ).pipe(
        Effect.map(([first, ...others]) =>
          first === undefined
            ? undefined
            : {
                day: first.day,
                byKind: new Map(
                  [first, ...others].flatMap(({ kind, count }) => (kind === null ? [] : [[kind, count]])),
                ),
              },
        ),
      ),
    })
  }),
)

/** In one statement: deletes discrepancies that are gone, inserts or updates the others, and records the run. */
const storeRun =
  ({ day, at, compared, discrepancies }: Reconciliation) =>
  (sql: Sql) => {
    const rows = discrepancies.map((discrepancy) => ({
      day,
      id: discrepancyId(day, discrepancy),
      ...discrepancy,
    }))
    return sql`
      with found as (
        select * from json_populate_recordset(null::reconciliation_discrepancies, ${JSON.stringify(rows)}::text::json)
      ),
      gone as (
        delete from reconciliation_discrepancies
        where day = ${day}::text::date and id not in (select id from found)
      ),
      noted as (
        insert into reconciliation_runs (day, finished_at, batches, statement_entries, ledger_lines, discrepancies)
        values (
          ${day}::text::date, ${new Date(at)}, ${compared.batches}, ${compared.statementEntries},
          ${compared.ledgerLines}, ${rows.length}
        )
        on conflict (day) do update set
          finished_at = excluded.finished_at,
          batches = excluded.batches,
          statement_entries = excluded.statement_entries,
          ledger_lines = excluded.ledger_lines,
          discrepancies = excluded.discrepancies
      )
      insert into reconciliation_discrepancies
      select * from found
      on conflict (day, id) do update set partner = excluded.partner, expected = excluded.expected`
  }
