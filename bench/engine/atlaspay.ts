/**
 * AtlasPay's side of `npm run bench:engine`. Takes REDIS_URL and DATABASE_URL from the environment; its last line is one
 * JSON object, like that of each peer in bench/peers.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { engine, payOut } from "./engine.ts"
import { noCalls } from "./providers.ts"

const { values } = parseArgs({
  options: {
    batches: { type: "string", default: "200" },
    items: { type: "string", default: "50" },
    "call-ms": { type: "string", default: "5" },
    rounds: { type: "string", default: "5" },
  },
})
const [concurrent, items, callMs, rounds] = [
  values.batches,
  values.items,
  values["call-ms"],
  values.rounds,
].map(Number) as [number, number, number, number]

const prefix = `bench-${process.pid.toString(36)}`

const percentile = (sorted: ReadonlyArray<number>, part: number) =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)

const measure = Effect.gen(function* () {
  let number = 0
  const next = Effect.suspend(() => payOut(prefix, number++, items))
  const payOutAll = (count: number) =>
    Effect.forEach(Array.from({ length: count }), () => next, { concurrency: concurrent })
  yield* payOutAll(concurrent * 2)
  const before = { ...calls }
  const cpu = process.cpuUsage()
  const since = performance.now()
  const times = yield* payOutAll(concurrent * rounds)
  const seconds = (performance.now() - since) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  const payouts = concurrent * rounds * items
  const verified = calls.transfers - before.transfers
  const sorted = times.toSorted((a, b) => a - b)
  console.log(
    JSON.stringify({
      name: "atlaspay",
      payouts,
      seconds,
      payoutsPerSecond: Math.round(payouts / seconds),
      batchP50Ms: percentile(sorted, 0.5),
      batchP99Ms: percentile(sorted, 0.99),
      cpuSeconds: (user + system) / 1e6,
      serverCpuSeconds: 0,
      verified,
    }),
  )
  if (verified !== payouts) throw new Error(`${verified} transfers instead of ${payouts}`)
})

const calls = noCalls()
const { REDIS_URL: redisUrl, DATABASE_URL: databaseUrl } = process.env
const options = { redisUrl, databaseUrl, prefix, batchesMax: concurrent, callMs }

await Effect.runPromise(Effect.scoped(Effect.provide(measure, engine(options, calls))))
