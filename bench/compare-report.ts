/** The figures of `npm run bench:compare`, for people and for scripts. docs/BENCHMARKS.md explains each of them. */
import { median } from "./engine/report.ts"

export const sides = ["old", "new"] as const
export type Side = (typeof sides)[number]

/** Processor time per payout in microseconds: of the engine's processes, of its servers, and of both. */
export interface Cost {
  readonly engineUs: number
  readonly serversUs: number
  readonly togetherUs: number
}

/** One run of each side, one after the other. */
export type Pair = Readonly<Record<Side, Cost>>

/** The order of the runs: A B, B A, A B, …, so that a machine that becomes slower favours neither side. */
export const orderOf = (pair: number): ReadonlyArray<Side> => (pair % 2 === 0 ? sides : sides.toReversed())

/** The figures as one object. The ratio of each pair is that of its two runs; the spread is over the pairs. */
export const compareReport = (
  pairs: ReadonlyArray<Pair>,
  loadAverages: readonly [before: number, after: number],
) => {
  const ratios = pairs.map((pair) => pair.new.togetherUs / pair.old.togetherUs)
  const of = (side: Side, part: keyof Cost) => rounded(median(pairs.map((pair) => pair[side][part])), 1)
  const costs = (side: Side): Cost => ({
    engineUs: of(side, "engineUs"),
    serversUs: of(side, "serversUs"),
    togetherUs: of(side, "togetherUs"),
  })
  return {
    old: costs("old"),
    new: costs("new"),
    ratio: rounded(median(ratios), 3),
    ratioMin: rounded(Math.min(...ratios), 3),
    ratioMax: rounded(Math.max(...ratios), 3),
    pairs: pairs.length,
    loadAverages,
  }
}
export type CompareReport = ReturnType<typeof compareReport>

/** The figures as lines of text. */
export const compareLines = (report: CompareReport): ReadonlyArray<string> => {
  const row = (name: string, ...cells: ReadonlyArray<number | string>) =>
    name.padEnd(6) + cells.map((cell) => String(cell).padStart(12)).join("")
  return [
    "Processor time per payout in µs, medians:",
    row("", "engine", "servers", "together"),
    ...sides.map((side) => row(side, report[side].engineUs, report[side].serversUs, report[side].togetherUs)),
    "",
    `new by old: ${report.ratio}, from ${report.ratioMin} to ${report.ratioMax} over ${report.pairs} pairs`,
    `Load average of the machine: ${report.loadAverages.map((load) => load.toFixed(1)).join(" before, ")} after`,
  ]
}

const rounded = (figure: number, digits: number): number => Number(figure.toFixed(digits))
