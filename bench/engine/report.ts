/** The figures of `npm run bench:engine`, for people and for scripts. docs/BENCHMARKS.md explains each of them. */

export const peers = ["restate", "bullmq", "dbos", "graphile", "effect"] as const
export type Peer = (typeof peers)[number]
export const engines = ["atlaspay", ...peers] as const
export type Engine = (typeof engines)[number]

/**
 * What a bare client of Redis writes in a second: the entries of AtlasPay's logs, and those of logs in which each payout that settles has
 * an entry of its own.
 */
export const floors = ["floor", "floorSingly"] as const
export type Floor = (typeof floors)[number]

/** The part of the floor of single entries that AtlasPay is to reach: it was set when logs had these. */
export const FLOOR_SINGLY_TARGET = 0.3

/** AtlasPay's targets: how many times the payouts per second of each peer. Where there is none, the ratio is only shown. */
export const RATIO_TARGETS: Readonly<Partial<Record<Peer, number>>> = { restate: 3.5, bullmq: 5, dbos: 25 }

/** One run of one engine, with the cost of its servers. */
export interface Run {
  readonly payouts: number
  readonly payoutsPerSecond: number
  readonly batchP50Ms: number
  readonly batchP99Ms: number
  /** Processor time of the engine's processes and of all servers. */
  readonly cpuSeconds: number
  readonly redisCommands: number
  readonly redisBytes: number
}

export interface Measured {
  /** The runs of each engine, in their order. */
  readonly runs: Readonly<Record<Engine, ReadonlyArray<Run>>>
  readonly floors: Readonly<Record<Floor, ReadonlyArray<Pick<Run, "payoutsPerSecond">>>>
  readonly loadAverages: readonly [before: number, after: number]
}

/** The figures as one object; each figure is the median of the runs. */
export const jsonReport = ({ runs, floors, loadAverages }: Measured) => {
  const of = (figure: (run: Run) => number, digits = 0) =>
    Object.fromEntries(
      engines.map((engine) => [engine, rounded(median(runs[engine].map(figure)), digits)]),
    ) as Record<Engine, number>
  const payoutsPerSecond = of((run) => run.payoutsPerSecond)
  const ratioTo = (peer: Peer) => rounded(payoutsPerSecond.atlaspay / payoutsPerSecond[peer], 2)
  const beside = (floor: Floor) => {
    const perSecond = rounded(median(floors[floor].map((run) => run.payoutsPerSecond)), 0)
    return { payoutsPerSecond: perSecond, ratio: rounded(perSecond / payoutsPerSecond.atlaspay, 2) }
  }
  return {
    payoutsPerSecond,
    ratio: Object.fromEntries(peers.map((peer) => [peer, ratioTo(peer)])) as Record<Peer, number>,
    batchP50Ms: of((run) => run.batchP50Ms),
    batchP99Ms: of((run) => run.batchP99Ms),
    cpuSecondsPer1000: of((run) => (run.cpuSeconds / run.payouts) * 1_000, 3),
    redisCommandsPerPayout: of((run) => run.redisCommands / run.payouts, 1),
    redisBytesPerPayout: of((run) => run.redisBytes / run.payouts),
    floor: beside("floor"),
    floorSingly: beside("floorSingly"),
    runs: runs.atlaspay.length,
    loadAverages,
  }
}

/** The figures as lines of text. */
export const reportLines = (measured: Measured): ReadonlyArray<string> => {
  const report = jsonReport(measured)
  const row = (name: string, ...cells: ReadonlyArray<number | string>) =>
    name.padEnd(10) + cells.map((cell) => String(cell).padStart(14)).join("")
  return [
    row("", "payouts/s", "batch p50 ms", "p99 ms", "CPU s/1,000", "Redis cmds", "Redis bytes"),
    ...engines.map((engine) =>
      row(
        engine,
        report.payoutsPerSecond[engine],
        report.batchP50Ms[engine],
        report.batchP99Ms[engine],
        report.cpuSecondsPer1000[engine],
        report.redisCommandsPerPayout[engine],
        report.redisBytesPerPayout[engine],
      ),
    ),
    row("floor", report.floor.payoutsPerSecond),
    row("singly", report.floorSingly.payoutsPerSecond),
    "",
    ...peers.map((peer) => {
      const [ratio, target] = [report.ratio[peer], RATIO_TARGETS[peer]]
      if (target === undefined) return `${ratio} × ${peer}`
      return `${ratio} × ${peer}, to reach ${target} ×: ${ratio >= target ? "reached" : "missed"}`
    }),
    `${percent(1 / report.floor.ratio)} of the floor`,
    floorLine(1 / report.floorSingly.ratio),
    `Load average of the machine: ${report.loadAverages.map((load) => load.toFixed(1)).join(" before, ")} after`,
  ]
}

const percent = (part: number): string => `${Math.round(part * 100)} %`

const floorLine = (part: number): string =>
  `${percent(part)} of the floor of single entries, to reach ${percent(FLOOR_SINGLY_TARGET)}: ` +
  (part >= FLOOR_SINGLY_TARGET ? "reached" : "missed")

/** The median: of an even number of values the mean of the two in the middle. */
export const median = (figures: ReadonlyArray<number>): number => {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1)
  return middle.reduce((sum, figure) => sum + figure, 0) / middle.length
}

const rounded = (figure: number, digits: number): number => Number(figure.toFixed(digits))
