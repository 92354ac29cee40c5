import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll, beforeEach, expect } from "vitest"
import { adyen } from "../../../../src/providers/banks/adyen/adyen.ts"
import type { StatementEntry, UnusedPart } from "../../../../src/providers/books.ts"
import { providerSettings } from "../../../settings.ts"
import { json, MisbehavingServer } from "../../calling/misbehaving-server.ts"
import { bankSettings } from "../bank-contract.ts"
import { adyenDocuments, balanceAccount } from "./published.ts"

const documents = await adyenDocuments()

const reference = "AAAAAAAAAAAAAAAAAAAAAA-1-1"

let server: MisbehavingServer
beforeAll(async () => {
  server = await MisbehavingServer.open()
})
beforeEach(() => {
  server.asked.length = 0
})
afterAll(() => server.close())

const transaction = (fields: object = {}) => ({
  id: "EVJN42272224222B5JB8BRC84N686ZEUR",
  accountHolder: { id: "AH00000000000000000000001" },
  amount: { currency: "EUR", value: -1_234 },
  balanceAccount: { id: balanceAccount },
  balancePlatform: "P",
  bookingDate: "2026-11-25T23:30:00-02:00",
  status: "booked",
  transfer: { id: "3JNC3O5ZVFLLGV4B", reference, categoryData: { type: "bank" } },
  valueDate: "2026-11-25T12:00:00+01:00",
  ...fields,
})

interface Page {
  readonly data: ReadonlyArray<object>
  readonly _links?: object
}

/** Reads the statement of a day from pages, each under the cursor that the one before it named. */
const readOf = Effect.fnUntraced(function* (pages: Readonly<Record<string, Page>>) {
  server.behaviour = (response, asked) => {
    expect(documents.request(asked)).toEqual([])
    const cursor = new URL(asked.url ?? "", server.url).searchParams.get("cursor") ?? ""
    json(200, pages[cursor])(response, asked)
  }
  const entries: Array<StatementEntry> = []
  const unused: Array<UnusedPart> = []
  const source = adyen.statement?.(
    bankSettings("adyen", "adyen", { url: server.url, balanceAccount }),
    "2026-11-26",
  )
  assert(source !== undefined)
  yield* (yield* source)(
    (entry) => entries.push(entry),
    (part) => unused.push(part),
  )
  return { entries, unused }
})

const linked = (cursor: string, host = "https://balanceplatform-api-test.adyen.com") => ({
  _links: { next: { href: `${host}/btl/v4/transactions?limit=100&cursor=${cursor}` } },
})

describe("the statement of Adyen", () => {
  it.live("has what left and what came back, by the day of booking, page after page", () =>
    Effect.gen(function* () {
      const pages = {
        "": { data: [transaction()], ...linked("two") },
        two: { data: [transaction({ amount: { currency: "EUR", value: 1_234 } })], _links: {} },
      }
      for (const page of Object.values(pages))
        expect(documents.answer("GET", "/transactions", 200, page)).toEqual([])
      const { entries } = yield* readOf(pages)
      const entry = { bank: "adyen", reference, currency: "EUR", minor: 1_234n, bookedOn: "2026-11-26" }
      assert.deepStrictEqual(entries, [
        { ...entry, kind: "debit" },
        { ...entry, kind: "credit" },
      ])
      const [first = ""] = server.asked.map(({ url = "" }) => url)
      const { searchParams } = new URL(first, server.url)
      assert.strictEqual(searchParams.get("balanceAccountId"), balanceAccount)
      assert.strictEqual(searchParams.get("createdSince"), "2026-11-21T00:00:00Z")
      assert.strictEqual(searchParams.get("createdUntil"), "2026-11-28T00:00:00Z")
    }).pipe(Effect.provide(providerSettings())),
  )

  it.live("has no pending ones, and neither fees nor those of another account", () =>
    Effect.gen(function* () {
      const data = [
        transaction({ status: "pending" }),
        transaction({ balanceAccount: { id: "BA00000000000000000000002" } }),
        transaction({ transfer: { id: "T", reference, categoryData: { type: "platformPayment" } } }),
        transaction({ transfer: undefined }),
      ]
      assert.deepStrictEqual(yield* readOf({ "": { data } }), { entries: [], unused: [] })
    }).pipe(Effect.provide(providerSettings())),
  )

  it.live("reads amounts in Adyen's minor units, and says which rows it cannot read", () =>
    Effect.gen(function* () {
      const data = [
        transaction({ amount: { currency: "ISK", value: -120_000 } }),
        transaction({ id: "T2", amount: { currency: "ISK", value: -150 } }),
        transaction({ id: "T3", bookingDate: "yesterday" }),
      ]
      const { entries, unused } = yield* readOf({ "": { data } })
      assert.deepStrictEqual(
        entries.map(({ minor }) => minor),
        [1_200n],
      )
      assert.deepStrictEqual(
        unused.map(({ place }) => place),
        ["transaction T2", "transaction T3"],
      )
    }).pipe(Effect.provide(providerSettings())),
  )

  it.live("lists the first hundred amounts that it cannot read, and counts the others", () =>
    Effect.gen(function* () {
      const amount = { currency: "ISK", value: -150 }
      const data = Array.from({ length: 130 }, () => transaction({ id: "T".repeat(1_000), amount }))
      const { unused } = yield* readOf({ "": { data } })
      assert.lengthOf(unused, 101)
      assert.strictEqual(unused[0]?.place, `transaction ${"T".repeat(64)}`)
      assert.include(unused.at(-1)?.problem, "30 further rows")
    }).pipe(Effect.provide(providerSettings())),
  )

  it.live("takes the cursor of a link, and asks nobody else", () =>
    Effect.gen(function* () {
      const pages = {
        "": { data: [], ...linked("two", "https://elsewhere.example") },
        two: { data: [transaction()] },
      }
      assert.lengthOf((yield* readOf(pages)).entries, 1)
      assert.lengthOf(server.asked, 2)
    }).pipe(Effect.provide(providerSettings())),
  )

  it.live.each<readonly [string, Readonly<Record<string, Page>>]>([
    ["goes in circles", { "": { data: [], ...linked("two") }, two: { data: [], ...linked("two") } }],
    ["has a link without a cursor", { "": { data: [], ...linked("") } }],
    ["has no list", { "": {} as Page }],
  ])("is no empty one when it %s", ([, pages]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(readOf(pages)))._tag, "SourceUnreadable")
    }).pipe(Effect.provide(providerSettings())),
  )
})
