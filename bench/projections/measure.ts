/** The measurement of `npm run bench:projections`: the projector on the engine's logs, and a rebuild of many events. */
import { execFile } from "node:child_process"
import { loadavg } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Effect } from "effect"
import postgres from "postgres"
import type { Written } from "../events/engine.ts"
import { type EventsStand, type Place, startEventsStand } from "../events/stand.ts"
import { differenceOf } from "../figures.ts"
import { CLIENT, readSeconds, type Seconds } from "../pipeline/processor-time.ts"
import { attempted } from "../pipeline/stand.ts"
import { copyBare } from "./bare-copy.ts"
import { cloneLogs } from "./cloned-logs.ts"

export interface ProjectionsOptions {
  /** Batches of 50 payouts that the engine pays and the projector shows. A third as many come before them and warm up. */
  readonly batches: number
  /** Events that are rebuilt. */
  readonly events: number
}

/** What was done in a time, with the processor time of each process. */
interface Spent {
  readonly events: number
  readonly seconds: number
  readonly cpu: Seconds
}

export interface ProjectionsMeasured {
  readonly written: Written
  readonly projector: Spent
  readonly rebuild: Spent & {
    readonly rows: number
    readonly copySeconds: number
    /** Processor time of Postgres for the COPY, with what it took to read the rows before. */
    readonly copyCpuSeconds: number
  }
  /** `atlaspay verify --all` of the same logs and rows. */
  readonly verify: Spent
  readonly loadAverages: readonly [before: number, after: number]
}

const POLL_MS = 20
const RUN_MS_MAX = 600_000
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** Measures everything on a stand of its own in `folder`. */
export const measureProjections = Effect.fn("measureProjections")(function* (
  folder: string,
  { batches, events }: ProjectionsOptions,
  report: (line: string) => void,
) {
  const before = loadavg()[0] ?? Number.NaN
  const stand = yield* startEventsStand(folder, report)
  const place = yield* stand.newPlace()
  const written = yield* stand.fillLogs(place, { warmUp: Math.ceil(batches / 3), measured: batches })
  report(`engine: ${written.events} events in ${written.seconds.toFixed(1)} s`)
  const projector = yield* measureProjector(stand, place, written)
  report(`projector: ${projector.events} events in ${projector.seconds.toFixed(1)} s`)
  const all = yield* attempted(() => addCopies(stand, place, written.eventsInAll, events))
  report(`logs: ${all} events`)
  const rebuild = yield* attempted(() => measureRebuild(stand, place, all))
  report(
    `rebuild: ${all} events in ${rebuild.seconds.toFixed(1)} s, a bare COPY in ${rebuild.copySeconds.toFixed(1)} s`,
  )
  const verify = yield* attempted(() => measureVerify(stand, place, all))
  report(`verify: ${all} events in ${verify.seconds.toFixed(1)} s`)
  return {
    written,
    projector,
    rebuild,
    verify,
    loadAverages: [before, loadavg()[0] ?? Number.NaN],
  } satisfies ProjectionsMeasured
}, Effect.scoped)

const databaseOf = ({ settings }: Place) =>
  postgres(settings.DATABASE_URL ?? "", { max: 1, onnotice: () => {} })

/** From the moment at which a quarter is shown, the warm-up, until all is. */
const measureProjector = Effect.fnUntraced(function* (stand: EventsStand, place: Place, written: Written) {
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => databaseOf(place)),
    (sql) => Effect.promise(() => sql.end()),
  )
  const processes = { ...stand.processes, ...(yield* stand.start("projector", place)) }
  return yield* attempted(async (): Promise<Spent> => {
    const reach = async (aim: number) => {
      const until = Date.now() + RUN_MS_MAX
      while (true) {
        const done = await shown(sql)
        if (done >= aim) return { done, at: performance.now(), seconds: readSeconds(processes) }
        if (Date.now() > until) throw new Error(`the projector came to ${done} of ${aim} events in time`)
        await sleep(POLL_MS)
      }
    }
    const begin = await reach(written.eventsInAll - written.events)
    const end = await reach(written.eventsInAll)
    const { [CLIENT]: _, ...cpu } = differenceOf(begin.seconds, end.seconds)
    return { events: end.done - begin.done, seconds: (end.at - begin.at) / 1_000, cpu }
  })
}, Effect.scoped)

/** The versions of the read models add up to the events of the logs. */
const shown = async (sql: postgres.Sql): Promise<number> => {
  const [{ there = false } = {}] = await sql<Array<{ there: boolean }>>`
    select to_regclass('payout_batch_days') is not null as there`
  if (!there) return 0
  const [row] = await sql<Array<{ events: number }>>`
    select coalesce(sum(version), 0)::float8 as events from payout_batches`
  return row?.events ?? 0
}

/** A command as an operator runs it, with its start. Gives its last line. */
const run = async (stand: EventsStand, place: Place, command: ReadonlyArray<string>) => {
  // Once it has ended, the command is counted with this process.
  const processes = { ...stand.processes, command: [process.pid] }
  const before = readSeconds(processes)
  const since = performance.now()
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--max-semi-space-size=64", main, ...command, "--json"],
    {
      env: { PATH: process.env.PATH, ...place.settings, ROLES: "projector" },
      timeout: RUN_MS_MAX,
    },
  )
  const seconds = (performance.now() - since) / 1_000
  const { [CLIENT]: _, ...cpu } = differenceOf(before, readSeconds(processes))
  const done: unknown = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}")
  return { done, seconds, cpu }
}

/** All stores against each other: none contradicts another. */
const measureVerify = async (stand: EventsStand, place: Place, events: number) => {
  const { done, seconds, cpu } = await run(stand, place, ["verify", "--all"])
  const { events: verified, findings } = done as { events?: number; findings?: number }
  if (verified !== events || findings !== 0)
    throw new Error(`${verified} of ${events} events were verified, with ${findings} findings`)
  return { events, seconds, cpu }
}

const addCopies = async (stand: EventsStand, place: Place, there: number, wanted: number) => {
  const sql = databaseOf(place)
  try {
    const prefix = place.settings.STREAM_PREFIX ?? ""
    return await cloneLogs({ redis: stand.redis, prefix, sql }, there, wanted)
  } finally {
    await sql.end()
  }
}

/** The rebuild, and then the COPY of what it made. */
const measureRebuild = async (stand: EventsStand, place: Place, events: number) => {
  const { done: last, seconds, cpu } = await run(stand, place, ["projections", "rebuild"])
  const done = last as { state?: string; events?: number }
  if (done.state !== "switched" || done.events !== events)
    throw new Error(`the rebuild ended as ${done.state} with ${done.events} of ${events} events`)
  const sql = databaseOf(place)
  try {
    const before = readSeconds(stand.processes)
    const { seconds: copySeconds, rows } = await copyBare(sql)
    const { postgres: copyCpuSeconds = Number.NaN } = differenceOf(before, readSeconds(stand.processes))
    return { events, seconds, cpu, rows, copySeconds, copyCpuSeconds }
  } finally {
    await sql.end()
  }
}
