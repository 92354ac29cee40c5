/**
 * The floor of `npm run bench:engine`: a bare client writes the stream entries of AtlasPay's logs in pipelines as large as
 * its appends, without ownership, queue or calls. With `--singly` each payout that settles is an entry of its own, as in logs until release
 * 0.1.0. Reads REDIS_URL; its last line is one JSON object.
 */
import { parseArgs } from "node:util"
import { Redis } from "ioredis"

const { values } = parseArgs({
  options: {
    batches: { type: "string", default: "200" },
    items: { type: "string", default: "50" },
    "warm-up": { type: "string", default: "1" },
    rounds: { type: "string", default: "5" },
    singly: { type: "boolean", default: false },
  },
})
const [concurrent, items, warmUp, rounds] = [
  values.batches,
  values.items,
  values["warm-up"],
  values.rounds,
].map(Number) as [number, number, number, number]

/** As long as an event about one transfer, and what one of several adds to an event. */
const event = "x".repeat(130)
const itemsEvent = "x".repeat(items * 290)
const settledEvent = "x".repeat(100 + items * 45)
/** The entries of each append of a batch's life, from its opening to its end. */
const appends = [
  [event, itemsEvent, event],
  [event, event, event],
  [event, event],
  values.singly ? [...Array.from({ length: items }, () => event), event] : [settledEvent, event],
  [event, event],
]
const link = "h".repeat(43)

const redis = new Redis(process.env.REDIS_URL ?? "")
const run = process.pid.toString(36)

const write = async (batch: number): Promise<void> => {
  let version = 0
  for (const entries of appends) {
    const pipeline = redis.pipeline()
    for (const text of entries) {
      version += 1
      pipeline.xadd(`floor:${run}:${batch}`, `${version}-0`, "e", text, "h", link, "c", "")
    }
    for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
  }
}

const writeAll = async (from: number, count: number): Promise<void> => {
  let next = from
  const writer = async () => {
    while (next < from + count) await write(next++)
  }
  await Promise.all(Array.from({ length: concurrent }, writer))
}

await writeAll(0, concurrent * warmUp)
const cpu = process.cpuUsage()
const since = performance.now()
await writeAll(concurrent * warmUp, concurrent * rounds)
const seconds = (performance.now() - since) / 1_000
const { user, system } = process.cpuUsage(cpu)
const payouts = concurrent * rounds * items
console.log(
  JSON.stringify({
    name: "floor",
    payouts,
    seconds,
    payoutsPerSecond: Math.round(payouts / seconds),
    cpuSeconds: (user + system) / 1e6,
    serverCpuSeconds: 0,
    verified: payouts,
  }),
)
redis.disconnect()
