/** The figures of `npm run bench:compare -- --pipeline`, for people and for scripts. */
import { type Side, sides } from "../compare-report.ts"
import { median } from "../engine/report.ts"
import { costsOf, loadLine, rounded, row } from "./report.ts"
import type { Round } from "./round.ts"

/** One round of each checkout, one after the other. */
export type RoundsOfPair = Readonly<Record<Side, Round>>

/** Medians over the pairs, and the ratio of new by old: of each pair's own two rounds, with its range. */
export interface Compared {
  readonly old: number
  readonly new: number
  readonly ratio: number
  readonly ratioMin: number
  readonly ratioMax: number
}

const compared = (
  pairs: ReadonlyArray<RoundsOfPair>,
  figure: (round: Round) => number | undefined,
): Compared => {
  const of = (side: Side) => pairs.map((pair) => figure(pair[side]) ?? Number.NaN)
  const [before, after] = [of("old"), of("new")]
  const ratios = after.map((value, index) => value / (before[index] ?? Number.NaN))
  return {
    old: rounded(median(before), 1),
    new: rounded(median(after), 1),
    ratio: rounded(median(ratios), 3),
    ratioMin: rounded(Math.min(...ratios), 3),
    ratioMax: rounded(Math.max(...ratios), 3),
  }
}

/**
 * The figures as one object: processor time per payout by part, and payouts per second. A part that only one of the
 * checkouts has, because the roles are arranged differently, has no ratio, and is left out of `parts`.
 */
export const pipelineCompareReport = (
  pairs: ReadonlyArray<RoundsOfPair>,
  loadAverages: readonly [before: number, after: number],
) => {
  const costs = (round: Round | undefined) => Object.keys(round === undefined ? {} : costsOf(round))
  const [first] = pairs
  const names = costs(first?.old).filter((name) => costs(first?.new).includes(name))
  const parts = names.map((name): [string, Compared] => [
    name,
    compared(pairs, (round) => costsOf(round)[name]),
  ])
  return {
    parts: Object.fromEntries(parts),
    payoutsPerSecond: compared(pairs, ({ payouts, completeMs }) => (payouts / completeMs) * 1_000),
    settledMs: compared(pairs, ({ settledMs }) => settledMs),
    redisCommands: compared(pairs, ({ counters, payouts }) => counters.redisCommands / payouts),
    walBytes: compared(pairs, ({ counters, payouts }) => counters.postgresWalBytes / payouts),
    pairs: pairs.length,
    loadAverages,
  }
}
export type PipelineCompareReport = ReturnType<typeof pipelineCompareReport>

/** The figures as lines of text. */
export const pipelineCompareLines = (report: PipelineCompareReport): ReadonlyArray<string> => {
  const line = (name: string, figures: Compared) =>
    row(name, figures.old, figures.new, figures.ratio, figures.ratioMin, figures.ratioMax)
  return [
    "Processor time per payout in µs, medians:",
    row("", ...sides, "new by old", "from", "to"),
    ...Object.entries(report.parts).map(([part, figures]) => line(part, figures)),
    "",
    line("payouts per second", report.payoutsPerSecond),
    line("all settled after, ms", report.settledMs),
    line("Redis commands", report.redisCommands),
    line("bytes of Postgres' log", report.walBytes),
    "",
    `${report.pairs} pairs. ${loadLine(report.loadAverages)}`,
  ]
}
