/** Computes figures from answers. */
import type { Answers } from "./load.ts"

/** One side of the comparison, rounded to a tenth; the times are `undefined` if nothing was answered. */
export interface Figures {
  readonly avgMs: number | undefined
  readonly p99Ms: number | undefined
  /** Answers with 2xx per second. */
  readonly rps: number
  readonly requests: number
}

/** The figures of several rounds together, as if they were one. */
export const figuresOf = (rounds: ReadonlyArray<Answers>): Figures => {
  const latencies = rounds.flatMap(({ latenciesMs }) => latenciesMs)
  return {
    avgMs: tenths(average(latencies)),
    p99Ms: tenths(percentile(latencies, 99)),
    rps: Math.round((latencies.length / sum(rounds.map(({ seconds }) => seconds))) * 10) / 10,
    requests: latencies.length,
  }
}

/** The average time of the first divided by that of the second, rounded to a hundredth. */
export const ratioOf = (accept: Figures, floor: Figures): number | undefined =>
  accept.avgMs === undefined || !floor.avgMs
    ? undefined
    : Math.round((accept.avgMs / floor.avgMs) * 100) / 100

/** All failures of some loads, by kind. */
export const failuresOf = (loads: ReadonlyArray<Answers>): Readonly<Record<string, number>> => {
  const totals: Record<string, number> = {}
  for (const { failures } of loads)
    for (const [kind, count] of Object.entries(failures)) totals[kind] = (totals[kind] ?? 0) + count
  return totals
}

/** What was counted between two readings: each field of the second less that of the first, or all of it where that is new. */
export const differenceOf = <Counts extends Readonly<Record<keyof Counts, number>>>(
  before: Counts,
  after: Counts,
): Counts => {
  const names = Object.keys(after) as Array<keyof Counts>
  const differences = names.map((name) => [name, after[name] - (before[name] ?? 0)] as const)
  return Object.fromEntries(differences) as unknown as Counts
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

const average = (values: ReadonlyArray<number>): number | undefined =>
  values.length === 0 ? undefined : sum(values) / values.length

/** The nearest rank: the smallest value that at least this percentage of the values does not exceed. */
export const percentile = (values: ReadonlyArray<number>, percent: number): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.ceil((values.length * percent) / 100) - 1]

const tenths = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.round(value * 10) / 10
