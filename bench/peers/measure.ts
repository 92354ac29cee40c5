/** Runs an engine in a closed loop and prints what it did as one line of JSON. */
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Work } from "./work.ts"

export interface Engine {
  /** Submits a batch; the promise resolves when the engine notifies its client that the batch is complete. */
  readonly run: (batch: string) => PromiseLike<unknown>
  /** The servers that the engine started itself. */
  readonly serverPids?: ReadonlyArray<number>
  readonly close: () => Promise<unknown>
}

export interface Size {
  /** How many batches are under way at a time. */
  readonly batches: number
  /** How many transfers a batch has. */
  readonly items: number
}

const TIMEOUT_MS = 300_000
const CLOSE_MS_MAX = 20_000

/**
 * Reads the size of the run from the command line, starts the engine, warms it up with some rounds of batches, measures
 * the rounds that follow, and ends the process: with status 1 if the work was not exactly what was requested.
 */
export const measure = async (
  name: string,
  start: (work: Work, size: Size) => Promise<Engine>,
): Promise<never> => {
  endAfter(TIMEOUT_MS, `${name} was not done`)
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))
  try {
    const options = readOptions()
    const work = new Work(options.items, options.callMs)
    const engine = await start(work, options)
    try {
      await closedLoop(engine, options.batches, namesOf("warm-up", options.batches * options.warmUp))
      console.log(JSON.stringify({ name, ...(await measured(engine, work, options)) }))
    } finally {
      endAfter(CLOSE_MS_MAX, `${name} did not close`)
      await engine.close()
    }
    process.exit(0)
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
}

const endAfter = (ms: number, problem: string): void => {
  setTimeout(() => {
    console.error(`${problem} after ${ms} ms`)
    process.exit(1)
  }, ms)
}

const readOptions = () => {
  const { values } = parseArgs({
    options: {
      batches: { type: "string", default: "200" },
      items: { type: "string", default: "50" },
      "call-ms": { type: "string", default: "5" },
      "warm-up": { type: "string", default: "1" },
      rounds: { type: "string", default: "5" },
    },
  })
  return {
    batches: positive("batches", values.batches),
    items: positive("items", values.items),
    callMs: positive("call-ms", values["call-ms"]),
    warmUp: positive("warm-up", values["warm-up"]),
    rounds: positive("rounds", values.rounds),
  }
}

const positive = (option: string, text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${option} takes a whole number from 1 on`)
  return value
}

const namesOf = (kind: string, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${kind}-${index}`)

const measured = async (
  engine: Engine,
  work: Work,
  { batches, items, rounds }: Size & { rounds: number },
) => {
  const names = namesOf("batch", batches * rounds)
  const serverCpu = () => (engine.serverPids ?? []).reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
  const serverCpuBefore = serverCpu()
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  const latenciesMs = await closedLoop(engine, batches, names)
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  const serverCpuSeconds = serverCpu() - serverCpuBefore
  const verified = work.transfersOf(names)
  const payouts = names.length * items
  if (verified !== payouts) throw new Error(`${verified} transfers were made, not ${payouts}`)
  return {
    payouts,
    seconds: rounded(seconds),
    payoutsPerSecond: Math.round(payouts / seconds),
    batchP50Ms: rounded(percentile(latenciesMs, 50)),
    batchP99Ms: rounded(percentile(latenciesMs, 99)),
    cpuSeconds: rounded((user + system) / 1e6),
    ...(engine.serverPids === undefined ? {} : { serverCpuSeconds: rounded(serverCpuSeconds) }),
    verified,
  }
}

/** Keeps `inFlight` batches under way until all have ended, and returns their latencies in milliseconds. */
const closedLoop = async (
  engine: Engine,
  inFlight: number,
  names: ReadonlyArray<string>,
): Promise<ReadonlyArray<number>> => {
  const waiting = names.values()
  const latenciesMs: Array<number> = []
  const client = async () => {
    for (const name of waiting) {
      const submittedAt = performance.now()
      await engine.run(name)
      latenciesMs.push(performance.now() - submittedAt)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, client))
  return latenciesMs
}

const percentile = (values: ReadonlyArray<number>, percent: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil((values.length * percent) / 100) - 1] ?? 0

const rounded = (value: number): number => Math.round(value * 100) / 100

/** Linux counts a process's time in hundredths of a second; utime and stime are the fields 14 and 15 of proc(5). */
const TICKS_PER_SECOND = 100

const cpuSecondsOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(afterName[11]) + Number(afterName[12])) / TICKS_PER_SECOND
}
