import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { type CallbackReceiver, startCallbackReceiver } from "./callback-receiver.ts"
import { get, post, setWeather, transferOf } from "./sandbox-client.ts"

let sandbox: Sandbox
let receiver: CallbackReceiver

beforeEach(async () => {
  receiver = await startCallbackReceiver()
})
afterEach(async () => {
  await sandbox.close()
  await receiver.close()
})

const start = async (callbacks: object, options: Parameters<typeof startSandbox>[0] = {}) => {
  sandbox = await startSandbox(options)
  await setWeather(sandbox.urls.banks.north, { callbacks })
  await setWeather(sandbox.urls.compliance, { callbacks })
}
const order = (name: string, reference: string) =>
  post(`${sandbox.urls.banks.north}/instant-transfer`, reference, transferOf(name, reference, receiver.url))
const books = async () => (await get(`${sandbox.urls.banks.north}/books`)).body
const over = () => expect.poll(books, { timeout: 5_000 }).toMatchObject({ outstanding: 0 })
const statuses = () => receiver.received.map(({ status }) => status)
const clear = (clearanceId: string) => {
  const item = { item: 0, name: "Ada Async", amount: { currency: "EUR", value: "1" }, account: {} }
  const clearance = { clearanceId, partner: "p", batch: "b", items: [item], callbackUrl: receiver.url }
  return post(`${sandbox.urls.compliance}/clearance`, clearanceId, clearance)
}

describe("a callback may come", () => {
  it("twice, with one id, about one payment", async () => {
    await start({ duplicate: 1 })
    await order("Ada Lovelace", "twice")
    await over()
    expect(statuses()).toEqual(["settled", "settled"])
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1)
    expect(await books()).toMatchObject({ transfers: [{ payments: 1 }] })
  })

  it("after the one that follows it: the return is heard of before the payment", async () => {
    await start({ reordered: 1 }, { returnAfterMs: 20 })
    await order("Ralf Returned", "overtaken")
    await over()
    expect(statuses()).toEqual(["returned", "settled"])
  })

  it("late, long after the payment", async () => {
    await start({ late: 1, lateMs: 400 })
    await order("Ada Lovelace", "late")
    await expect
      .poll(books)
      .toMatchObject({ transfers: [{ status: "settled", payments: 1 }], outstanding: 1 })
    expect(statuses()).toEqual([])
    await over()
    expect(statuses()).toEqual(["settled"])
  })

  it("before the order is answered", async () => {
    await start({ early: 1 }, { paymentDelayMs: 60_000 })
    expect((await order("Ada Lovelace", "early")).status).toBe(202)
    expect(statuses()).toEqual(["settled"])
  })

  it("before the clearance is answered that it decides", async () => {
    await start({ early: 1, duplicate: 1 }, { decisionDelayMs: 60_000 })
    expect((await clear("early")).body).toMatchObject({ decisions: [{ decision: "pending" }] })
    expect(receiver.received).toMatchObject([{ clearanceId: "early" }, { clearanceId: "early" }])
  })

  it("signed at a time that is not: its receiver takes it for a replay", async () => {
    await start({ clockSkewMs: -600_000 })
    await order("Ada Lovelace", "skewed")
    await expect.poll(() => receiver.forged.length).toBe(1)
    expect(receiver.received).toEqual([])
  })
})
