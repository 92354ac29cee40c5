/** Drafts as partners work on them: terms, pages, versions, limits; and that nothing is added twice. */
import postgres from "postgres"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { type OwnDatabase, ownDatabase } from "../../database.ts"
import { ApiUnderTest, globex, olga } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"
import { callDraft, die, draftWith, Steps } from "./drafts-under-test.ts"

const steps = new Steps()
let database: OwnDatabase
let sql: postgres.Sql
let api: ApiUnderTest
beforeAll(async () => {
  database = await ownDatabase()
  sql = postgres(database.url, { max: 1 })
  api = await ApiUnderTest.open({
    environment: {
      DATABASE_URL: database.url,
      ACTS_PER_SECOND: "10000",
      DRAFTS_PER_PARTNER_MAX: "40",
      DRAFT_ITEMS_MAX: "600",
      DRAFT_PAGES_MAX: "4",
      DRAFT_PAGE_BYTES_MAX: "150000",
      DRAFT_AGE_MS_MAX: "3600000",
    },
    drafts: steps.drafts,
    streams: steps.streams,
  })
})
afterEach(() => steps.clear())
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await sql.end()
  await database.drop()
})

const show = async (path: string) => (await callDraft(api, "GET", path)).json

const add = (path: string, version: number, key: string, items: ReadonlyArray<unknown>) =>
  callDraft(api, "POST", `${path}/items`, { version, key, body: { items } })

/** All items of a draft, by pages of a few. */
const itemsOf = async (path: string, limit = 100) => {
  const found: Array<Record<string, unknown>> = []
  for (let next: unknown = ""; next !== null; ) {
    const cursor = next === "" ? "" : `&cursor=${next}`
    const { json, status } = await callDraft(api, "GET", `${path}/items?limit=${limit}${cursor}`)
    if (status !== 200) throw new Error(JSON.stringify(json))
    found.push(...(json.items as Array<Record<string, unknown>>))
    next = json.next
  }
  return found
}

const numbersOf = async (path: string, limit?: number) => (await itemsOf(path, limit)).map(({ item }) => item)

describe("the terms of a draft", () => {
  it("are checked as those of a batch, shown, and replaced as a whole", async () => {
    const { status, json, headers } = await callDraft(api, "POST", "", {
      body: { reference: "week 12", requireApproval: true },
    })
    expect([status, headers.get("etag"), headers.get("location")]).toEqual([
      201,
      '"1"',
      `/payout-batch-drafts/${json.id}`,
    ])
    expect(json).toMatchObject({ state: "open", version: 1, itemCount: 0 })
    const path = `/${json.id}`
    const changed = await callDraft(api, "PUT", path, { version: 1, body: { mode: "strict" } })
    expect([changed.status, changed.headers.get("etag"), changed.json.terms]).toEqual([
      200,
      '"2"',
      { mode: "strict" },
    ])
    expect(await show(path)).toMatchObject({ version: 2, terms: { mode: "strict" } })
  })

  it.each([
    '{"reference":""}',
    '{"mode":"loose"}',
    '{"items":[]}',
    '{"executeAt":"2020-01-01T00:00:00Z"}',
    '{"referenz":"x"}',
    '{"duplicates":{"allowed":true,"reason":"\\u0000"}}',
    "[]",
    '"x"',
  ])("%s are refused", async (body) => {
    const { status, json } = await callDraft(api, "POST", "", { body })
    expect([status, json.type]).toEqual([400, "/problems/invalid-body"])
  })

  it("are kept as they are read: texts in form C, times in UTC", async () => {
    const soon = new Date(Date.now() + 86_400_000)
    const there = soon.toISOString().replace("Z", "+00:00")
    const { json } = await callDraft(api, "POST", "", {
      body: { reference: "Mu\u0308ller", executeAt: there },
    })
    expect(json.terms).toEqual({ reference: "Müller", executeAt: soon.toISOString() })
  })
})

describe("a change", () => {
  const changes = [
    ["PUT", "", { body: {} }],
    ["POST", "/items", { key: "late", body: { items: [payout("z")] } }],
    ["DELETE", "/items/1", {}],
    ["DELETE", "/pages/1", {}],
    ["DELETE", "", {}],
  ] as const

  it.each(changes)("%s %s needs the version that it changes", async (method, at, asked) => {
    const { path, version } = await draftWith(api, [[payout("a")], [payout("b")]])
    for (const named of [undefined, "*", version - 1, version + 1, `W/"${version}"`, `"${version}", "1"`]) {
      const given = named === undefined ? asked : { ...asked, version: named }
      const { status, json } = await callDraft(api, method, `${path}${at}`, given)
      expect([named, status, json.version]).toEqual([
        named,
        named === undefined || named === "*" ? 428 : 412,
        version,
      ])
    }
    expect([await show(path), await numbersOf(path)]).toMatchObject([{ version, itemCount: 2 }, [1, 2]])
    expect((await callDraft(api, method, `${path}${at}`, { ...asked, version })).status).toBeLessThan(300)
  })

  it("of the same version by two at a time is made once", async () => {
    const { path, version } = await draftWith(api, [])
    const answers = await Promise.all(["a", "b", "c"].map((name) => add(path, version, name, [payout(name)])))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 412, 412])
    expect(await show(path)).toMatchObject({ version: version + 1, itemCount: 1 })
  })
})

describe("a page", () => {
  it("that is sent again adds nothing, whatever was changed since", async () => {
    const { path } = await draftWith(api, [])
    const items = [payout("a"), payout("b")]
    const first = await add(path, 1, "one", items)
    const shown = { page: 1, firstItem: 1, itemCount: 2, version: 2 }
    expect([first.status, first.json, first.headers.get("etag")]).toMatchObject([201, shown, '"2"'])
    await add(path, 2, "two", [payout("c")])
    await callDraft(api, "DELETE", `${path}/items/2`, { version: 3 })
    await callDraft(api, "DELETE", `${path}/pages/2`, { version: 4 })
    for (const [key, version, etag, body] of [
      ["one", 1, '"2"', items],
      ["one", 5, '"2"', items],
      ["two", 2, '"3"', [payout("c")]],
    ] as const) {
      const { status, headers } = await add(path, version, key, body)
      expect([status, headers.get("etag"), headers.get("idempotent-replayed")]).toEqual([201, etag, "true"])
    }
    expect(await show(path)).toMatchObject({ version: 5, itemCount: 1 })
  })

  it("whose answer was lost is added once", async () => {
    const { path } = await draftWith(api, [])
    steps.after.addPage = die
    expect((await add(path, 1, "one", [payout("a")])).status).toBe(500)
    steps.clear()
    const again = await add(path, 1, "one", [payout("a")])
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([201, "true"])
    expect(await numbersOf(path)).toEqual([1])
  })

  it("that comes twice at a time is added once", async () => {
    for (let round = 0; round < 8; round += 1) {
      const { path } = await draftWith(api, [])
      const answers = await Promise.all([1, 2, 3].map(() => add(path, 1, "one", [payout("a"), payout("b")])))
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
      expect(answers.filter(({ headers }) => !headers.has("idempotent-replayed"))).toHaveLength(1)
      expect(await show(path)).toMatchObject({ version: 2, itemCount: 2 })
      await callDraft(api, "DELETE", path, { version: 2 })
    }
  })

  it("under the key of another page is refused, and names that", async () => {
    const { path } = await draftWith(api, [])
    await add(path, 1, "one", [payout("a")])
    const { status, json } = await add(path, 2, "one", [payout("b")])
    expect([status, json.type, json.page]).toEqual([422, "/problems/page-key-reused", 1])
    const quoted = await add(path, 2, '"one"', [payout("a")])
    expect(quoted.headers.get("idempotent-replayed")).toBe("true")
    expect(await numbersOf(path)).toEqual([1])
  })

  it("of one draft does not count for another", async () => {
    const [one, other] = [await draftWith(api, []), await draftWith(api, [])]
    await add(one.path, 1, "one", [payout("a")])
    const { status, headers } = await add(other.path, 1, "one", [payout("a")])
    expect([status, headers.has("idempotent-replayed")]).toEqual([201, false])
  })

  it("with a bad item, or with a term, adds nothing", async () => {
    const { path } = await draftWith(api, [])
    const bad = await add(path, 1, "one", [
      payout("a"),
      payout("b", { amount: { currency: "EUR", value: "0" } }),
    ])
    expect([bad.status, bad.json.errors]).toMatchObject([
      400,
      [{ pointer: "/items/1/amount/value", item: 2 }],
    ])
    const { status, json } = await callDraft(api, "POST", `${path}/items`, {
      version: 1,
      key: "one",
      body: { items: [payout("a")], executeAt: new Date().toISOString() },
    })
    expect([status, json.errors]).toMatchObject([400, [{ pointer: "/executeAt" }]])
    // What was refused used no key up.
    expect((await add(path, 1, "one", [payout("a")])).status).toBe(201)
  })

  it("comes as rows of CSV or NDJSON as well", async () => {
    const { path } = await draftWith(api, [])
    const csv = 'reference,currency,amount,name,iban\na,EUR,"1.234,50",Kim,DE89370400440532013000\n'
    const post = (query: string, type: string, version: number, body: string) =>
      callDraft(api, "POST", `${path}/items${query}`, { version, key: type, type, body })
    expect((await post("?decimal=comma&executeAt=2030-01-01T00:00:00Z", "text/csv", 1, csv)).status).toBe(400)
    expect((await post("?decimal=comma&thousands=point", "text/csv", 1, csv)).json).toMatchObject({
      itemCount: 1,
    })
    const other = await post("?decimal=comma", "text/csv", 2, csv)
    expect(other.json.type).toBe("/problems/page-key-reused")
    // The same bytes in another charset are another text.
    const latin = await callDraft(api, "POST", `${path}/items?decimal=comma&thousands=point`, {
      version: 2,
      key: "text/csv",
      type: "text/csv; charset=iso-8859-1",
      body: csv,
    })
    expect(latin.json.type).toBe("/problems/page-key-reused")
    const lines = `${JSON.stringify(payout("b"))}\n${JSON.stringify(payout("c"))}\n`
    expect((await post("", "application/x-ndjson", 2, lines)).json).toMatchObject({
      itemCount: 2,
      firstItem: 2,
    })
    const bad = await callDraft(api, "POST", `${path}/items`, {
      version: 3,
      key: "bad",
      type: "text/csv",
      body: "reference,currency,amount,name,iban\nd,EUR,0,Kim,x\n",
    })
    expect([bad.status, bad.json.type]).toEqual([400, "/problems/invalid-rows"])
    expect(
      (
        await callDraft(api, "POST", `${path}/items`, {
          version: 3,
          key: "x",
          type: "application/xml",
          body: "<a/>",
        })
      ).status,
    ).toBe(415)
    expect(await itemsOf(path)).toMatchObject([
      { reference: "a", amount: { currency: "EUR", value: "1234.50" } },
      { reference: "b", page: 2 },
      { reference: "c", page: 2 },
    ])
  })
})

describe("items", () => {
  it("are listed in pages, with the last four characters of their accounts", async () => {
    const many = Array.from({ length: 520 }, (_, index) => payout(`a${index}`))
    const { path } = await draftWith(api, [many, [payout("last", { remittance: "Invoice 1" })]])
    const found = await itemsOf(path, 77)
    expect(found.map(({ item }) => item)).toEqual(Array.from({ length: 521 }, (_, index) => index + 1))
    expect(found.at(-1)).toEqual({
      item: 521,
      page: 2,
      reference: "last",
      amount: { currency: "EUR", value: "12.34" },
      beneficiary: { name: "Erika Mustermann", account: "iban …3000" },
      remittance: "Invoice 1",
    })
    expect((await callDraft(api, "GET", `${path}/items?cursor=-1`)).status).toBe(400)
  })

  it("that are removed leave gaps, wherever they were", async () => {
    const many = Array.from({ length: 510 }, (_, index) => payout(`a${index}`))
    const { path } = await draftWith(api, [many])
    let version = 2
    const gone = [1, 249, 250, 251, 500, 501, 510]
    for (const item of gone) {
      const { status, headers } = await callDraft(api, "DELETE", `${path}/items/${item}`, { version })
      version += 1
      expect([item, status, headers.get("etag")]).toEqual([item, 204, `"${version}"`])
      expect((await callDraft(api, "DELETE", `${path}/items/${item}`, { version })).status).toBe(404)
    }
    const left = Array.from({ length: 510 }, (_, index) => index + 1).filter((item) => !gone.includes(item))
    for (const limit of [1_000 / 2, 83, 250]) expect(await numbersOf(path, limit)).toEqual(left)
    expect(await show(path)).toMatchObject({ itemCount: left.length })
    // Numbers are not given again.
    await add(path, version, "more", [payout("new")])
    expect((await numbersOf(path)).at(-1)).toBe(511)
    expect((await callDraft(api, "DELETE", `${path}/pages/1`, { version: version + 1 })).status).toBe(204)
    expect([await numbersOf(path), (await show(path)).itemCount]).toEqual([[511], 1])
    expect((await callDraft(api, "DELETE", `${path}/pages/1`, { version: version + 2 })).status).toBe(404)
  })

  it("are nowhere readable in the database", async () => {
    const secret = "Zacharias Geheim"
    const account = { scheme: "iban", iban: "DE89370400440532013000" }
    await draftWith(api, [[payout("hidden-reference", { beneficiary: { name: secret, account } })]])
    const tables = ["payout_batch_drafts", "payout_batch_draft_pages", "payout_batch_draft_items"]
    for (const table of tables) {
      const rows = await sql.unsafe(`select t::text as text from ${table} t`)
      expect(rows.length).toBeGreaterThan(0)
      const text = rows.map((row) => String(row.text)).join("\n")
      for (const word of [secret, "0532013000", "hidden-reference"]) expect(text).not.toContain(word)
    }
    expect(api.lines.join("\n")).not.toContain("0532013000")
  })

  it("that somebody moved in the database are not read", async () => {
    const [one, other] = [await draftWith(api, [[payout("a")]]), await draftWith(api, [[payout("b")]])]
    await sql`
      update payout_batch_draft_items set items = (select items from payout_batch_draft_items where draft = ${other.id})
      where draft = ${one.id}`
    expect((await callDraft(api, "GET", `${one.path}/items`)).status).toBe(500)
    expect((await callDraft(api, "POST", `${one.path}/submission`, { version: one.version })).status).toBe(
      500,
    )
    await sql`delete from payout_batch_draft_items where draft = ${other.id}`
    expect(
      (await callDraft(api, "POST", `${other.path}/submission`, { version: other.version })).status,
    ).toBe(503)
  })
})

describe("another caller", () => {
  it("gets 404 for each part of a draft", async () => {
    const { path, version } = await draftWith(api, [[payout("a")]])
    const more = { version, key: "x", body: { items: [payout("x")] }, apiKey: globex }
    for (const [method, at, asked] of [
      ["GET", "", {}],
      ["GET", "/items", {}],
      ["POST", "/items", more],
      ["PUT", "", { version, body: {} }],
      ["DELETE", "/items/1", { version }],
      ["DELETE", "/pages/1", { version }],
      ["POST", "/submission", { version }],
      ["POST", "/submission?dryRun=true", { version }],
      ["DELETE", "", { version }],
    ] as const) {
      const { status, json } = await callDraft(api, method, `${path}${at}`, { ...asked, apiKey: globex })
      expect([method, at, status, json.detail]).toEqual([method, at, 404, "There is no such draft."])
    }
    expect((await callDraft(api, "GET", "", { apiKey: globex })).json.payoutBatchDrafts).toEqual([])
    expect((await callDraft(api, "GET", path, { apiKey: olga })).status).toBe(403)
    expect(await show(path)).toMatchObject({ version, itemCount: 1 })
  })
})

describe("a limit", () => {
  it("on items, pages and bytes of a page holds, and nothing is stored beyond it", async () => {
    const { path } = await draftWith(api, [])
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => payout(`a${from + index}`))
    expect((await add(path, 1, "a", many(0, 599))).status).toBe(201)
    const beyond = await add(path, 2, "b", many(599, 2))
    expect([beyond.status, beyond.json.type, beyond.json.detail]).toEqual([
      409,
      "/problems/draft-limit",
      "Nothing was stored. A draft has at most 600 items.",
    ])
    expect((await add(path, 2, "b", many(599, 1))).status).toBe(201)
    expect((await add(path, 3, "c", many(600, 1_000))).status).toBe(413)
    let version = 3
    for (const page of [3, 4]) {
      expect((await callDraft(api, "DELETE", `${path}/items/${page}`, { version })).status).toBe(204)
      expect((await add(path, version + 1, `page ${page}`, [payout(`p${page}`)])).status).toBe(201)
      version += 2
    }
    await callDraft(api, "DELETE", `${path}/pages/1`, { version })
    const last = await add(path, version + 1, "page 5", [payout("p5")])
    expect([last.status, last.json.detail]).toEqual([
      409,
      "Nothing was stored. A draft gets at most 4 pages, removed ones included.",
    ])
  })

  it("on drafts holds for those that were not submitted, also if they come at a time", async () => {
    const open = (await callDraft(api, "GET", "?limit=500")).json.payoutBatchDrafts as Array<{
      state: string
    }>
    const left = 40 - open.filter(({ state }) => state !== "submitted").length
    const answers = await Promise.all(
      Array.from({ length: left + 3 }, () => callDraft(api, "POST", "", { body: {} })),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(left)
    expect(answers.find(({ status }) => status !== 201)?.json.type).toBe("/problems/draft-limit")
    expect((await callDraft(api, "POST", "", { body: {}, apiKey: globex })).status).toBe(201)
    const [{ id } = { id: "" }] = answers.flatMap(({ json, status }) =>
      status === 201 ? [{ id: json.id }] : [],
    )
    await callDraft(api, "DELETE", `/${id}`, { version: 1 })
    expect((await callDraft(api, "GET", `/${id}`)).status).toBe(404)
    expect((await callDraft(api, "POST", "", { body: {} })).status).toBe(201)
    await sql`delete from payout_batch_drafts where partner = 'acme' and item_count = 0`
  })

  it("on age: who changes a draft keeps it, and one that has expired is gone at once", async () => {
    const { path, id, version } = await draftWith(api, [[payout("a")]])
    await sql`update payout_batch_drafts set expires_at = clock_timestamp() + interval '1 minute' where id = ${id}`
    await callDraft(api, "PUT", path, { version, body: {} })
    const left = Date.parse(String((await show(path)).expiresAt)) - Date.now()
    expect(left).toBeGreaterThan(3_500_000)
    await sql`update payout_batch_drafts set expires_at = clock_timestamp() - interval '1 second' where id = ${id}`
    expect((await callDraft(api, "GET", path)).status).toBe(404)
    expect((await callDraft(api, "POST", `${path}/submission`, { version: version + 1 })).status).toBe(404)
  })
})

it("lists drafts in pages, the newest first", async () => {
  const made: Array<string> = []
  for (let index = 0; index < 5; index += 1)
    made.unshift(String((await callDraft(api, "POST", "", { body: {}, apiKey: globex })).json.id))
  const found: Array<string> = []
  for (let cursor: unknown = ""; cursor !== null; ) {
    const { json } = await callDraft(api, "GET", `?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`, {
      apiKey: globex,
    })
    found.push(...(json.payoutBatchDrafts as Array<{ id: string }>).map(({ id }) => id))
    cursor = json.next
  }
  expect(found.filter((id) => made.includes(id))).toHaveLength(5)
  expect(new Set(found).size).toBe(found.length)
  expect((await callDraft(api, "GET", "?cursor=x")).status).toBe(400)
})
