import { CLIENT } from "./pipeline/processor-time.ts"
import type { Round } from "./pipeline/round.ts"

/** One measurement of a kind. */
export interface Turn {
  readonly kind: "before" | "off" | "1 %" | "100 %"
  readonly round: Pick<Round, "payouts" | "seconds">
  /** What the collector got. */
  readonly bytes: number
}

/** The aims: what a payout may cost with 1 %, by what it costs without. */
const RATIO_MAX = 1.03

/** Who pays for nothing that traces could change. */
const outside: ReadonlySet<string> = new Set([CLIENT, "sandbox", "receiver"])

export interface TracingReport {
  readonly kinds: ReadonlyArray<{
    readonly kind: Turn["kind"]
    /** Microseconds of processor time per payout, of the service and its servers: the median of the rounds. */
    readonly microseconds: number
    readonly rounds: ReadonlyArray<number>
    /** The median by that of `off`. */
    readonly ratio: number
    readonly bytesPerPayout: number
  }>
}

/** Microseconds of processor time of the service and its servers for each payout. */
const costOf = ({ payouts, seconds }: Turn["round"]): number =>
  (Object.entries(seconds).reduce((sum, [part, s]) => (outside.has(part) ? sum : sum + s), 0) * 1e6) / payouts

const medianOf = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[sorted.length % 2 === 0 ? middle - 1 : middle],
    sorted[middle],
  ]
  return (low + high) / 2
}

/** Compares the kinds of turns. */
export const tracingReport = (turns: ReadonlyArray<Turn>): TracingReport => {
  const byKind = [...Map.groupBy(turns, ({ kind }) => kind)]
  const medians = new Map(
    byKind.map(([kind, some]) => [kind, medianOf(some.map(({ round }) => costOf(round)))]),
  )
  return {
    kinds: byKind.map(([kind, some]) => ({
      kind,
      microseconds: Math.round(medians.get(kind) ?? Number.NaN),
      rounds: some.map(({ round }) => Math.round(costOf(round))),
      ratio: Number(((medians.get(kind) ?? Number.NaN) / (medians.get("off") ?? Number.NaN)).toFixed(3)),
      bytesPerPayout: Math.round(
        some.reduce((sum, { bytes }) => sum + bytes, 0) /
          some.reduce((sum, { round }) => sum + round.payouts, 0),
      ),
    })),
  }
}

/** The report for people. */
export const tracingLines = ({ kinds }: TracingReport): ReadonlyArray<string> => {
  const lines = kinds.map(
    ({ kind, microseconds, rounds, ratio, bytesPerPayout }) =>
      `${kind.padEnd(8)}${String(microseconds).padStart(7)} µs${ratio.toFixed(3).padStart(9)}${String(bytesPerPayout).padStart(9)} bytes   rounds: ${rounds.join(", ")}`,
  )
  const onePercent = kinds.find(({ kind }) => kind === "1 %")?.ratio ?? Number.NaN
  return [
    "traces  processor time of the service and its servers per payout, by that without traces, and what the collector got",
    ...lines,
    `1 % by off: ${onePercent}, at most ${RATIO_MAX}: ${onePercent <= RATIO_MAX ? "reached" : "missed"}`,
  ]
}
