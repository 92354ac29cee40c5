import { Effect } from "effect"
import { Webhook } from "standardwebhooks"
import { expect, it } from "vitest"
import { startWebhookReceiver, type WebhookReceiver } from "../../src/dev/webhook-receiver.ts"

const secret = `whsec_${Buffer.from("the secret of the endpoint").toString("base64")}`
const otherSecret = `whsec_${Buffer.from("the secret of somebody else").toString("base64")}`

/** Sends a webhook as the service does, signed with `key`; gives the status of the answer. */
const send = (receiver: WebhookReceiver, id: string, batchId: string, key = secret): Promise<number> => {
  const data = { batchId, state: "settled" }
  return sendEvent(receiver, { id, type: "t", subject: `${batchId}/1`, data }, key)
}

const sendEvent = async (
  { url }: WebhookReceiver,
  event: { readonly id: string; readonly [field: string]: unknown },
  key = secret,
): Promise<number> => {
  const { id } = event
  const body = JSON.stringify(event)
  const at = new Date()
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": new Webhook(key).sign(id, at, body),
  }
  return (await fetch(url, { method: "POST", headers, body })).status
}

const withReceiver = (test: (receiver: WebhookReceiver) => Promise<void>) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const receiver = yield* startWebhookReceiver("pb_mine")
        receiver.secret = secret
        yield* Effect.promise(() => test(receiver))
      }),
    ),
  )

it("webhooks are counted once by their id, however often they come", () =>
  withReceiver(async (receiver) => {
    expect(await send(receiver, "e1", "pb_mine")).toBe(204)
    expect(await send(receiver, "e2", "pb_mine")).toBe(204)
    expect(await send(receiver, "e1", "pb_mine")).toBe(204)
    expect([...receiver.verified].map(([id, { type, times }]) => [id, type, times])).toEqual([
      ["e1", "t", 2],
      ["e2", "t", 1],
    ])
    expect([receiver.repeated, receiver.altered]).toEqual([1, 0])
    expect(receiver.latest.at(-1)).toBe("settled pb_mine/1")
  }))

it("a webhook that is signed with another secret is refused", () =>
  withReceiver(async (receiver) => {
    expect(await send(receiver, "e1", "pb_mine", otherSecret)).toBe(401)
    expect(receiver.verified.size).toBe(0)
    expect(receiver.refused).toBe(1)
  }))

it("nothing is accepted before the secret is known", () =>
  withReceiver(async (receiver) => {
    receiver.secret = undefined
    expect(await send(receiver, "e1", "pb_mine")).toBe(401)
  }))

it("webhooks about other batches are acknowledged, and not counted", () =>
  withReceiver(async (receiver) => {
    expect(await send(receiver, "e1", "pb_other")).toBe(204)
    expect(receiver.verified.size).toBe(0)
  }))

it("a webhook that comes again with another body is counted as that, each time", () =>
  withReceiver(async (receiver) => {
    const event = {
      id: "e1",
      type: "t",
      subject: "pb_mine/1",
      data: { batchId: "pb_mine", state: "settled" },
    }
    for (const subject of ["pb_mine/1", "pb_mine/2", "pb_mine/1", "pb_mine/2"])
      await sendEvent(receiver, { ...event, subject })
    expect([receiver.verified.size, receiver.repeated, receiver.altered]).toEqual([1, 3, 2])
  }))

it("an event about an endpoint, which is of no batch, is acknowledged and not counted", () =>
  withReceiver(async (receiver) => {
    const event = {
      id: "we_1:failing:1",
      type: "com.atlaspay.webhook-endpoint.failing.v1",
      subject: "we_1",
      data: { endpoint: "we_1", host: "acme.example" },
    }
    expect(await sendEvent(receiver, event)).toBe(204)
    expect(await sendEvent(receiver, event, otherSecret)).toBe(401)
    expect([receiver.verified.size, receiver.refused]).toEqual([0, 1])
  }))
