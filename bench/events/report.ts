/** The figures of `npm run bench:events`, for people and for scripts. docs/BENCHMARKS.md explains each of them. */
import { loadLine, rounded, row } from "../pipeline/report.ts"
import type { EventsMeasured, Run, RunName } from "./measure.ts"

/** What the issue of events and webhooks asks for. */
const DELIVERIES_PER_SECOND_MIN = 1_000
const P99_MS_MAX = 1_000

const eventsPerSecondOf = ({ events, seconds }: Run): number => events / seconds

/** Microseconds of processor time per event by process, and of all but the receiver together. */
const costsOf = ({ cpu, events }: Run): Readonly<Record<string, number>> => {
  const parts = Object.entries(cpu).map(([part, seconds]): [string, number] => [
    part,
    rounded((seconds / events) * 1e6, 1),
  ])
  const whole = parts.reduce((sum, [part, cost]) => (part === "receiver" ? sum : sum + cost), 0)
  return { whole: rounded(whole, 1), ...Object.fromEntries(parts) }
}

/** The figures as one object. All are by public event: so the engine's, too. */
export const eventsReport = ({ written, logEventsPerEvent, runs, hanging, loadAverages }: EventsMeasured) => {
  const share = 1 / logEventsPerEvent
  const engine = {
    payoutsPerSecond: rounded(written.payouts / written.seconds, 0),
    logEventsPerSecond: rounded(written.events / written.seconds, 0),
    eventsPerSecond: rounded((written.events * share) / written.seconds, 0),
    costUs: rounded((written.cpuSeconds / (written.events * share)) * 1e6, 1),
  }
  const reports = Object.fromEntries(
    Object.entries(runs).map(([name, run]) => [
      name,
      { eventsPerSecond: rounded(eventsPerSecondOf(run), 0), costUs: costsOf(run) },
    ]),
  ) as Partial<
    Record<RunName, { readonly eventsPerSecond: number; readonly costUs: Readonly<Record<string, number>> }>
  >
  const cost = (name: RunName, part: string) => reports[name]?.costUs[part] ?? Number.NaN
  const speed = (name: RunName) => reports[name]?.eventsPerSecond ?? Number.NaN
  return {
    engine,
    logEventsPerEvent: rounded(logEventsPerEvent, 2),
    runs: reports,
    ratio: {
      /** Events per second of the relay by the engine's. */
      relayByEngine: rounded(speed("relay") / engine.eventsPerSecond, 2),
      /** Processor time of relay and projector in one process by that of two. */
      oneByTwo: rounded(
        cost("relay and projector in one", "followers") /
          (cost("relay", "relay") + cost("projector", "projector")),
        2,
      ),
    },
    deliveriesPerSecond: speed("dispatcher"),
    hanging,
    loadAverages,
  }
}
export type EventsReport = ReturnType<typeof eventsReport>

/** The figures as lines of text. */
export const eventsLines = (report: EventsReport): ReadonlyArray<string> => {
  const { engine, runs, ratio, deliveriesPerSecond, hanging, loadAverages } = report
  const servers = ["redis", "postgres", "nats", "receiver"]
  const own = ({ costUs }: NonNullable<EventsReport["runs"][RunName]>) =>
    Object.entries(costUs).filter(([part]) => part !== "whole" && !servers.includes(part))
  return [
    `Public events per second, and processor time of each in µs; the logs have ${report.logEventsPerEvent} events for each`,
    "",
    row("", "events/s", "parts", "whole", ...servers),
    row("engine", engine.eventsPerSecond, engine.costUs),
    ...Object.entries(runs).flatMap(([name, run]) => [
      row(
        name.slice(0, 24),
        run.eventsPerSecond,
        rounded(
          own(run).reduce((sum, [, cost]) => sum + cost, 0),
          1,
        ),
        run.costUs.whole,
        ...servers.map((server) => run.costUs[server]),
      ),
      ...(own(run).length > 1 ? own(run).map(([part, cost]) => row(`  ${part}`, undefined, cost)) : []),
    ]),
    "",
    `relay by the engine, events per second: ${ratio.relayByEngine}, at least 1: ${atLeast(ratio.relayByEngine, 1)}`,
    `relay and projector in one process by two, processor time: ${ratio.oneByTwo}`,
    `deliveries per second of one process: ${deliveriesPerSecond}, at least ${DELIVERIES_PER_SECOND_MIN}: ` +
      atLeast(deliveriesPerSecond, DELIVERIES_PER_SECOND_MIN),
    `of ${hanging.endpoints} endpoints at ${hanging.eventsPerSecond} events per second, the first half, p50 and p99: ` +
      `${hanging.allQuick.p50Ms} and ${hanging.allQuick.p99Ms} ms while all answer`,
    `${hanging.halfHang.p50Ms} and ${hanging.halfHang.p99Ms} ms while the other half hangs, p99 under ${P99_MS_MAX} ms: ` +
      reached(hanging.halfHang.p99Ms < P99_MS_MAX),
    loadLine(loadAverages),
  ]
}

const reached = (isReached: boolean): string => (isReached ? "reached" : "missed")

/** A figure of a run that was left out is not a number. */
const atLeast = (figure: number, wanted: number): string =>
  Number.isNaN(figure) ? "not measured" : reached(figure >= wanted)
