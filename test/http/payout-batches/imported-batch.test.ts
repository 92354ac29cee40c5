/** An imported log is found by its id, as others are, and only by operators: its partner is a stand-in. */
import { Effect } from "effect"
import { Redis } from "ioredis"
import { afterAll, beforeAll, expect, inject, it } from "vitest"
import { exportLog } from "../../../src/replay/exporting.ts"
import { importInto } from "../../../src/replay/imported-logs-redis.ts"
import { ExportReader } from "../../../src/replay/scrubbed-log.ts"
import { largeLog, logsInMemory } from "../../replay/generated-logs.ts"
import { ownPrefix } from "../../settings.ts"
import { batchOf } from "../../streams/log-under-test.ts"
import { ApiUnderTest, acme, olga } from "../api-under-test.ts"

const prefix = ownPrefix()
let api: ApiUnderTest
let redis: Redis
beforeAll(async () => {
  redis = new Redis(inject("redisUrl"))
  api = await ApiUnderTest.open({ environment: { PARTITIONS: "4", STREAM_PREFIX: prefix } })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  for (const key of await redis.keys(`${prefix}:*`)) await redis.del(key)
  redis.disconnect()
})

it("is shown to an operator, and to no partner", async () => {
  const logs = logsInMemory([largeLog(3)])
  const lines: Array<string> = []
  const [batch = batchOf(7, 1)] = logs.batches
  await Effect.runPromise(exportLog(logs, batch, { amounts: false }, (line) => lines.push(line)))
  const reader = new ExportReader()
  const events = lines.flatMap((line) => reader.read(line) ?? [])
  const header = reader.end()
  const target = importInto({ redis, prefix, partitions: 4 }, header)
  await Effect.runPromise(target.stage(events))
  expect(await Effect.runPromise(target.commit)).toBe("imported")

  const path = `/payout-batches/${header.batch}`
  const shown = await api.get(path, olga)
  expect(shown.status).toBe(200)
  expect(shown.json).toMatchObject({
    id: header.batch,
    state: "settled",
    itemCount: 3,
    version: header.events,
  })
  expect((await api.get(path, acme)).status).toBe(404)
  expect((await api.get(path.replace(header.batch, batch), olga)).status).toBe(404)
})
