/** The books of a Formance ledger, as the reconciliation reads them. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { bodyOf } from "../../../src/providers/ledger/formance/formance-transaction.ts"
import { batchId } from "../../domain/batch-story.ts"
import { json, MisbehavingServer } from "../calling/misbehaving-server.ts"
import { FormanceUnderTest, post, postingOf, readLines } from "./formance-under-test.ts"

let twin: FormanceUnderTest
let server: MisbehavingServer
beforeAll(async () => {
  twin = await FormanceUnderTest.open()
  server = await MisbehavingServer.open()
})
afterAll(async () => {
  const breaches = await twin.breaches()
  await twin.close()
  await server.close()
  assert.deepStrictEqual(breaches, [])
})

const today = () => new Date().toISOString().slice(0, 10)

it.live("have each line that was booked, over many pages, and none of others", () =>
  Effect.gen(function* () {
    const before = today()
    for (let item = 1; item <= 12; item += 1)
      yield* post(
        twin.url,
        postingOf(`${item}`, "hold", { lines: [{ item, currency: "EUR", minor: BigInt(item) }] }),
      )
    yield* post(twin.url, postingOf("13", "post", { lines: [{ item: 12, currency: "EUR", minor: 12n }] }))
    yield* Effect.promise(() =>
      twin.ask("POST", "/v2/payouts/transactions", {
        metadata: { kind: "hold" },
        postings: [{ source: "world", destination: "mine", asset: "EUR/2", amount: 5 }],
      }),
    )
    const { lines, unused } = yield* readLines(twin.url)
    assert.deepStrictEqual(unused, [])
    assert.deepStrictEqual(
      lines.map(({ kind, item, minor }) => [kind, item, minor]),
      [
        ...Array.from({ length: 12 }, (_, index) => ["hold", index + 1, BigInt(index + 1)] as const),
        ["post", 12, 12n],
      ],
    )
    assert.deepInclude(lines[0], { partner: "acme", batch: batchId, currency: "EUR" })
    assert.include([before, today()], lines[0]?.bookedOn)
  }),
)

it.live("lack what somebody reverted, and say so", () =>
  Effect.gen(function* () {
    const id = yield* post(twin.url, postingOf("1", "hold", { partner: "reverted" }))
    yield* Effect.promise(() => twin.ask("POST", `/v2/payouts/transactions/${id}/revert`, {}))
    const { lines, unused } = yield* readLines(twin.url)
    assert.deepStrictEqual(
      lines.filter(({ partner }) => partner === "reverted"),
      [],
    )
    assert.deepStrictEqual(unused, [
      {
        bank: "ledger",
        place: `transaction ${id}`,
        problem: "it was reverted in the ledger, by somebody else than the service",
      },
    ])
  }),
)

const booked = (id: number, change: object = {}) => {
  const { reference, postings, metadata } = bodyOf(postingOf(`${id}`))
  return {
    id,
    reference,
    postings,
    metadata,
    timestamp: "2026-11-28T23:30:00.5Z",
    reverted: false,
    ...change,
  }
}
const page = (data: ReadonlyArray<object>, next?: string) => ({
  cursor: { pageSize: 5, hasMore: next !== undefined, ...(next === undefined ? {} : { next }), data },
})
const { metadata, postings } = bodyOf(postingOf("1"))
const first = postings[0]

it.live.each<readonly [what: string, change: object]>([
  ["another kind", { metadata: { ...metadata, kind: "release" } }],
  ["no kind", { metadata: { ...metadata, kind: "held" } }],
  ["another partner", { metadata: { ...metadata, partner: "globex" } }],
  ["another batch", { metadata: { ...metadata, batch: "pb_22222222222222222222zz" } }],
  ["a batch that is none", { metadata: { ...metadata, batch: "7" } }],
  ["other items", { metadata: { ...metadata, items: "1" } }],
  ["items that are none", { metadata: { ...metadata, items: "1,two" } }],
  ["no reference", { reference: undefined }],
  ["another asset", { postings: [first, { ...first, asset: "EUR/3" }] }],
  ["an amount beyond all", { postings: [first, { ...first, amount: 2 ** 53 }] }],
  ["nothing of an amount", { postings: [first, { ...first, amount: 0 }] }],
  ["no readable time", { timestamp: "yesterday" }],
])("report a transaction with %s, and have all others", ([_, change]) =>
  Effect.gen(function* () {
    server.behaviour = json(200, page([booked(1), booked(2, change), booked(3)]))
    const { lines, unused } = yield* readLines(server.url)
    assert.deepStrictEqual([...new Set(lines.map(({ postingId }) => postingId))], ["1", "3"])
    assert.deepStrictEqual(
      unused.map(({ place }) => place),
      ["transaction 2"],
    )
  }),
)

it.live.each<readonly [what: string, pages: ReadonlyArray<object>]>([
  ["are not in order", [page([booked(2), booked(1)])]],
  ["come again", [page([booked(1)], "a"), page([booked(1)])]],
  ["end without an end", [{ cursor: { pageSize: 5, hasMore: true, data: [booked(1)] } }]],
  ["are empty and go on", [page([], "a")]],
  ["are no pages", [{ data: [] }]],
])("cannot be read if their pages %s", ([_, pages]) =>
  Effect.gen(function* () {
    const left = [...pages]
    server.behaviour = (response, asked) => {
      if (!asked.url?.includes("/transactions")) return json(404, {})(response, asked)
      json(200, left.length > 1 ? left.shift() : left[0])(response, asked)
    }
    assert.strictEqual((yield* Effect.flip(readLines(server.url)))._tag, "SourceUnreadable")
  }),
)
