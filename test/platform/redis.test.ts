import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { eventually } from "../platform-under-test.ts"
import { connectTo } from "../redis-connections.ts"
import { ownPrefix } from "../settings.ts"

describe("the connections to one server", () => {
  it("read all keys with one reader, which holds no command up", async () => {
    await using connections = await connectTo({})
    const keys = [0, 1, 2].map((partition) => `${ownPrefix()}:{${partition}}:ready`)
    const readers = await Effect.runPromise(connections.readers(2_000, keys))
    expect(readers.map(({ keys }) => keys)).toEqual([keys])
    const [reader] = readers
    let found: unknown
    const waiting = reader?.client
      .xread("BLOCK", 2_000, "STREAMS", ...keys, ...keys.map(() => "$"))
      .then((entries) => {
        found = entries
      })
    await eventually("the reader sees what commands write meanwhile", async () => {
      await connections.commands.xadd(keys[2] ?? "", "*", "text", "third")
      return found !== undefined
    })
    await waiting
    expect(found).toMatchObject([[keys[2], [[expect.any(String), ["text", "third"]]]]])
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
