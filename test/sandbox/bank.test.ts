import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { type CallbackReceiver, startCallbackReceiver } from "./callback-receiver.ts"
import { get, iban, post, transferOf } from "./sandbox-client.ts"

let sandbox: Sandbox
let north: string
let receiver: CallbackReceiver
let receivers: CallbackReceiver[] = []

const receive = async (...statuses: number[]): Promise<CallbackReceiver> => {
  const started = await startCallbackReceiver(...statuses)
  receivers.push(started)
  return started
}

const order = (body: ReturnType<typeof transferOf>, key = `key-${body.reference}`, waitMs?: number) =>
  post(`${north}/instant-transfer`, key, body, waitMs)
const inquire = (reference: string) => get(`${north}/instant-transfer/${reference}`)
const statusOf = async (reference: string) => (await inquire(reference)).body.status
const books = async () => (await get(`${north}/books`)).body
const bookRow = async (reference: string) => {
  const { transfers } = (await books()) as { transfers: { reference: string }[] }
  return transfers.find((row) => row.reference === reference)
}
const summary = async () => (await get(`${north}/books?summary=true`)).body
const arrived = (count: number, from = receiver) => expect.poll(() => from.received.length).toBe(count)

beforeAll(async () => {
  sandbox = await startSandbox({
    slowMs: 300,
    returnAfterMs: 60,
    callbackRetry: { triesMax: 3, waitMsMin: 5, waitMsMax: 20, tryMsMax: 500 },
  })
  north = sandbox.urls.banks.north
})
afterAll(() => sandbox.close())
afterEach(async () => {
  await Promise.all(receivers.map((each) => each.close()))
  receivers = []
})

describe("a bank", () => {
  it("accepts an order, pays it once and reports it by a signed callback", async () => {
    receiver = await receive()
    const answer = await order(transferOf("Ada Lovelace", "plain", receiver.url))
    expect(answer).toEqual({
      status: 202,
      body: { transferId: expect.any(String), reference: "plain", status: "accepted" },
    })
    await arrived(1)
    const { transferId } = answer.body
    expect(receiver.received[0]).toMatchObject({
      bank: "north",
      reference: "plain",
      transferId,
      status: "settled",
    })
    expect((await inquire("plain")).body).toMatchObject({ transferId, reference: "plain", status: "settled" })
    expect(await bookRow("plain")).toMatchObject({ status: "settled", payments: 1 })
  })

  it("shows the last four characters of an account in its books, and never more", async () => {
    await order(transferOf("Grace Hopper", "masked"))
    expect(await bookRow("masked")).toMatchObject({
      beneficiary: { name: "Grace Hopper", accountLast4: "3000" },
    })
    expect(JSON.stringify(await books())).not.toContain(iban.slice(0, -4))
  })

  it("answers a repeated key alike and pays once, also when the repeats come together", async () => {
    const body = transferOf("Ada Lovelace", "repeated")
    const reordered = { ...body, amount: { value: "12.34", currency: "EUR" } }
    const answers = await Promise.all([order(body), order(body), order(reordered)])
    await expect.poll(() => statusOf("repeated")).toBe("settled")
    answers.push(await order(body))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(await bookRow("repeated")).toMatchObject({ payments: 1 })
  })

  it("refuses a key that comes with another body", async () => {
    const body = transferOf("Ada Lovelace", "conflict")
    await order(body)
    const changed = { ...body, amount: { currency: "EUR", value: "99.00" } }
    expect(await order(changed)).toEqual({ status: 409, body: { code: "key-conflict" } })
  })

  it("pays a reference twice that comes under two keys, and its books say so", async () => {
    await order(transferOf("Ada Lovelace", "twice"), "first-key")
    await order(transferOf("Ada Lovelace", "twice"), "second-key")
    await expect.poll(() => bookRow("twice")).toMatchObject({ payments: 2 })
    expect(await summary()).toMatchObject({ paidTwice: 1 })
  })

  it("answers 404 for a reference it has never seen", async () => {
    expect(await inquire("unheard-of")).toEqual({ status: 404, body: { code: "never-seen" } })
  })

  it.each([
    ["text that is not JSON", "{"],
    ["no reference", { ...transferOf("Ada Lovelace", "bad"), reference: "" }],
    ["a reference of 36 characters", transferOf("Ada Lovelace", "x".repeat(36))],
    [
      "cents of a yen",
      { ...transferOf("Ada Lovelace", "bad"), amount: { currency: "JPY", value: "150.00" } },
    ],
    [
      "an unknown currency",
      { ...transferOf("Ada Lovelace", "bad"), amount: { currency: "EUX", value: "1" } },
    ],
    ["a zero amount", { ...transferOf("Ada Lovelace", "bad"), amount: { currency: "EUR", value: "0.00" } }],
    ["a negative amount", { ...transferOf("Ada Lovelace", "bad"), amount: { currency: "EUR", value: "-1" } }],
    ["a callback to a file", transferOf("Ada Lovelace", "bad", "file:///etc/passwd")],
  ])("refuses %s and books nothing", async (_what, body) => {
    expect(await post(`${north}/instant-transfer`, "malformed", body)).toMatchObject({
      status: 400,
      body: { code: "malformed" },
    })
    expect((await inquire("bad")).status).toBe(404)
  })

  it("refuses an order without a key, and one over 8 MB", async () => {
    expect(
      (await post(`${north}/instant-transfer`, undefined, transferOf("Ada Lovelace", "bad"))).status,
    ).toBe(400)
    const huge = JSON.stringify({ remittance: "x".repeat(9 * 1024 * 1024) })
    expect((await post(`${north}/instant-transfer`, "huge", huge)).status).toBe(413)
    const unannounced = new Blob([huge]).stream()
    const headers = { "idempotency-key": "huge" }
    const sent = { method: "POST", headers, body: unannounced, duplex: "half" } as const
    expect((await fetch(`${north}/instant-transfer`, sent)).status).toBe(413)
  })

  it("serves its books in pages", async () => {
    await order(transferOf("Ada Lovelace", "page-1"))
    await order(transferOf("Ada Lovelace", "page-2"))
    const page = (await get(`${north}/books?offset=1&limit=1`)).body
    expect(page).toMatchObject({ transfers: [expect.anything()], next: 2 })
    expect(await summary()).not.toHaveProperty("transfers")
  })
})

describe("a magic beneficiary", () => {
  it("Ivo Insufficient is accepted, then rejected with AM04", async () => {
    receiver = await receive()
    expect((await order(transferOf("Ivo Insufficient", "ivo", receiver.url))).status).toBe(202)
    await arrived(1)
    expect(receiver.received[0]).toMatchObject({ reference: "ivo", status: "rejected", code: "AM04" })
    expect(await bookRow("ivo")).toMatchObject({ status: "rejected", code: "AM04", payments: 0 })
  })

  it("Clara Closed is refused at once with AC04, also with a number behind and in capitals", async () => {
    const first = await order(transferOf("CLARA closed 2", "clara"))
    expect(first).toMatchObject({
      status: 422,
      body: { reference: "clara", status: "rejected", code: "AC04" },
    })
    expect(await order(transferOf("CLARA closed 2", "clara"))).toEqual(first)
    expect((await inquire("clara")).body).toMatchObject({ status: "rejected", code: "AC04" })
    expect(await bookRow("clara")).toMatchObject({ payments: 0 })
  })

  it("Rudi Reroute is refused by north with AG03, and paid by south", async () => {
    const body = transferOf("Rudi Reroute", "rudi")
    expect(await order(body)).toMatchObject({ status: 422, body: { status: "rejected", code: "AG03" } })
    const { south } = sandbox.urls.banks
    expect((await post(`${south}/instant-transfer`, "key-rudi", body)).status).toBe(202)
    await expect.poll(() => get(`${south}/books`)).toMatchObject({ body: { settled: { EUR: "12.34" } } })
    expect(await bookRow("rudi")).toMatchObject({ status: "rejected", payments: 0 })
  })

  it("Tim Timeout is paid without an answer or a callback: only an inquiry tells", async () => {
    receiver = await receive()
    const body = transferOf("Tim Timeout", "tim", receiver.url)
    await expect(order(body, "key-tim", 200)).rejects.toThrow(/timeout/i)
    await expect.poll(() => statusOf("tim")).toBe("settled")
    await expect(order(body, "key-tim", 200)).rejects.toThrow(/timeout/i)
    expect(await bookRow("tim")).toMatchObject({ payments: 1 })
    await expect.poll(summary).toMatchObject({ outstanding: 0 })
    expect(receiver.received).toEqual([])
  })

  it("Sally Slow stays accepted for a while before she is paid", async () => {
    const { body } = await order(transferOf("Sally Slow", "sally"))
    const acceptedAt = Date.now()
    expect(await statusOf("sally")).toBe("accepted")
    expect(await summary()).toMatchObject({ outstanding: 1 })
    await expect.poll(() => statusOf("sally")).toBe("settled")
    expect(Date.now() - acceptedAt).toBeGreaterThan(200)
    expect((await inquire("sally")).body).toMatchObject({ transferId: body.transferId })
  })

  it("Dora Duplicate gets her final callback twice, with one id and valid signatures", async () => {
    receiver = await receive()
    await order(transferOf("Dora Duplicate", "dora", receiver.url))
    await arrived(2)
    await expect.poll(summary).toMatchObject({ outstanding: 0 })
    expect(receiver.received[0]).toEqual(receiver.received[1])
    expect(receiver.received).toHaveLength(2)
    expect(await bookRow("dora")).toMatchObject({ payments: 1 })
  })

  it("Ralf Returned is settled, then returned with MS03, and the sums follow", async () => {
    receiver = await receive()
    const amount = { currency: "KWD", value: "1.234" }
    await order({ ...transferOf("Ralf Returned", "ralf", receiver.url), amount })
    await arrived(2)
    expect(receiver.received.map(({ status, code }) => [status, code])).toEqual([
      ["settled", undefined],
      ["returned", "MS03"],
    ])
    expect(await bookRow("ralf")).toMatchObject({ status: "returned", code: "MS03", payments: 1 })
    expect(await books()).toMatchObject({ settled: { KWD: "0.000" }, returned: { KWD: "1.234" } })
  })
})

describe("a callback", () => {
  const callbacks = async () => (await summary()).callbacks as { delivered: number; givenUp: number }

  it("is tried again until it is acknowledged", async () => {
    receiver = await receive(500, 503)
    const before = await callbacks()
    await order(transferOf("Ada Lovelace", "retried", receiver.url))
    await expect.poll(callbacks).toEqual({ ...before, delivered: before.delivered + 1 })
    expect(receiver.received).toHaveLength(3)
    expect(receiver.forged).toEqual([])
  })

  it("is given up after its last try, and counted", async () => {
    receiver = await receive(500, 500, 500)
    const before = await callbacks()
    await order(transferOf("Ada Lovelace", "given-up", receiver.url))
    await expect.poll(callbacks).toEqual({ ...before, givenUp: before.givenUp + 1 })
    expect(receiver.received).toHaveLength(3)
  })

  it("does not follow a redirect", async () => {
    receiver = await receive(302)
    await order(transferOf("Ada Lovelace", "redirected", receiver.url))
    await arrived(2)
    expect(receiver.received.map(({ reference }) => reference)).toEqual(["redirected", "redirected"])
  })
})
