/** A batch whose log has left Redis is what it was to all who ask for it, and goes on when something is told to it. */
import { Context, Effect, Layer, ManagedRuntime } from "effect"
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, expect, it } from "vitest"
import { BatchId, transferReference } from "../../../src/domain/identifiers.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { RedisConnections } from "../../../src/platform/redis.ts"
import { LogUnlinking } from "../../../src/streams/log-unlinking.ts"
import { partitionKeys } from "../../../src/streams/partition.ts"
import { layer as streamsOnRedis } from "../../../src/streams/streams-redis.ts"
import { ownPrefix, settings } from "../../settings.ts"
import { takeFrom } from "../../streams/log-under-test.ts"
import { MemoryArchive } from "../../streams/memory-archive.ts"
import type { Streams } from "../../streams/whole-log.ts"
import { ApiUnderTest } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

const secret = "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWJhbmstY2FsbGJhY2s="
const prefix = ownPrefix()
const archive = new MemoryArchive(4)
const redis = ManagedRuntime.make(RedisConnections.layer.pipe(Layer.provide(settings())))
let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({
    environment: { PARTITIONS: "4", STREAM_PREFIX: prefix },
    streams: streamsOnRedis.pipe(Layer.provide([RedisConnections.layer, archive.layer])),
  })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await redis.dispose()
})

const keysOf = (batch: BatchId) => partitionKeys(prefix, api.log.partitions.of(batch))

const entriesOf = async (batch: BatchId) => {
  const { commands } = await redis.runPromise(RedisConnections)
  return await commands.xrange(keysOf(batch).log(batch), "-", "+")
}

/** Puts a batch to rest, archives its log as it is, and unlinks it. */
const archived = async (id: unknown, reservedName?: BatchId) => {
  const batch = BatchId.make(String(id))
  const taken = await Effect.runPromise(takeFrom(api.log, "w", 400, 20))
  for (const owned of taken) {
    const events = await Effect.runPromise(api.log.read(owned.batch, 0, 1_000))
    const { version = 0, hash: head = "" } = events.at(-1) ?? {}
    const rest = { expectedVersion: version, head, events: [], handled: [], commandId: "rest", open: false }
    await Effect.runPromise(api.log.append(owned, rest))
    await Effect.runPromise(api.log.release(owned, undefined))
  }
  const log = archive.keepEntries(batch, await entriesOf(batch), reservedName)
  const { unlink } = Context.get(api.streams as Context.Context<Streams | LogUnlinking>, LogUnlinking)
  expect(await Effect.runPromise(unlink(log))).toBe("unlinked")
  expect(await entriesOf(batch)).toEqual([])
  return batch
}

const body = { items: [payout("a")] }
const isReplayed = ({ headers }: { readonly headers: Headers }) =>
  headers.get("idempotent-replayed") === "true"

it("the first answer is given to a repeated key for ever, however it is written", async () => {
  const plain = await api.post("archived", body)
  const inQuotes = await api.post('"archived in quotes"', body)
  const batch = await archived(plain.json.id)
  const quoted = await archived(inQuotes.json.id, batchIdOf("acme", "archived in quotes"))
  for (const [key, id] of [
    ["archived", batch],
    ['"archived"', batch],
    ["archived in quotes", quoted],
    ['"archived in quotes"', quoted],
  ] as const) {
    const again = await api.post(key, body)
    expect([key, again.status, again.json.id, isReplayed(again)]).toEqual([key, 202, id, true])
    const other = await api.post(key, { items: [payout("b")] })
    expect([key, other.status, other.json.batch]).toEqual([key, 422, id])
  }
  expect(await entriesOf(batch), "nothing of it came back").toEqual([])
  expect(await entriesOf(quoted)).toEqual([])
  const { commands } = await redis.runPromise(RedisConnections)
  const mark = batchIdOf("acme", "archived in quotes")
  expect(await commands.exists(keysOf(mark).reserved(mark))).toBe(0)
})

it("its events are read as before, and by nobody else", async () => {
  const { json } = await api.post("archived to be read", body)
  const path = `/payout-batches/${json.id}/events`
  const before = await api.get(path)
  await archived(json.id)
  expect((await api.get(path)).json).toEqual(before.json)
  expect((await api.get(path, "globex-key")).status).toBe(404)
})

it("what a bank says weeks later brings it back and is told to it", async () => {
  const { json } = await api.post("archived to be returned", body)
  const batch = await archived(json.id)
  const returned = {
    ...{ id: "cb-1", bank: "north", reference: transferReference({ batch, item: 1, attempt: 1 }) },
    ...{ transferId: "t-1", status: "returned", code: "AC04", at: "2026-01-02T03:04:05Z" },
  }
  const text = JSON.stringify(returned)
  const sentAt = new Date()
  const answer = await api.call("/bank-callbacks/north", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": "late",
      "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
      "webhook-signature": new Webhook(secret).sign("late", sentAt, text),
    },
    body: text,
  })
  expect(answer.status).toBe(202)
  const mail = await Effect.runPromise(api.log.mail(batch, 10))
  expect(mail.map(({ command }) => command)).toMatchObject([
    { _tag: "RecordTransfer", outcome: { _tag: "Returned", code: "AC04" } },
  ])
  expect((await entriesOf(batch)).length).toBeGreaterThan(1)
  const taken = await Effect.runPromise(takeFrom(api.log, "w", 400, 20))
  expect(taken.map((owned) => owned.batch)).toContain(batch)
})
