/** The twin of a Formance ledger: its books, its keys and references, and what it refuses. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { request } from "undici"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { isPublishedDataThere, publishedFile } from "../published-data.ts"
import { get } from "./sandbox-client.ts"

const data = mkdtempSync(join(tmpdir(), "formance-twin-"))
const documents = isPublishedDataThere ? publishedFile("openapi") : undefined
const start = () => startSandbox({ data, documents, twins: ["formance"], funds: 100n })

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await start()
})
afterAll(async () => {
  await sandbox.close()
  rmSync(data, { recursive: true })
})

const ask = async (method: string, path: string, body?: unknown, key?: string) => {
  const url = sandbox.urls.twins?.formance ?? ""
  // Filters are the body of a GET, which `fetch` cannot send.
  const answer = await request(`${url}${path}`, {
    method: method as "GET",
    headers: { "content-type": "application/json", ...(key === undefined ? {} : { "idempotency-key": key }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.body.text()
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: text === "" ? undefined : JSON.parse(text),
  }
}
const moving = (amount: number, change: object = {}) => ({
  metadata: {},
  postings: [{ source: "a:available", destination: "b:held", asset: "EUR/2", amount }],
  ...change,
})
const book = (body: object, key?: string) => ask("POST", "/v2/payouts/transactions", body, key)
const list = (query: string, filter: object = {}) => ask("GET", `/v2/payouts/transactions?${query}`, filter)

it("books once per key, and refuses the key with another body", async () => {
  const [first, second] = [await book(moving(1), "k1"), await book(moving(1), "k1")]
  expect(second.body).toEqual(first.body)
  expect(second.headers["idempotency-hit"]).toBe("true")
  expect(await book(moving(2), "k1")).toMatchObject({ status: 400, body: { errorCode: "VALIDATION" } })
})

it("books a reference once, whatever the key", async () => {
  expect(await book(moving(1, { reference: "r1" }))).toMatchObject({ status: 200 })
  expect(await book(moving(1, { reference: "r1" }), "k2")).toMatchObject({
    status: 409,
    body: { errorCode: "CONFLICT" },
  })
})

it("overdraws no account unless it is forced, and looks at funds before references", async () => {
  expect(await book(moving(10_000))).toMatchObject({ status: 400, body: { errorCode: "INSUFFICIENT_FUND" } })
  expect(await book(moving(10_000, { reference: "r1" }))).toMatchObject({
    body: { errorCode: "INSUFFICIENT_FUND" },
  })
  expect(await book(moving(5, { postings: [] }))).toMatchObject({ body: { errorCode: "NO_POSTINGS" } })
  const forced = moving(1, { force: true, postings: [{ ...moving(1).postings[0], source: "nobody" }] })
  expect(await book(forced)).toMatchObject({ status: 200 })
  const tried = await ask("POST", "/v2/payouts/transactions?dryRun=true", moving(1, { reference: "dry" }))
  expect(tried.status).toBe(200)
  expect((await list("pageSize=5", { $match: { reference: "dry" } })).body.cursor.data).toEqual([])
})

it("lists in both directions, page by page, what a filter matches", async () => {
  for (let n = 1; n <= 5; n += 1) await book(moving(1, { reference: `f${n}`, metadata: { mine: "yes" } }))
  const referencesOf = async (query: string) => {
    const references: Array<string> = []
    let page = await list(query, { $match: { "metadata[mine]": "yes" } })
    for (;;) {
      const { data, next } = page.body.cursor
      references.push(...data.map(({ reference }: { reference: string }) => reference))
      if (next === undefined) return references
      page = await list(`cursor=${next}`)
    }
  }
  expect(await referencesOf("pageSize=2&sort=id:asc")).toEqual(["f1", "f2", "f3", "f4", "f5"])
  expect(await referencesOf("pageSize=2")).toEqual(["f5", "f4", "f3", "f2", "f1"])
  for (const query of ["cursor=x", "sort=name:asc", "pageSize=0"])
    expect((await list(query)).body.errorCode, query).toBe("VALIDATION")
})

it("reverts once, and not what the money is missing for", async () => {
  const { body } = await book(moving(7, { reference: "to revert" }))
  const path = `/v2/payouts/transactions/${body.data.id}/revert`
  expect(await ask("POST", path, {})).toMatchObject({ status: 201 })
  expect(await ask("POST", path, {})).toMatchObject({ status: 400, body: { errorCode: "ALREADY_REVERT" } })
  expect((await ask("GET", `/v2/payouts/transactions/${body.data.id}`)).body.data.reverted).toBe(true)
  const spent = moving(1, { postings: [{ ...moving(1).postings[0], source: "b:held", destination: "gone" }] })
  const { body: last } = await book(spent)
  await book(moving(1, { postings: [{ ...moving(1).postings[0], source: "gone", destination: "b:held" }] }))
  expect(await ask("POST", `/v2/payouts/transactions/${last.data.id}/revert`, {})).toMatchObject({
    body: { errorCode: "INSUFFICIENT_FUND" },
  })
})

it("knows no ledger that was not created", async () => {
  const absent = { status: 404, body: { errorCode: "LEDGER_NOT_FOUND" } }
  expect(await ask("GET", "/v2/other")).toMatchObject(absent)
  expect(await ask("POST", "/v2/other/transactions", moving(1))).toMatchObject(absent)
  expect(await ask("POST", "/v2/other", {})).toMatchObject({ status: 204 })
  expect(await ask("POST", "/v2/other", {})).toMatchObject({ body: { errorCode: "LEDGER_ALREADY_EXISTS" } })
  expect(await ask("POST", "/v2/other/transactions", moving(1))).toMatchObject({ status: 200 })
})

it("has the same books, keys and references after a restart", async () => {
  const url = () => `${sandbox.urls.twins?.formance}/books`
  const before = await get(url())
  await sandbox.close()
  sandbox = await start()
  expect(await get(url())).toEqual(before)
  expect((await book(moving(1), "k1")).headers["idempotency-hit"]).toBe("true")
  expect(await book(moving(1, { reference: "r1" }))).toMatchObject({ body: { errorCode: "CONFLICT" } })
})

it.skipIf(!isPublishedDataThere)("is held to its document, and refuses what breaches it", async () => {
  expect(await book({ postings: [] })).toMatchObject({ status: 400, body: { errorCode: "VALIDATION" } })
  const breaches = await ask("GET", "/sandbox/breaches")
  expect(breaches.body.shown).toEqual([{ of: "request", problems: [expect.stringContaining("metadata")] }])
})
