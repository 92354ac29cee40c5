/** Nobody stops the others at the door: real sockets that send little, slowly, or nothing, beside somebody who pays. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { serveApp } from "../../../src/http/edge/listener.ts"
import { ApiUnderTest, acme, globex } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"
import { RawClient } from "./raw-client.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

const KIB = 1024
const MIB = 1024 * KIB

const head = (path: string, length: number | "chunked", headers: Readonly<Record<string, string>> = {}) =>
  [
    `POST ${path} HTTP/1.1`,
    "Host: x",
    "Content-Type: application/json",
    length === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "\r\n",
  ].join("\r\n")

const keyed = (apiKey: string, key: string) => ({
  Authorization: `Bearer ${apiKey}`,
  "Idempotency-Key": key,
})

const forged = () => ({
  "webhook-id": "msg_1",
  "webhook-timestamp": String(Math.floor(Date.now() / 1_000)),
  "webhook-signature": `v1,${"A".repeat(43)}=`,
})

/** Opens so many connections, and sends the same on each. */
const crowd = async (count: number, ...sent: ReadonlyArray<string | Buffer>) => {
  const clients = await Promise.all(Array.from({ length: count }, () => RawClient.open(api.url)))
  await Promise.all(
    clients.map(async (client) => {
      for (const piece of sent) await client.send(piece)
    }),
  )
  return {
    clients,
    [Symbol.dispose]: () => {
      for (const { socket } of clients) socket.destroy()
    },
  }
}

describe("a partner is served while", () => {
  /** With a batch of some size: what is refused of a crowd leaves gaps for a small one. */
  const isServed = async (key: string, bytes = 8 * MIB) => {
    const items = Array.from({ length: Math.ceil(bytes / (60 * KIB)) }, (_, n) => payout(`${n}`))
    const padded = items.map((item) => JSON.stringify(item).padEnd(60 * KIB))
    const answer = await api.post(key, `{"items":[${padded.join(",")}]}`, globex)
    expect(answer.status, answer.text).toBe(202)
  }

  it("1,050 callers without a key hold half a callback each", { timeout: 60_000 }, async () => {
    const nearlyAll = Buffer.alloc(256 * KIB - 1, " ")
    using _ = await crowd(1_050, head("/compliance-callbacks", 256 * KIB, forged()), nearlyAll)
    await isServed("beside-callbacks")
    const others = await RawClient.open(api.url)
    await others.send(`${head("/compliance-callbacks", 200 * KIB, forged())}${" ".repeat(200 * KIB)}`)
    expect((await others.answered()).status, "a callback that is there is still looked at").toBe(401)
  })

  it("others without a key send whole batches", async () => {
    using strangers = await crowd(50, head("/payout-batches", 20 * MIB), Buffer.alloc(64 * KIB, " "))
    await isServed("beside-strangers")
    const ends = await Promise.all(strangers.clients.map((client) => client.closed()))
    expect(ends.map(({ status }) => status)).toEqual(Array(50).fill(401))
    expect(Math.max(...ends.map(({ afterMs }) => afterMs))).toBeLessThan(20_000)
  })

  it("another partner holds 43 halves of batches", { timeout: 60_000 }, async () => {
    const clients = await Promise.all(
      Array.from({ length: 43 }, async (_, index) => {
        const client = await RawClient.open(api.url)
        await client.send(head("/payout-batches", 12 * MIB, keyed(acme, `half-${index}`)))
        for (let sent = 0; sent < 6; sent += 1) await client.send(Buffer.alloc(MIB, " "))
        return client
      }),
    )
    await isServed("beside-halves")
    const refused = await Promise.all(
      clients.map(async (client) => client.received !== "" || client.isClosed),
    )
    expect(refused, "the partner has a share, and no more").toContain(true)
    for (const client of clients) client.socket.destroy()
  })

  it("another partner asks for more than it takes", { timeout: 30_000 }, async () => {
    using client = await RawClient.open(api.url)
    const get = `GET /payout-batches/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${acme}\r\n\r\n`
    client.socket.pause()
    for (let sent = 0; sent < 3; sent += 1) client.socket.write(get.repeat(1_000))
    await isServed("beside-askers")
    expect((await api.get("/payout-batches", globex)).status).toBe(200)
    client.socket.destroy()
    await expect.poll(async () => (await api.get("/payout-batches")).status).toBe(200)
  })

  it("connections say nothing at all", async () => {
    using _ = await crowd(500)
    await isServed("beside-silence")
  })
})

describe("a body", () => {
  it("of somebody without a key is not asked for", async () => {
    using client = await RawClient.open(api.url)
    await client.send(head("/payout-batches", 100, { Expect: "100-continue" }))
    expect((await client.answered()).status).toBe(401)
  })

  it("is asked for once the key is known", async () => {
    const body = JSON.stringify({ items: [payout("a")] })
    using client = await RawClient.open(api.url)
    await client.send(head("/payout-batches", body.length, { Expect: "100-continue", ...keyed(acme, "100") }))
    expect((await client.answered()).status).toBe(100)
    await client.send(body)
    await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 202 /)
  })

  it("that stops coming in is waited for no longer than a window", { timeout: 30_000 }, async () => {
    using client = await RawClient.open(api.url)
    await client.send(head("/payout-batches", 10 * MIB, keyed(acme, "stalled")))
    await client.send(Buffer.alloc(10 * KIB, " "))
    const { status } = await client.closed()
    expect(status).toBe(408)
    expect(api.lines.some((line) => line.includes("BodyTooSlow"))).toBe(true)
  })

  it("may come in chunks, byte by byte", async () => {
    using client = await RawClient.open(api.url)
    await client.send(head("/payout-batches", "chunked", keyed(acme, "chunked")))
    const body = JSON.stringify({ items: [payout("a")] })
    await client.send(`${[...body].map((byte) => `1\r\n${byte}\r\n`).join("")}0\r\n\r\n`)
    expect((await client.answered()).status).toBe(202)
  })

  it.each([
    ["longer than it says", `${head("/payout-batches", 2, keyed(acme, "lies"))}{}GARBAGE\r\n\r\n`],
    [
      "with two lengths",
      head("/payout-batches", 2, { ...keyed(acme, "two"), "Transfer-Encoding": "chunked" }),
    ],
  ])("%s ends the connection", async (_, sent) => {
    using client = await RawClient.open(api.url)
    await client.send(sent)
    await client.closed()
    expect(client.received).toMatch(/HTTP\/1\.1 400 /)
  })

  it("of a callback is not read where the headers cannot be a provider's", async () => {
    const stale = { ...forged(), "webhook-timestamp": "1000000000" }
    for (const headers of [{}, stale, { ...forged(), "webhook-signature": "v1,x" }]) {
      using client = await RawClient.open(api.url)
      await client.send(head("/compliance-callbacks", 256 * KIB, headers))
      expect((await client.answered()).status).toBe(401)
    }
    using client = await RawClient.open(api.url)
    await client.send(head("/compliance-callbacks", 256 * KIB, forged()))
    await client.send("{")
    expect(client.received, "it could verify").toBe("")
  })
})

describe("headers", () => {
  it("are waited for no longer than their time, and what Node takes to see that it is over", async () => {
    const served = serveApp(
      () => new Response(null),
      { host: "127.0.0.1", port: 0 },
      { connectionsMax: 10, perAddressMax: 10 },
      { times: { headersTimeout: 1_000, requestTimeout: 2_000 } },
    )
    const slow = Effect.flatMap(served, ({ url }) =>
      Effect.promise(async () => {
        const clients = await Promise.all([RawClient.open(url), RawClient.open(url)])
        await clients[0].send("GET / HTTP/1.1\r\nHost: x\r\n")
        return await Promise.all(clients.map((client) => client.closed()))
      }),
    )
    for (const { status, afterMs } of await Effect.runPromise(Effect.scoped(slow))) {
      expect(status).toBe(408)
      expect(afterMs).toBeGreaterThanOrEqual(950)
      expect(afterMs, "it looks every 30 s unless told otherwise").toBeLessThan(15_000)
    }
  })

  it("of pipelined requests are each answered, in their order", async () => {
    using client = await RawClient.open(api.url)
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    await client.send(
      Array.from({ length: 100 }, (_, n) => get(n % 2 === 0 ? "/healthz" : "/nowhere")).join(""),
    )
    const statuses = () => [...client.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status)
    await expect.poll(statuses).toEqual(Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? "200" : "404")))
  })
})

describe("where all connections are taken", () => {
  it("the oldest on which nobody showed a key gives way", async () => {
    await using small = await ApiUnderTest.open({ environment: { CONNECTIONS_MAX: "5" } })
    const known = await RawClient.open(small.url)
    await known.send(`GET /payout-batches/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${acme}\r\n\r\n`)
    expect((await known.answered()).status).toBe(404)
    const strangers = await Promise.all(Array.from({ length: 4 }, () => RawClient.open(small.url)))
    expect((await small.call("/healthz")).status).toBe(200)
    await expect.poll(() => strangers.filter(({ isClosed }) => isClosed).length).toBe(1)
    expect(known.isClosed).toBe(false)
    for (const client of [known, ...strangers]) client.socket.destroy()
  })

  it("one address has no more than its part, where there is one", async () => {
    await using small = await ApiUnderTest.open({ environment: { CONNECTIONS_PER_ADDRESS_MAX: "3" } })
    const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.open(small.url)))
    await expect.poll(() => clients.filter(({ isClosed }) => isClosed).length).toBe(1)
    for (const client of clients) client.socket.destroy()
  })
})
