/** The measurement of `npm run bench:events`: each part alone, then all together, on the logs of one run of the engine. */
import { loadavg } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import postgres from "postgres"
import { differenceOf } from "../figures.ts"
import { ITEMS_PER_BATCH } from "../pipeline/measure.ts"
import { CLIENT, type Parts, readSeconds, type Seconds } from "../pipeline/processor-time.ts"
import { attempted } from "../pipeline/stand.ts"
import type { Written } from "./engine.ts"
import { type Hanging, type HangingOptions, measureHanging } from "./hanging.ts"
import type { Part } from "./part.ts"
import { type Batches, type EventsStand, type Place, startEventsStand } from "./stand.ts"

/** How the parts work in a measurement: the processes, each with the parts that it runs. */
export const runs = {
  relay: ["relay"],
  projector: ["projector"],
  "relay and projector in one": ["followers"],
  inbox: ["inbox"],
  dispatcher: ["dispatcher"],
  "all, each its own": ["relay", "projector", "webhooks"],
  "all in one": ["all in one"],
} as const satisfies Readonly<Record<string, ReadonlyArray<Part>>>
export type RunName = keyof typeof runs

/** What was measured of a run. */
export interface Run {
  /** Public events that were handled in the time. */
  readonly events: number
  readonly seconds: number
  /** Seconds of processor time by process: of the parts, the servers and the receiver. */
  readonly cpu: Seconds
}

export interface EventsOptions {
  /** Batches of 50 payouts whose events count. A third as many come before them and warm up. */
  readonly batches: number
  readonly hanging: HangingOptions
  /** Which runs are measured. Those of the inbox and the dispatcher need what the relay published. */
  readonly only: ReadonlyArray<RunName>
}

export interface EventsMeasured {
  readonly written: Written
  readonly logEventsPerEvent: number
  readonly runs: Readonly<Partial<Record<RunName, Run>>>
  readonly hanging: Hanging
  readonly loadAverages: readonly [before: number, after: number]
}

/** The partners of the engine's batches: each gets an endpoint. */
const PARTNERS = 8
const POLL_MS = 20
const RUN_MS_MAX = 300_000

/** Measures everything on a stand of its own in `folder`. */
export const measureEvents = Effect.fn("measureEvents")(function* (
  folder: string,
  options: EventsOptions,
  report: (line: string) => void,
) {
  const before = loadavg()[0] ?? Number.NaN
  const stand = yield* startEventsStand(folder, report)
  const batches = {
    warmUp: Math.ceil(options.batches / 3),
    measured: options.batches,
  }
  const published = yield* placeOf(stand)
  const written = yield* stand.fillLogs(published, batches)
  report(`engine: ${written.payouts} payouts in ${written.seconds.toFixed(1)} s`)
  const logs = logsOf(written, batches)
  const measured: Partial<Record<RunName, Run>> = {}
  const keep = (name: RunName, run: Run) => {
    measured[name] = run
    report(`${name}: ${run.events} events in ${run.seconds.toFixed(1)} s`)
  }
  const isWanted = (name: RunName) => options.only.includes(name)
  const read = Effect.fnUntraced(function* (name: RunName, place: Place, progress: Progress) {
    if (!isWanted(name)) return
    keep(name, yield* measureBacklog({ stand, place, name }, logs, progress))
  })
  yield* read("relay", published, relayed)
  yield* read("projector", yield* placeOf(stand), projected)
  yield* read("relay and projector in one", yield* placeOf(stand), slowestOf(relayed, projected))
  const stored = yield* placeOf(stand, { stream: published.stream })
  yield* read("inbox", stored, taken)
  yield* read("dispatcher", stored, delivered)
  // A projector removes after a minute what all have handled, so each of these has its own logs.
  for (const name of (["all, each its own", "all in one"] as const).filter(isWanted))
    keep(name, yield* measureLive({ stand, place: yield* placeOf(stand, { logs: "own" }), name }, batches))
  const hanging = yield* measureHanging(stand, options.hanging, report)
  const loadAverages = [before, loadavg()[0] ?? Number.NaN] as const
  const { events, publicEvents } = logs
  return {
    written,
    logEventsPerEvent: events / publicEvents,
    runs: measured,
    hanging,
    loadAverages,
  } satisfies EventsMeasured
}, Effect.scoped)

/** A new place with an endpoint of each partner. The receiver knows only these. */
const placeOf = Effect.fnUntraced(function* (
  stand: EventsStand,
  of?: Parameters<EventsStand["newPlace"]>[0],
) {
  const place = yield* stand.newPlace(of)
  yield* attempted(stand.emptyReceiver)
  const partners = Array.from({ length: PARTNERS }, (_, index) => `partner-${index}`)
  yield* stand.addEndpoints(
    place,
    partners.map((partner) => ({ partner, quick: true })),
  )
  return place
})

/** What the logs have: events, public events, and which part of them warms up. */
interface Logs {
  readonly events: number
  readonly publicEvents: number
  readonly warmUp: number
}

/** Of each batch an acceptance and an end are public, and of each payout that it is settled. */
const logsOf = ({ eventsInAll }: Written, { warmUp, measured }: Batches): Logs => ({
  events: eventsInAll,
  publicEvents: (warmUp + measured) * (ITEMS_PER_BATCH + 2),
  warmUp: warmUp / (warmUp + measured),
})

interface Measurement {
  readonly stand: EventsStand
  readonly place: Place
  readonly name: RunName
}

/** Reads how much a run has done, from 0 to 1. */
type Progress = (looked: Measurement & { readonly logs: Logs; readonly sql: postgres.Sql }) => Promise<number>

const relayed: Progress = async ({ stand: { manager }, place: { stream }, logs }) => {
  for await (const { config, state } of manager.streams.list())
    if (config.name === stream) return state.messages / logs.publicEvents
  return 0
}

/** The versions of the read models add up to the events of the logs. */
const projected: Progress = async ({ sql, logs }) => {
  const [row] = await sql<Array<{ events: number }>>`
    select coalesce(sum(version), 0)::float8 as events from payout_batches`
  return (row?.events ?? 0) / logs.events
}

/** What was acknowledged of the stream. */
const taken: Progress = async ({ stand: { manager }, place: { stream }, logs }) => {
  for await (const { num_pending, num_ack_pending } of manager.consumers.list(stream))
    return 1 - (num_pending + num_ack_pending) / logs.publicEvents
  return 0
}

const delivered: Progress = async ({ stand, logs }) => {
  const { verified, refused } = await stand.received()
  if (refused > 0) throw new Error(`${refused} webhooks did not verify`)
  return verified / logs.publicEvents
}

/** Whether something else than these logs was delivered. */
const somethingNew: Progress = async (looked) => ((await delivered(looked)) > 1 ? 1 : 0)

const slowestOf =
  (...all: ReadonlyArray<Progress>): Progress =>
  async (looked) =>
    Math.min(...(await Promise.all(all.map((progress) => progress(looked)))))

/** Starts the processes of a run. Gives them, with the servers, and how to read their progress through some logs. */
const started = Effect.fnUntraced(function* ({ stand, place, name }: Measurement) {
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(place.settings.DATABASE_URL ?? "", { max: 1, onnotice: () => {} })),
    (sql) => Effect.promise(() => sql.end()),
  )
  let processes: Parts = stand.processes
  for (const part of runs[name]) processes = { ...processes, ...(yield* stand.start(part, place)) }
  const reach = (progress: Progress, logs: Logs) => async (aim: number) => {
    const until = Date.now() + RUN_MS_MAX
    for (;;) {
      const done = await progress({ stand, place, name, sql, logs }).catch(zeroWithoutTables)
      if (done > 1) throw new Error(`${name} made more events than there are`)
      if (done >= aim) return { done, at: performance.now(), seconds: readSeconds(processes) }
      if (Date.now() > until) throw new Error(`${name} came to ${(100 * done).toFixed(1)} % in time`)
      await sleep(POLL_MS)
    }
  }
  return { reach }
})

/** The tables are made by the part that is just starting. */
const zeroWithoutTables = (error: unknown): number => {
  if (error instanceof postgres.PostgresError && error.code === "42P01") return 0
  throw error
}

/** A run on logs that are there: from the moment at which the warm-up is behind, until all is. */
const measureBacklog = Effect.fnUntraced(function* (
  measurement: Measurement,
  logs: Logs,
  progress: Progress,
) {
  const { warmUp, publicEvents } = logs
  const reach = (yield* started(measurement)).reach(progress, logs)
  return yield* attempted(async (): Promise<Run> => {
    const begin = await reach(warmUp)
    if (begin.done === 1)
      throw new Error(`${measurement.name} was over before it was measured: take more batches`)
    const end = await reach(1)
    return {
      events: Math.round((end.done - begin.done) * publicEvents),
      seconds: (end.at - begin.at) / 1_000,
      cpu: spentBetween(begin.seconds, end.seconds),
    }
  })
}, Effect.scoped)

/**
 * A run beside the engine, which begins when the warm-up is delivered. What it costs is counted from then, and its time from the
 * first new delivery.
 */
const measureLive = Effect.fnUntraced(function* (measurement: Measurement, { warmUp, measured }: Batches) {
  const { stand, place } = measurement
  const fill = Effect.fnUntraced(function* (measured: number) {
    const batches = { warmUp: 0, measured }
    return logsOf(yield* stand.fillLogs(place, batches), batches)
  })
  const progress = slowestOf(relayed, projected, delivered)
  const { reach } = yield* started(measurement)
  const before = yield* fill(warmUp)
  const begin = yield* attempted(() => reach(progress, before)(1))
  const [added, first] = yield* Effect.all(
    [fill(measured), attempted(() => reach(somethingNew, before)(1))],
    { concurrency: 2 },
  )
  const events = before.events + added.events
  const publicEvents = before.publicEvents + added.publicEvents
  const end = yield* attempted(() => reach(progress, { events, publicEvents, warmUp: 0 })(1))
  return {
    events: added.publicEvents,
    seconds: (end.at - first.at) / 1_000,
    cpu: spentBetween(begin.seconds, end.seconds),
  } satisfies Run
}, Effect.scoped)

/** Without what this process spent itself. */
const spentBetween = (before: Seconds, after: Seconds): Seconds => {
  const { [CLIENT]: _, ...spent } = differenceOf(before, after)
  return spent
}
