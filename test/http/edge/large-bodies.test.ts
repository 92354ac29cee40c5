/** What one request may cost the others: no large text is parsed in one piece, and what breaks a bound not at all. */
import { Effect } from "effect"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { ApiUnderTest } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"

/** Characters that `JSON.parse` is given at a time: some milliseconds at worst. */
const PARSED_AT_ONCE_MAX = 256 * 1024

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

const { parse } = JSON
let longest = 0
beforeEach(() => {
  longest = 0
  JSON.parse = (text: string, reviver?: Parameters<typeof parse>[1]) => {
    longest = Math.max(longest, text.length)
    return parse(text, reviver)
  }
})
afterEach(() => {
  JSON.parse = parse
})

const fields = (count: number) => Array.from({ length: count }, (_, n) => `"k${n}":1`).join(",")

it.each([
  ["2 million fields", `{${fields(2_000_000)}}`, ""],
  ["2 million fields in an item", `{"items":[{${fields(2_000_000)}}]}`, "/items"],
  ["48 MB of brackets", "[".repeat(48_000_000), ""],
  [
    "a hundred thousand items of brackets",
    `{"items":[${Array(100_000)
      .fill(`[${"[],".repeat(50)}[]]`)
      .join(",")}]}`,
    "",
  ],
  ["16 million items", `{"items":[${"1,".repeat(16_000_000)}1]}`, "/items"],
  ["a text of 40 MB", `{"items":[{"reference":"${"x".repeat(40_000_000)}"}]}`, "/items"],
])("%s is refused before it is parsed", { timeout: 30_000 }, async (name, body, pointer) => {
  const answer = await api.post(name, body)
  expect(answer).toMatchObject({ status: 400, json: { errors: [{ pointer }] } })
  expect(longest).toBeLessThan(PARSED_AT_ONCE_MAX)
})

it("a batch of many payouts is taken, a piece at a time", { timeout: 30_000 }, async () => {
  const items = Array.from({ length: 12_000 }, (_, n) =>
    payout(`invoice-${n}`, { remittance: "x".repeat(140) }),
  )
  const body = JSON.stringify({ reference: "large", items })
  const answer = await api.post("large", body)
  expect(answer.status).toBe(202)
  expect(answer.json.itemCount).toBe(items.length)
  expect(body.length).toBeGreaterThan(10 * PARSED_AT_ONCE_MAX)
  expect(longest).toBeLessThan(PARSED_AT_ONCE_MAX)
  JSON.parse = parse
  const events = await Effect.runPromise(api.log.read(batchIdOf("acme", "large"), 0, 100))
  const read = events.flatMap(({ event }) => (event._tag === "ItemsReceived" ? event.items : []))
  expect(read.map(({ reference }) => reference)).toEqual(items.map(({ reference }) => reference))
})
