/**
 * All keys of a deployment in Redis, as text: written once from a release, put into a server by a test. Commands build each
 * key again, so that any server that knows the types can take them.
 */
import type { Redis } from "ioredis"

type Fields = ReadonlyArray<string>

interface StoredGroup {
  readonly name: string
  readonly lastId: string
  readonly read: number | null
  readonly consumers: ReadonlyArray<string>
  /** Entry, consumer, when it was delivered (milliseconds since the epoch), and how often. */
  readonly pending: ReadonlyArray<readonly [id: string, consumer: string, at: number, count: number]>
}

interface StoredStream {
  readonly type: "stream"
  readonly entries: ReadonlyArray<readonly [id: string, fields: Fields]>
  readonly lastId: string
  readonly added: number
  readonly deletedId: string
  readonly groups: ReadonlyArray<StoredGroup>
}

export type StoredKey = { readonly key: string; readonly ttlMs?: number } & (
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "hash"; readonly fields: Readonly<Record<string, string>> }
  | { readonly type: "set"; readonly members: Fields }
  | { readonly type: "zset"; readonly members: ReadonlyArray<readonly [member: string, score: string]> }
  | StoredStream
)

const keysOf = async (redis: Redis, prefix: string): Promise<ReadonlyArray<string>> => {
  const keys = new Set<string>()
  let cursor = "0"
  do {
    const [next, found] = await redis.scan(cursor, "MATCH", `${prefix}:*`, "COUNT", 1_000)
    for (const key of found) keys.add(key)
    cursor = next
  } while (cursor !== "0")
  return [...keys].sort()
}

/** Reads every key that begins with a prefix, in the order of their names. */
export const readKeys = async (redis: Redis, prefix: string): Promise<ReadonlyArray<StoredKey>> => {
  const stored: Array<StoredKey> = []
  for (const key of await keysOf(redis, prefix)) {
    const ttlMs = await redis.pttl(key)
    stored.push({ key, ...(ttlMs > 0 ? { ttlMs } : {}), ...(await readValue(redis, key)) })
  }
  return stored
}

const readValue = async (redis: Redis, key: string) => {
  const type = await redis.type(key)
  switch (type) {
    case "string":
      return { type, value: (await redis.get(key)) ?? "" } as const
    case "hash":
      return { type, fields: await redis.hgetall(key) } as const
    case "set":
      return { type, members: (await redis.smembers(key)).sort() } as const
    case "zset":
      return { type, members: pairsOf(await redis.zrange(key, "0", "-1", "WITHSCORES")) } as const
    case "stream":
      return readStream(redis, key)
    default:
      throw new Error(`${key} is a ${type}`)
  }
}

const pairsOf = (flat: Fields): ReadonlyArray<readonly [string, string]> =>
  flat.flatMap((one, index) => (index % 2 === 0 ? [[one, flat[index + 1] ?? ""] as const] : []))

/** A reply of names and values by turns, as an object. */
const named = (reply: unknown): Readonly<Record<string, unknown>> => {
  const flat = reply as ReadonlyArray<unknown>
  return Object.fromEntries(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1]]] : [])))
}

const readStream = async (redis: Redis, key: string): Promise<StoredStream> => {
  const found = named(await redis.call("XINFO", "STREAM", key, "FULL", "COUNT", "0"))
  return {
    type: "stream",
    entries: await redis.xrange(key, "-", "+"),
    lastId: String(found["last-generated-id"]),
    added: Number(found["entries-added"]),
    deletedId: String(found["max-deleted-entry-id"]),
    groups: (found.groups as ReadonlyArray<unknown>).map((reply) => {
      const group = named(reply)
      return {
        name: String(group.name),
        lastId: String(group["last-delivered-id"]),
        read: group["entries-read"] === null ? null : Number(group["entries-read"]),
        consumers: (group.consumers as ReadonlyArray<unknown>).map((one) => String(named(one).name)),
        pending: (group.pel ?? group.pending) as StoredGroup["pending"],
      }
    }),
  }
}

/** Puts keys into a server, in place of all that it has under their prefix. */
export const writeKeys = async (
  redis: Redis,
  prefix: string,
  stored: ReadonlyArray<StoredKey>,
): Promise<void> => {
  for (const key of await keysOf(redis, prefix)) await redis.del(key)
  for (const one of stored) {
    await writeValue(redis, one)
    if (one.ttlMs !== undefined) await redis.pexpire(one.key, one.ttlMs)
  }
}

const writeValue = async (redis: Redis, one: StoredKey): Promise<unknown> => {
  switch (one.type) {
    case "string":
      return redis.set(one.key, one.value)
    case "hash":
      return redis.hset(one.key, one.fields)
    case "set":
      return redis.sadd(one.key, ...one.members)
    case "zset":
      return redis.zadd(one.key, ...one.members.flatMap(([member, score]) => [score, member]))
    case "stream":
      return writeStream(redis, one.key, one)
  }
}

const writeStream = async (redis: Redis, key: string, stream: StoredStream): Promise<void> => {
  for (const [id, fields] of stream.entries) await redis.call("XADD", key, id, ...fields)
  if (stream.entries.length === 0) {
    await redis.call("XADD", key, "0-1", "f", "v")
    await redis.call("XDEL", key, "0-1")
  }
  await redis.call(
    ...(["XSETID", key, stream.lastId] as const),
    ...["ENTRIESADDED", String(stream.added), "MAXDELETEDID", stream.deletedId],
  )
  for (const { name, lastId, read, consumers, pending } of stream.groups) {
    await redis.call(
      ...(["XGROUP", "CREATE", key, name, lastId] as const),
      ...(read === null ? [] : ["ENTRIESREAD", String(read)]),
    )
    for (const consumer of consumers) await redis.call("XGROUP", "CREATECONSUMER", key, name, consumer)
    for (const [id, consumer, at, count] of pending)
      await redis.call(
        ...(["XCLAIM", key, name, consumer, "0", id] as const),
        ...["TIME", String(at), "RETRYCOUNT", String(count), "FORCE", "JUSTID"],
      )
  }
}
