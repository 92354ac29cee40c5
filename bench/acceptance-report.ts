/** The figures, for people and for scripts. docs/BENCHMARKS.md explains each of them. */
import { type Acceptance, type AcceptanceOptions, ITEMS_PER_BATCH, type Settling } from "./acceptance.ts"
import type { Figures } from "./figures.ts"

/** The target of the original design, for the average at 200 connections. */
const ACCEPT_MS_TARGET = 500

/** The figures as lines of text. */
export const reportLines = (
  { accept, floor, ratio, burst, backlog, loadAverages }: Acceptance,
  { seconds, connections }: AcceptanceOptions,
): ReadonlyArray<string> => [
  `Acceptance: ${connections} connections, batches of ${ITEMS_PER_BATCH} items, ${seconds} s for each side`,
  "",
  row("", "average", "p99", "per second", "requests"),
  figuresRow("service", accept),
  figuresRow("floor", floor),
  `ratio of the averages: ${shown(ratio)}`,
  `target: under ${ACCEPT_MS_TARGET} ms on average: ${meetsTarget(accept) ? "met" : "missed"}`,
  "",
  `${burst.settling.accepted} batches posted at once: accepted after ${shown(burst.accept.avgMs)} ms on average ` +
    `(p99 ${shown(burst.accept.p99Ms)} ms), settled ${shown(burst.settling.avgMs)} ms after that on average ` +
    `(${settledOf(burst.settling)})`,
  `Backlog of the load: ${settledOf(backlog.settling)} after ${Math.round(backlog.waitedMs / 1_000)} s more, ` +
    `${shown(backlog.settling.avgMs)} ms after acceptance on average`,
  `Load average of the machine: ${loadAverages.map((load) => load.toFixed(1)).join(" before, ")} after`,
]

/** The closing line of `--json`; a figure that could not be measured is `null`. */
export const jsonReport = (
  { accept, floor, ratio, burst, backlog, failures, loadAverages }: Acceptance,
  { seconds, connections }: AcceptanceOptions,
) => ({
  accept: jsonFigures(accept),
  floor: jsonFigures(floor),
  ratio: ratio ?? null,
  settledAvgMs: burst.settling.avgMs ?? null,
  burst: { ...jsonFigures(burst.accept), ...jsonSettling(burst.settling) },
  backlog: { ...jsonSettling(backlog.settling), waitedMs: backlog.waitedMs },
  failures,
  seconds,
  connections,
  itemsPerBatch: ITEMS_PER_BATCH,
  loadAverages,
})

/** Reasons not to trust the figures; empty if there are none. */
export const problemsOf = ({ accept, floor, burst, failures }: Acceptance): ReadonlyArray<string> => [
  ...Object.entries(failures).map(([kind, count]) => `${count} requests failed: ${kindOf(kind)}`),
  ...(accept.requests === 0 ? ["the service answered no request"] : []),
  ...(floor.requests === 0 ? ["the floor answered no request"] : []),
  ...(burst.settling.settled < burst.settling.accepted
    ? [`of the batches posted at once, only ${settledOf(burst.settling)}`]
    : []),
]

const kindOf = (kind: string): string =>
  kind === "connection" ? "no answer, or none in time" : `status ${kind}`

const meetsTarget = ({ avgMs }: Figures): boolean => avgMs !== undefined && avgMs < ACCEPT_MS_TARGET

const settledOf = ({ settled, accepted }: Settling): string => `${settled} of ${accepted} settled`

const jsonFigures = ({ avgMs, p99Ms, rps, requests }: Figures) => ({
  avgMs: avgMs ?? null,
  p99Ms: p99Ms ?? null,
  rps,
  requests,
})

const jsonSettling = ({ accepted, settled, avgMs }: Settling) => ({
  accepted,
  settled,
  settledAvgMs: avgMs ?? null,
})

const figuresRow = (name: string, { avgMs, p99Ms, rps, requests }: Figures): string =>
  row(name, `${shown(avgMs)} ms`, `${shown(p99Ms)} ms`, String(rps), String(requests))

const row = (name: string, ...cells: ReadonlyArray<string>): string =>
  (name.padEnd(9) + cells.map((cell) => cell.padStart(13)).join("")).trimEnd()

const shown = (value: number | undefined): string => (value === undefined ? "–" : String(value))
