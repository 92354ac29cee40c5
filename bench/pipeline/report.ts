/** The figures of `npm run bench:pipeline`, for people and for scripts. docs/BENCHMARKS.md explains each of them. */
import { median } from "../engine/report.ts"
import type { Counters } from "./counters.ts"
import { CLIENT } from "./processor-time.ts"
import type { Round } from "./round.ts"

/** What the issue of the whole pipeline asks for: by how much AtlasPay may be dearer and slower than its floor. */
const COST_RATIO_MAX = 2.5
const RATE_RATIO_MIN = 0.4

/** What plays the world outside: the same for both sides, and in no total. */
const OUTSIDE = new Set(["sandbox", "receiver", CLIENT])

/** One round of each side, one after the other. */
export interface RoundPair {
  readonly floor: Round
  readonly service: Round
}

export interface PipelineMeasured {
  readonly pairs: ReadonlyArray<RoundPair>
  readonly layout: string
  /** Batches of a round, items in each, and batches open at a time. */
  readonly batches: number
  readonly itemsPerBatch: number
  readonly open: number
  readonly loadAverages: readonly [before: number, after: number]
}

/** Microseconds of processor time per payout by part, and the sum of all that is not outside. */
export const costsOf = ({ seconds, payouts }: Round): Readonly<Record<string, number>> => {
  const parts = Object.entries(seconds).map(([part, spent]): [string, number] => [
    part,
    (spent / payouts) * 1e6,
  ])
  const whole = parts.filter(([part]) => !OUTSIDE.has(part)).reduce((sum, [, cost]) => sum + cost, 0)
  return { whole, ...Object.fromEntries(parts) }
}

/** Payouts per second, until each is settled, shown, published and delivered. */
const rateOf = ({ payouts, completeMs }: Round): number => payouts / (completeMs / 1_000)

/** Medians of records with the same keys. */
const medians = <Key extends string>(
  records: ReadonlyArray<Readonly<Record<Key, number>>>,
  digits: number,
): Record<Key, number> => {
  const keys = Object.keys(records[0] ?? {}) as Array<Key>
  const of = (key: Key) => rounded(median(records.map((record) => record[key])), digits)
  return Object.fromEntries(keys.map((key) => [key, of(key)])) as Record<Key, number>
}

const sideReport = (rounds: ReadonlyArray<Round>) => ({
  costUs: medians(rounds.map(costsOf), 1),
  ...medians(
    rounds.map((round) => ({
      payoutsPerSecond: rateOf(round),
      acceptedAvgMs: round.acceptedAvgMs,
      settledMs: round.settledMs,
      completeMs: round.completeMs,
      webhooksRepeated: round.repeated,
    })),
    1,
  ),
  perPayout: medians(
    rounds.map(
      ({ counters, payouts }) =>
        Object.fromEntries(
          Object.entries(counters).map(([name, count]) => [name, count / payouts]),
        ) as unknown as Record<keyof Counters, number>,
    ),
    3,
  ),
})

/** The figures as one object: medians over the rounds; each ratio is that of the two rounds of a pair. */
export const pipelineReport = ({ pairs, ...about }: PipelineMeasured) => {
  const ratio = (figure: (round: Round) => number) =>
    rounded(median(pairs.map(({ service, floor }) => figure(service) / figure(floor))), 2)
  return {
    service: sideReport(pairs.map(({ service }) => service)),
    floor: sideReport(pairs.map(({ floor }) => floor)),
    ratio: {
      processorTime: ratio((round) => costsOf(round).whole ?? Number.NaN),
      payoutsPerSecond: ratio(rateOf),
    },
    ...about,
    rounds: pairs.length,
  }
}
export type PipelineReport = ReturnType<typeof pipelineReport>

/** The figures as lines of text. */
export const pipelineLines = (report: PipelineReport): ReadonlyArray<string> => {
  const { service, floor, ratio, batches, itemsPerBatch, open, layout, rounds, loadAverages } = report
  return [
    `${rounds} rounds of ${batches} batches of ${itemsPerBatch}, ${open} open at a time; processes: ${layout}`,
    "",
    "Processor time per payout in µs, medians:",
    row("", "service", "floor"),
    ...partsOf(report).map((part) => row(part, service.costUs[part], floor.costUs[part])),
    "",
    row("payouts per second", service.payoutsPerSecond, floor.payoutsPerSecond),
    row("accepted after, ms", service.acceptedAvgMs, floor.acceptedAvgMs),
    row("all settled after, ms", service.settledMs, floor.settledMs),
    row("all delivered, ms", service.completeMs, floor.completeMs),
    "",
    "Per payout, as the servers count:",
    ...(Object.keys(service.perPayout) as Array<keyof Counters>).map((name) =>
      row(name, service.perPayout[name], floor.perPayout[name]),
    ),
    "",
    `processor time by the floor's: ${ratio.processorTime}, at most ${COST_RATIO_MAX}: ` +
      reached(ratio.processorTime <= COST_RATIO_MAX),
    `payouts per second by the floor's: ${ratio.payoutsPerSecond}, at least ${RATE_RATIO_MIN}: ` +
      reached(ratio.payoutsPerSecond >= RATE_RATIO_MIN),
    loadLine(loadAverages),
  ]
}

/** The parts of both sides, the whole first and those outside last. */
const partsOf = ({ service, floor }: PipelineReport): ReadonlyArray<string> => {
  const parts = [...new Set([...Object.keys(service.costUs), ...Object.keys(floor.costUs)])]
  return [...parts.filter((part) => !OUTSIDE.has(part)), ...parts.filter((part) => OUTSIDE.has(part))]
}

export const loadLine = (loadAverages: readonly [before: number, after: number]): string =>
  `Load average of the machine: ${loadAverages.map((load) => load.toFixed(1)).join(" before, ")} after`

/** A line of a table; a cell without a figure is a dash. */
export const row = (name: string, ...cells: ReadonlyArray<number | string | undefined>): string =>
  (name.padEnd(24) + cells.map((cell) => String(cell ?? "–").padStart(12)).join("")).trimEnd()

const reached = (isReached: boolean): string => (isReached ? "reached" : "missed")

export const rounded = (figure: number, digits: number): number => Number(figure.toFixed(digits))
