/**
 * The port to what operations and finance ask of the read models: sums over days, failures by bank and code, and what people did. They
 * are a moment behind the logs. Days are those of UTC.
 */
import { Context, type Effect } from "effect"
import type { BatchId, PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { InvalidCursor, Page, PageRequest } from "./batch-queries.ts"
import type { CountedState } from "./day-tallies.ts"
import type { BatchAct } from "./personal-acts.ts"

/** Days in a report. */
export const REPORT_DAYS_MAX = 92
/** Entries on a page of a report. */
export const REPORT_ENTRIES_MAX = 500
/** Rows of a report on failures, by bank, state, code and currency. */
export const FAILURES_MAX = 1_000

/** From one day to another (ISO 8601), both included, at most {@link REPORT_DAYS_MAX}; of one partner or of all. */
export interface ReportTime {
  readonly from: string
  readonly to: string
  readonly partner?: PartnerId | undefined
}

export interface DailyFilter extends ReportTime {
  readonly currency?: string | undefined
  readonly bank?: string | undefined
  readonly state?: ReadonlyArray<CountedState> | undefined
}

/** What came of a partner's items on a day, as `day-tallies.ts` defines it. */
export interface DailyTotal {
  readonly day: string
  readonly partner: string
  readonly currency: string
  /** Absent if no bank is concerned. */
  readonly bank: string | undefined
  readonly state: CountedState
  readonly count: number
  /** A decimal string with the currency's decimals. */
  readonly amount: string
}

export interface FailureFilter extends ReportTime {
  readonly bank?: string | undefined
}

/** Attempts of a bank that failed or were returned with the same code, in all currencies. */
export interface FailureCount {
  readonly bank: string
  readonly state: "failed" | "returned"
  /** Absent if no bank reported one: a person resolved it, or it was withdrawn. */
  readonly code: string | undefined
  readonly count: number
  readonly amounts: ReadonlyArray<{ readonly currency: string; readonly value: string }>
}

/** Failures, the most frequent first, and how many attempts of each bank settled or failed in the time. */
export interface Failures {
  readonly failures: ReadonlyArray<FailureCount>
  readonly attempts: Readonly<Record<string, number>>
  /** Whether there are more than {@link FAILURES_MAX} rows. */
  readonly isCut: boolean
}

/** What a person did to a batch, as its log has it. */
export interface BatchActView {
  readonly batch: BatchId
  readonly version: number
  readonly partner: string
  readonly at: number
  readonly act: BatchAct
  readonly outcome: string
  readonly credential: string | undefined
  readonly name: string
  readonly item: number | undefined
  readonly items: number | undefined
  readonly reason: string | undefined
  readonly commandId: string | undefined
}

/** An act that the log or the audit trail has; a decision that both have is one. `at` is epoch milliseconds. */
export interface ActView {
  readonly at: number
  readonly who: string
  readonly name: string | undefined
  readonly act: string
  readonly subject: string
  readonly outcome: string | undefined
  readonly reason: string | undefined
  readonly partner: string | undefined
  readonly batch: string | undefined
  readonly version: number | undefined
  readonly item: number | undefined
  readonly items: number | undefined
  readonly commandId: string | undefined
  /** The entry of the audit trail. */
  readonly sequence: number | undefined
  readonly address: string | undefined
}

/** Times are epoch milliseconds: from the first one on, and before the second one. */
export interface ActFilter {
  readonly from: number
  readonly to: number
  /** A credential. */
  readonly who?: string | undefined
}

export class ReportQueries extends Context.Service<
  ReportQueries,
  {
    /** By day, partner, currency, bank and state. */
    readonly dailyTotals: (
      request: PageRequest<DailyFilter>,
    ) => Effect.Effect<Page<DailyTotal>, StoreUnavailable | InvalidCursor>
    readonly failures: (filter: FailureFilter) => Effect.Effect<Failures, StoreUnavailable>
    /** What people did to a partner's batch, after a version of its log, in the log's order. */
    readonly batchActs: (
      partner: PartnerId,
      batch: BatchId,
      after: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<BatchActView>, StoreUnavailable>
    /** What people did to anything, the newest first. */
    readonly acts: (
      request: PageRequest<ActFilter>,
    ) => Effect.Effect<Page<ActView>, StoreUnavailable | InvalidCursor>
  }
>()("atlaspay/projections/ReportQueries") {}
