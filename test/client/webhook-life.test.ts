/**
 * What a partner's developer does with a webhook endpoint, by the client alone, against a whole platform and a receiver: looks why one did
 * not arrive, has it sent again, replaces what signs, replays, and finds out that the endpoint is disabled.
 */
import { createPublicKey, type JsonWebKey, verify } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type AtlasPay, partnerClient } from "../../src/client/partner-client.ts"
import type { CreatedWebhookEndpoint } from "../../src/client/webhook-types.ts"
import { verifyWebhook, WebhookRefused } from "../../src/client/webhooks.ts"
import { API_KEY, eventually, PlatformUnderTest } from "../platform-under-test.ts"

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** The partner's server: what it was sent, and how it answers. */
const receiver = {
  received: [] as Array<Received>,
  answer: { status: 204, text: "" },
}

let server: Server
let platform: PlatformUnderTest
let client: AtlasPay
let endpoint: CreatedWebhookEndpoint
let batch: string

beforeAll(async () => {
  server = createServer(async (request, response) => {
    receiver.received.push({ headers: request.headers, body: await text(request) })
    response.writeHead(receiver.answer.status).end(receiver.answer.text)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  // What fails is not retried by itself while these tests look at it.
  platform = await PlatformUnderTest.open({ WEBHOOK_RETRY_DELAYS_MS: "600000,600000" })
  await platform.start()
  client = partnerClient({ url: platform.url, apiKey: API_KEY })
  const { port } = server.address() as AddressInfo
  endpoint = await client.createWebhookEndpoint({ url: `http://127.0.0.1:${port}/hooks`, ordered: true })
  const items = ["one", "two", "three"].map((reference) => ({
    reference,
    amount: { currency: "EUR", value: "12.34" },
    beneficiary: {
      name: "Erika Mustermann",
      account: { scheme: "iban" as const, iban: "DE89370400440532013000" },
    },
  }))
  batch = (await client.post({ items })).id
  await client.settled(batch)
})
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
  server?.closeAllConnections()
  server?.close()
})

const idsOf = (webhooks: ReadonlyArray<Received>) => webhooks.map(({ headers }) => headers["webhook-id"])
const deliveries = () => Array.fromAsync(client.webhookDeliveries({ endpoint: endpoint.id, batch }))
const allDelivered = () =>
  eventually("all is delivered", async () => (await deliveries()).every(({ state }) => state === "delivered"))

/** The event that is sent again. */
const last = async () => {
  const [newest] = await deliveries()
  if (newest === undefined) throw new Error("there are no deliveries")
  return newest.event
}

/** Has the last event sent again, and gives what arrived. */
const sentAgain = async (): Promise<Received> => {
  const before = receiver.received.length
  const event = await last()
  await client.resendWebhook(endpoint.id, event)
  await eventually("it arrives again", async () => receiver.received.length > before)
  await allDelivered()
  const webhook = receiver.received[before]
  if (webhook === undefined) throw new Error("nothing arrived")
  expect(webhook.headers["webhook-id"]).toBe(event)
  return webhook
}

describe("the endpoint of a partner", () => {
  it("gets each event of a batch, which the log of deliveries has in the same order", async () => {
    await eventually("the batch is closed", async () => (await deliveries()).length === 5)
    await allDelivered()
    const events = receiver.received.map(({ body, headers }) => verifyWebhook(body, headers, endpoint.secret))
    expect(events.map(({ type }) => type.split(".").at(-2))).toEqual([
      "accepted",
      "settled",
      "settled",
      "settled",
      "closed",
    ])
    const listed = await deliveries()
    expect(listed.map(({ event }) => event)).toEqual(idsOf(receiver.received).toReversed())
    expect(listed.map(({ sequence, attempts }) => [sequence, attempts])).toEqual(
      [5, 4, 3, 2, 1].map((sequence) => [sequence, 1]),
    )
    const settled = { endpoint: endpoint.id, eventType: "com.atlaspay.payout.settled.v1", limit: 1 }
    expect(await Array.fromAsync(client.webhookDeliveries(settled))).toHaveLength(3)
  })

  it("did not take a webhook, and its delivery shows why until it is sent again", async () => {
    const event = await last()
    receiver.answer = { status: 500, text: "no disk for DE89370400440532013000" }
    await client.resendWebhook(endpoint.id, event)
    let failed = await client.webhookDelivery(endpoint.id, event, { body: true })
    await eventually("the attempt is recorded", async () => {
      failed = await client.webhookDelivery(endpoint.id, event, { body: true })
      return failed.attempts === 2
    })
    receiver.answer = { status: 204, text: "" }
    expect(failed).toMatchObject({ state: "pending", lastAttempt: { status: 500 } })
    expect(failed.ended.map(({ number, status }) => [number, status])).toEqual([
      [1, 204],
      [2, 500],
    ])
    expect(failed.ended[1]?.answer).toContain("no disk for")
    expect(failed.ended[1]?.answer).not.toContain("0532013000")
    expect(failed.body).toBe(receiver.received.at(-1)?.body)
    expect(await client.resendWebhook(endpoint.id, event)).toMatchObject({ stateBefore: "pending" })
    await allDelivered()
    expect(new Set(idsOf(receiver.received.slice(5)))).toEqual(new Set([event]))
  })

  it("verifies with either secret while one is replaced, and with the new one alone afterwards", async () => {
    const { secret } = await client.webhookSecrets.rotate(endpoint.id, { overlapSeconds: 3_600 })
    expect(secret).not.toBe(endpoint.secret)
    const both = await sentAgain()
    for (const one of [secret, endpoint.secret, [endpoint.secret, secret]])
      expect(verifyWebhook(both.body, both.headers, one).id).toBe(await last())
    await client.webhookSecrets.endPrevious(endpoint.id)
    const after = await sentAgain()
    expect(verifyWebhook(after.body, after.headers, secret).id).toBe(await last())
    expect(() => verifyWebhook(after.body, after.headers, endpoint.secret)).toThrow(WebhookRefused)
    expect(after.body).toBe(both.body)
  })

  it("verifies with the public key that everybody can read", async () => {
    const { publicKeysAt } = await client.webhookSecrets.addSigningKey(endpoint.id)
    const read = await fetch(new URL(publicKeysAt, platform.url))
    const { keys } = (await read.json()) as { readonly keys: ReadonlyArray<JsonWebKey> }
    expect(keys).toHaveLength(1)
    const { headers, body } = await sentAgain()
    const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`)
    const given = String(headers["webhook-signature"])
      .split(" ")
      .filter((one) => one.startsWith("v1a,"))
      .map((one) => Buffer.from(one.slice("v1a,".length), "base64"))
    const isGenuine = (text: Buffer) =>
      keys.some((key) => verify(null, text, createPublicKey({ key, format: "jwk" }), given[0] ?? Buffer.of()))
    expect(given).toHaveLength(1)
    expect([isGenuine(signed), isGenuine(Buffer.concat([signed, Buffer.from(" ")]))]).toEqual([true, false])
    await client.webhookSecrets.removeSigningKey(endpoint.id)
    expect(String((await sentAgain()).headers["webhook-signature"])).not.toContain("v1a,")
  })

  it("gets the rest of a batch again from the log, once it is not paused any more", async () => {
    await client.pauseWebhookEndpoint(endpoint.id)
    const before = receiver.received.length
    const { id } = await client.startWebhookReplay(endpoint.id, { batchId: batch, fromSequence: 4 })
    await eventually("the replay is done", async () => {
      const { state } = await client.webhookReplay(endpoint.id, id)
      return state === "done"
    })
    expect(await client.webhookReplay(endpoint.id, id)).toMatchObject({ events: 2 })
    expect((await deliveries()).map(({ state }) => state)).toEqual([
      "pending",
      "pending",
      "delivered",
      "delivered",
      "delivered",
    ])
    expect(receiver.received).toHaveLength(before)
    await client.resumeWebhookEndpoint(endpoint.id)
    await allDelivered()
    const sequences = receiver.received.slice(before).map(({ body }) => JSON.parse(body).sequence)
    expect(sequences.map(Number)).toEqual([4, 5])
  })

  it("is disabled when it answers 410, which a test shows, and is resumed", async () => {
    receiver.answer = { status: 410, text: "" }
    const { event } = await client.testWebhookEndpoint(endpoint.id)
    const state = async () => (await client.webhookEndpoint(endpoint.id)).state
    await eventually("it is disabled", async () => (await state()) === "disabled")
    expect(await client.webhookEndpoint(endpoint.id)).toMatchObject({ enabled: false, reason: "gone" })
    const ended = async () => (await client.webhookDelivery(endpoint.id, event)).ended
    await eventually("its attempt is recorded", async () => (await ended()).length > 0)
    expect(await ended()).toMatchObject([{ status: 410 }])
    receiver.answer = { status: 204, text: "" }
    const { state: resumed, missed } = await client.resumeWebhookEndpoint(endpoint.id)
    expect(resumed).toBe("active")
    expect(Date.parse(missed?.until ?? "")).toBeGreaterThanOrEqual(Date.parse(missed?.from ?? ""))
    const { headers, body } = await sentAgain()
    expect(JSON.parse(body).id).toBe(headers["webhook-id"])
  })

  it("is gone with its deliveries when it is removed", async () => {
    await client.removeWebhookEndpoint(endpoint.id)
    expect(await deliveries()).toEqual([])
    const failure = await client.webhookEndpoint(endpoint.id).catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 404 })
  })
})
