/** How lists are narrowed, answered conditionally, and exported, over real HTTP; the read models are the test's own. */
import { parse } from "csv-parse/sync"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { StoreUnavailable } from "../../../src/platform/store-unavailable.ts"
import type { FoundItem, ItemView } from "../../../src/projections/batch-queries.ts"
import { ApiUnderTest, acme, olga } from "../api-under-test.ts"
import { readModels } from "../read-models.ts"
import { payout } from "./payout-batch-body.ts"

const id = batchIdOf("acme", "read")
const away = Effect.fail(new StoreUnavailable({ store: "postgres", step: "test", reason: "08006" }))

const itemOf = (item: number, changes: Partial<ItemView> = {}): ItemView => ({
  item,
  reference: `order-${item}`,
  beneficiaryName: "Grace Hopper",
  account: "iban …3000",
  currency: "EUR",
  amount: "1234.56",
  state: "settled",
  ledger: "posted",
  bank: "north",
  transferReference: undefined,
  attempt: 1,
  reason: undefined,
  clearance: undefined,
  version: 5,
  updatedAt: 0,
  ...changes,
})

/** What the read models have, page by page; a page that is missing fails. */
let pages: ReadonlyArray<ReadonlyArray<ItemView> | undefined> = []
let whole: number | undefined
let version = 9
/** What a search for "slow" waits for. */
let slow = Promise.resolve()
const asked: Array<Readonly<Record<string, unknown>>> = []

const pageAt = (cursor: string | undefined) => {
  const at = Number(cursor ?? 0)
  return { entries: pages[at], next: at + 1 < pages.length ? `${at + 1}` : undefined }
}

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({
    queries: readModels({
      items: (_, __, { cursor, ...request }) => {
        asked.push(request)
        const { entries, next } = pageAt(cursor)
        return entries === undefined ? away : Effect.succeed({ entries, next, version })
      },
      search: (partner, { cursor, ...request }) => {
        if (request.reference === "slow")
          return Effect.promise(() => slow).pipe(Effect.as({ entries: [], next: undefined }))
        asked.push({ partner, ...request })
        const { entries, next } = pageAt(cursor)
        if (entries === undefined) return away
        return Effect.succeed({
          entries: entries.map((item): FoundItem => ({ ...item, batch: id, receivedAt: 0 })),
          next,
        })
      },
      batches: (partner, request) => {
        asked.push({ partner, ...request })
        return Effect.succeed({ entries: [], next: undefined })
      },
      wholeBatch: () => Effect.succeed(whole),
    }),
  })
  await api.post("read", { items: [payout("a")] })
})
afterAll(() => api[Symbol.asyncDispose]())

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  api.call(path, { method, headers: { authorization: `Bearer ${acme}`, ...headers } })

describe("a filter", () => {
  it("is passed on as it was meant", async () => {
    pages = [[itemOf(1)]]
    asked.length = 0
    const query =
      "state=returned,failed&currency=EUR&amountFrom=1.50&amountTo=20&reference=order%201&lastFour=3000" +
      "&failureCode=AC04&providerReference=t-1&receivedFrom=2026-11-01&receivedTo=2026-11-02&limit=7"
    const { status, json } = await get(`/payout-items?${query}`)
    expect(status).toBe(200)
    expect(json.items).toMatchObject([{ batch: id, item: 1, receivedAt: "1970-01-01T00:00:00.000Z" }])
    expect(asked).toEqual([
      {
        partner: "acme",
        limit: 7,
        state: ["failed", "returned"],
        currency: "EUR",
        amount: { currency: "EUR", from: 150n, to: 2000n },
        reference: "order 1",
        lastFour: "3000",
        failureCode: "AC04",
        providerReference: "t-1",
        receivedFrom: Date.parse("2026-11-01T00:00:00Z"),
        receivedTo: Date.parse("2026-11-03T00:00:00Z"),
      },
    ])
    await get("/payout-batches?currency=JPY&amount=1200&receivedTo=2026-11-02T10:00:00%2B01:00")
    expect(asked.at(-1)).toMatchObject({
      amount: { currency: "JPY", from: 1200n, to: 1200n },
      receivedTo: Date.parse("2026-11-02T09:00:00Z"),
    })
    await get(`/payout-batches/${id}/items?lastFour=3000`)
    expect(asked.at(-1)).toMatchObject({ lastFour: "3000" })
  })

  it.each([
    ["state", "state=settled,done"],
    ["state", "state=settled,"],
    ["currency", "currency=eur"],
    ["currency", "amount=1.00"],
    ["amount", "currency=EUR&amount=1.234"],
    ["amount", "currency=EUR&amount=-1"],
    ["amount", "currency=EUR&amount=1&amountFrom=1"],
    ["lastFour", "lastFour=12345"],
    ["lastFour", "lastFour=%25"],
    ["receivedFrom", "receivedFrom=2026-02-30"],
    ["receivedTo", "receivedTo=yesterday"],
    ["reference", "reference=a&reference=b"],
    ["failureCode", "failureCode=%00"],
  ])("names what is wrong with %s: %s", async (name, query) => {
    for (const path of ["/payout-items", `/payout-batches/${id}/items`]) {
      if (name.startsWith("received") && path !== "/payout-items") continue
      const { status, json } = await get(`${path}?${query}`)
      expect([status, json.type]).toEqual([400, "/problems/invalid-request"])
      expect(String(json.detail).split(":")[0]).toBe(name)
    }
  })

  it("does not take the read models from others", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    slow = promise
    const searches = Array.from({ length: 4 }, () => get("/payout-items?reference=slow"))
    const refused = await Promise.race(searches)
    expect([refused.status, refused.json.type]).toEqual([429, "/problems/too-many-requests"])
    resolve()
    const statuses = (await Promise.all(searches)).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, 200, 200, 429])
    expect((await get("/payout-items?reference=slow")).status).toBe(200)
  })

  it("of an operator names the partner", async () => {
    const operator = { headers: { authorization: `Bearer ${olga}` } }
    expect((await api.call("/payout-items", operator)).status).toBe(400)
    pages = [[]]
    expect((await api.call("/payout-items?partner=globex", operator)).status).toBe(200)
    expect(asked.at(-1)).toMatchObject({ partner: "globex" })
  })
})

describe("an answer that a client has already", () => {
  it.each([
    `/payout-batches/${id}`,
    `/payout-batches/${id}/items`,
    `/payout-batches/${id}/events`,
    "/payout-items",
  ])("is not sent again: %s", async (path) => {
    pages = [[itemOf(1)]]
    const first = await get(path)
    const etag = String(first.headers.get("etag"))
    expect(etag).toMatch(/^"[\w-]+"$/)
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await get(path, { "if-none-match": condition })
      expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag])
    }
    expect((await get(path, { "if-none-match": `"other"` })).text).toBe(first.text)
    const head = await get(path, {}, "HEAD")
    expect([head.status, head.text, head.headers.get("etag")]).toEqual([200, "", etag])
    expect(head.headers.get("content-length")).toBe(String(Buffer.byteLength(first.text)))
  })

  it("has another tag once anything of it is another", async () => {
    pages = [[itemOf(1)]]
    const { headers } = await get(`/payout-batches/${id}/items`)
    pages = [[itemOf(1, { state: "returned" })]]
    const changed = await get(`/payout-batches/${id}/items`, { "if-none-match": String(headers.get("etag")) })
    expect(changed.status).toBe(200)
  })
})

it("accepts nothing from a client that accepts no answer to it", async () => {
  const post = (accept: string) =>
    api.call("/payout-batches", {
      method: "POST",
      headers: {
        authorization: `Bearer ${acme}`,
        "content-type": "application/json",
        "idempotency-key": "unacceptable",
        accept,
      },
      body: JSON.stringify({ items: [payout("a")] }),
    })
  expect((await post("text/html")).status).toBe(406)
  const { status, headers } = await post("application/json")
  expect([status, headers.get("idempotent-replayed")]).toEqual([202, null])
})

it("shows the approval of a batch with times in ISO 8601", async () => {
  const { json: posted } = await api.post("approval", { requireApproval: true, items: [payout("a")] })
  const { json } = await get(`/payout-batches/${posted.id}`)
  expect(json.approval).toEqual({
    state: "pending",
    reason: "asked",
    hash: expect.any(String),
    expiresAt: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/),
  })
})

it("shows items as of the version that the client knows, or says why not", async () => {
  pages = [[itemOf(1)]]
  version = 1
  expect((await get(`/payout-batches/${id}/items?atLeast=1`)).status).toBe(200)
  const behind = await get(`/payout-batches/${id}/items?atLeast=2`)
  expect([behind.status, behind.json.type]).toEqual([503, "/problems/not-yet-shown"])
  version = 3
  const beyond = await get(`/payout-batches/${id}/items?atLeast=4`)
  expect([beyond.status, beyond.json.version]).toEqual([409, 3])
  version = 9
})

describe("an export", () => {
  it("in CSV has no formula, and amounts as they are", async () => {
    const hostile = ["=1+1", "+1", "-1", "@a", "\tx", "\r=1", 'a,"b"', "＝1"]
    pages = [hostile.map((reference, index) => itemOf(index + 1, { reference })), [itemOf(9)]]
    whole = 9
    const { status, headers, text } = await get(`/payout-batches/${id}/items`, { accept: "text/csv" })
    expect(status).toBe(200)
    expect(headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present")
    expect(headers.get("content-disposition")).toBe(`attachment; filename="${id}.csv"`)
    const [header, ...lines] = text.split("\r\n")
    expect(header).toMatch(/^batch,item,reference,state,currency,amount,/)
    expect(lines.at(-1)).toBe("")
    expect(lines.slice(0, 5).map((line) => line.split(",")[2])).toEqual([
      "'=1+1",
      "'+1",
      "'-1",
      "'@a",
      "'\tx",
    ])
    const cells: ReadonlyArray<ReadonlyArray<string>> = parse(text, { record_delimiter: "\r\n" })
    expect(cells).toHaveLength(10)
    for (const cell of cells.flat()) expect(cell).not.toMatch(/^\s*[=+\-@＝\t\r]/)
    expect(cells[6]?.[2]).toBe("'\r=1")
    expect(cells[7]?.[2]).toBe('a,"b"')
    expect(text.match(/,EUR,1234\.56,/g)).toHaveLength(9)
  })

  it("in NDJSON ends with the number of its items", async () => {
    pages = [[itemOf(1), itemOf(2)], [], [itemOf(3)]]
    const { headers, text } = await get("/payout-items?state=settled", { accept: "application/x-ndjson" })
    expect(headers.get("content-type")).toBe("application/x-ndjson")
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(lines.map(({ item }) => item)).toEqual([1, 2, 3, undefined])
    expect(lines[0]).toMatchObject({ batch: id, amount: { currency: "EUR", value: "1234.56" } })
    expect(lines.at(-1)).toEqual({ complete: true, count: 3 })
  })

  it.each(["text/csv", "application/x-ndjson"])("that cannot be completed is cut off: %s", async (accept) => {
    whole = 3
    pages = [[itemOf(1)], undefined]
    await expect(get(`/payout-batches/${id}/items`, { accept })).rejects.toThrow("terminated")
    // The read models lost an item between two pages.
    pages = [[itemOf(1)], [itemOf(3)]]
    await expect(get(`/payout-batches/${id}/items`, { accept })).rejects.toThrow("terminated")
    expect(api.lines.join("\n")).toContain("answer cut off")
  })

  it("of a batch whose items are not all shown has to wait", async () => {
    whole = undefined
    const { status, json } = await get(`/payout-batches/${id}/items`, { accept: "text/csv" })
    expect([status, json.type]).toEqual([503, "/problems/not-yet-shown"])
  })

  it("by HEAD has only its headers", async () => {
    whole = 1
    pages = [[itemOf(1)]]
    const { status, headers, text } = await get(`/payout-batches/${id}/items`, { accept: "text/csv" }, "HEAD")
    expect([status, headers.get("content-type"), text]).toEqual([
      200,
      "text/csv; charset=utf-8; header=present",
      "",
    ])
  })

  it("has the page that the client takes in memory, and no more", async () => {
    let read = 0
    const page = Array.from({ length: 500 }, (_, index) => itemOf(index + 1))
    pages = new Proxy([], {
      get: (_, name) => {
        if (name === "length") return 100_000
        read += 1
        return page
      },
    })
    const abort = new AbortController()
    const answer = await fetch(`${api.url}/payout-items`, {
      headers: { authorization: `Bearer ${acme}`, accept: "text/csv" },
      signal: abort.signal,
    })
    const reader = answer.body?.getReader()
    await reader?.read()
    const settled = async () => {
      const before = read
      await new Promise((resolve) => setTimeout(resolve, 300))
      return read === before
    }
    await expect.poll(settled, { timeout: 20_000 }).toBe(true)
    // What fits into the buffers of both sockets.
    expect(read).toBeLessThan(500)
    abort.abort()
  })

  it("is preferred to JSON only by a client that prefers it", async () => {
    whole = 1
    pages = [[itemOf(1)]]
    for (const accept of ["*/*", "application/json, text/csv;q=0.5", "application/*", "text/csv;q=0, */*"])
      expect((await get(`/payout-batches/${id}/items`, { accept })).headers.get("content-type")).toBe(
        "application/json",
      )
    for (const accept of ["text/html", "text/csv;q=0", "application/json;q=0, application/pdf", "json"]) {
      const { status, json } = await get(`/payout-batches/${id}/items`, { accept })
      expect([status, json.type]).toEqual([406, "/problems/not-acceptable"])
      expect(json.mediaTypes).toEqual(["application/json", "text/csv", "application/x-ndjson"])
    }
    const wanted = await get(`/payout-batches/${id}/items`, { accept: "application/json;q=0.1, text/csv" })
    expect(wanted.headers.get("content-type")).toContain("text/csv")
  })
})
