/**
 * Whoever archives is killed at every point between two steps, and so is whoever brings a log back: the log of each batch is in Redis or
 * in the archive as it was, goes on when its bank brings money back, and leaves Redis again.
 */

import { zstdDecompressSync } from "node:zlib"
import { Redis } from "ioredis"
import postgres, { type Sql } from "postgres"
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { archivingCrashPoints } from "../../src/crash-points.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { sandboxSecretOf } from "../../src/sandbox/sandbox.ts"
import { linkOf } from "../../src/streams/hash-chain.ts"
import { partitionKeys, partitionOf } from "../../src/streams/partition.ts"
import { lengthOf } from "../length.ts"
import { eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"

/** What is archived at once, and leaves Redis at once. */
const ARCHIVING = { ROLES: "archiver", ARCHIVE_AFTER_MS: "1", ARCHIVE_UNLINK_AFTER_MS: "1" }
const PAYING = { ROLES: "api,worker,projector" }
const ENDS_WITHIN_MS = 60_000

const isRestoring = (point: string) => point.endsWith("-restore")

let platform: PlatformUnderTest
let paying: Service
let redis: Redis
let sql: Sql

beforeAll(async () => {
  platform = await PlatformUnderTest.open()
  redis = new Redis(platform.environment.REDIS_URL ?? "")
  sql = postgres(platform.environment.DATABASE_URL ?? "", { max: 1 })
  paying = await platform.start(PAYING)
})

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
  redis?.disconnect()
  await sql?.end()
})

/** A batch, or the one that there is under this key. */
const submitted = async (key: string): Promise<BatchId> => {
  const account = { scheme: "iban", iban: "DE89370400440532013000" }
  const item = {
    reference: key,
    amount: { currency: "EUR", value: "10.00" },
    beneficiary: { name: "Ada Lovelace", account },
  }
  return (await platform.submit(key, { items: [item] })) as BatchId
}

/** A batch that settled and closed. */
const settled = async (key: string): Promise<BatchId> => {
  const id = await submitted(key)
  expect((await platform.closed(id)).state).toBe("settled")
  return id
}

const logKey = (batch: BatchId) => {
  const { PARTITIONS, STREAM_PREFIX = "" } = platform.environment
  return partitionKeys(STREAM_PREFIX, partitionOf(batch, Number(PARTITIONS))).log(batch)
}

/** The events and hashes of a log in Redis. */
const inRedis = async (batch: BatchId): Promise<ReadonlyArray<string>> => {
  const entries = await redis.xrange(logKey(batch), "-", "+")
  expect(entries.map(([id]) => id)).toEqual(entries.map((_, index) => `${index + 1}-0`))
  return entries.flatMap(([, [, text = "", , hash = ""]]) => [text, hash])
}

/** The events and hashes of a log in the archive, read without our code. */
const inArchive = async (batch: BatchId): Promise<ReadonlyArray<string>> => {
  const chunks = await sql`
    select after, version, events from archived_chunks where batch = ${batch} order by after`
  const lines = chunks.flatMap(({ events }) => zstdDecompressSync(events).toString().split("\n").slice(0, -1))
  expect(chunks.map(({ after }) => after)).toEqual([0, ...chunks.map(({ version }) => version)].slice(0, -1))
  expect(lines.length).toBe(2 * (chunks.at(-1)?.version ?? 0))
  return lines
}

const isSound = (batch: BatchId, lines: ReadonlyArray<string>): boolean =>
  lines.every(
    (hash, index) =>
      index % 2 === 0 ||
      hash === linkOf(index === 1 ? batch : (lines[index - 2] ?? ""), lines[index - 1] ?? ""),
  )

const isUnlinked = async (batch: BatchId): Promise<boolean> => {
  const [row] = await sql`select unlinked_at from archived_logs where batch = ${batch}`
  return row?.unlinked_at != null && (await redis.exists(logKey(batch))) === 0
}

/** What the API says of a batch and its items. */
const shown = async (batch: BatchId) => ({
  batch: await platform.get<{ readonly version: number }>(`/payout-batches/${batch}`),
  items: await platform.get(`/payout-batches/${batch}/items`),
})

/** The bank brings the money of a batch back. */
const returns = async (batch: BatchId) => {
  const { items } = await platform.get<{ readonly items: ReadonlyArray<{ readonly transferId: string }> }>(
    `/payout-batches/${batch}/items`,
  )
  const at = new Date()
  const reference = `${batch.slice(3).toUpperCase()}-1-1`
  const id = `returned-${batch}`
  const body = JSON.stringify({
    ...{ id, bank: "north", reference, transferId: items[0]?.transferId, status: "returned", code: "MS03" },
    at: at.toISOString(),
  })
  await eventually("the callback is accepted", async () => {
    const answer = await fetch(`${platform.url}/bank-callbacks/north`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
        "webhook-signature": new Webhook(sandboxSecretOf("north")).sign(id, at, body),
      },
      body,
    })
    return answer.ok
  })
}

const archiving = async (until: string, question: () => Promise<boolean>) => {
  const archiver = platform.launch(ARCHIVING)
  try {
    await eventually(until, question, ENDS_WITHIN_MS)
  } finally {
    await archiver.stop()
  }
}

/** What a kill leaves held would be taken again only after a minute. */
const letGo = () => sql`
  with logs as (update archived_logs set unlink_at = now() - interval '1 minute')
  update closed_batches set archive_at = now() - interval '1 minute'`

/** Each point by itself in a long run. In a short one, who goes on after a kill is killed at the next point: half as many processes. */
const runsOf = (points: ReadonlyArray<string>) =>
  lengthOf<ReadonlyArray<ReadonlyArray<string>>>({
    full: points.map((point) => [point]),
    short: [points],
  }).map((run) => [run.join(", then "), run] as const)

describe("a log survives a kill", { timeout: 6 * ENDS_WITHIN_MS }, () => {
  it.each(runsOf(archivingCrashPoints.filter((point) => !isRestoring(point))))(
    "of who archives: %s",
    async (_name, points) => {
      const batch = await settled(`archived-${points[0]}`)
      const [log, view] = [await inRedis(batch), await shown(batch)]
      for (const point of points) {
        const doomed = platform.launch({ ...ARCHIVING, CRASH_AT: `${point}:1` })
        expect(await doomed.ended, point).toBe("SIGKILL")
        expect(await shown(batch), point).toEqual(view)
        const left = await inRedis(batch)
        expect(left.length > 0 ? left : await inArchive(batch), point).toEqual(log)
        await letGo()
      }
      await archiving("the log left Redis", () => isUnlinked(batch))
      expect(await inArchive(batch)).toEqual(log)
      expect(isSound(batch, log)).toBe(true)
      expect(await shown(batch)).toEqual(view)
      expect(await submitted(`archived-${points[0]}`)).toBe(batch)
    },
  )

  it.each(runsOf(archivingCrashPoints.filter(isRestoring)))(
    "of who brings it back: %s",
    async (_name, points) => {
      const batch = await settled(`archived-${points[0]}`)
      const log = await inRedis(batch)
      await archiving("the log left Redis", () => isUnlinked(batch))

      await paying.stop()
      let called: Promise<void> | undefined
      for (const point of points) {
        const doomed = await platform.start({ ...PAYING, CRASH_AT: `${point}:1` })
        called ??= returns(batch)
        expect(await doomed.ended, point).toBe("SIGKILL")
      }
      paying = await platform.start(PAYING)
      await called
      await eventually("the money is back", async () => {
        const { items } = await platform.get<{
          readonly items: ReadonlyArray<{ readonly state: string; readonly ledger: string }>
        }>(`/payout-batches/${batch}/items`)
        return items[0]?.state === "returned" && items[0].ledger === "reversed"
      })
      const longer = await inRedis(batch)
      expect(longer.slice(0, log.length)).toEqual(log)
      expect(longer.length).toBeGreaterThan(log.length)
      await archiving("the log left Redis again", async () => {
        const [row] = await sql`select version from archived_logs where batch = ${batch}`
        return row?.version * 2 === longer.length && (await isUnlinked(batch))
      })
      expect(await inArchive(batch)).toEqual(longer)
      expect(isSound(batch, longer)).toBe(true)
    },
  )
})
