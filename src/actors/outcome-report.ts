/**
 * Counts what came of turns, once their events are in the log. A process that dies between the append and the count loses the count:
 * the logs are the books, and metrics only raise alarms. A worker that takes over counts nothing again, because it counts what it
 * appends, not what it reads.
 */
import type { Batch } from "../domain/batch.ts"
import { settlementDueAt } from "../domain/scheme.ts"
import type { Metrics } from "../telemetry/metrics.ts"
import type { EndedItem, MovedMoney, TurnOutcomes } from "./turn-outcomes.ts"

/**
 * Counts the outcomes of a turn that was appended at `at` (epoch milliseconds). `traceId` is the batch's trace if it is exported. Throws
 * what broke while the outcomes were noted, once it counted what there is.
 */
export type OutcomeReport = (
  batch: Batch,
  outcomes: TurnOutcomes,
  at: number,
  traceId: string | undefined,
) => void

export const makeOutcomeReport = (metrics: Metrics): OutcomeReport => {
  return (batch, outcomes, at, traceId) => {
    const seconds = Math.max(0, at - batch.receivedAt) / 1_000
    for (const outcome of outcomes.screened) metrics.screeningSeconds.observe({ outcome }, seconds)
    for (const compensation of outcomes.contradicted) metrics.lateOutcomes.inc({ compensation })
    for (const moved of outcomes.money) countMoney(metrics, moved)
    for (const ended of outcomes.ended(batch)) {
      const { outcome, scheme } = ended
      metrics.itemsFinal.inc({ outcome })
      metrics.settlementSeconds.observeTraced({ scheme, outcome }, seconds, traceId)
      countInTime(metrics, ended, at)
    }
    outcomes.throwIfBroken()
  }
}

const countMoney = ({ moneyMoved, moneyReturned }: Metrics, { way, currency, bank, minor }: MovedMoney) => {
  const counter = way === "moved" ? moneyMoved : moneyReturned
  counter.inc({ currency, bank }, Number(minor))
}

/** Only what a bank decided is in time or late: a person who cancels or rejects owes the scheme nothing. */
const countInTime = (
  { settledLate, settledOnTime }: Metrics,
  { outcome, scheme, payableAt }: EndedItem,
  at: number,
) => {
  if (payableAt === undefined || (outcome !== "paid" && outcome !== "failed")) return
  const counter = at <= settlementDueAt(scheme, payableAt) ? settledOnTime : settledLate
  counter.inc({ scheme })
}
