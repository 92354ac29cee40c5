/** Batches as files: what is read of each form, what is refused with which place, and what a repetition gets. */
import { readdirSync, readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { Context, Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { BatchId } from "../../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../../src/platform/store-unavailable.ts"
import { EventStore } from "../../../src/streams/event-store.ts"
import { paysWallets } from "../../providers/banks/pays-wallets.ts"
import { isPublishedDataThere, publishedFile, sharedCase } from "../../published-data.ts"
import { ClaimsInMemory } from "../../register/claims-in-memory.ts"
import { type Answer, ApiUnderTest, acme, globex } from "../api-under-test.ts"
import { refusing } from "../payout-batches/duplicates-under-test.ts"
import { csv, csvRow, DAY, IBAN, ndjsonLine, pain001, transfer } from "./upload-bodies.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

let keys = 0
const freshKey = (): string => {
  keys += 1
  return `upload-${keys}`
}

/** The first events of a batch that was accepted. */
const logOf = async ({ status, text, json }: Answer) => {
  expect([status, text]).toEqual([202, expect.anything()])
  const entries = await Effect.runPromise(api.log.read(BatchId.make(String(json.id)), 0, 2))
  return entries.map(({ event }) => event)
}

interface Upload {
  readonly type?: string
  readonly key?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly apiKey?: string
}

const upload = (
  body: string | Uint8Array<ArrayBuffer>,
  { type = "text/csv", key = freshKey(), query = "", headers = {}, apiKey = acme }: Upload = {},
): Promise<Answer> =>
  api.call(`/payout-batches${query}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${apiKey}`,
      "idempotency-key": key,
      "content-type": type,
      ...headers,
    },
    body,
  })

const bytes = (text: string | Buffer): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text))

const ndjson = "application/x-ndjson"
const xml = "application/xml"

describe("PayPal's payment file", () => {
  it("has no header: its first row is a payout, or rejected like any other", async () => {
    await using wallets = await ApiUnderTest.open({ kinds: [paysWallets] })
    const post = (body: string, key: string, query = "") =>
      wallets.call(`/payout-batches${query}`, {
        method: "POST",
        headers: { authorization: `Bearer ${acme}`, "idempotency-key": key, "content-type": "text/csv" },
        body,
      })
    const rows = ["ada@example.com,1.50,USD,ID1,Thanks,PAYPAL,,Ada", "+14155552671,2,usd,ID1,,,,Bob"]
    const accepted = await post(rows.join("\n"), "paypal")
    expect([accepted.status, accepted.json]).toMatchObject([202, { itemCount: 2, totals: { USD: "3.50" } }])
    const nameless = [...rows.slice(1), "cleo@example.com,1.00,USD,ID2"].toReversed().join("\n")
    const refused = await post(nameless, "nameless")
    expect([refused.status, refused.json]).toMatchObject([
      400,
      { rejected: 1, errors: [{ line: 1, column: "name" }] },
    ])
    const file = await post(nameless, "nameless", "?rejects=file")
    expect(file.text).toMatch(
      /^\uFEFF?recipient,amount,.*,name,reject_reason\r\ncleo@example.com,1.00,USD,ID2,/,
    )
  })
})

/** One body of three payouts in each form, the second one as asked for. */
const forms = {
  "text/csv": (second: { amount?: string; iban?: string } = {}) =>
    csv(csvRow("a"), csvRow("b", second), csvRow("c")),
  [ndjson]: ({ amount = "12.34", iban = IBAN } = {}) =>
    [
      ndjsonLine("a"),
      ndjsonLine("b", {
        amount: { currency: "EUR", value: amount },
        beneficiary: { name: "Erika Mustermann", account: { scheme: "iban", iban } },
      }),
      ndjsonLine("c"),
    ].join("\n"),
  [xml]: (second: { amount?: string; iban?: string } = {}) =>
    pain001([transfer("a"), transfer("b", second), transfer("c")]),
}
const places = {
  "text/csv": { line: 3, column: "iban" },
  [ndjson]: { line: 2, column: "beneficiary.account.iban" },
  [xml]: { item: 2, column: "CdtrAcct/Id/IBAN" },
}

describe.each(Object.keys(forms) as ReadonlyArray<keyof typeof forms>)("%s", (type) => {
  it("is accepted, and has in the log what the same items have as JSON", async () => {
    const answer = await upload(forms[type](), { type })
    expect(answer.status).toBe(202)
    expect(answer.json).toMatchObject({ itemCount: 3, totals: { EUR: "37.02" } })
    const [, items] = await logOf(answer)
    expect(items).toMatchObject({
      _tag: "ItemsReceived",
      items: [{ item: 1, reference: "a", minor: 1234n }, { reference: "b" }, { reference: "c" }],
    })
  })

  it("is the same request under the same key, also in gzip, and another one with another byte or term", async () => {
    const key = freshKey()
    const first = await upload(forms[type](), { type, key, query: "?mode=strict" })
    const again = await upload(bytes(gzipSync(forms[type]())), {
      type,
      key,
      query: "?mode=strict",
      headers: { "content-encoding": "gzip" },
    })
    expect([first.status, again.status, again.json]).toEqual([202, 202, first.json])
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    const changed = await upload(forms[type]({ amount: "12.35" }), { type, key, query: "?mode=strict" })
    expect([changed.status, changed.json.batch]).toEqual([422, first.json.id])
    expect((await upload(forms[type](), { type, key })).status).toBe(422)
  })

  it("is refused as a whole with the place of each bad payout, and never with its account", async () => {
    const answer = await upload(forms[type]({ iban: "DE89370400440532013001" }), { type })
    expect(answer.status).toBe(400)
    expect(answer.json).toMatchObject({
      type: "/problems/invalid-rows",
      rejected: 1,
      isComplete: true,
      errors: [places[type]],
    })
    expect(answer.text).not.toContain("DE8937")
  })

  it("takes the terms of the batch from the query", async () => {
    const query = "?reference=week+12&mode=strict&submittedBy=kim&requireApproval=true"
    const answer = await upload(forms[type](), { type, query })
    const [received] = await logOf(answer)
    expect(received).toMatchObject({
      reference: "week 12",
      mode: "strict",
      submittedBy: "kim",
      approval: { reason: "asked" },
    })
  })

  it("is only checked with dryRun: nothing is stored, and the key is free", async () => {
    const key = freshKey()
    const tried = await upload(forms[type](), { type, key, query: "?dryRun=true" })
    expect(tried.status).toBe(200)
    expect(tried.json).toMatchObject({
      dryRun: true,
      itemCount: 3,
      totals: { EUR: "37.02" },
      routes: [{ scheme: "sepa", items: 3, total: "37.02", expectedArrival: expect.any(String) }],
    })
    const accepted = await upload(forms[type]({ amount: "1.00" }), { type, key })
    expect([accepted.status, accepted.headers.get("idempotent-replayed")]).toEqual([202, null])
  })

  it("is refused with a query that is not known, repeated or misspelt, before anything is stored", async () => {
    for (const query of [
      "?dryrun=true",
      "?dryRun=yes",
      "?mode=strict&mode=strict",
      "?mode=some",
      "?executeat=x",
    ]) {
      const answer = await upload(forms[type](), { type, query })
      expect([query, answer.status]).toEqual([query, 400])
    }
  })
})

describe("a body of JSON", () => {
  it("keeps its terms in itself: in the query they are refused", async () => {
    const answer = await upload(`{"items":[${ndjsonLine("a")}]}`, {
      type: "application/json",
      query: `?executeAt=${DAY}T00:00:00Z`,
    })
    expect([answer.status, answer.json.type]).toEqual([400, "/problems/invalid-request"])
  })

  it("is only checked with dryRun", async () => {
    const key = freshKey()
    const body = `{"items":[${ndjsonLine("a")}]}`
    const tried = await upload(body, { type: "application/json", key, query: "?dryRun=true" })
    expect([tried.status, tried.json.itemCount]).toEqual([200, 1])
    const accepted = await upload(body, { type: "application/json", key })
    expect([accepted.status, accepted.headers.get("idempotent-replayed")]).toEqual([202, null])
  })
})

describe("rejected rows", () => {
  it("are the answer on request, with their reasons, and can be sent again once they are mended", async () => {
    const body = csv(csvRow("a"), csvRow("=b", { amount: "1.2.3" }), csvRow("c", { iban: "DE00" }))
    const { status, text, headers } = await upload(body, { query: "?rejects=file" })
    expect([status, headers.get("content-type"), headers.get("rejected-rows")]).toEqual([
      400,
      "text/csv; charset=utf-8",
      "2",
    ])
    expect(headers.get("cache-control")).toBe("no-store")
    const [head, first, second] = text.replace("\uFEFF", "").split("\r\n")
    expect(head).toBe("reference,currency,amount,name,iban,remittance,reject_reason")
    expect(first).toMatch(/^'=b,EUR,1\.2\.3,.*,amount: .+/)
    expect(second).toMatch(/^c,EUR,12\.34,Erika Mustermann,DE00,.*iban: /)
    const mended = text.replace("1.2.3", "1.23").replace("DE00", IBAN)
    expect((await upload(mended)).status).toBe(202)
  })

  it("are no answer while it cannot be known whether the file was accepted before", async () => {
    const store = Context.get(api.streams, EventStore)
    const away = new StoreUnavailable({ store: "redis", step: "read", reason: "TIMEOUT" })
    const { read } = store
    let reads = 0
    const once: typeof read = (...asked) => (reads++ === 0 ? read(...asked) : Effect.fail(away))
    Object.assign(store, { read: once })
    const answer = await upload(csv(csvRow("a", { iban: "DE00" })), { query: "?rejects=file" }).finally(() =>
      Object.assign(store, { read }),
    )
    expect(answer.status).toBe(503)
  })

  it("are lines of NDJSON for NDJSON", async () => {
    const body = [ndjsonLine("a"), ndjsonLine("b", { amount: { currency: "EUR", value: "x" } }), "{"].join(
      "\n",
    )
    const { status, text } = await upload(body, { type: ndjson, query: "?rejects=file" })
    expect(status).toBe(400)
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(lines).toMatchObject([
      { reference: "b", reject_reason: expect.stringContaining("amount") },
      { text: "{", reject_reason: "expected JSON" },
    ])
    const mended = JSON.stringify({ ...lines[0], amount: { currency: "EUR", value: "1.00" } })
    expect((await upload(mended, { type: ndjson })).status).toBe(202)
  })

  it("are all counted, and a hundred named", async () => {
    const rows = Array.from({ length: 250 }, (_, index) => csvRow(`r${index}`, { amount: "0" }))
    const answer = await upload(csv(...rows))
    expect(answer.json).toMatchObject({ rejected: 250, isComplete: true })
    expect(answer.json.errors).toHaveLength(100)
  })
})

describe("other layouts", () => {
  it.skipIf(!isPublishedDataThere)(
    "Wise's template is read, and each payout has a reference of its own",
    async () => {
      const file = readFileSync(publishedFile("inputs/wise-batch-payment.csv"))
      const answer = await upload(bytes(file), { query: "?dryRun=true" })
      // The published template has rows for accounts that we do not address: they are named.
      expect([200, 400]).toContain(answer.status)
      if (answer.status === 400) expect(answer.json.type).toBe("/problems/invalid-rows")
    },
  )

  it("PayPal's file without names is refused with the reason", async () => {
    const answer = await upload("kim@example.com,10.00,EUR,id-1,thanks")
    expect(answer.json).toMatchObject({ rejected: 1, errors: [{ line: 1, column: "name" }] })
    expect(answer.text).toContain("write it behind the seven columns of PayPal")
  })

  it("decimals in another notation are read as the query says", async () => {
    const row = 'r1;EUR;"1.234,50";Erika Mustermann;DE89370400440532013000'
    const body = `reference;currency;amount;name;iban\n${row}`
    const refused = await upload(body)
    expect(refused.json).toMatchObject({ rejected: 1, errors: [{ line: 2, column: "amount" }] })
    expect(refused.text).toContain("decimal=comma")
    const answer = await upload(body, { query: "?decimal=comma&thousands=point" })
    expect(answer.json).toMatchObject({ totals: { EUR: "1234.50" } })
  })
})

describe("duplicates", () => {
  it("are found in every form, named by their line, and looked for by a dry run without a claim", async () => {
    const claims = new ClaimsInMemory()
    await using own = await refusing(claims)
    const post = (body: string, key: string, query = "") =>
      own.call(`/payout-batches${query}`, {
        method: "POST",
        headers: { authorization: `Bearer ${acme}`, "idempotency-key": key, "content-type": "text/csv" },
        body,
      })
    const twice = csv(csvRow("new"), csvRow("INV-1"))
    expect((await post(twice, "1", "?dryRun=true")).status).toBe(200)
    expect((await own.post("2", { items: [JSON.parse(ndjsonLine("INV-1"))] })).status).toBe(202)
    const asked = claims.asked
    for (const query of ["?dryRun=true", ""]) {
      const answer = await post(twice, "1", query)
      expect([answer.status, answer.json]).toMatchObject([
        409,
        { type: "/problems/duplicate-payouts", count: 1, errors: [{ item: 2, line: 3 }] },
      ])
      if (query !== "") expect(claims.asked).toBe(asked)
    }
    const once = csv(csvRow("once"))
    expect((await post(once, "once")).status).toBe(202)
    // A quoted key names the same batch, and its own payouts are no duplicates.
    for (const key of ["once", '"once"'])
      expect([key, (await post(once, key, "?dryRun=true")).status]).toEqual([key, 200])
    expect((await post(once, '"once"')).headers.get("idempotent-replayed")).toBe("true")
    const meant = await post(twice, "1", "?duplicatesReason=ordered+twice")
    expect(meant.json).toMatchObject({ warnings: [{ type: "duplicate-payouts", count: 1 }] })
  })
})

describe("hard files", () => {
  const refused = async (body: string | Uint8Array<ArrayBuffer>, options: Upload = {}) => {
    const answer = await upload(body, options)
    return [
      answer.status,
      ...((answer.json.errors ?? []) as ReadonlyArray<{ detail: string }>).map((e) => e.detail),
    ]
  }

  it("are read by their byte order mark, or by the charset that is declared", async () => {
    const text = csv(csvRow("a").replace("Erika", "Jürgen"))
    expect((await upload(bytes(`\uFEFF${text}`))).status).toBe(202)
    expect((await upload(bytes(Buffer.from(`\uFEFF${text}`, "utf16le")))).status).toBe(202)
    const latin = bytes(Buffer.from(text, "latin1"))
    expect((await upload(latin, { type: "text/csv; charset=iso-8859-1" })).status).toBe(202)
    expect(await refused(latin)).toEqual([400, expect.stringContaining("not utf-8")])
    expect((await upload(text, { type: "text/csv; charset=klingon" })).status).toBe(415)
  })

  it("may mix line ends, and may not have NUL, an endless line or nothing", async () => {
    const mixed = [
      "reference,currency,amount,name,iban\r\n",
      `a,EUR,1.00,Kim,${IBAN}\r`,
      `b,EUR,1.00,Kim,${IBAN}\n`,
    ]
    expect((await upload(mixed.join(""))).json.itemCount).toBe(2)
    expect(await refused(csv("a\0,EUR"))).toEqual([400, expect.stringContaining("zero bytes")])
    expect(await refused(csv("x".repeat(200_000)))).toEqual([400, expect.stringContaining("longer than")])
    expect(await refused("x".repeat(200_000), { type: ndjson })).toEqual([
      400,
      expect.stringContaining("longer than"),
    ])
    for (const type of Object.keys(forms)) expect((await refused("", { type }))[0]).toBe(400)
  })

  it("are refused when they end in the middle", async () => {
    expect(await refused(`${csv(csvRow("a"))}\nb,EUR,"1`)).toEqual([
      400,
      expect.stringContaining("never closed"),
    ])
    expect((await refused(`${ndjsonLine("a")}\n{"reference":`, { type: ndjson }))[0]).toBe(400)
    const whole = pain001([transfer("a"), transfer("b")])
    for (const cut of [10, 60, 200, 300, whole.length - 400, whole.length - 20])
      expect((await refused(whole.slice(0, cut), { type: xml }))[0]).toBe(400)
    expect((await refused(pain001([transfer("a")], { count: 2 }), { type: xml }))[0]).toBe(400)
  })

  it("bring no entities and no document type", async () => {
    const doctype = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    expect(await refused(pain001([transfer("a")], { doctype }), { type: xml })).toEqual([
      400,
      "a document type is not accepted",
    ])
    expect((await refused(pain001([transfer("&b;")]), { type: xml }))[0]).toBe(400)
  })

  it("do not inflate beyond the bound", async () => {
    const bomb = bytes(gzipSync(Buffer.alloc(60 * 1024 * 1024, "a")))
    const answer = await upload(bomb, { headers: { "content-encoding": "gzip" } })
    expect([answer.status, answer.json.type]).toEqual([413, "/problems/body-too-large"])
  })

  it("of .03 and .09 are read, and their day is the batch's", async () => {
    for (const version of ["03", "09"]) {
      const answer = await upload(pain001([transfer("a")], { version }), { type: "text/xml" })
      const [received] = await logOf(answer)
      expect(received).toMatchObject({ reference: "m1", executeAt: Date.parse(`${DAY}T00:00:00Z`) })
    }
    const own = await upload(pain001([transfer("a")]), {
      type: xml,
      query: `?executeAt=${DAY}T00:00:00Z`,
    })
    expect(own.status).toBe(400)
  })

  it("repeat no member of an object, and no reference", async () => {
    const twice = `${ndjsonLine("a").slice(0, -1)},"reference":"b"}`
    expect((await refused(twice, { type: ndjson }))[0]).toBe(400)
    expect(await refused(csv(csvRow("a"), csvRow("a")))).toEqual([400, "already used by line 2"])
  })

  it.skipIf(sharedCase("csv") === undefined)(
    "that failed once are answered, and never with 5xx",
    async () => {
      const folder = sharedCase("csv") ?? ""
      for (const name of readdirSync(folder)) {
        const answer = await upload(bytes(readFileSync(`${folder}/${name}`)))
        expect([name, answer.status < 500]).toEqual([name, true])
      }
    },
  )
})

describe("another type, and another partner", () => {
  it("get 415 with the types that are read, and a batch of their own", async () => {
    const other = await upload("a", { type: "text/plain" })
    expect([other.status, other.json.type]).toEqual([415, "/problems/not-json"])
    expect(other.text).toContain("application/x-ndjson")
    const key = freshKey()
    const [ours, theirs] = [
      await upload(csv(csvRow("a")), { key }),
      await upload(csv(csvRow("a")), { key, apiKey: globex }),
    ]
    expect(theirs.json.id).not.toBe(ours.json.id)
    expect((await api.get(`/payout-batches/${ours.json.id}`, globex)).status).toBe(404)
  })
})
