/** The cost of a payout in batches of different sizes, and with different numbers of open batches. */
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { Redis } from "ioredis"
import { spawnLeashed } from "../src/dev/leashed-process.ts"
import { asCliFailure, CliFailure } from "../src/terminal/cli-failure.ts"
import type { Cost } from "./engine/server-costs.ts"

export interface Servers {
  readonly redisUrl: string
  readonly databaseUrl: string
  /** The data folder of Postgres. */
  readonly postgresFolder: string
}

export interface Shape {
  readonly itemsPerBatch: number
  readonly open: number
}

/** The number of items that are open at a time, whatever the size of their batches. A larger batch is alone. */
const OPEN_ITEMS = 10_000

/** Batches of each size, with the same number of items open. */
export const sizes: ReadonlyArray<Shape> = [50, 500, 5_000, 15_000, 100_000].map((itemsPerBatch) => ({
  itemsPerBatch,
  open: Math.max(1, Math.floor(OPEN_ITEMS / itemsPerBatch)),
}))

/** Batches of one size, with different numbers of them open. */
export const crowds: ReadonlyArray<Shape> = [1, 10, 100, 1_000].map((open) => ({ itemsPerBatch: 50, open }))

const program = fileURLToPath(new URL("engine/payer.ts", import.meta.url))

/**
 * Makes `payouts` payouts in each shape, one after the other, `rounds` times, and returns the cheapest round of each
 * shape: other work on the machine makes a payout dearer, never cheaper.
 */
export const measureCosts = Effect.fn("measureCosts")(function* (
  servers: Servers,
  shapes: ReadonlyArray<Shape>,
  { payouts, rounds }: { readonly payouts: number; readonly rounds: number },
  logFile: string,
  report: (line: string) => void,
): Effect.fn.Return<ReadonlyArray<Cost>, CliFailure> {
  const best = new Map<Shape, Cost>()
  for (let round = 0; round < rounds; round++) {
    for (const shape of shapes) {
      report(`batches of ${shape.itemsPerBatch} items, ${shape.open} open`)
      yield* forget(servers.redisUrl)
      const cost = yield* Effect.scoped(pay(servers, shape, payouts, logFile))
      const known = best.get(shape)
      if (known === undefined || cpuMicrosOf(cost) < cpuMicrosOf(known)) best.set(shape, cost)
    }
  }
  return [...best.values()]
})

/** Processor time per payout, of the engine and both servers, in microseconds. */
export const cpuMicrosOf = (cost: Cost): number =>
  ((cost.engineCpuSeconds + cost.redisCpuSeconds + cost.postgresCpuSeconds) / cost.payouts) * 1e6

/** Empties the benchmark's own servers, so that the memory of one shape does not burden the next. */
const forget = (redisUrl: string): Effect.Effect<void> =>
  Effect.promise(async () => {
    const redis = new Redis(redisUrl)
    await redis.flushall()
    redis.disconnect()
  })

const pay = Effect.fnUntraced(function* (
  servers: Servers,
  { itemsPerBatch, open }: Shape,
  payouts: number,
  logFile: string,
) {
  const payer = yield* spawnLeashed({
    command: process.execPath,
    args: [
      "--expose-gc",
      "--max-semi-space-size=64",
      program,
      ...["--items", String(itemsPerBatch)],
      ...["--open", String(open)],
      ...["--postgres", servers.postgresFolder],
      ...["--payouts", String(payouts)],
    ],
    env: { PATH: process.env.PATH, REDIS_URL: servers.redisUrl, DATABASE_URL: servers.databaseUrl },
    logFile,
    stdout: "pipe",
  }).pipe(Effect.mapError(asCliFailure))
  const { stdout } = payer
  const last = stdout === null ? "" : yield* Effect.promise(() => lastLine(stdout))
  if (!last.startsWith("{"))
    return yield* new CliFailure({ reason: `The payer failed; ${logFile} says why.` })
  return JSON.parse(last) as Cost
})

const lastLine = async (output: NodeJS.ReadableStream): Promise<string> => {
  let last = ""
  for await (const line of createInterface(output)) last = line
  return last
}
