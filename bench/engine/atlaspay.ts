/**
 * AtlasPay's side of `npm run bench:engine`, as it runs in production: an intake that opens batches and is notified when
 * they are closed, and a worker in a separate process (more workers only share two cores). Reads REDIS_URL and
 * DATABASE_URL from the environment. Its last line is one JSON object, like that of each peer in bench/peers.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { type EngineOptions, intake, newMasterKeys, notifyClosed, payOut } from "./engine.ts"
import type { WorkerReport } from "./worker.ts"

const { values } = parseArgs({
  options: {
    batches: { type: "string", default: "200" },
    items: { type: "string", default: "50" },
    "call-ms": { type: "string", default: "5" },
    rounds: { type: "string", default: "5" },
    workers: { type: "string", default: "1" },
  },
})
const [concurrent, items, callMs, rounds, workers] = [
  values.batches,
  values.items,
  values["call-ms"],
  values.rounds,
  values.workers,
].map(Number) as [number, number, number, number, number]

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

const startWorker = async (own: EngineOptions): Promise<ChildProcess> => {
  const worker = fork(fileURLToPath(new URL("worker.ts", import.meta.url)), {
    env: { PATH: process.env.PATH, ENGINE_OPTIONS: JSON.stringify(own) },
  })
  worker.on("message", (report: WorkerReport) => {
    if ("closed" in report) for (const batch of report.closed) notifyClosed(batch)
  })
  await nextReport(worker, (report) => "ready" in report)
  return worker
}

/** The next report of a worker that `isMeant` selects. */
const nextReport = (
  worker: ChildProcess,
  isMeant: (report: WorkerReport) => boolean,
): Promise<WorkerReport> =>
  new Promise((resolve, reject) => {
    const listen = (report: WorkerReport) => {
      if (!isMeant(report)) return
      worker.off("message", listen)
      resolve(report)
    }
    worker.on("message", listen)
    worker.once("exit", (code) => reject(new Error(`a worker ended with ${code}`)))
  })

/** What all processes spent so far, and the number of transfers that were really made. */
const spentBy = async (processes: ReadonlyArray<ChildProcess>) => {
  const { user, system } = process.cpuUsage()
  const sum = { transfers: 0, cpuSeconds: (user + system) / 1e6 }
  for (const worker of processes) {
    worker.send("what did you spend?")
    const report = await nextReport(worker, (report) => "spent" in report)
    if (!("spent" in report)) continue
    sum.transfers += report.spent.transfers
    sum.cpuSeconds += report.spent.cpuSeconds
  }
  return sum
}

const percentile = (sorted: ReadonlyArray<number>, part: number) =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)

const measure = Effect.fnUntraced(function* (processes: ReadonlyArray<ChildProcess>) {
  let number = 0
  const next = Effect.suspend(() => payOut(prefix, number++, items))
  const payOutAll = (count: number) =>
    Effect.forEach(Array.from({ length: count }), () => next, { concurrency: concurrent })
  yield* payOutAll(concurrent * 2)
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
for (const worker of processes) worker.disconnect()
await Promise.all(processes.map((worker) => once(worker, "exit")))
console.log(JSON.stringify(result))
if (result.verified !== result.payouts)
  throw new Error(`${result.verified} transfers instead of ${result.payouts}`)
