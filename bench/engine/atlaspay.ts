/**
 * AtlasPay's side of `npm run bench:engine`, as it runs in production: an intake that opens batches and is notified when
 * they are closed, and a worker in a separate process (more workers only share two cores). Reads REDIS_URL and
 * DATABASE_URL from the environment. Its last line is one JSON object, like that of each peer in bench/peers.
 */
import "effect/schema/SchemaJITCompiler/enable"
import type { ChildProcess } from "node:child_process"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { intake, newMasterKeys, payOut } from "./engine.ts"
import { endWorkers, spentBy, startWorker } from "./workers.ts"

const { values } = parseArgs({
  options: {
    batches: { type: "string", default: "200" },
    items: { type: "string", default: "50" },
    "call-ms": { type: "string", default: "5" },
    "warm-up": { type: "string", default: "2" },
    rounds: { type: "string", default: "5" },
    workers: { type: "string", default: "1" },
  },
})
const [concurrent, items, callMs, warmUp, rounds, workers] = [
  values.batches,
  values.items,
  values["call-ms"],
  values["warm-up"],
  values.rounds,
  values.workers,
].map(Number) as [number, number, number, number, number, number]

const prefix = `bench-${process.pid.toString(36)}`
const { REDIS_URL: redisUrl, DATABASE_URL: databaseUrl } = process.env
const masterKeys = newMasterKeys()
const options = {
  redisUrl,
  databaseUrl,
  prefix,
  callMs,
  masterKeys,
  batchesMax: Math.ceil(concurrent / workers),
}

const percentile = (sorted: ReadonlyArray<number>, part: number) =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)

const measure = Effect.fnUntraced(function* (processes: ReadonlyArray<ChildProcess>) {
  let number = 0
  const next = Effect.suspend(() => payOut(prefix, number++, items))
  const payOutAll = (count: number) =>
    Effect.forEach(Array.from({ length: count }), () => next, { concurrency: concurrent })
  yield* payOutAll(concurrent * warmUp)
  const before = yield* Effect.promise(() => spentBy(processes))
  const since = performance.now()
  const times = yield* payOutAll(concurrent * rounds)
  const seconds = (performance.now() - since) / 1_000
  const after = yield* Effect.promise(() => spentBy(processes))
  const payouts = concurrent * rounds * items
  const verified = after.transfers - before.transfers
  const sorted = times.toSorted((a, b) => a - b)
  return {
    name: "atlaspay",
    payouts,
    seconds,
    payoutsPerSecond: Math.round(payouts / seconds),
    batchP50Ms: percentile(sorted, 0.5),
    batchP99Ms: percentile(sorted, 0.99),
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    serverCpuSeconds: 0,
    verified,
  }
})

const processes = await Promise.all(Array.from({ length: workers }, () => startWorker(options)))
const result = await Effect.runPromise(Effect.scoped(Effect.provide(measure(processes), intake(options))))
await endWorkers(processes)
console.log(JSON.stringify(result))
if (result.verified !== result.payouts)
  throw new Error(`${result.verified} transfers instead of ${result.payouts}`)
