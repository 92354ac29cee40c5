/** The connections to a primary that a Sentinel watches over. */
import { Effect } from "effect"
import { expect, it } from "vitest"
import { eventually } from "../platform-under-test.ts"
import { connectTo } from "../redis-connections.ts"
import { ownPrefix } from "../settings.ts"
import { WatchedRedis } from "./redis-sentinel.ts"

it("go on with the replica when the primary was killed: commands, readers and the barrier", async () => {
  await using redis = await WatchedRedis.open()
  await using connections = await connectTo({
    REDIS_URL: redis.url,
    REDIS_REPLICAS: "1",
    REPLICATION_TIMEOUT_MS: "300",
  })
  const stream = `${ownPrefix()}:{1}:ready`
  const { commands, replicated } = connections
  const barrier = (count: number) =>
    Effect.runPromise(
      replicated(stream, { command: ["XLEN", stream], isIn: (answer) => answer === count }).pipe(
        Effect.match({ onFailure: ({ reason }) => reason, onSuccess: () => "replicated" }),
      ),
    )
  const [reader] = await Effect.runPromise(connections.readers(1_000, [stream]))
  const read = (after: string) => reader?.client.xread("BLOCK", 1_000, "STREAMS", stream, after)

  await commands.xadd(stream, "1-0", "text", "before")
  await eventually("the replica acknowledges", async () => (await barrier(1)) === "replicated")
  await redis.primary.kill()
  await commands.xadd(stream, "2-0", "text", "during")
  expect((await commands.info("replication")).includes("role:master")).toBe(true)
  await eventually("the reader sees what came after", async () =>
    JSON.stringify(await read("1-0")).includes("during"),
  )
  expect(await commands.xlen(stream)).toBe(2)

  await redis.primary.restart()
  await eventually(
    "the barrier opens when the old primary follows the new one",
    async () => (await barrier(2)) === "replicated",
  )
  expect(await barrier(3)).toBe("FAILED_OVER")
})
