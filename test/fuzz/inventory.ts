/** What lies in the stores, to compare before and after: every key of Redis, and every row of Postgres. */
import { createHash } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { Redis } from "ioredis"
import postgres from "postgres"
import { readBanks } from "../checker/bank-transfers.ts"
import { readCursors } from "../checker/follower-cursors.ts"
import { readUnfinished } from "../checker/redis-snapshot.ts"
import type { FuzzPlace } from "./place.ts"

/** The name of a key or a table → a digest of what is in it. */
export type Inventory = ReadonlyMap<string, string>

/**
 * What moves by itself: marks of processes, the times of looks and uses, the quotas of keys, and the time that a counter has left.
 * None of it says that a request was accepted.
 */
const restless = [/:pressed$/, /:\{providers\}/, /quota:/]
const restlessTables = new Set(["instruction_tails"])
const restlessColumns: Readonly<Record<string, ReadonlyArray<string>>> = {
  api_keys: ["last_used_at"],
  projection_checkpoints: ["updated_at"],
}
/** Rows that move by themselves, by the members that they have: the relay notes when it looked at its stream. */
const restlessRows: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  projection_checkpoints: { projection: "event-stream" },
}

const digest = (text: string | Buffer): string =>
  createHash("sha256").update(text).digest("base64url").slice(0, 16)

export const takeInventory = async ({ redisUrl, redisPrefix, databaseUrl }: FuzzPlace): Promise<Inventory> =>
  new Map([...(await keysIn(redisUrl, redisPrefix)), ...(await tablesIn(databaseUrl))])

const keysIn = async (url: string, prefix: string): Promise<Inventory> => {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null })
  redis.on("error", () => redis.disconnect())
  try {
    await redis.connect()
    const keys = new Set<string>()
    for (let cursor = "0", begun = false; !begun || cursor !== "0"; begun = true) {
      const [next, found] = await redis.scan(cursor, "MATCH", `${prefix}:*`, "COUNT", 1_000)
      for (const key of found) keys.add(key)
      cursor = next
    }
    const inventory = new Map<string, string>()
    for (const key of keys) {
      if (restless.some((pattern) => pattern.test(key))) continue
      const content = await contentOf(redis, key)
      if (content !== null) inventory.set(`redis ${key}`, digest(content))
    }
    return inventory
  } finally {
    redis.disconnect()
  }
}

/**
 * Feeds are trimmed from time to time: what counts is the last entry that was ever added. A sweep notes when it looked at an open
 * batch: what counts is that it is open. A run queue has the times at which workers last looked: what counts are its entries, and
 * a request that schedules a batch also leaves mail or an event.
 */
const contentOf = async (redis: Redis, key: string): Promise<string | Buffer | null> => {
  if (key.endsWith(":feed")) return lastIdOf(redis, key)
  if (key.endsWith(":ready")) return JSON.stringify(await redis.xrange(key, "-", "+"))
  if (key.endsWith(":open")) return (await redis.zrange(key, "0", "-1")).toSorted().join()
  return redis.dumpBuffer(key)
}

const lastIdOf = async (redis: Redis, key: string): Promise<string> => {
  const info = (await redis.xinfo("STREAM", key)) as ReadonlyArray<unknown>
  return String(info[info.indexOf("last-generated-id") + 1])
}

const tablesIn = async (url: string): Promise<Inventory> => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    const tables = await sql<Array<{ readonly name: string }>>`
      select table_name as name from information_schema.tables
      where table_schema = 'public' and table_type = 'BASE TABLE'`
    const inventory = new Map<string, string>()
    for (const { name } of tables) {
      if (restlessTables.has(name)) continue
      const without = restlessColumns[name] ?? []
      const rows = await sql<Array<{ readonly row: string }>>`
        select (to_jsonb(t) - ${sql.array([...without])}::text[])::text as row from ${sql(name)} t
        where (to_jsonb(t) @> ${JSON.stringify(restlessRows[name] ?? null)}::text::jsonb) is not true
        order by 1`
      inventory.set(`postgres ${name} (${rows.length} rows)`, digest(rows.map(({ row }) => row).join("\n")))
    }
    return inventory
  } finally {
    await sql.end()
  }
}

/** What is in one and not in the other, or differs. */
export const differences = (before: Inventory, after: Inventory): ReadonlyArray<string> =>
  [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)]
    if (was === is) return []
    return [`${name} ${was === undefined ? "is new" : is === undefined ? "is gone" : "changed"}`]
  })

const QUIET_MS = 1_500
const LOOK_EVERY_MS = 150

/** Waits until nothing moves any more: in Redis, at the banks, and where followers are. Returns whether it did in time. */
export const isQuiet = async (place: FuzzPlace, withinMs: number): Promise<boolean> => {
  const { north, south } = place.sandbox.banks
  const deadline = Date.now() + withinMs
  let [seen, since] = ["", Date.now()]
  while (Date.now() < deadline) {
    const [unfinished, cursors, { transfers, outstanding }] = await Promise.all([
      readUnfinished([place.redisUrl], place.redisPrefix),
      readCursors(place.databaseUrl),
      readBanks([north, south]),
    ])
    const now = JSON.stringify([unfinished.toSorted(), cursors, transfers.length, outstanding])
    if (now !== seen) [seen, since] = [now, Date.now()]
    else if (outstanding === 0 && Date.now() - since > QUIET_MS) return true
    await sleep(LOOK_EVERY_MS)
  }
  return false
}

/** The batches that are in the read models. */
export const shownBatches = async (databaseUrl: string): Promise<ReadonlyArray<string>> => {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    return (await sql<Array<{ readonly id: string }>>`select id from payout_batches`).map(({ id }) => id)
  } finally {
    await sql.end()
  }
}
