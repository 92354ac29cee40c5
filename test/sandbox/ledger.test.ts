import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { startCallbackReceiver } from "./callback-receiver.ts"
import { get, post } from "./sandbox-client.ts"

let sandbox: Sandbox
let keys = 0

beforeAll(async () => {
  sandbox = await startSandbox({ funds: 100n })
})
afterAll(() => sandbox.close())

const postingOf = (
  kind: string,
  partner: string,
  ...lines: [item: number, value: string, currency?: string][]
) => ({
  kind,
  partner,
  batch: "batch-1",
  lines: lines.map(([item, value, currency = "EUR"]) => ({ item, amount: { currency, value } })),
})
const book = (body: ReturnType<typeof postingOf>, key = `key-${++keys}`) =>
  post(`${sandbox.urls.ledger}/postings`, key, body)
const accountsOf = async (partner: string) => {
  const { accounts } = (await get(`${sandbox.urls.ledger}/books`)).body as { accounts: { partner: string }[] }
  return accounts.filter((account) => account.partner === partner)
}
const illegal = (item: number) => ({ status: 422, body: { code: "illegal-transition", item } })

describe("the ledger", () => {
  it("holds, posts, releases and reverses, and every account balances", async () => {
    const partner = "balanced"
    const hold = await book(
      postingOf("hold", partner, [1, "10.50"], [2, "20.00"], [3, "30.00"], [4, "9", "JPY"]),
    )
    expect(hold).toEqual({ status: 201, body: { postingId: expect.any(String), kind: "hold" } })
    await book(postingOf("post", partner, [1, "10.50"], [2, "20.00"]))
    await book(postingOf("release", partner, [3, "30.00"]))
    await book(postingOf("reverse", partner, [2, "20.00"]))
    expect(await accountsOf(partner)).toEqual([
      {
        partner,
        currency: "EUR",
        funded: "100.00",
        available: "89.50",
        held: "0.00",
        paid: "10.50",
        returned: "20.00",
      },
      { partner, currency: "JPY", funded: "100", available: "91", held: "9", paid: "0", returned: "0" },
    ])
  })

  it("answers a repeated key with 200 and the same posting, and books it once", async () => {
    const body = postingOf("hold", "repeated", [1, "60.00"])
    const first = await book(body, "repeated")
    const second = await book(body, "repeated")
    expect([first.status, second.status]).toEqual([201, 200])
    expect(second.body).toEqual(first.body)
    expect(await accountsOf("repeated")).toMatchObject([{ available: "40.00", held: "60.00" }])
    expect(await book(postingOf("hold", "repeated", [2, "1.00"]), "repeated")).toEqual({
      status: 409,
      body: { code: "key-conflict" },
    })
  })

  it("refuses illegal transitions", async () => {
    const partner = "illegal"
    await book(postingOf("hold", partner, [1, "1.00"], [2, "2.00"]))
    await book(postingOf("post", partner, [1, "1.00"]))
    expect(await book(postingOf("hold", partner, [2, "2.00"]))).toEqual(illegal(2))
    expect(await book(postingOf("post", partner, [3, "3.00"]))).toEqual(illegal(3))
    expect(await book(postingOf("release", partner, [1, "1.00"]))).toEqual(illegal(1))
    expect(await book(postingOf("reverse", partner, [2, "2.00"]))).toEqual(illegal(2))
    expect(await book(postingOf("post", partner, [2, "2.01"]))).toEqual(illegal(2))
    expect(await book(postingOf("hold", partner, [5, "1.00"], [5, "1.00"]))).toEqual(illegal(5))
    expect(await accountsOf(partner)).toMatchObject([{ available: "97.00", held: "2.00", paid: "1.00" }])
  })

  it("books nothing of a posting with one illegal line, and its key can be used again", async () => {
    const partner = "whole"
    await book(postingOf("hold", partner, [1, "1.00"]))
    expect(await book(postingOf("post", partner, [1, "1.00"], [2, "2.00"]), "whole")).toEqual(illegal(2))
    expect(await accountsOf(partner)).toMatchObject([{ held: "1.00", paid: "0.00" }])
    expect((await book(postingOf("post", partner, [1, "1.00"]), "whole")).status).toBe(201)
  })

  it("refuses a hold beyond the funds", async () => {
    const tooMuch = postingOf("hold", "poor", [1, "60.00"], [2, "40.01"])
    expect(await book(tooMuch)).toEqual({ status: 422, body: { code: "insufficient-funds" } })
    expect(await accountsOf("poor")).toMatchObject([{ available: "100.00", held: "0.00" }])
    expect((await book(postingOf("hold", "poor", [1, "60.00"], [2, "40.00"]))).status).toBe(201)
  })

  it("holds again what was released", async () => {
    await book(postingOf("hold", "again", [1, "1.00"]))
    await book(postingOf("release", "again", [1, "1.00"]))
    expect((await book(postingOf("hold", "again", [1, "1.00"]))).status).toBe(201)
  })

  it("takes money in while it runs, once per key, and tells who asked to be told", async () => {
    const receiver = await startCallbackReceiver()
    const funding = {
      partner: "funded",
      amount: { currency: "EUR", value: "50.00" },
      callbackUrl: receiver.url,
    }
    const first = await post(`${sandbox.urls.ledger}/accounts/fund`, "funding", funding)
    const second = await post(`${sandbox.urls.ledger}/accounts/fund`, "funding", funding)
    expect([first.status, second.status]).toEqual([201, 200])
    expect(second.body).toEqual(first.body)
    expect(await accountsOf("funded")).toMatchObject([{ funded: "150.00", available: "150.00" }])
    await expect
      .poll(() => receiver.received)
      .toEqual([{ id: expect.any(String), partner: "funded", currency: "EUR" }])
    await receiver.close()
  })
})
