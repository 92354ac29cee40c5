/** `rows=good`: the rows of a file that can be paid are a batch, and the log says which rows it does not have. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { BatchId } from "../../../src/domain/identifiers.ts"
import { ownPrefix } from "../../settings.ts"
import { type Answer, ApiUnderTest, acme } from "../api-under-test.ts"
import { refusing } from "../payout-batches/duplicates-under-test.ts"
import { csv, csvRow, ndjsonLine, pain001, transfer } from "./upload-bodies.ts"

const environment = { STREAM_PREFIX: ownPrefix(), INTAKE_SHARE_PERCENT: "100" }
let api: ApiUnderTest
/** The same service, that knows fewer days ahead: a file that names a far time is refused there. */
let strict: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment })
  strict = await ApiUnderTest.open({ environment: { ...environment, EXECUTE_AHEAD_MS_MAX: "3600000" } })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await strict[Symbol.asyncDispose]()
})

let keys = 0
const freshKey = (): string => {
  keys += 1
  return `good-${keys}`
}

const upload = (
  body: string,
  { type = "text/csv", key = freshKey(), query = "?rows=good", to = api, headers = {} } = {},
): Promise<Answer> =>
  to.call(`/payout-batches${query}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${acme}`,
      "idempotency-key": key,
      "content-type": type,
      ...headers,
    },
    body,
  })

const ndjson = "application/x-ndjson"
const bodies = {
  "text/csv": csv(csvRow("a"), csvRow("b", { iban: "DE00" }), csvRow("c"), csvRow("d", { amount: "0" })),
  [ndjson]: [
    ndjsonLine("a"),
    ndjsonLine("b", { beneficiary: { name: "Kim", account: { scheme: "iban", iban: "DE00" } } }),
    ndjsonLine("c"),
    "{",
  ].join("\n"),
}
const places = {
  "text/csv": [
    [3, 3],
    [5, 5],
  ],
  [ndjson]: [
    [2, 2],
    [4, 4],
  ],
}

const logOf = async ({ json }: Answer) =>
  (await Effect.runPromise(api.log.read(BatchId.make(String(json.id)), 0, 2))).map(({ event }) => event)

describe.each(Object.keys(bodies) as ReadonlyArray<keyof typeof bodies>)("%s", (type) => {
  it("is accepted without its bad rows, which the answer names and the log records", async () => {
    const answer = await upload(bodies[type], { type })
    expect(answer.status).toBe(202)
    expect(answer.json).toMatchObject({
      itemCount: 2,
      totals: { EUR: "24.68" },
      rejected: { count: 2, errors: [{ line: places[type][0]?.[0] }, { line: places[type][1]?.[0] }] },
    })
    const [received, items] = await logOf(answer)
    expect(received).toMatchObject({ rejectedRows: { count: 2, lines: places[type] } })
    expect(items).toMatchObject({
      items: [
        { item: 1, reference: "a" },
        { item: 2, reference: "c" },
      ],
    })
  })

  it("gets the same answer again under its key, and the rejected rows as a file whenever it is sent", async () => {
    const key = freshKey()
    const first = await upload(bodies[type], { type, key })
    const again = await upload(bodies[type], { type, key })
    expect([again.status, again.json]).toEqual([202, first.json])
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    const file = await upload(bodies[type], { type, key, query: "?rows=good&rejects=file" })
    expect([file.status, file.headers.get("rejected-rows"), file.headers.get("location")]).toEqual([
      202,
      "2",
      `/payout-batches/${first.json.id}`,
    ])
    expect(file.headers.get("content-type")).toContain(type)
    expect(file.text.trim().split("\n")).toHaveLength(type === ndjson ? 2 : 3)
    expect(file.text).toContain("reject_reason")
    expect(file.text).not.toContain('"a"')
  })

  it("is another request than the whole file: neither takes the other's key", async () => {
    const key = freshKey()
    const first = await upload(bodies[type], { type, key })
    const whole = await upload(bodies[type], { type, key, query: "" })
    expect([whole.status, whole.json.type]).toEqual([400, "/problems/invalid-rows"])
    const good = type === ndjson ? ndjsonLine("a") : csv(csvRow("a"))
    const other = await upload(good, { type, key })
    expect([other.status, other.json.batch]).toEqual([422, first.json.id])
  })

  it("is refused when no row can be paid, and accepted as a whole when all can", async () => {
    const bad = type === ndjson ? "{" : csv(csvRow("a", { amount: "0" }))
    const refused = await upload(bad, { type })
    expect([refused.status, refused.json.rejected]).toEqual([400, 1])
    const good = type === ndjson ? ndjsonLine("a") : csv(csvRow("a"))
    const accepted = await upload(good, { type, query: "?rows=good&rejects=file" })
    expect([accepted.status, accepted.json.rejected]).toEqual([202, { count: 0, errors: [] }])
  })

  it("is checked by a dry run as it would be accepted", async () => {
    const tried = await upload(bodies[type], { type, query: "?rows=good&dryRun=true" })
    expect([tried.status, tried.json]).toMatchObject([200, { itemCount: 2, rejected: { count: 2 } }])
  })
})

describe("after the rules have changed", () => {
  const soon = new Date(Date.now() + 20 * 86_400_000).toISOString()
  const query = `?rows=good&executeAt=${soon}`

  it("the batch has the rows of its log, and no row that is good by now", async () => {
    // The check digits of the IBAN are right, those of the account in it are not (UK modulus check).
    const body = csv(csvRow("a"), csvRow("b", { iban: "GB43NWBK08999966374959" }))
    const key = freshKey()
    await using refusing = await ApiUnderTest.open({
      environment: { ...environment, UK_MODULUS_CHECK: "refuse" },
    })
    const first = await upload(body, { key, to: refusing })
    expect(first.json).toMatchObject({ itemCount: 1, totals: { EUR: "12.34" }, rejected: { count: 1 } })
    const again = await upload(body, { key })
    const { rejected: _, ...same } = first.json
    expect(again.json).toEqual({
      ...same,
      rejected: { count: 1, errors: [{ line: 3, detail: "was left out when the batch was accepted" }] },
    })
    const file = await upload(body, { key, query: "?rows=good&rejects=file" })
    expect(file.text).toMatch(/\r\nb,.*was left out/)
  })

  it("the batch, its count and its rows are those of its log, also if the file would be refused now", async () => {
    const key = freshKey()
    const body = bodies["text/csv"]
    const first = await upload(body, { key, query })
    expect(first.status).toBe(202)
    expect((await upload(body, { query, to: strict })).status).toBe(400)
    const again = await upload(body, { key, query, to: strict })
    expect([again.status, again.json.id, again.json.itemCount]).toEqual([202, first.json.id, 2])
    expect(again.json.rejected).toMatchObject({ count: 2, errors: [{ line: 3 }, { line: 5 }] })
    const file = await upload(body, { key, query: `${query}&rejects=file`, to: strict })
    expect([file.status, file.headers.get("rejected-rows")]).toEqual([202, "2"])
    expect(file.text).toMatch(/\r\nb,.*\r\nd,/)
  })
})

it("is refused for pain.001, which is right as a whole", async () => {
  const answer = await upload(pain001([transfer("a")]), { type: "application/xml" })
  expect([answer.status, answer.json.detail]).toEqual([400, expect.stringContaining("rows")])
})

it("names a duplicate by its own line", async () => {
  await using own = await refusing()
  expect((await own.post("1", { items: [JSON.parse(ndjsonLine("INV-1"))] })).status).toBe(202)
  const body = csv(csvRow("bad", { amount: "0" }), csvRow("new"), csvRow("INV-1"))
  const answer = await upload(body, { to: own })
  expect([answer.status, answer.json]).toMatchObject([409, { errors: [{ item: 2, line: 4 }] }])
})

describe("Accept", () => {
  it("may be the form of the rejected rows alone, if they are asked for", async () => {
    for (const type of ["text/csv", ndjson] as const) {
      const headers = { accept: type }
      const refused = await upload(bodies[type], { type, query: "?rejects=file", headers })
      expect([refused.status, refused.headers.get("content-type")]).toEqual([
        400,
        expect.stringContaining(type),
      ])
      const accepted = await upload(bodies[type], { type, query: "?rows=good&rejects=file", headers })
      expect([accepted.status, accepted.headers.get("rejected-rows")]).toEqual([202, "2"])
      for (const query of ["?rows=good", ""])
        expect((await upload(bodies[type], { type, query, headers })).status).toBe(406)
    }
    const crossed = { type: ndjson, query: "?rejects=file", headers: { accept: "text/csv" } }
    expect((await upload(bodies[ndjson], crossed)).status).toBe(406)
  })
})
