/** The figures, for people and for scripts. docs/BENCHMARKS.md explains each of them. */
import type { Cost } from "./engine/server-costs.ts"
import type { LargeBatch } from "./large-batch.ts"
import { cpuMicrosOf } from "./scaling.ts"
import type { Takeover } from "./takeover.ts"

export interface Scale {
  /** By size of the batches, and by the number of open batches. */
  readonly sizes: ReadonlyArray<Cost>
  readonly crowds: ReadonlyArray<Cost>
  readonly takeover: Takeover
  readonly largeBatch: LargeBatch
  /** Load averages of the machine over one minute, before and after the run. */
  readonly loadAverages: readonly [before: number, after: number]
}

/** The highest ratio of the dearest to the cheapest shape at which a cost counts as flat. */
const FLAT_RATIO_MAX = 1.3
/** From so many items on the cost of a payout is wanted to be flat: smaller batches share what a batch costs among fewer. */
const LARGE_ITEMS_MIN = 500
/** The smallest batch, and how many of them are open when they share the most. A lone one may cost this many times as much. */
const SMALL = { itemsPerBatch: 50, open: 200 }
const LONE_RATIO_MAX = 2
const TAKEOVER_MS_MAX = 1_000

/** The cost of the dearest shape divided by that of the cheapest. */
export const spreadOf = (costs: ReadonlyArray<Cost>): number => {
  const micros = costs.map(cpuMicrosOf)
  return hundredths(Math.max(...micros) / Math.min(...micros))
}

/** The most that a larger shape costs in relation to a smaller one; at most 1 if costs do not grow. Smaller shapes come first. */
export const growthOf = (costs: ReadonlyArray<Cost>): number => {
  const micros = costs.map(cpuMicrosOf)
  const pairs = micros.flatMap((small, index) => micros.slice(index + 1).map((large) => large / small))
  return hundredths(Math.max(...pairs))
}

/** The spread of the batches from 500 items on. */
export const largeSpreadOf = ({ sizes }: Pick<Scale, "sizes">): number =>
  spreadOf(sizes.filter(({ itemsPerBatch }) => itemsPerBatch >= LARGE_ITEMS_MIN))

/** What a payout costs in a batch of 50 that is alone, divided by what it costs when 200 are open; `undefined` without both. */
export const loneRatioOf = ({ sizes, crowds }: Pick<Scale, "sizes" | "crowds">): number | undefined => {
  const costOf = (costs: ReadonlyArray<Cost>, open: number) =>
    costs.find((cost) => cost.itemsPerBatch === SMALL.itemsPerBatch && cost.open === open)
  const [lone, shared] = [costOf(crowds, 1), costOf(sizes, SMALL.open)]
  return lone && shared && hundredths(cpuMicrosOf(lone) / cpuMicrosOf(shared))
}

/** The figures as lines of text. */
export const reportLines = ({ sizes, crowds, takeover, largeBatch, loadAverages }: Scale) => [
  "Processor time per payout, in microseconds",
  ...table(sizes),
  verdict(sizes),
  ratioLine(
    `from ${LARGE_ITEMS_MIN} items on, dearest by cheapest`,
    largeSpreadOf({ sizes }),
    FLAT_RATIO_MAX,
  ),
  "",
  ...table(crowds),
  verdict(crowds),
  ratioLine(
    `a lone batch of ${SMALL.itemsPerBatch} by one among ${SMALL.open}`,
    loneRatioOf({ sizes, crowds }),
    LONE_RATIO_MAX,
  ),
  "",
  `Take-over of a batch of ${takeover.items} items in its middle: ${takeover.noticedMs} ms from the end of the claim ` +
    `until it was noticed, ${takeover.actedMs} ms from then to the first append, ${takeover.foldMs} ms of it to fold ` +
    `the log (${takeover.foldCpuMs} ms of processor time); closed ${takeover.closedMs} ms after the claim`,
  `target: under ${TAKEOVER_MS_MAX} ms after the claim: ${takeover.noticedMs + takeover.actedMs < TAKEOVER_MS_MAX ? "met" : "missed"}`,
  `A batch of ${largeBatch.items} items in one request of ${megabytes(largeBatch.bodyBytes)} MB: status ` +
    `${largeBatch.status} after ${largeBatch.acceptedMs} ms, while another request waited ` +
    `${largeBatch.othersWaitedMs} ms at most; ${largeBatch.listed} items listed ${largeBatch.shownMs} ms after that`,
  `Load average of the machine: ${loadAverages.map((load) => load.toFixed(1)).join(" before, ")} after`,
]

/** The closing line of `--json`. */
export const jsonReport = ({ sizes, crowds, ...others }: Scale) => ({
  sizes: sizes.map(jsonCost),
  sizesRatio: spreadOf(sizes),
  sizesGrowth: growthOf(sizes),
  largeRatio: largeSpreadOf({ sizes }),
  open: crowds.map(jsonCost),
  openRatio: spreadOf(crowds),
  openGrowth: growthOf(crowds),
  loneRatio: loneRatioOf({ sizes, crowds }) ?? null,
  ...others,
})

/** Reasons not to trust the figures; empty if there are none. */
export const problemsOf = ({ takeover, largeBatch }: Scale): ReadonlyArray<string> => {
  const { owner, heir, asked } = takeover.paid
  return [
    ...(owner + heir + asked === takeover.items
      ? []
      : [`${owner} + ${heir} paid and ${asked} asked about are not the batch of ${takeover.items}`]),
    ...(largeBatch.status === 202 ? [] : [`the large batch was answered with ${largeBatch.status}`]),
    ...(largeBatch.listed === largeBatch.items ? [] : [`${largeBatch.listed} of its items were listed`]),
  ]
}

const verdict = (costs: ReadonlyArray<Cost>): string => {
  const spread = spreadOf(costs)
  const flat = spread <= FLAT_RATIO_MAX ? "flat" : "not flat"
  return `dearest by cheapest: ${spread}, larger by smaller: ${growthOf(costs)} at most; ${flat} within ${FLAT_RATIO_MAX}`
}

const ratioLine = (what: string, ratio: number | undefined, most: number): string =>
  ratio === undefined
    ? `${what}: not measured`
    : `${what}: ${ratio}; wanted: at most ${most}: ${ratio <= most ? "met" : "missed"}`

const table = (costs: ReadonlyArray<Cost>): ReadonlyArray<string> => [
  row(
    "items",
    "open",
    "engine",
    "redis",
    "postgres",
    "together",
    "bytes",
    "aof",
    "commands",
    "heap MB",
    "rss MB",
  ),
  ...costs
    .map(jsonCost)
    .map((cost) =>
      row(
        cost.itemsPerBatch,
        cost.open,
        cost.engineUs,
        cost.redisUs,
        cost.postgresUs,
        cost.togetherUs,
        cost.redisBytes,
        cost.aofBytes,
        cost.commands,
        megabytes(cost.heapBytes),
        megabytes(cost.rssMaxBytes),
      ),
    ),
]

const jsonCost = (cost: Cost) => {
  const perPayout = (of: number) => of / cost.payouts
  const micros = (seconds: number) => Math.round(perPayout(seconds) * 1e6)
  const { itemsPerBatch, open, payouts, seconds, heapBytes, rssBytes, rssMaxBytes } = cost
  return {
    itemsPerBatch,
    open,
    payouts,
    seconds: hundredths(seconds),
    engineUs: micros(cost.engineCpuSeconds),
    redisUs: micros(cost.redisCpuSeconds),
    postgresUs: micros(cost.postgresCpuSeconds),
    togetherUs: Math.round(cpuMicrosOf(cost)),
    redisBytes: Math.round(perPayout(cost.memoryBytes)),
    logBytes: Math.round(cost.logBytesPerPayout),
    aofBytes: Math.round(perPayout(cost.aofBytes)),
    commands: hundredths(perPayout(cost.commands)),
    functionCalls: Math.round(perPayout(cost.functionCalls) * 1_000) / 1_000,
    heapBytes,
    rssBytes,
    rssMaxBytes,
  }
}

const row = (...cells: ReadonlyArray<string | number>): string =>
  cells.map((cell) => String(cell).padStart(9)).join("")

const hundredths = (value: number): number => Math.round(value * 100) / 100

const megabytes = (bytes: number): number => Math.round(bytes / 1e6)
