import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { connectTo } from "../redis-connections.ts"
import { ownPrefix } from "../settings.ts"

describe("the connections to one server", () => {
  it("read all keys with one reader, which holds no command up", async () => {
    await using connections = await connectTo({})
    const keys = [0, 1, 2].map((partition) => `${ownPrefix()}:{${partition}}:ready`)
    const readers = await Effect.runPromise(connections.readers(2_000, keys))
    expect(readers.map(({ keys }) => keys)).toEqual([keys])
    const [reader] = readers
    const waiting = reader?.client.xread("BLOCK", 2_000, "STREAMS", ...keys, ...keys.map(() => "$"))
    await connections.commands.xadd(keys[2] ?? "", "1-0", "text", "third")
    const since = Date.now()
    await connections.commands.ping()
    expect(Date.now() - since).toBeLessThan(1_000)
    await Promise.race([waiting, connections.commands.xadd(keys[2] ?? "", "2-0", "text", "third")])
  })

  it("are not made when REDIS_URL is malformed, and do not repeat it", async () => {
    const failure = await connectTo({ REDIS_URL: "redis://:canary@host:port" }).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(String(failure)).toContain("REDIS_URL is malformed: expected redis://")
    expect(JSON.stringify(failure) + String(failure)).not.toContain("canary")
  })

  it("say that the server is not there", async () => {
    await expect(connectTo({ REDIS_URL: "redis://127.0.0.1:9" })).rejects.toMatchObject({
      reason: "CONNECTION_CLOSED",
    })
  })
})
