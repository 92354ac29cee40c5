/**
 * Fills the logs of `npm run bench:events`: an intake in this process and a worker of the engine in another one, with providers
 * that answer after a millisecond. The warm-up is in the logs and in no figure. Batches have numbers from `--first` on, which no
 * earlier run may have used. Its only line is a `Written` as JSON.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { beginningOf, visitLog } from "../../src/streams/event-range.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import { type EngineOptions, intake, openBatch } from "../engine/engine.ts"
import { endWorkers, spentBy, startWorker } from "../engine/workers.ts"
import { ITEMS_PER_BATCH } from "../pipeline/measure.ts"

/** What the engine wrote after the warm-up, and how fast. */
export interface Written {
  readonly seconds: number
  /** Of intake and worker. */
  readonly cpuSeconds: number
  readonly payouts: number
  /** Events in the logs. */
  readonly events: number
  /** The same with those of the warm-up. */
  readonly eventsInAll: number
}

const CALL_MS = 1
const OPEN_MAX = 200

const { values } = parseArgs({
  options: {
    "warm-up": { type: "string", default: "200" },
    batches: { type: "string", default: "400" },
    first: { type: "string", default: "0" },
  },
})
const [warmUp, batches, first] = [values["warm-up"], values.batches, values.first].map(Number) as [
  number,
  number,
  number,
]
const setting = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}
const options: EngineOptions = {
  redisUrl: setting("REDIS_URL"),
  databaseUrl: setting("DATABASE_URL"),
  prefix: setting("STREAM_PREFIX"),
  masterKeys: setting("MASTER_KEYS"),
  callMs: CALL_MS,
  batchesMax: OPEN_MAX,
}

/** Pays some batches, and gives their ids. */
const pay = (from: number, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => from + index),
    (number) =>
      openBatch(options.prefix, number, ITEMS_PER_BATCH).pipe(
        Effect.flatMap(({ id, closed }) => Effect.as(closed, id)),
      ),
    { concurrency: OPEN_MAX },
  )

/** How many events the logs of batches have. */
const eventsIn = Effect.fnUntraced(function* (ids: ReadonlyArray<BatchId>) {
  const store = yield* EventStore
  let events = 0
  for (const id of ids) yield* visitLog(store, id, beginningOf(id), () => (events += 1))
  return events
})

const workers = [await startWorker(options)]
const fill = Effect.gen(function* () {
  const before = yield* pay(first, warmUp)
  const spent = yield* Effect.promise(() => spentBy(workers))
  const since = performance.now()
  const measured = yield* pay(first + warmUp, batches)
  const seconds = (performance.now() - since) / 1_000
  const after = yield* Effect.promise(() => spentBy(workers))
  const payouts = after.transfers - spent.transfers
  if (payouts !== batches * ITEMS_PER_BATCH)
    throw new Error(`${payouts} transfers for ${batches * ITEMS_PER_BATCH} payouts`)
  const events = yield* eventsIn(measured)
  return {
    seconds,
    cpuSeconds: after.cpuSeconds - spent.cpuSeconds,
    payouts,
    events,
    eventsInAll: events + (yield* eventsIn(before)),
  } satisfies Written
})
const written = await Effect.runPromise(Effect.scoped(Effect.provide(fill, intake(options))))
await endWorkers(workers)
console.log(JSON.stringify(written))
