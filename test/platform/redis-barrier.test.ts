/** The replication barrier on a primary with one real replica. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { HOST, RedisServer } from "../cluster/redis-server.ts"
import { eventually } from "../platform-under-test.ts"
import { type Connections, connectTo } from "../redis-connections.ts"

const TIMEOUT_MS = 400
const folder = mkdtempSync(join(tmpdir(), "redis-barrier-"))
const key = "ap:{3}:ready"

let primary: RedisServer
let replica: RedisServer
beforeAll(async () => {
  primary = await RedisServer.start({ folder })
  replica = await RedisServer.start({ folder, settings: { replicaof: `${HOST} ${primary.port}` } })
  await replicaFollows()
})
afterEach(async () => {
  await replica.thaw()
  await replicaFollows()
})
afterAll(async () => {
  await Promise.all([primary, replica].map((server) => server?.[Symbol.asyncDispose]()))
  rmSync(folder, { recursive: true, force: true })
})

const replicaFollows = () =>
  eventually("the replica acknowledges", async () => {
    const acknowledged = await primary.ask((redis) => redis.pipeline().set("follows", "").wait(1, 100).exec())
    return acknowledged?.at(1)?.[1] === 1
  })

const connect = (replicas: number) =>
  connectTo({
    REDIS_URL: primary.url,
    REDIS_REPLICAS: String(replicas),
    REPLICATION_TIMEOUT_MS: String(TIMEOUT_MS),
  })

/** Whether the barrier opens for one who was told that `value` is written. */
const outcomeOf = ({ replicated }: Connections, value?: string) =>
  Effect.runPromise(
    replicated(key, {
      command: ["GET", "{3}:written"],
      isIn: (answer) => value === undefined || answer === value,
    }).pipe(Effect.match({ onFailure: ({ reason }) => reason, onSuccess: () => "replicated" as const })),
  )

const callsOf = async (command: string): Promise<number> => {
  const stats = await primary.field(`cmdstat_${command}`, (redis) => redis.info("commandstats"))
  return Number(/calls=(\d+)/.exec(stats)?.[1] ?? 0)
}

describe("the replication barrier", () => {
  it("is open at once when no replica is asked for", async () => {
    await using connections = await connect(0)
    const waits = await callsOf("wait")
    expect(await outcomeOf(connections)).toBe("replicated")
    expect(await callsOf("wait")).toBe(waits)
  })

  it("opens once a replica has what another connection wrote before", async () => {
    await using connections = await connect(1)
    await connections.commands.set("{3}:written", "before")
    expect(await outcomeOf(connections)).toBe("replicated")
    expect(await replica.ask((redis) => redis.get("{3}:written"))).toBe("before")
    // Redis promises WAIT for a connection's own writes, so there has to be one.
    expect(await primary.ask((redis) => redis.exists("ap:{3}:barrier"))).toBe(1)
  })

  it("stays closed while the replica is frozen, and opens when it thaws", async () => {
    await using connections = await connect(1)
    expect(await outcomeOf(connections)).toBe("replicated")
    await replica.freeze()
    await connections.commands.set("{3}:written", "in vain")
    expect(await outcomeOf(connections)).toBe("NOREPLICAS")
    const waiting = outcomeOf(connections)
    await replica.thaw()
    expect(await waiting).toBe("replicated")
    expect(await replica.ask((redis) => redis.get("{3}:written"))).toBe("in vain")
  })

  it("stays closed when fewer replicas are there than are asked for", async () => {
    await using connections = await connect(2)
    expect(await outcomeOf(connections)).toBe("NOREPLICAS")
  })

  it("costs thousands of callers a few waits, and holds none of them up for another command", async () => {
    await using connections = await connect(1)
    const waits = await callsOf("wait")
    const callers = Array.from({ length: 3_000 }, () => outcomeOf(connections))
    const ping = connections.commands.ping()
    expect(new Set(await Promise.all(callers))).toEqual(new Set(["replicated"]))
    expect(await ping).toBe("PONG")
    const spent = (await callsOf("wait")) - waits
    expect(spent).toBeGreaterThanOrEqual(1)
    expect(spent).toBeLessThanOrEqual(5)
  })

  it("stays closed, for him alone, to one who was told of something that the primary does not have", async () => {
    await using connections = await connect(1)
    await connections.commands.set("{3}:written", "truly")
    const asked = ["truly", "elsewhere", "truly"].map((value) => outcomeOf(connections, value))
    expect(await Promise.all(asked)).toEqual(["replicated", "FAILED_OVER", "replicated"])
  })

  it("opens again when the primary comes back with what it had", async () => {
    await using connections = await connect(1)
    await connections.commands.set("{3}:written", "kept")
    await primary.kill()
    await primary.restart()
    await replicaFollows()
    await eventually("the barrier opens", async () => (await outcomeOf(connections, "kept")) === "replicated")
  })
})
