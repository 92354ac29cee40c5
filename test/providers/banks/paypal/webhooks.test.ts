/** A webhook counts only with PayPal's signature over its id, its time, our webhook and its body. */
import { generateKeyPairSync, sign } from "node:crypto"
import { crc32 } from "node:zlib"
import { Effect, Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { webhookEvents } from "../../../../src/providers/banks/paypal/item-states.ts"
import { payPalWebhooks } from "../../../../src/providers/banks/paypal/webhooks.ts"

const webhookId = "8PT597110X687430L"
const own = generateKeyPairSync("rsa", { modulusLength: 2_048 })
const other = generateKeyPairSync("rsa", { modulusLength: 2_048 })
const secretOf = (id: string, { publicKey }: typeof own) =>
  Redacted.make(
    `whsec_${Buffer.from(`${id}\n${publicKey.export({ type: "spki", format: "pem" })}`).toString("base64")}`,
  )
const secret = secretOf(webhookId, own)

const at = Date.parse("2026-11-28T12:00:00Z")
const body = Buffer.from("{}")
const id = "69cd13f0-d67a-11e5-baa3-778b53f4ae55"
const headersOf = (time: string, signed = body, key = own.privateKey): Readonly<Record<string, string>> => ({
  "paypal-auth-algo": "SHA256withRSA",
  "paypal-transmission-id": id,
  "paypal-transmission-time": time,
  "paypal-transmission-sig": sign(
    "RSA-SHA256",
    Buffer.from(`${id}|${time}|${webhookId}|${crc32(signed)}`),
    key,
  ).toString("base64"),
})
const reader = (headers: Readonly<Record<string, string>>) => (name: string) => headers[name] ?? ""
const good = headersOf("2026-11-28T11:59:00Z")

describe("the signature", () => {
  const verified = (headers: Readonly<Record<string, string>>, given = secret, received = body) =>
    payPalWebhooks.verify([given], reader(headers), received)

  it("is that of the pinned key, over everything", () => {
    expect(verified(good)).toBe(true)
    expect(verified(good, secret, Buffer.from("{ }"))).toBe(false)
    expect(verified({ ...good, "paypal-transmission-time": "2026-11-28T11:59:01Z" })).toBe(false)
    expect(verified({ ...good, "paypal-transmission-id": "other" })).toBe(false)
    expect(verified(good, secretOf("OTHERWEBHOOK", own))).toBe(false)
    expect(verified(headersOf("2026-11-28T11:59:00Z", body, other.privateKey))).toBe(false)
  })

  it("cannot be made with a secret that pins nothing", () => {
    for (const text of ["plain", `${webhookId}\nno key`, `${webhookId}\n`, ""])
      expect(verified(good, Redacted.make(`whsec_${Buffer.from(text).toString("base64")}`))).toBe(false)
  })

  it("is looked at only if the headers are plausible", () => {
    const plausible = (headers: Readonly<Record<string, string>>) =>
      payPalWebhooks.isPlausible(reader(headers), at)
    expect(plausible(good)).toBe(true)
    for (const time of ["2026-11-23T00:00:00Z", "2026-11-28T12:06:00Z", "soon", ""])
      expect(plausible({ ...good, "paypal-transmission-time": time })).toBe(false)
    expect(plausible({ ...good, "paypal-auth-algo": "none" })).toBe(false)
    expect(plausible({ ...good, "paypal-transmission-sig": "" })).toBe(false)
  })
})

const read = (event: object) =>
  Effect.runPromise(
    Effect.result(payPalWebhooks.read("paypal", () => "", Buffer.from(JSON.stringify(event)))),
  )
const eventOf = (event_type: string, errors?: object) => ({
  id: "WH-1",
  event_type,
  resource: {
    payout_item_id: "ITEM1",
    payout_item: { sender_item_id: "ref-1-1" },
    ...(errors && { errors }),
  },
})
const about = { reference: "ref-1-1", message: "WH-1", id: "ITEM1" }

/** What is left out says nothing: the inquiry tells. */
const said: Readonly<Record<string, object>> = {
  "PAYMENT.PAYOUTS-ITEM.SUCCEEDED": { _tag: "Settled" },
  "PAYMENT.PAYOUTS-ITEM.RETURNED": { _tag: "Returned", code: "RETURNED" },
  "PAYMENT.PAYOUTS-ITEM.CANCELED": { _tag: "Returned", code: "RETURNED" },
  "PAYMENT.PAYOUTS-ITEM.REFUNDED": { _tag: "Returned", code: "REFUNDED" },
}

it.each(Object.keys(webhookEvents))(
  "%s says what its table says, and never that something failed",
  async (type) => {
    const outcome = said[type]
    const reports = outcome === undefined ? [] : [{ ...about, outcome }]
    expect(await read(eventOf(type))).toMatchObject({ success: reports })
  },
)

it("refuses an event that is none of payouts", async () => {
  expect(await read(eventOf("CHECKOUT.ORDER.APPROVED"))).toMatchObject({ _tag: "Failure" })
})
