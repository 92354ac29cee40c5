/** The figures of `npm run bench:projections`, for people and for scripts. docs/BENCHMARKS.md explains each of them. */
import { loadLine, rounded, row } from "../pipeline/report.ts"
import type { ProjectionsMeasured } from "./measure.ts"

/** What the issue of read models asks for. */
const PROJECTOR_BY_ENGINE_MIN = 1
const REBUILD_BY_COPY_MAX = 4

const costsOf = (cpu: Readonly<Record<string, number>>, events: number) =>
  Object.fromEntries(
    Object.entries(cpu).map(([part, seconds]) => [part, rounded((seconds / events) * 1e6, 1)]),
  )

/** The figures as one object. All are by event of the logs; costs are microseconds of processor time. */
export const projectionsReport = ({
  written,
  projector,
  rebuild,
  verify,
  loadAverages,
}: ProjectionsMeasured) => {
  const engineRate = written.events / written.seconds
  const projectorRate = projector.events / projector.seconds
  return {
    engine: {
      eventsPerSecond: rounded(engineRate, 0),
      costUs: rounded((written.cpuSeconds / written.events) * 1e6, 1),
    },
    projector: {
      events: projector.events,
      eventsPerSecond: rounded(projectorRate, 0),
      costUs: costsOf(projector.cpu, projector.events),
    },
    rebuild: {
      events: rebuild.events,
      rows: rebuild.rows,
      seconds: rounded(rebuild.seconds, 2),
      eventsPerSecond: rounded(rebuild.events / rebuild.seconds, 0),
      costUs: costsOf(rebuild.cpu, rebuild.events),
      copySeconds: rounded(rebuild.copySeconds, 2),
      copyCostUs: rounded((rebuild.copyCpuSeconds / rebuild.events) * 1e6, 1),
    },
    verify: {
      events: verify.events,
      seconds: rounded(verify.seconds, 2),
      eventsPerSecond: rounded(verify.events / verify.seconds, 0),
      costUs: costsOf(verify.cpu, verify.events),
    },
    ratio: {
      projectorByEngine: rounded(projectorRate / engineRate, 2),
      rebuildByCopy: rounded(rebuild.seconds / rebuild.copySeconds, 2),
    },
    loadAverages,
  }
}
export type ProjectionsReport = ReturnType<typeof projectionsReport>

/** The figures as lines of text. */
export const projectionsLines = (report: ProjectionsReport): ReadonlyArray<string> => {
  const { engine, projector, rebuild, verify, ratio, loadAverages } = report
  const { projector: own, redis, postgres } = projector.costUs
  return [
    "Events of the logs per second, and processor time of each in µs",
    "",
    row("", "events/s", "itself", "redis", "postgres"),
    row("engine", engine.eventsPerSecond, engine.costUs),
    row("projector", projector.eventsPerSecond, own, redis, postgres),
    row(
      "rebuild",
      rebuild.eventsPerSecond,
      rebuild.costUs.command,
      rebuild.costUs.redis,
      rebuild.costUs.postgres,
    ),
    row(
      "bare COPY",
      rounded(rebuild.events / rebuild.copySeconds, 0),
      undefined,
      undefined,
      rebuild.copyCostUs,
    ),
    row("verify", verify.eventsPerSecond, verify.costUs.command, verify.costUs.redis, verify.costUs.postgres),
    "",
    `projector by the engine, events per second: ${ratio.projectorByEngine}, at least ${PROJECTOR_BY_ENGINE_MIN}: ` +
      reached(ratio.projectorByEngine >= PROJECTOR_BY_ENGINE_MIN),
    `rebuild of ${rebuild.events} events into ${rebuild.rows} rows: ${rebuild.seconds} s, a bare COPY of them ${rebuild.copySeconds} s`,
    `rebuild by a bare COPY: ${ratio.rebuildByCopy}, at most ${REBUILD_BY_COPY_MAX}: ${reached(ratio.rebuildByCopy <= REBUILD_BY_COPY_MAX)}`,
    loadLine(loadAverages),
  ]
}

const reached = (isReached: boolean): string => (isReached ? "reached" : "missed")
