/**
 * Pays batches of one shape and reports the cost of an item. Each shape has its own process, so that it neither profits
 * from code that another shape warmed up, nor pays for memory that it left. Reads REDIS_URL and DATABASE_URL from the
 * environment. Its last line is one JSON object, a {@link Cost}. Run it with --expose-gc.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { partitionKeys, partitionOf } from "../../src/streams/partition.ts"
import { differenceOf } from "../figures.ts"
import { engine, openBatch, payOut } from "./engine.ts"
import { noCalls } from "./providers.ts"
import { type Cost, openServers } from "./server-costs.ts"

const { values } = parseArgs({
  options: {
    items: { type: "string", default: "50" },
    open: { type: "string", default: "200" },
    payouts: { type: "string", default: "100000" },
    /** The data folder of Postgres. */
    postgres: { type: "string", default: "" },
    "call-ms": { type: "string", default: "1" },
  },
})
const items = Number(values.items)
const open = Number(values.open)
const batches = Math.ceil(Number(values.payouts) / items)

/** The warm-up, the same for all shapes: small batches and a large one. */
const WARM_UP = { small: { batches: 200, items: 50 }, large: { items: 10_000 } }
const PARTITIONS = 16
const LOGS_WEIGHED_MAX = 50

const prefix = `scale-${process.pid.toString(36)}`
const calls = noCalls()

const logKeyOf = (batch: BatchId): string => partitionKeys(prefix, partitionOf(batch, PARTITIONS)).log(batch)

const measure = Effect.gen(function* () {
  const servers = yield* openServers(redisUrl, values.postgres)
  let number = 0
  yield* payOut(prefix, number++, WARM_UP.large.items)
  yield* Effect.forEach(
    Array.from({ length: WARM_UP.small.batches }, () => number++),
    (number) => payOut(prefix, number, WARM_UP.small.items),
    { concurrency: 50, discard: true },
  )
  global.gc?.()
  const paidBefore = calls.transfers
  const before = yield* servers.costs
  const cpu = process.cpuUsage()
  const since = performance.now()
  const ids = yield* Effect.forEach(
    Array.from({ length: batches }, () => number++),
    Effect.fnUntraced(function* (number: number) {
      const { id, closed } = yield* openBatch(prefix, number, items)
      yield* closed
      return id
    }),
    { concurrency: open },
  )
  const seconds = (performance.now() - since) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  const serverCosts = differenceOf(before, yield* servers.costs)
  const payouts = batches * items
  const paid = calls.transfers - paidBefore
  if (paid !== payouts) throw new Error(`${paid} transfers instead of ${payouts}`)
  const weighed = ids.slice(0, LOGS_WEIGHED_MAX)
  const logBytes = yield* servers.bytesOf(weighed.map(logKeyOf))
  global.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  const rssMaxBytes = process.resourceUsage().maxRSS * 1024
  return {
    itemsPerBatch: items,
    open: Math.min(open, batches),
    payouts,
    seconds,
    engineCpuSeconds: (user + system) / 1e6,
    ...serverCosts,
    logBytesPerPayout: logBytes / (weighed.length * items),
    heapBytes: heapUsed,
    rssBytes: rss,
    rssMaxBytes,
  } satisfies Cost
})

const { REDIS_URL: redisUrl = "", DATABASE_URL: databaseUrl = "" } = process.env
const options = { redisUrl, databaseUrl, prefix, batchesMax: open, callMs: Number(values["call-ms"]) }

const cost = await Effect.runPromise(Effect.scoped(Effect.provide(measure, engine(options, calls))))
console.log(JSON.stringify(cost))
