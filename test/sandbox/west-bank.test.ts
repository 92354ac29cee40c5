import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { get, iban, post } from "./sandbox-client.ts"

let sandbox: Sandbox
let west: string

beforeAll(async () => {
  sandbox = await startSandbox({ slowMs: 300, returnAfterMs: 60 })
  west = sandbox.urls.banks.west
})
afterAll(() => sandbox.close())

const paymentOf = (fullName: string, clientRef: string) => ({
  clientRef,
  currencyCode: "KWD",
  amountMinor: "12345",
  creditor: { fullName, accountType: "IBAN", accountId: iban },
  purpose: "thank you",
})
const pay = (body: ReturnType<typeof paymentOf>, key = `key-${body.clientRef}`, waitMs?: number) =>
  post(`${west}/v1/payments`, key, body, waitMs, "x-request-id")
const inquire = async (clientRef: string) => (await get(`${west}/v1/payments?clientRef=${clientRef}`)).body
const refused = (status: number, type: string, reason: string) => ({
  status,
  body: { error: { type, reason } },
})
const books = async () => (await get(`${west}/books`)).body
const bookRow = async (reference: string) => {
  const { transfers } = (await books()) as { transfers: { reference: string }[] }
  return transfers.filter((row) => row.reference === reference)
}

describe("the bank west", () => {
  it("pays before it answers, and knows it when it is asked", async () => {
    const payment = { paymentRef: expect.any(String), clientRef: "plain", state: "COMPLETED" }
    expect(await pay(paymentOf("Ada Lovelace", "plain"))).toEqual({ status: 200, body: payment })
    expect(await inquire("plain")).toEqual({ payments: [payment] })
    expect(await bookRow("plain")).toMatchObject([
      {
        amount: { currency: "KWD", value: "12.345" },
        beneficiary: { name: "Ada Lovelace", accountLast4: "3000" },
        status: "settled",
        payments: 1,
      },
    ])
    expect(JSON.stringify(await books())).not.toContain(iban.slice(0, -4))
  })

  it("takes the type and the address of who is paid, and no other types", async () => {
    const body = paymentOf("Acme Ltd", "typed")
    const more = { address: { town: "Berlin", country: "DE", lines: ["Hinterhaus"] } }
    const typed = (type: string) => ({ ...body, creditor: { ...body.creditor, ...more, type } })
    expect((await pay(typed("company"))).status).toBe(200)
    expect((await pay(typed("firm"), "key-firm")).status).toBe(400)
  })

  it("lists nothing for a reference that it has never seen", async () => {
    expect(await inquire("unheard-of")).toEqual({ payments: [] })
  })

  it("answers a repeated key alike and pays once; another body under it is a duplicate request", async () => {
    const body = paymentOf("Ada Lovelace", "repeated")
    const first = await pay(body)
    expect(await pay(body)).toEqual(first)
    expect(await pay({ ...body, amountMinor: "1" })).toEqual(refused(409, "conflict", "DUPLICATE_REQUEST"))
    expect(await bookRow("repeated")).toMatchObject([{ payments: 1 }])
  })

  it("forgets a key after its window and pays again, as its books say", async () => {
    const forgetful = await startSandbox({ westKeyWindowMs: 50 })
    try {
      const { west } = forgetful.urls.banks
      const body = paymentOf("Ada Lovelace", "forgotten")
      const payAgain = () => post(`${west}/v1/payments`, "one-key", body, undefined, "x-request-id")
      const { paymentRef } = (await payAgain()).body
      await expect.poll(async () => (await payAgain()).body.paymentRef).not.toBe(paymentRef)
      const { payments } = (await get(`${west}/v1/payments?clientRef=forgotten`)).body
      expect(payments).toHaveLength(2)
      expect((await get(`${west}/books`)).body).toMatchObject({ paidTwice: 1, counts: { payments: 2 } })
    } finally {
      await forgetful.close()
    }
  })

  it("pays Sally Slow later: only an inquiry tells", async () => {
    expect((await pay(paymentOf("Sally Slow", "sally"))).body).toMatchObject({ state: "PROCESSING" })
    expect(await inquire("sally")).toMatchObject({ payments: [{ state: "PROCESSING" }] })
    await expect.poll(() => inquire("sally")).toMatchObject({ payments: [{ state: "COMPLETED" }] })
  })

  it("pays Tim Timeout without an answer", async () => {
    await expect(pay(paymentOf("Tim Timeout", "tim"), "key-tim", 200)).rejects.toThrow(/timeout/i)
    expect(await inquire("tim")).toMatchObject({ payments: [{ state: "COMPLETED" }] })
  })

  it("takes the payment to Ralf Returned back", async () => {
    await pay(paymentOf("Ralf Returned", "ralf"))
    await expect
      .poll(() => inquire("ralf"))
      .toMatchObject({ payments: [{ state: "RETURNED", reason: "RETURNED_BY_CREDITOR_BANK" }] })
  })

  it("pays Rudi Reroute, whom north refuses", async () => {
    expect((await pay(paymentOf("Rudi Reroute", "rudi"))).body).toMatchObject({ state: "COMPLETED" })
  })

  const ada = paymentOf("Ada Lovelace", "")
  it.each([
    ["Ivo Insufficient", 402, "INSUFFICIENT_FUNDS", paymentOf("Ivo Insufficient", "ivo")],
    ["too much", 402, "LIMIT_EXCEEDED", { ...ada, clientRef: "much", amountMinor: "1000000000001" }],
    ["Clara Closed", 422, "ACCOUNT_CLOSED", paymentOf("Clara Closed", "clara")],
    [
      "no IBAN",
      422,
      "ACCOUNT_INVALID",
      { ...ada, clientRef: "no-iban", creditor: { ...ada.creditor, accountId: "12345678" } },
    ],
    ["no currency", 422, "CURRENCY_UNSUPPORTED", { ...ada, clientRef: "no-currency", currencyCode: "EUX" }],
  ])("refuses for good: %s", async (_what, status, reason, body) => {
    expect(await pay(body)).toEqual(refused(status, "payment_refused", reason))
    expect(await inquire(body.clientRef)).toMatchObject({ payments: [{ state: "REJECTED", reason }] })
    expect(await bookRow(body.clientRef)).toMatchObject([{ payments: 0 }])
  })

  it("refuses what it cannot read, names the field, and books nothing", async () => {
    const bad = { ...ada, clientRef: "bad", amountMinor: "12.34" }
    const answer = await pay(bad)
    expect(answer).toMatchObject(refused(400, "invalid_request", "MALFORMED"))
    expect(JSON.stringify(answer.body)).toContain("amountMinor")
    expect((await pay(bad, "")).status).toBe(400)
    expect(await inquire("bad")).toEqual({ payments: [] })
    expect((await get(`${west}/v1/payments`)).status).toBe(400)
  })
})
