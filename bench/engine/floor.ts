/**
 * The floor of `npm run bench:engine`: a bare client writes the stream entries of AtlasPay's logs in pipelines as large as
 * its appends, without ownership, queue or calls. Reads REDIS_URL; its last line is one JSON object.
 */
import { parseArgs } from "node:util"
import { Redis } from "ioredis"

const { values } = parseArgs({
  options: {
    batches: { type: "string", default: "200" },
    items: { type: "string", default: "50" },
    "warm-up": { type: "string", default: "1" },
    rounds: { type: "string", default: "5" },
  },
})
const [concurrent, items, warmUp, rounds] = [
  values.batches,
  values.items,
  values["warm-up"],
  values.rounds,
].map(Number) as [number, number, number, number]

/** Entries in each append of a batch's life, from its opening to its end. */
const appends = [2, 1, 3, 2, items + 1, 2]
/** As long as a transfer's event; the first append contains the items. */
const event = "x".repeat(130)
const itemsEvent = "x".repeat(items * 290)
const link = "h".repeat(43)

const redis = new Redis(process.env.REDIS_URL ?? "")
const run = process.pid.toString(36)

const write = async (batch: number): Promise<void> => {
  let version = 0
  for (const count of appends) {
    const pipeline = redis.pipeline()
    for (let entry = 0; entry < count; entry += 1) {
      version += 1
      const text = version === 2 ? itemsEvent : event
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
