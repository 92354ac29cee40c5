/**
 * Reports over `payout_batch_days` and `payout_acts`. Each day is looked up by itself: so a report reads an index, and no more than the
 * days that it is about, whatever the planner believes of the others.
 */
import { Effect, Layer } from "effect"
import type { ISql } from "postgres"
import { Database } from "../database/database.ts"
import { formatAmount } from "../domain/money.ts"
import { isDay } from "../domain/written-time.ts"
import { listActs, listBatchActs } from "./act-list-postgres.ts"
import { InvalidCursor } from "./batch-queries.ts"
import { page, pageSize } from "./batch-views.ts"
import type { CountedState } from "./day-tallies.ts"
import { parsePlaceCursor, placeCursor } from "./page-cursor.ts"
import {
  type DailyTotal,
  FAILURES_MAX,
  type FailureCount,
  REPORT_ENTRIES_MAX,
  ReportQueries,
  type ReportTime,
} from "./report-queries.ts"
import { filterText } from "./search-filter.ts"

interface TotalRow {
  readonly day: string
  readonly partner: string
  readonly currency: string
  readonly bank: string
  readonly state: CountedState
  readonly count: number
  readonly minor: string
}

interface FailureRow {
  readonly bank: string
  readonly state: "settled" | "failed" | "returned"
  readonly code: string
  readonly currency: string
  readonly count: number
  readonly minor: string
  /** Of the bank, with all codes. */
  readonly attempts: number | null
}

export const layer = Layer.effect(
  ReportQueries,
  Effect.gen(function* () {
    const { query } = yield* Database
    return ReportQueries.of({
      dailyTotals: Effect.fn("ReportQueries.dailyTotals")(function* ({ cursor, limit, ...filter }) {
        const list = `daily totals ${filterText(filter)}`
        const after = cursor === undefined ? undefined : parsePlaceCursor(list, cursor)
        if (cursor !== undefined && !isPlaceIn(filter, after)) return yield* new InvalidCursor()
        const size = pageSize(limit, REPORT_ENTRIES_MAX)
        const { currency, bank, state } = filter
        const rows = yield* query(
          "sum up days",
          (sql) => sql<Array<TotalRow>>`
            select to_char(at, 'YYYY-MM-DD') as day, totals.* from ${daysOf(sql, filter, after?.[0])}
            cross join lateral (
              select partner, currency, bank, state, sum(count)::float8 as count, sum(minor)::text as minor
              from payout_batch_days
              where day = at::date ${ofPartner(sql, filter)}
                ${currency === undefined ? sql`` : sql`and currency = ${currency}`}
                ${bank === undefined ? sql`` : sql`and bank = ${bank}`}
                ${state === undefined ? sql`` : sql`and state = any (${[...state]})`}
              group by partner, currency, bank, state
            ) totals
            ${
              after === undefined
                ? sql``
                : sql`where (to_char(at, 'YYYY-MM-DD'), partner, currency, bank, state)
                    > (${after[0] ?? ""}, ${after[1] ?? ""}, ${after[2] ?? ""}, ${after[3] ?? ""}, ${after[4] ?? ""})`
            }
            order by 1, partner, currency, bank, state limit ${size + 1}`,
        )
        return page(rows.map(dailyTotal), size, ({ day, partner, currency, bank, state }) =>
          placeCursor(list, [day, partner, currency, bank ?? "", state]),
        )
      }),

      failures: Effect.fn("ReportQueries.failures")(function* (filter) {
        const { bank } = filter
        const rows = yield* query(
          "count failures",
          (sql) => sql<Array<FailureRow>>`
            select bank, state, code, currency, sum(count)::float8 as count, sum(minor)::text as minor,
              (sum(sum(count)) filter (where state <> 'returned') over (partition by bank))::float8 as attempts
            from ${daysOf(sql, filter)}
            cross join lateral (
              select bank, state, code, currency, sum(count) as count, sum(minor) as minor from payout_batch_days
              where day = at::date ${ofPartner(sql, filter)}
                ${bank === undefined ? sql`` : sql`and bank = ${bank}`}
                and state in ('settled', 'failed', 'returned')
              group by bank, state, code, currency
            ) outcomes
            group by bank, state, code, currency
            order by state = 'settled' desc, 5 desc, bank, state, code, currency
            limit ${FAILURES_MAX + 1}`,
        )
        return { ...failuresIn(rows.slice(0, FAILURES_MAX)), isCut: rows.length > FAILURES_MAX }
      }),

      batchActs: listBatchActs(query),
      acts: listActs(query),
    })
  }),
)

/** Whether a cursor is at a day of the report: it begins there. */
const isPlaceIn = ({ from, to }: ReportTime, after: ReadonlyArray<string> | undefined): boolean => {
  const day = after?.[0] ?? ""
  return after?.length === 5 && isDay(day) && from <= day && day <= to
}

/** The days of a report, each a row; from another day on if a page is to begin there. */
const daysOf = (sql: ISql, { from, to }: ReportTime, begin = from) => sql`
  generate_series(${begin}::text::timestamp, ${to}::text::timestamp, interval '1 day') as days (at)`

const ofPartner = (sql: ISql, { partner }: ReportTime) =>
  partner === undefined ? sql`` : sql`and partner = ${partner}`

const dailyTotal = ({ bank, minor, ...row }: TotalRow): DailyTotal => ({
  ...row,
  bank: bank === "" ? undefined : bank,
  amount: formatAmount(BigInt(minor), row.currency),
})

/** Rows of the same bank, state and code, in all currencies, are one. */
const failuresIn = (rows: ReadonlyArray<FailureRow>) => {
  const attempts = Object.fromEntries(rows.map(({ bank, attempts }) => [bank, attempts ?? 0]))
  const byCode = Map.groupBy(
    rows.filter(({ state }) => state !== "settled"),
    ({ bank, state, code }) => JSON.stringify([bank, state, code]),
  )
  const failures = [...byCode.values()].flatMap((same): ReadonlyArray<FailureCount> => {
    const [first] = same
    if (first === undefined || first.state === "settled") return []
    const { bank, state, code } = first
    const amounts = same.map(({ currency, minor }) => ({
      currency,
      value: formatAmount(BigInt(minor), currency),
    }))
    const count = same.reduce((sum, row) => sum + row.count, 0)
    return [{ bank, state, code: code === "" ? undefined : code, count, amounts }]
  })
  return { failures: failures.sort((one, other) => other.count - one.count), attempts }
}
