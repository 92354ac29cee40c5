import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type CallbackReceiver, startCallbackReceiver } from "./callback-receiver.ts"
import { get, post, transferOf } from "./sandbox-client.ts"
import { type SandboxProcess, spawnSandbox } from "./sandbox-process.ts"

let folder: string
let receiver: CallbackReceiver
let running: SandboxProcess[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sandbox-"))
  receiver = await startCallbackReceiver()
  running = []
})
afterEach(async () => {
  await Promise.all(running.map((each) => each.end("SIGKILL")))
  await receiver.close()
  rmSync(folder, { recursive: true })
})

const start = async (...args: string[]): Promise<SandboxProcess> => {
  const started = await spawnSandbox("--data", folder, ...args)
  running.push(started)
  return started
}
const booksOf = async (url: string) => (await get(`${url}/books`)).body
const allBooks = async ({ urls }: SandboxProcess) =>
  Promise.all([urls.compliance, urls.banks.north, urls.banks.south, urls.ledger].map(booksOf))

describe("the sandbox as a process", { timeout: 30_000 }, () => {
  it("remembers its ports and books when it is killed and started again", async () => {
    const first = await start()
    const { compliance, banks, ledger } = first.urls
    const line = { item: 1, amount: { currency: "EUR", value: "12.34" } }
    const clearance = {
      clearanceId: "c1",
      partner: "p1",
      batch: "b1",
      items: [{ ...line, name: "Sam Sanctioned", account: {} }],
    }
    const hold = { kind: "hold", partner: "p1", batch: "b1", lines: [line] }
    const transfer = transferOf("Ada Lovelace", "remembered", receiver.url)
    await post(`${compliance}/clearance`, "k1", clearance)
    const held = await post(`${ledger}/postings`, "k1", hold)
    const ordered = await post(`${banks.north}/instant-transfer`, "k1", transfer)
    await expect.poll(() => booksOf(banks.north)).toMatchObject({ outstanding: 0, settled: { EUR: "12.34" } })
    const before = await allBooks(first)

    await first.end("SIGKILL")
    const second = await start()

    expect(second.urls).toEqual(first.urls)
    expect(await allBooks(second)).toEqual(before)
    expect(await post(`${banks.north}/instant-transfer`, "k1", transfer)).toEqual(ordered)
    expect(await post(`${ledger}/postings`, "k1", hold)).toEqual({ status: 200, body: held.body })
    expect(await booksOf(banks.north)).toMatchObject({ transfers: [{ payments: 1 }], outstanding: 0 })
    expect(receiver.received).toHaveLength(1)
  })

  it("goes on with pending payments, returns and callbacks", async () => {
    const patient = ["--slow-ms", "400", "--return-after-ms", "400"]
    const first = await start(...patient)
    const { north } = first.urls.banks
    await post(`${north}/instant-transfer`, "k1", transferOf("Sally Slow", "sally", receiver.url))
    await post(`${north}/instant-transfer`, "k2", transferOf("Ralf Returned", "ralf", receiver.url))
    await first.end("SIGKILL")

    await start(...patient)

    await expect.poll(() => booksOf(north), { timeout: 10_000 }).toMatchObject({ outstanding: 0 })
    expect(await booksOf(north)).toMatchObject({
      settled: { EUR: "12.34" },
      returned: { EUR: "12.34" },
      paidTwice: 0,
    })
    const statuses = new Set(receiver.received.map(({ reference, status }) => `${reference} ${status}`))
    expect(statuses).toEqual(new Set(["sally settled", "ralf settled", "ralf returned"]))
    expect(receiver.forged).toEqual([])
  })

  it("delivers after a restart what it owed before", async () => {
    const unwilling = await startCallbackReceiver(500, 500, 500, 500)
    try {
      const first = await start()
      const { south } = first.urls.banks
      await post(`${south}/instant-transfer`, "k1", transferOf("Ada Lovelace", "owed", unwilling.url))
      await expect.poll(() => booksOf(south)).toMatchObject({ settled: { EUR: "12.34" }, outstanding: 1 })
      expect(await booksOf(south)).toMatchObject({
        transfers: [expect.not.objectContaining({ toldAt: expect.anything() })],
      })
      await first.end("SIGKILL")

      await start()

      await expect.poll(() => booksOf(south), { timeout: 10_000 }).toMatchObject({ outstanding: 0 })
      expect(await booksOf(south)).toMatchObject({ callbacks: { delivered: 1, givenUp: 0 }, paidTwice: 0 })
      expect(await booksOf(south)).toMatchObject({
        transfers: [{ toldAt: expect.stringMatching(/^20.*Z$/) }],
      })
      expect(new Set(unwilling.received.map(({ id }) => id)).size).toBe(1)
    } finally {
      await unwilling.close()
    }
  })

  it.each(["SIGTERM", "SIGINT"] as const)(
    "ends with status 0 on %s, even while a request hangs",
    async (signal) => {
      const { urls, end } = await start()
      const hanging = post(
        `${urls.banks.south}/instant-transfer`,
        "k1",
        transferOf("Tim Timeout", "tim"),
      ).catch((error: Error) => error)
      await expect.poll(() => get(`${urls.banks.south}/instant-transfer/tim`)).toMatchObject({ status: 200 })
      expect(await end(signal)).toBe(0)
      expect(await hanging).toBeInstanceOf(Error)
    },
  )

  it("takes another port when a stranger has taken the one it remembers", async () => {
    const first = await start()
    await first.end("SIGTERM")
    const stranger = createServer((socket) => socket.resume().end("not http\r\n"))
    const port = Number(new URL(first.urls.ledger).port)
    await new Promise<void>((listening) => stranger.listen(port, "127.0.0.1", listening))
    try {
      const second = await start()
      expect(second.urls).toMatchObject({ compliance: first.urls.compliance, banks: first.urls.banks })
      expect(second.urls.ledger).not.toBe(first.urls.ledger)
    } finally {
      await new Promise((closed) => stranger.close(closed))
    }
  })

  it("refuses a data folder on which another sandbox runs", async () => {
    await start()
    await expect(start()).rejects.toThrow(/already runs/)
  })

  it("listens from the port base on, and refuses one that is taken", async () => {
    const { urls } = await start()
    const base = new URL(urls.ledger).port
    await expect(spawnSandbox("--port-base", base)).rejects.toThrow(/EADDRINUSE/)
  })
})
