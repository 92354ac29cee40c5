/**
 * What a deployment has in Redis, read with plain commands from each server that is a primary. Like all of this folder
 * it shares no code with the service: docs/STREAMS.md says where things are, and this reads them again.
 */
import { Redis } from "ioredis"

/** An entry of a log: its id, the event as it is written, and its link of the hash chain. */
export interface LogEntry {
  readonly id: string
  readonly text: string
  readonly hash: string
}

export interface RedisSnapshot {
  readonly logs: ReadonlyMap<string, ReadonlyArray<LogEntry>>
  /** The partition of each log. */
  readonly partitions: ReadonlyMap<string, number>
  /** The last id that the feed of each partition ever gave. */
  readonly feedEnds: ReadonlyMap<number, string>
  readonly unfinished: ReadonlyArray<string>
}

/** Reads everything under a prefix. `primaries` are URLs. */
export const readRedis = async (primaries: ReadonlyArray<string>, prefix: string): Promise<RedisSnapshot> => {
  const logs = new Map<string, ReadonlyArray<LogEntry>>()
  const partitions = new Map<string, number>()
  const feedEnds = new Map<number, string>()
  const onEachKey = async (redis: Redis, key: string) => {
    const [, partition, kind, batch = ""] = /\{(\d+)\}:(\w+):?(.*)$/.exec(key) ?? []
    if (kind === "log") {
      partitions.set(batch, Number(partition))
      logs.set(batch, await readLog(redis, key))
    }
    if (kind === "feed") feedEnds.set(Number(partition), await lastIdOf(redis, key))
  }
  await forEachKey(primaries, prefix, onEachKey)
  return { logs, partitions, feedEnds, unfinished: await readUnfinished(primaries, prefix) }
}

/** Each key with something left to do, as "<key> holds <count>": cheap enough to be asked again and again. */
export const readUnfinished = async (
  primaries: ReadonlyArray<string>,
  prefix: string,
): Promise<ReadonlyArray<string>> => {
  const unfinished: Array<string> = []
  await forEachKey(primaries, prefix, async (redis, key) => {
    // What is known of banks' files stays for ever, and leaves nothing to do.
    const [, kind = ""] = /\{\d+\}:(\w+)/.exec(key) ?? []
    const left = (await leftIn[kind]?.(redis, key)) ?? 0
    if (left > 0) unfinished.push(`${key} holds ${left}`)
  })
  return unfinished
}

const forEachKey = async (
  primaries: ReadonlyArray<string>,
  prefix: string,
  visit: (redis: Redis, key: string) => Promise<void>,
): Promise<void> => {
  for (const url of primaries) {
    await asking(url, async (redis) => {
      await Promise.all([...(await keysOf(redis, prefix))].map((key) => visit(redis, key)))
    })
  }
}

const asking = async (url: string, questions: (redis: Redis) => Promise<void>): Promise<void> => {
  const redis = new Redis(url, { lazyConnect: true, commandTimeout: 2_000, retryStrategy: null })
  redis.on("error", () => redis.disconnect())
  try {
    await redis.connect()
    await questions(redis)
  } finally {
    redis.disconnect()
  }
}

const keysOf = async (redis: Redis, prefix: string): Promise<ReadonlySet<string>> => {
  const keys = new Set<string>()
  for (let cursor = "0", begun = false; !begun || cursor !== "0"; begun = true) {
    const [next, found] = await redis.scan(cursor, "MATCH", `${prefix}:{*`, "COUNT", 1_000)
    for (const key of found) keys.add(key)
    cursor = next
  }
  return keys
}

const readLog = async (redis: Redis, key: string): Promise<ReadonlyArray<LogEntry>> =>
  (await redis.xrange(key, "-", "+")).map(([id, fields]) => ({
    id,
    text: fields[fields.indexOf("e") + 1] ?? "",
    hash: fields[fields.indexOf("h") + 1] ?? "",
  }))

const lastIdOf = async (redis: Redis, key: string): Promise<string> => {
  const info = (await redis.xinfo("STREAM", key)) as ReadonlyArray<unknown>
  return String(info[info.indexOf("last-generated-id") + 1])
}

const members = async (redis: Redis, key: string): Promise<number> => redis.zcard(key)
const partnerShards = async (redis: Redis, key: string): Promise<number> =>
  (await redis.hkeys(key)).filter((shard) => shard !== "").length

/** What was staged and not opened, and what a command was told under, has to expire by itself. */
const everlasting = async (redis: Redis, key: string): Promise<number> =>
  (await redis.pttl(key)) === -1 ? 1 : 0

/** How much a key of each kind leaves to do. Kinds that hold nothing of the sort are not here. */
const leftIn: Readonly<Record<string, (redis: Redis, key: string) => Promise<number>>> = {
  ready: async (redis, key) => {
    const [pending] = await redis.xpending(key, "workers")
    return Number(pending) + (await redis.xlen(key))
  },
  mail: (redis, key) => redis.xlen(key),
  scheduled: (redis, key) => redis.hlen(key),
  waiting: members,
  timers: members,
  open: members,
  lanes: partnerShards,
  shares: partnerShards,
  staged: everlasting,
  told: everlasting,
}
