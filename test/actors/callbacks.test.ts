/** What a bank calls back, on the whole platform: early, twice, out of order, after the end, and about nobody. */
import type { ServerResponse } from "node:http"
import { Redis } from "ioredis"
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { sandboxSecretOf } from "../../src/sandbox/sandbox.ts"
import { partitionKeys, partitionOf } from "../../src/streams/partition.ts"
import { eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"

let bank: MisbehavingServer
let platform: PlatformUnderTest
let service: Service
/** The answer that the bank still owes for a reference. */
const owed = new Map<string, ServerResponse>()

beforeAll(async () => {
  bank = await MisbehavingServer.open()
  bank.behaviour = (response, { method, body }) => {
    if (method === "POST") owed.set(JSON.parse(body).reference, response)
    else json(503, {})(response, { method, url: undefined, headers: {}, body })
  }
  platform = await PlatformUnderTest.open({
    BANKS: `north=${bank.url}`,
    BANK_ROUTES: "*=north",
    PROVIDER_TIMEOUT_MS: "30000",
    INQUIRY_DELAYS_MS: "60000",
  })
  service = await platform.start()
}, 60_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
  await bank.close()
})

/** A batch of one payout whose transfer the bank has heard of, and not answered yet. */
const underWay = async (key: string) => {
  const account = { scheme: "iban", iban: "DE89370400440532013000" }
  const item = {
    reference: key,
    amount: { currency: "EUR", value: "10.00" },
    beneficiary: { name: "Ada Lovelace", account },
  }
  const id = await platform.submit(key, { items: [item] })
  const reference = `${id.slice(3).toUpperCase()}-1-1`
  await eventually("the bank was asked to pay", async () => owed.has(reference))
  return { id, reference }
}

/** The bank's own answer to the transfer. */
const answer = (reference: string) => {
  const response = owed.get(reference)
  if (response === undefined) throw new Error("the bank was not asked")
  const asked = { method: "POST", url: undefined, headers: {}, body: "" }
  json(202, { status: "accepted", transferId: "t-1", reference })(response, asked)
}

let calls = 0
const callBack = async (reference: string, status: string, webhookId = `cb-${++calls}`): Promise<number> => {
  const code = status === "settled" ? {} : { code: "MS03" }
  const at = new Date()
  const text = JSON.stringify({
    id: webhookId,
    bank: "north",
    reference,
    transferId: "t-1",
    status,
    at: at.toISOString(),
    ...code,
  })
  const said = await fetch(`${platform.url}/bank-callbacks/north`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": webhookId,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": new Webhook(sandboxSecretOf("north")).sign(webhookId, at, text),
    },
    body: text,
  })
  await said.arrayBuffer()
  return said.status
}

const transferEvents = async (id: string): Promise<ReadonlyArray<string>> => {
  const { events } = await platform.get<{ events: ReadonlyArray<{ type: string }> }>(
    `/payout-batches/${id}/events`,
  )
  return events.flatMap(({ type }) => (/^(Transfer(?!sRequested)|LateOutcome)/.test(type) ? [type] : []))
}

const tells = (id: string, ...events: ReadonlyArray<string>) =>
  eventually(`the log tells ${events.join(", ")}`, async () => {
    const told = await transferEvents(id)
    return told.join() === events.join()
  })

/** Mail leaves the mailbox in the step in which it is answered. */
const heardAll = async (id: string) => {
  const { STREAM_PREFIX = "", PARTITIONS } = platform.environment
  const { mail } = partitionKeys(STREAM_PREFIX, partitionOf(id as BatchId, Number(PARTITIONS)))
  const redis = new Redis(inject("redisUrl"))
  await eventually("the batch has heard all", async () => (await redis.xlen(mail(id as BatchId))) === 0)
  redis.disconnect()
}

describe.concurrent("a callback", { timeout: 60_000 }, () => {
  it("that is earlier than the bank's own answer stands, and the answer is old news", async () => {
    const { id, reference } = await underWay("early")
    expect(await callBack(reference, "settled")).toBe(202)
    await tells(id, "TransferSettled")
    answer(reference)
    expect((await platform.closed(id)).state).toBe("settled")
    await tells(id, "TransferSettled")
  })

  it("that comes twice, with its id or with another, is heard once", async () => {
    const { id, reference } = await underWay("twice")
    answer(reference)
    await tells(id, "TransferAccepted")
    for (const webhookId of ["cb-same", "cb-same", "cb-other"])
      expect(await callBack(reference, "settled", webhookId)).toBe(202)
    await heardAll(id)
    await tells(id, "TransferAccepted", "TransferSettled")
  })

  it("that overtakes the one before it tells both, and the other one is old news", async () => {
    const { id, reference } = await underWay("reordered")
    answer(reference)
    await tells(id, "TransferAccepted")
    expect(await callBack(reference, "returned")).toBe(202)
    await tells(id, "TransferAccepted", "TransferSettled", "TransferReturned")
    expect(await callBack(reference, "settled")).toBe(202)
    await heardAll(id)
    await tells(id, "TransferAccepted", "TransferSettled", "TransferReturned")
  })

  it("that comes after the batch was closed is still heard", async () => {
    const { id, reference } = await underWay("late")
    answer(reference)
    await callBack(reference, "settled")
    expect((await platform.closed(id)).state).toBe("settled")
    expect(await callBack(reference, "returned")).toBe(202)
    await tells(id, "TransferAccepted", "TransferSettled", "TransferReturned")
  })

  it("about an attempt that was never made is kept for a person, and changes nothing", async () => {
    const { id, reference } = await underWay("never-made")
    answer(reference)
    await tells(id, "TransferAccepted")
    const metrics = async () => (await fetch(`${service.operationsUrl}/metrics`)).text()
    expect(await callBack(reference.replace(/-1-1$/, "-1-2"), "settled")).toBe(202)
    await eventually("it is counted", async () =>
      /^atlaspay_stray_callbacks_total [1-9]/m.test(await metrics()),
    )
    await heardAll(id)
    await tells(id, "TransferAccepted")
  })
})
