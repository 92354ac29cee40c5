/** Logs that replays read from Redis and the archive, and those that an import writes. */
import { Effect } from "effect"
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import type { BatchEvent } from "../../src/domain/events.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { exportLog } from "../../src/replay/exporting.ts"
import { importInto } from "../../src/replay/imported-logs-redis.ts"
import { eachLog, sampleOf } from "../../src/replay/log-walk.ts"
import { ExportReader, type ImportedEvent } from "../../src/replay/scrubbed-log.ts"
import { visitWritten } from "../../src/replay/stored-logs.ts"
import { storedLogs } from "../../src/replay/stored-logs-redis.ts"
import type { LogIndexPage } from "../../src/streams/log-index.ts"
import { partitionKeys, partitionOf } from "../../src/streams/partition.ts"
import { ownPrefix } from "../settings.ts"
import { batchOf } from "../streams/log-under-test.ts"
import { largeLog, logsInMemory, rareLog } from "./generated-logs.ts"

const prefix = ownPrefix()
let redis: Redis

beforeAll(() => {
  redis = new Redis(inject("redisUrl"))
})

afterAll(async () => {
  for (const key of await redis.keys(`${prefix}:*`)) await redis.del(key)
  redis.disconnect()
})

const place = () => ({ redis, prefix, partitions: 16 })
const keyOf = (batch: BatchId) => partitionKeys(prefix, partitionOf(batch, 16)).log(batch)
const nowhere = { entries: () => Effect.die(new Error("the archive was asked")) }
const noPage = () => Effect.succeed({ batches: [], next: undefined })

const exported = async (events: ReadonlyArray<BatchEvent>) => {
  const logs = logsInMemory([events])
  const lines: Array<string> = []
  await Effect.runPromise(
    exportLog(logs, logs.batches[0] ?? batchOf(7, 1), { amounts: false }, (line) => lines.push(line)),
  )
  const reader = new ExportReader()
  const read: ReadonlyArray<ImportedEvent> = lines.flatMap((line) => reader.read(line) ?? [])
  return { header: reader.end(), read }
}

describe("an imported log", () => {
  it("is there as a whole, once, and nothing beside it", async () => {
    const { header, read } = await exported(largeLog(3))
    const [one, other] = [importInto(place(), header), importInto(place(), header)]
    await Effect.runPromise(one.stage(read.slice(0, 5)))
    await Effect.runPromise(other.stage(read))
    expect(await redis.exists(keyOf(header.batch)), "nothing is seen of what is staged").toBe(0)
    for (const key of await redis.keys(`${prefix}:*`)) expect(await redis.pttl(key)).toBeGreaterThan(0)
    await Effect.runPromise(one.stage(read.slice(5)))
    expect(await Effect.runPromise(one.commit)).toBe("imported")
    expect(await Effect.runPromise(other.commit)).toBe("there")
    expect(await Effect.runPromise(one.commit), "a repetition after a lost answer").toBe("there")
    // In no feed, not open, not timed, not scheduled, without mail.
    expect(await redis.keys(`${prefix}:*`)).toEqual([keyOf(header.batch)])
    expect(await redis.pttl(keyOf(header.batch)), "it stays").toBe(-1)
    const logs = storedLogs(place(), nowhere, noPage)
    const end = await Effect.runPromise(visitWritten(logs, header.batch, () => true))
    expect(end).toEqual({ version: header.events, head: header.head })
  })

  it("is not said to be another one if what was staged is gone", async () => {
    const { header, read } = await exported(largeLog(2))
    const target = importInto(place(), header)
    await Effect.runPromise(target.stage(read))
    for (const key of await redis.keys(`${prefix}:*:staged:${header.batch}:*`)) await redis.del(key)
    expect(await Effect.runPromise(Effect.flip(target.commit))).toMatchObject({ step: "commit" })
    expect(await redis.exists(keyOf(header.batch))).toBe(0)
  })

  it("replaces no other log of its name", async () => {
    const { header, read } = await exported(rareLog())
    await redis.xadd(keyOf(header.batch), "1-0", "e", "another", "h", "one")
    const target = importInto(place(), header)
    await Effect.runPromise(target.stage(read))
    expect(await Effect.runPromise(target.commit)).toBe("other")
    expect(await redis.xlen(keyOf(header.batch))).toBe(1)
  })
})

describe("a stored log", () => {
  it("goes on in the archive if it leaves Redis between two pages", async () => {
    const memory = logsInMemory([largeLog(10)])
    const [batch = batchOf(7, 1)] = memory.batches
    const all = await Effect.runPromise(memory.entries(batch, 0, 1_000))
    for (const [id, [, text = "", , hash = ""]] of all)
      await redis.xadd(keyOf(batch), id, "e", text, "h", hash)
    const logs = storedLogs(place(), memory, noPage)
    const seen: Array<number> = []
    const entries: typeof logs.entries = (id, after, limit) =>
      Effect.tap(logs.entries(id, after, limit), () => Effect.promise(() => redis.unlink(keyOf(batch))))
    const end = await Effect.runPromise(
      visitWritten({ entries }, batch, ({ version }) => seen.push(version) > 0),
    )
    expect(end.version).toBe(all.length)
    expect(seen).toEqual(all.map((_, index) => index + 1))
  })

  it("that has a gap or another text ends the walk with the entry", async () => {
    const memory = logsInMemory([largeLog(2)])
    const [batch = batchOf(7, 1)] = memory.batches
    const walked = (
      change: (entries: ReadonlyArray<readonly [string, ReadonlyArray<string>]>) => typeof entries,
    ) =>
      Effect.runPromise(
        Effect.flip(
          visitWritten(
            { entries: (id, after, limit) => Effect.map(memory.entries(id, after, limit), change) },
            batch,
            () => true,
          ),
        ),
      )
    expect(await walked((entries) => entries.toSpliced(3, 1))).toMatchObject({ entry: "5-0" })
    const altered = await walked((entries) =>
      entries.map(([id, [e = "", text = "", h = "", hash = ""]]) => [
        id,
        [e, id === "4-0" ? text.replace("{", "{ ") : text, h, hash],
      ]),
    )
    expect(altered).toMatchObject({ entry: "4-0" })
  })
})

describe("all logs", () => {
  it("are visited once each, also if they are in Redis and in the archive, or leave Redis meanwhile", async () => {
    const [one, two, three, four] = [1, 2, 3, 4].map((n) => batchOf(9, n)) as [
      BatchId,
      BatchId,
      BatchId,
      BatchId,
    ]
    const pages: Readonly<Record<string, LogIndexPage>> = {
      "": { batches: [one, two, one], next: "redis" },
      redis: { batches: [two, three], next: "archive" },
      archive: { batches: [one, three, four], next: undefined, isInOrder: true },
    }
    const page = (cursor: string) => Effect.succeed(pages[cursor] ?? { batches: [], next: undefined })
    const seen: Array<BatchId> = []
    await Effect.runPromise(eachLog({ page }, (batch) => Effect.sync(() => void seen.push(batch))))
    expect(seen).toEqual([one, two, three, four])
  })
})

describe("a sample", () => {
  const names = Array.from({ length: 50 }, (_, index) => batchOf(9, index))
  const sampled = (order: ReadonlyArray<BatchId>, seed = "") =>
    Effect.runPromise(sampleOf({ page: () => Effect.succeed({ batches: order, next: undefined }) }, 7, seed))

  it("is the same in any order, has nothing twice, and is another one for another seed", async () => {
    const first = await sampled([...names, ...names])
    expect(new Set(first).size).toBe(7)
    expect(await sampled(names.toReversed())).toEqual(first)
    expect(await sampled(names, "other")).not.toEqual(first)
  })
})
