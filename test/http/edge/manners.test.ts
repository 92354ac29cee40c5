/** What every client may expect of every answer, whatever the route. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BatchEvent } from "../../../src/domain/events.ts"
import { BatchId } from "../../../src/domain/identifiers.ts"
import { traceIn } from "../../../src/http/edge/trace-parent.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { ApiUnderTest, acme, olga } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"
import { RawClient } from "./raw-client.ts"

const CONSOLE = "https://console.example"
let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment: { CORS_ORIGINS: CONSOLE } })
})
afterAll(() => api[Symbol.asyncDispose]())

describe("methods", () => {
  it.each([
    ["PUT", "/payout-batches", "GET, HEAD, POST"],
    ["DELETE", "/payout-batches/pb_2222222222222222222222", "GET, HEAD"],
    ["GET", "/payout-batches/pb_2222222222222222222222/approval", "POST"],
    ["PATCH", "/bank-callbacks/north", "POST"],
    ["POST", "/healthz", "GET, HEAD"],
  ])("%s %s is 405, and Allow has those that there are", async (method, path, allow) => {
    const { status, headers, json } = await api.call(path, { method })
    expect(status).toBe(405)
    expect(headers.get("allow")).toBe(allow)
    expect(json.type).toBe("/problems/method-not-allowed")
  })

  it("a path without any method is 404", async () =>
    expect((await api.call("/payout-batch", { method: "PUT" })).status).toBe(404))
})

describe("headers of every answer", () => {
  it.each([
    ["GET", "/payout-batches", acme],
    ["GET", "/nothing", acme],
    ["GET", "/payout-batches", "no-key"],
    ["POST", "/bank-callbacks/north", ""],
    ["GET", "//payout-batches", acme],
  ])("%s %s", async (method, path, key) => {
    const { headers } = await api.call(path, { method, headers: { authorization: `Bearer ${key}` } })
    expect(headers.get("x-content-type-options")).toBe("nosniff")
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'")
    expect(headers.get("referrer-policy")).toBe("no-referrer")
  })
})

describe("pages of other origins", () => {
  const preflight = (origin: string) =>
    api.call("/payout-batches", {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    })

  it("of the list may ask, without a key for the question", async () => {
    const { status, headers } = await preflight(CONSOLE)
    expect(status).toBe(204)
    expect(headers.get("access-control-allow-origin")).toBe(CONSOLE)
    expect(headers.get("access-control-allow-headers")?.toLowerCase()).toContain("idempotency-key")
    expect(headers.get("access-control-allow-credentials")).toBeNull()
    const { headers: answer } = await api.call("/payout-batches", {
      headers: { authorization: `Bearer ${acme}`, origin: CONSOLE },
    })
    expect(answer.get("access-control-allow-origin")).toBe(CONSOLE)
    expect(answer.get("vary")?.toLowerCase()).toContain("origin")
    const { headers: lists } = await api.get("/payout-items")
    expect(lists.get("vary")?.toLowerCase()).toBe("accept, origin")
  })

  it.each(["https://evil.example", "null", `${CONSOLE}.evil.example`])("%s may not", async (origin) => {
    expect((await preflight(origin)).headers.get("access-control-allow-origin")).toBeNull()
  })

  it("by default none may", async () => {
    await using closed = await ApiUnderTest.open()
    const { headers } = await closed.call("/payout-batches", {
      method: "OPTIONS",
      headers: { origin: CONSOLE },
    })
    expect(headers.get("access-control-allow-origin")).toBeNull()
  })
})

describe("the quota of a key", () => {
  it("is in each answer, and beyond it there is 429 with the seconds to wait", async () => {
    await using slow = await ApiUnderTest.open({ environment: { REQUESTS_PER_SECOND: "1" } })
    const first = await slow.get("/payout-batches")
    expect(first.headers.get("ratelimit-policy")).toBe('"key";q=10;w=10')
    expect(first.headers.get("ratelimit")).toMatch(/^"key";r=\d+;t=\d+$/)
    const answers = await Promise.all(Array.from({ length: 40 }, () => slow.get("/payout-batches")))
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.json.type).toBe("/problems/too-many-requests")
    expect(refused?.headers.get("ratelimit")).toMatch(/^"key";r=0;t=/)
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(0)
    expect((await slow.get("/payout-batches?partner=acme", olga)).status).toBe(200)
  })

  it("is one for all processes", async () => {
    const environment = { REQUESTS_PER_SECOND: "1" }
    await using one = await ApiUnderTest.open({ environment })
    await using other = await ApiUnderTest.open({ environment })
    const asks = Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? one : other).get("/payout-batches"))
    const within = (await Promise.all(asks)).filter(({ status }) => status === 200)
    // Two windows if one of them ended meanwhile.
    expect(within.length).toBeLessThanOrEqual(20)
    expect(within.length).toBeLessThan(40)
  })
})

describe("Idempotency-Key", () => {
  const batch = { items: [payout("a")] }

  it("is the same key quoted and as it is", async () => {
    const { json } = await api.post("week-12", batch)
    const again = await api.post('"week-12"', batch)
    expect(again.json.id).toBe(json.id)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    const quoted = await api.post('"a \\"quoted\\" \\\\ key"', batch)
    const plain = await api.post('a "quoted" \\ key', batch)
    expect(plain.json.id).toBe(quoted.json.id)
    expect(plain.headers.get("idempotent-replayed")).toBe("true")
  })

  it.each(['"week-14"', "week-15"])(
    "%s names the batch that a release beside this one would open",
    async (key) => {
      expect((await api.post(key, batch)).json.id).toBe(batchIdOf("acme", key))
    },
  )

  it("names each of two batches that a release before accepted under a key, quoted and as it is", async () => {
    const { json } = await api.post("week-13", batch)
    const before = batchIdOf("acme", '"week-13"')
    const stored = await Effect.runPromise(api.log.read(BatchId.make(String(json.id)), 0, 1))
    const events = stored.map(({ event }) => ({ ...event, idempotencyKey: '"week-13"' }) as BatchEvent)
    await Effect.runPromise(api.log.open(before, events, "as a release before"))
    for (const [key, id] of [
      ['"week-13"', before],
      ["week-13", json.id],
    ] as const) {
      const again = await api.post(key, batch)
      expect(again.json.id).toBe(id)
      expect(again.headers.get("idempotent-replayed")).toBe("true")
    }
  })

  it.each(['"', '""', '"a', '"a"b"', '"a\\b"', '"a";q=1', ""])("%s is none", async (key) => {
    expect((await api.post(key, batch)).status).toBe(400)
  })

  it("sent twice is refused", async () => {
    const client = await RawClient.open(api.url)
    const body = JSON.stringify(batch)
    await client.send(
      `POST /payout-batches HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${acme}\r\nContent-Type: application/json\r\n` +
        `Idempotency-Key: one\r\nIdempotency-Key: two\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    const { status, text } = await client.answered()
    expect(status).toBe(400)
    expect(text).toContain("Idempotency-Key: expected one value")
  })
})

describe("traceparent", () => {
  const trace = "0af7651916cd43dd8448eb211c80319c"
  const parent = "b7ad6b7169203331"

  it("names the trace in the log", async () => {
    await api.call("/nothing", { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } })
    expect(api.lines.some((line) => line.includes(trace))).toBe(true)
  })

  it.each([
    [`00-${trace}-b7ad6b7169203331-01`, { id: trace, parent, sampled: true }],
    [`00-${trace}-b7ad6b7169203331-00`, { id: trace, parent, sampled: false }],
    [`00-${trace}-b7ad6b7169203331-fe`, { id: trace, parent, sampled: false }],
    [`cc-${trace}-b7ad6b7169203331-03-what-comes-later`, { id: trace, parent, sampled: true }],
    [`00-${trace}-b7ad6b7169203331-01-more`, undefined],
    [`ff-${trace}-b7ad6b7169203331-01`, undefined],
    [`00-${"0".repeat(32)}-b7ad6b7169203331-01`, undefined],
    [`00-${trace}-${"0".repeat(16)}-01`, undefined],
    [`00-${trace.toUpperCase()}-b7ad6b7169203331-01`, undefined],
    [`cc-${trace}-b7ad6b7169203331-01-a, cc-${trace}-b7ad6b7169203331-01-b`, undefined],
    ["x", undefined],
    [undefined, undefined],
    [` 00-${trace}-b7ad6b7169203331-01\n`, undefined],
  ])("%s", (header, read) => expect(traceIn(header)).toEqual(read))
})
