/**
 * A real Redis Cluster for a test: three primaries with a replica each, as processes on free loopback ports with their
 * data in a folder that goes when the test ends. Its verbs read like the story of a test: `kill`, `freeze`, `restart`.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import type { Redis } from "ioredis"
import { freePort } from "../../src/dev/embedded-start.ts"
import { eventually } from "../platform-under-test.ts"
import { HOST, RedisServer } from "./redis-server.ts"

const PRIMARIES = 3
const SLOTS = 16_384
/** A primary that is silent for so long is replaced. */
const NODE_TIMEOUT_MS = 1_500

interface Node {
  readonly server: RedisServer
  readonly busPort: number
}

export class RedisCluster implements AsyncDisposable {
  readonly url: string
  readonly servers: ReadonlyArray<RedisServer>
  readonly #folder: string

  private constructor(folder: string, servers: ReadonlyArray<RedisServer>) {
    this.#folder = folder
    this.servers = servers
    this.url = `redis+cluster://${servers.map(({ name }) => name).join(",")}`
  }

  /** Starts the cluster and waits until it serves every slot and every replica follows its primary. */
  static async open(): Promise<RedisCluster> {
    const folder = mkdtempSync(join(tmpdir(), "redis-cluster-"))
    const started = await Promise.allSettled(Array.from({ length: 2 * PRIMARIES }, () => startNode(folder)))
    const nodes = started.flatMap((node) => (node.status === "fulfilled" ? [node.value] : []))
    const cluster = new RedisCluster(
      folder,
      nodes.map(({ server }) => server),
    )
    try {
      for (const node of started) if (node.status === "rejected") throw node.reason
      await formCluster(nodes)
      await cluster.settled()
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The server that is the primary of a key now, by the word of one that runs. */
  async primaryOf(key: string): Promise<RedisServer> {
    const witness = this.servers.find(({ isRunning }) => isRunning)
    if (witness === undefined) throw new Error("no server of the cluster runs")
    const [slot, ranges] = await witness.ask((redis) =>
      Promise.all([redis.cluster("KEYSLOT", key), redis.cluster("SLOTS")]),
    )
    const [, , owner] = ranges.find(([from, to]) => from <= slot && slot <= to) ?? []
    const primary = this.servers.find(({ port }) => port === owner?.[1])
    if (primary === undefined) throw new Error(`no server has slot ${slot}`)
    return primary
  }

  /** The servers that are primaries by their own word. Those that do not answer are left out. */
  async primaries(): Promise<ReadonlyArray<RedisServer>> {
    const running = this.servers.filter(({ isRunning }) => isRunning)
    const roles = await Promise.allSettled(running.map((server) => server.role()))
    return running.filter((_, at) => roles[at]?.status === "fulfilled" && roles[at].value === "master")
  }

  /** The servers that follow a primary. */
  async replicasOf(primary: RedisServer): Promise<ReadonlyArray<RedisServer>> {
    const report = await primary.ask((redis) => redis.info("replication"))
    const ports = [...report.matchAll(/^slave\d+:ip=[^,]+,port=(\d+)/gm)].map(([, port]) => Number(port))
    return this.servers.filter(({ port }) => ports.includes(port))
  }

  /** Waits until all servers that run agree that every slot is served, and every replica follows. */
  async settled(): Promise<void> {
    await eventually("the cluster is settled", async () => {
      const running = this.servers.filter(({ isRunning }) => isRunning)
      const [states, roles] = await Promise.all([
        Promise.all(running.map(isSettled)),
        Promise.all(running.map((server) => server.role())),
      ])
      // One that was replaced while it was silent believes for a moment that it still is a primary.
      return states.every(Boolean) && roles.filter((role) => role === "master").length === PRIMARIES
    })
  }

  /** Thaws and restarts what a test left frozen or dead, and waits until all is well. */
  async heal(): Promise<void> {
    for (const server of this.servers) {
      await (server.isRunning ? server.thaw() : server.restart())
    }
    await this.settled()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const startNode = async (folder: string): Promise<Node> => {
  const busPort = await Effect.runPromise(freePort)
  const server = await RedisServer.start({
    folder,
    settings: {
      "cluster-enabled": "yes",
      "cluster-port": String(busPort),
      "cluster-node-timeout": String(NODE_TIMEOUT_MS),
    },
  })
  return { server, busPort }
}

/** The first three become primaries with a third of the slots each, the others their replicas. */
const formCluster = async (nodes: ReadonlyArray<Node>): Promise<void> => {
  const [first] = nodes
  if (first === undefined) throw new Error("there is no node")
  await Promise.all(nodes.map(({ server }, at) => tell(server, "SET-CONFIG-EPOCH", at + 1)))
  for (const { server, busPort } of nodes) await tell(first.server, "MEET", HOST, server.port, busPort)
  await Promise.all(
    nodes.slice(0, PRIMARIES).map(({ server }, at) => {
      const [from, to] = [at, at + 1].map((third) => Math.floor((third * SLOTS) / PRIMARIES))
      return tell(server, "ADDSLOTSRANGE", from ?? 0, (to ?? 0) - 1)
    }),
  )
  const all = String(nodes.length)
  await eventually("all nodes know each other", async () => {
    const known = await Promise.all(
      nodes.map(({ server }) => server.field("cluster_known_nodes", clusterInfo)),
    )
    return known.every((count) => count === all)
  })
  await Promise.all(
    nodes.slice(PRIMARIES).map(async ({ server }, at) => {
      const primary = nodes[at]?.server
      const id = await primary?.ask((redis) => redis.cluster("MYID"))
      await eventually("the replica knows its primary", () =>
        tell(server, "REPLICATE", String(id)).then(
          () => true,
          () => false,
        ),
      )
    }),
  )
}

const tell = (server: RedisServer, ...command: ReadonlyArray<string | number>): Promise<unknown> =>
  server.ask((redis) => redis.call("CLUSTER", ...command))

const clusterInfo = (redis: Redis): Promise<unknown> => redis.cluster("INFO")

const isSettled = async (server: RedisServer): Promise<boolean> => {
  const [state, slots, link] = await Promise.all([
    server.field("cluster_state", clusterInfo),
    server.field("cluster_slots_ok", clusterInfo),
    server.field("master_link_status", (redis) => redis.info("replication")),
  ])
  return state === "ok" && slots === String(SLOTS) && (link === "" || link === "up")
}
