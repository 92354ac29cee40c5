/** The connections to a Redis Cluster, and what becomes of them when a primary dies or falls silent. */
import { Effect } from "effect"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { Reader } from "../../src/platform/redis.ts"
import type { Evidence } from "../../src/platform/redis-barrier.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import { eventually } from "../platform-under-test.ts"
import { connectTo } from "../redis-connections.ts"
import { ownPrefix } from "../settings.ts"
import { RedisCluster } from "./redis-cluster.ts"

const PARTITIONS = 16
const BLOCK_MS = 2_000

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await RedisCluster.open()
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

let streams: ReadonlyArray<string>
beforeEach(() => {
  const prefix = ownPrefix()
  streams = Array.from({ length: PARTITIONS }, (_, partition) => partitionKeys(prefix, partition).ready)
})
afterEach(() => cluster.heal())

const connect = (environment: Readonly<Record<string, string>> = {}) =>
  connectTo({ REDIS_URL: cluster.url, ...environment })

describe("the commands of a cluster", () => {
  it("are answered again soon after a primary fell silent", async () => {
    await using connections = await connect()
    const [first = ""] = streams
    const primary = await cluster.primaryOf(first)
    await connections.commands.xadd(first, "1-0", "text", "before")
    await primary.freeze()
    await connections.commands.xadd(first, "2-0", "text", "after")
    expect(await connections.commands.xlen(first)).toBe(2)
    expect(await cluster.primaryOf(first)).not.toBe(primary)
  })
})

describe("the readers of a cluster", () => {
  it("are one for each partition, and wait side by side", async () => {
    await using connections = await connect()
    const readers = await Effect.runPromise(connections.readers(BLOCK_MS, streams))
    expect(readers.flatMap(({ keys }) => keys)).toEqual(streams)
    expect(readers.length).toBe(PARTITIONS)
    const since = Date.now()
    const reads = readers.map((reader) => read(reader, "$"))
    await eventually("all of them wait", async () => (await blockedClients()) === PARTITIONS)
    await eventually(
      "nothing is open but a connection for each reader, and to each primary one for commands",
      async () => (await connectionsOfService()) === PARTITIONS + 3,
    )
    await Promise.all(streams.map((stream) => connections.commands.xadd(stream, "*", "text", stream)))
    expect(await Promise.all(reads)).toEqual(streams)
    expect(Date.now() - since).toBeLessThan(BLOCK_MS)
  })

  it("see what is written after a primary was killed and replaced", async () => {
    await using connections = await connect()
    const readers = await Effect.runPromise(connections.readers(BLOCK_MS, streams))
    const waiting = readers.map((reader) => read(reader, "$").catch(() => undefined))
    await eventually("all of them wait", async () => (await blockedClients()) === PARTITIONS)
    await (await cluster.primaryOf(streams[0] ?? "")).kill()
    await Promise.all(streams.map((stream) => connections.commands.xadd(stream, "*", "text", stream)))
    await Promise.all(waiting)
    for (const [at, reader] of readers.entries()) {
      await eventually("the reader sees its entry", async () => (await read(reader, "0")) === streams[at])
    }
  })
})

/** The text of the next entry after a position, if one comes in time. */
const read = async ({ client, keys }: Reader, after: string): Promise<string | undefined> => {
  const found = await client.xread(
    "COUNT",
    1,
    "BLOCK",
    BLOCK_MS,
    "STREAMS",
    ...keys,
    ...keys.map(() => after),
  )
  return found?.[0]?.[1][0]?.[1][1]
}

/** Sockets that the service holds open to primaries; the driver may hold idle ones to replicas (flag `r`). */
const connectionsOfService = async (): Promise<number> => {
  const lists = await Promise.all(
    cluster.servers.map((server) => server.ask((redis) => redis.client("LIST"))),
  )
  return [...lists.join("").matchAll(/ name=atlaspay-.* flags=[^r ]+ /g)].length
}

const blockedClients = async (): Promise<number> => {
  const running = cluster.servers.filter(({ isRunning }) => isRunning)
  const counts = await Promise.all(
    running.map((server) => server.field("blocked_clients", (redis) => redis.info("clients"))),
  )
  return counts.reduce((sum, count) => sum + Number(count), 0)
}

/** What shows that a stream has so many entries. */
const entries = (stream: string, count: number): Evidence => ({
  command: ["XLEN", stream],
  isIn: (answer) => answer === count,
})

describe("the replication barrier of a cluster", () => {
  it("waits for a replica of the very primary that has the key", async () => {
    await using connections = await connect({ REDIS_REPLICAS: "1", REPLICATION_TIMEOUT_MS: "300" })
    const pass = (stream: string) => Effect.runPromise(connections.replicated(stream, entries(stream, 0)))
    await eventually("every replica acknowledges", () =>
      Promise.all(streams.map(pass)).then((passed) => passed.length > 0),
    )
    const [first = ""] = streams
    const primary = await cluster.primaryOf(first)
    const [replica] = await cluster.replicasOf(primary)
    await replica?.freeze()
    const outcomes = await Promise.all(
      streams.map((stream) => Effect.runPromiseExit(connections.replicated(stream, entries(stream, 0)))),
    )
    const owners = await Promise.all(streams.map((stream) => cluster.primaryOf(stream)))
    expect(outcomes.map(({ _tag }) => _tag)).toEqual(
      owners.map((owner) => (owner === primary ? "Failure" : "Success")),
    )
    await replica?.thaw()
    await eventually("the barrier opens again", () => pass(first).then(() => true))
  })

  it("asks the primary that took over, and believes only what that one has", async () => {
    await using connections = await connect({ REDIS_REPLICAS: "1", REPLICATION_TIMEOUT_MS: "300" })
    const [first = ""] = streams
    const outcomeOf = (count: number) =>
      Effect.runPromise(
        connections
          .replicated(first, entries(first, count))
          .pipe(Effect.match({ onFailure: ({ reason }) => reason, onSuccess: () => "replicated" })),
      )
    await connections.commands.xadd(first, "1-0", "text", "before")
    await eventually("the replica has it", async () => (await outcomeOf(1)) === "replicated")
    const primary = await cluster.primaryOf(first)
    await primary.kill()
    await cluster.settled()
    await primary.restart()
    await cluster.settled()
    await eventually("the barrier opens again", async () => (await outcomeOf(1)) === "replicated")
    expect(await outcomeOf(2)).toBe("FAILED_OVER")
  })
})
