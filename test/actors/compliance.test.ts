/** A batch and a compliance engine that is away, or takes its time, or thinks again. */
import { Webhook } from "standardwebhooks"
import { expect, it } from "vitest"
import { batchState } from "../../src/domain/batch.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { beginningOf, visitLog } from "../../src/streams/event-range.ts"
import { ApiUnderTest } from "../http/api-under-test.ts"
import { eventually } from "../platform-under-test.ts"
import { type Behaviour, json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"
import { ownPrefix } from "../settings.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

interface Question {
  readonly clearanceId: string
  readonly items: ReadonlyArray<{ readonly item: number }>
}

/** Answers a clearance with one word on each of its items. */
const decides =
  (decision: string): Behaviour =>
  (response, asked) => {
    const { clearanceId, items } = JSON.parse(asked.body) as Question
    const decisions = items.map(({ item }) => ({ item, decision }))
    json(200, { clearanceId, listVersion: "v", decisions })(response, asked)
  }

const eventsOf = async (engine: EngineUnderTest, id: BatchId): Promise<ReadonlyArray<string>> => {
  const tags: Array<string> = []
  await engine.onLog((log) => visitLog(log, id, beginningOf(id), ({ event }) => tags.push(event._tag)))
  return tags
}

const settles = (engine: EngineUnderTest, id: BatchId) =>
  eventually("the batch is settled", async () => (await engine.batch(id)).closed === "settled")

it("waits, and shows it, while the engine is down; and is paid once it is back (invariant 18)", async () => {
  const compliance = await MisbehavingServer.open()
  await using engine = await EngineUnderTest.open({ environment: { COMPLIANCE_URL: compliance.url } })
  const misdeeds: ReadonlyArray<Behaviour> = [json(422, { code: "no" }), ({ socket }) => socket?.destroy()]
  compliance.behaviour = (...call) => misdeeds[(compliance.asked.length - 1) % misdeeds.length]?.(...call)
  await engine.start()
  const id = await engine.submit("acme", "down", 3)
  await eventually("the engine was asked in vain", async () => compliance.asked.length >= misdeeds.length)
  const waiting = await engine.batch(id)
  expect(batchState(waiting)).toBe("screening")
  expect([...waiting.items.values()].map(({ state }) => state)).toEqual(Array(3).fill("screening"))
  expect(engine.paid.size).toBe(0)

  compliance.behaviour = decides("approved")
  await settles(engine, id)
  expect(engine.paid.size).toBe(3)
  const questions = compliance.asked.map(({ headers, body }) => [headers["idempotency-key"], body])
  expect(new Set(questions.map(String)).size, "it was one question all the time").toBe(1)
  await compliance.close()
})

it("asks again when the engine that takes its time does not call back", async () => {
  const compliance = await MisbehavingServer.open()
  compliance.behaviour = decides("pending")
  const environment = { COMPLIANCE_URL: compliance.url, CLEARANCE_DELAYS_MS: "100,200" }
  await using engine = await EngineUnderTest.open({ environment })
  await engine.start()
  const id = await engine.submit("acme", "silent")
  await eventually("it was asked again and again", async () => compliance.asked.length >= 4)
  const waiting = await engine.batch(id)
  expect(batchState(waiting)).toBe("screening")
  expect(waiting.items.get(1)?.reason).toMatch(/decides later/)
  expect(engine.paid.size).toBe(0)
  compliance.behaviour = decides("approved")
  await settles(engine, id)
  await compliance.close()
})

it("hears by callback what was decided later, and what comes after that is an alarm", async () => {
  const compliance = await MisbehavingServer.open()
  compliance.behaviour = decides("pending")
  const environment = {
    COMPLIANCE_URL: compliance.url,
    COMPLIANCE_CALLBACK_SECRET: `whsec_${Buffer.from("compliance").toString("base64")}`,
    STREAM_PREFIX: ownPrefix(),
    PARTITIONS: "2",
  }
  await using engine = await EngineUnderTest.open({ environment })
  await using api = await ApiUnderTest.open({ environment })
  await engine.start()
  const id = await engine.submit("acme", "called-back", 2)
  const has = (tag: string) =>
    eventually(`the log tells of ${tag}`, async () => (await eventsOf(engine, id)).includes(tag))
  await has("ClearancePending")

  const callBack = async (message: string, decision: string, ...items: ReadonlyArray<number>) => {
    const decisions = items.map((item) => ({ item, decision }))
    const body = JSON.stringify({ id: message, clearanceId: `${id}-S1`, listVersion: "v", decisions })
    const now = new Date()
    const signed = new Webhook(environment.COMPLIANCE_CALLBACK_SECRET).sign(message, now, body)
    const headers = {
      "content-type": "application/json",
      "webhook-id": message,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": signed,
    }
    return (await api.call("/compliance-callbacks", { method: "POST", headers, body })).status
  }
  expect(await callBack("first", "approved", 1)).toBe(202)
  await eventually("the decided item is paid", async () => engine.paid.size === 1)
  expect((await engine.batch(id)).items.get(2)?.state).toBe("screening")
  expect(await callBack("again", "approved", 1)).toBe(202)
  expect(await callBack("second", "approved", 2)).toBe(202)
  await settles(engine, id)
  expect(await callBack("too late", "rejected", 1)).toBe(202)
  await has("ClearanceWithdrawn")
  const batch = await engine.batch(id)
  expect(batch.items.get(1)).toMatchObject({ state: "settled", verdict: "rejected" })
  expect([...engine.paid.values()]).toEqual([1, 1])
  await compliance.close()
})

const listsOf = (STREAM_PREFIX: string) => `${STREAM_PREFIX}:lists`

it("pays nobody while it cannot learn which lists are in force", async () => {
  const STREAM_PREFIX = ownPrefix()
  await using engine = await EngineUnderTest.open({ environment: { STREAM_PREFIX } })
  await engine.onRedis((redis) => redis.set(listsOf(STREAM_PREFIX), "not what it should be"))
  await engine.start()
  const id = await engine.submit("acme", "unknown lists", 2)
  await eventually("it was asked in vain", async () =>
    engine.lines.some((line) => line.includes("the announced lists are not known")),
  )
  await eventually("the items are screened", async () => (await engine.batch(id)).tasks.hold.size === 2)
  expect(engine.paid.size).toBe(0)
  await engine.onRedis((redis) => redis.del(listsOf(STREAM_PREFIX)))
  await settles(engine, id)
  expect(engine.paid.size).toBe(2)
})

it("does not send what waited for its turn until its clearance was too old", async () => {
  // Each payment takes longer than a clearance is good for.
  const terms = { environment: { CLEARANCE_MAX_AGE_MS: "2000" }, bankConcurrency: 1, bankMs: 3_000 }
  await using engine = await EngineUnderTest.open(terms)
  await engine.start()
  const id = await engine.submit("acme", "old clearance", 2)
  await eventually("the first one is being paid", async () => engine.paid.size === 1)
  await eventually("the other one is not sent", async () => {
    const { items } = await engine.batch(id)
    return items.get(2)?.state === "unknown"
  })
  expect(engine.paid.size).toBe(1)
})

it("does not send what still waits for its turn at the bank when other lists are announced", async () => {
  const STREAM_PREFIX = ownPrefix()
  const terms = { environment: { STREAM_PREFIX }, bankConcurrency: 1, bankMs: 2_000 }
  await using engine = await EngineUnderTest.open(terms)
  await engine.start()
  const id = await engine.submit("acme", "new lists", 3)
  await eventually("the first one is being paid", async () => engine.paid.size === 1)
  await engine.onRedis((redis) => redis.zadd(listsOf(STREAM_PREFIX), Date.now(), "new"))
  await eventually("the others are not sent", async () => {
    const { items } = await engine.batch(id)
    return [2, 3].every((item) => items.get(item)?.state === "unknown")
  })
  expect(engine.paid.size).toBe(1)
  expect((await engine.batch(id)).items.get(1)?.state).toBe("settled")
})
