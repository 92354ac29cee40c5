/** Postings in a Formance ledger: booked once, wholly or not at all, and only what is booked line by line counts. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { parse } from "yaml"
import { payableCurrencies } from "../../../src/domain/currency.ts"
import { BatchId } from "../../../src/domain/identifiers.ts"
import { MINOR_UNITS_MAX } from "../../../src/domain/money.ts"
import {
  assetOf,
  availableOf,
  currencyOf,
  segmentOf,
  wayOf,
} from "../../../src/providers/ledger/formance/formance-accounts.ts"
import { errorMeanings } from "../../../src/providers/ledger/formance/formance-errors.ts"
import { bodyOf } from "../../../src/providers/ledger/formance/formance-transaction.ts"
import { batchId } from "../../domain/batch-story.ts"
import { fc } from "../../property.ts"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"
import { canary, json, MisbehavingServer, misdeeds } from "../calling/misbehaving-server.ts"
import { FormanceUnderTest, post, postingOf } from "./formance-under-test.ts"

const transactions = "/v2/payouts/transactions"
const other = BatchId.make("pb_22222222222222222222zz")

let twin: FormanceUnderTest
let server: MisbehavingServer
beforeAll(async () => {
  twin = await FormanceUnderTest.open({ funds: 1_000n })
  server = await MisbehavingServer.open()
})
afterAll(async () => {
  const breaches = await twin.breaches()
  await twin.close()
  await server.close()
  // The published document knows each request and each answer of the tests with the twin.
  assert.deepStrictEqual(breaches, [])
})

/** Books as somebody else than the service would: without an idempotency key. */
const bookDirectly = (body: object) => Effect.promise(() => twin.ask("POST", transactions, body))
const balancesOf = (partner: string) =>
  Effect.map(
    Effect.promise(() => twin.balances()),
    (balances) =>
      Object.fromEntries(
        Object.entries(balances).flatMap(([account, balance]) =>
          account.startsWith(`partners:${partner}:`)
            ? [[account.split(":").slice(2).join(":"), balance]]
            : [],
        ),
      ),
  )

describe("a posting", () => {
  it.live("moves money between what is available, held and paid, and is booked once", () =>
    Effect.gen(function* () {
      const partner = "own-ways"
      const [one, two] = [
        postingOf("1", "hold", { partner }),
        postingOf("2", "hold", { partner, batch: other }),
      ]
      const id = yield* post(twin.url, one)
      assert.strictEqual(yield* post(twin.url, one), id)
      yield* post(twin.url, two)
      assert.deepStrictEqual(yield* balancesOf("own_ways"), {
        "available EUR/2": "97532",
        "available JPY": "800",
        [`held:${batchId} EUR/2`]: "1234",
        [`held:${batchId} JPY`]: "100",
        [`held:${other} EUR/2`]: "1234",
        [`held:${other} JPY`]: "100",
      })
      yield* post(twin.url, postingOf("3", "post", { partner }))
      yield* post(twin.url, postingOf("4", "release", { partner, batch: other }))
      yield* post(twin.url, postingOf("5", "reverse", { partner, lines: one.lines.slice(1) }))
      assert.deepStrictEqual(yield* balancesOf("own_ways"), {
        "available EUR/2": "98766",
        "available JPY": "1000",
        [`paid:${batchId} EUR/2`]: "1234",
      })
    }),
  )

  it.live("is refused for lack of funds as a whole, and nothing is overdrawn", () =>
    Effect.gen(function* () {
      const lines = [
        { item: 1, currency: "EUR", minor: 60_000n },
        { item: 2, currency: "EUR", minor: 40_001n },
      ]
      const error = yield* Effect.flip(post(twin.url, postingOf("1", "hold", { partner: "poor", lines })))
      assert.deepInclude(error, { _tag: "PostingRefused", code: "insufficient-funds" })
      assert.deepStrictEqual(yield* balancesOf("poor"), { "available EUR/2": "100000" })
    }),
  )

  it.live("cannot take what another batch holds, in a ledger that forgot the hold of this one", () =>
    Effect.gen(function* () {
      const partner = "forgotten"
      yield* post(twin.url, postingOf("1", "hold", { partner, batch: other }))
      const error = yield* Effect.flip(post(twin.url, postingOf("2", "post", { partner })))
      assert.deepInclude(error, { _tag: "PostingRefused", code: "insufficient-funds" })
    }),
  )

  it.live("that was booked under its reference counts, though the ledger forgot its key", () =>
    Effect.gen(function* () {
      const posting = postingOf("1", "hold", { partner: "keyless" })
      const { body } = yield* bookDirectly(bodyOf(posting))
      assert.strictEqual(yield* post(twin.url, posting), String(body.data.id))
    }),
  )

  it.live("that was booked counts, though the money that it took is missing for a second one", () =>
    Effect.gen(function* () {
      const lines = [{ item: 1, currency: "EUR", minor: 90_000n }]
      const posting = postingOf("1", "hold", { partner: "spent", lines })
      const { body } = yield* bookDirectly(bodyOf(posting))
      const again = yield* bookDirectly(bodyOf(posting))
      assert.strictEqual(again.body.errorCode, "INSUFFICIENT_FUND")
      assert.strictEqual(yield* post(twin.url, posting), String(body.data.id))
    }),
  )

  it.live.each<readonly [name: string, change: (body: ReturnType<typeof bodyOf>) => object]>([
    ["amount", (body) => ({ ...body, postings: body.postings.map((one) => ({ ...one, amount: 1 })) })],
    [
      "account",
      (body) => ({ ...body, postings: body.postings.map((one) => ({ ...one, destination: "mine" })) }),
    ],
    ["asset", (body) => ({ ...body, postings: body.postings.map((one) => ({ ...one, asset: "USD/2" })) })],
    ["number of lines", (body) => ({ ...body, postings: body.postings.slice(1) })],
    ["order of lines", (body) => ({ ...body, postings: body.postings.toReversed() })],
  ])("never counts as booked if its reference has another %s", ([name, change]) =>
    Effect.gen(function* () {
      const posting = postingOf("1", "hold", { partner: `other-${name.replaceAll(" ", "-")}` })
      const key = `${posting.key}-${name}`
      const { status } = yield* bookDirectly(change(bodyOf({ ...posting, key })))
      assert.strictEqual(status, 200)
      const error = yield* Effect.flip(post(twin.url, { ...posting, key }))
      assert.strictEqual(error._tag, "ProviderUnavailable")
      assert.include(error.message, "nothing counts as booked")
    }),
  )

  it.live("never counts as booked if its key came with another posting, or was reverted", () =>
    Effect.gen(function* () {
      const posting = postingOf("1", "hold", { partner: "two-minds" })
      const id = yield* post(twin.url, posting)
      const lines = posting.lines.slice(1)
      const error = yield* Effect.flip(post(twin.url, { ...posting, lines }))
      assert.include(error.message, "nothing counts as booked")
      assert.match(id, /^\d+$/)
      const { key } = postingOf("2", "hold", { partner: "reverted" })
      const { body } = yield* bookDirectly(bodyOf({ ...posting, key, partner: "reverted" }))
      yield* Effect.promise(() => twin.ask("POST", `${transactions}/${body.data.id}/revert`, {}))
      const reverted = yield* Effect.flip(post(twin.url, { ...posting, key, partner: "reverted" }))
      assert.include(reverted.message, "it was reverted: nothing counts as booked")
    }),
  )

  it.live("waits for the ledger where there is none of the name, and the error says what to do", () =>
    Effect.gen(function* () {
      const posting = postingOf("1", "hold", { partner: "early" })
      const error = yield* Effect.flip(post(twin.url, posting, "absent"))
      assert.strictEqual(error._tag, "ProviderUnavailable")
      assert.include(error.message, "LEDGER_NOT_FOUND: there is no such ledger: create it")
      yield* Effect.promise(() => twin.ask("POST", "/v2/absent", {}))
      yield* post(twin.url, posting, "absent")
    }),
  )

  it.live("is booked once although answers are lost after the booking", () =>
    Effect.gen(function* () {
      const weather = { seed: 1, lostReplies: { cut: 0.5 }, errorsAfter: 0.3 }
      yield* Effect.promise(() => twin.ask("POST", "/sandbox/weather", weather))
      const booked = yield* Effect.forEach([1, 2, 3, 4, 5, 6], (item) => {
        const lines = [{ item, currency: "EUR", minor: 100n }]
        const posting = postingOf(`${item}`, "hold", { partner: "storm", lines })
        return Effect.retry(post(twin.url, posting), { times: 20 })
      })
      yield* Effect.promise(() => twin.ask("POST", "/sandbox/weather", {}))
      assert.strictEqual(new Set(booked).size, 6)
      assert.deepInclude(yield* balancesOf("storm"), { [`held:${batchId} EUR/2`]: "600" })
    }),
  )
})

const error = (errorCode: string, status = 400) => json(status, { errorCode, errorMessage: canary })
const transaction = (change: object = {}) => {
  const { reference, postings, metadata } = bodyOf(postingOf("1"))
  const timestamp = "2026-11-28T10:00:00Z"
  return { id: 7, reference, postings, metadata, timestamp, reverted: false, ...change }
}
const found = (...data: ReadonlyArray<object>) => json(200, { cursor: { pageSize: 1, hasMore: false, data } })

/** A ledger that answers what is posted with one thing, and what is looked up with another. */
const answering = (posted: typeof server.behaviour, looked: typeof server.behaviour) => {
  server.behaviour = (response, asked) => (asked.method === "POST" ? posted : looked)(response, asked)
  return Effect.result(post(server.url, postingOf("1")))
}

describe("an answer of the ledger", () => {
  it.live.each(misdeeds)("that $does is no booking that we know of", ({ behaviour, problem, timeoutMs }) =>
    Effect.gen(function* () {
      server.behaviour = behaviour
      const failed = yield* Effect.flip(post(server.url, postingOf("1"), "payouts", timeoutMs))
      assert.match(
        `${failed._tag} ${failed.message}`,
        new RegExp(`ProviderUnavailable.*hold: .*(${problem}|not as agreed)`),
      )
      assert.notInclude(JSON.stringify(failed), canary)
    }),
  )

  it.live("is not believed to list one reference if it lists others: something dropped the filter", () =>
    Effect.gen(function* () {
      const result = yield* answering(error("INSUFFICIENT_FUND"), found(transaction({ reference: "other" })))
      assert.include(JSON.stringify(result), "answered not as agreed")
    }),
  )

  it.live("with an amount beyond what JSON keeps exactly is never ours", () =>
    Effect.gen(function* () {
      const [one, two] = bodyOf(postingOf("1")).postings
      const huge = JSON.stringify({ data: transaction({ postings: [{ ...one, amount: "?" }, two] }) })
      server.behaviour = json(200, huge.replace('"?"', "9007199254740993"))
      const failed = yield* Effect.flip(post(server.url, postingOf("1")))
      assert.include(failed.message, "nothing counts as booked")
    }),
  )

  it.live.each(Object.entries(errorMeanings))("with the code %s is %s", ([code, meaning]) =>
    Effect.gen(function* () {
      const free = yield* answering(error(code), found())
      const told = JSON.stringify(free)
      assert.include(told, meaning === "refused" ? "PostingRefused" : "ProviderUnavailable")
      assert.notInclude(told, canary)
      if (code.endsWith("NOT_FOUND")) return
      const taken = yield* answering(error(code), found(transaction()))
      assert.deepInclude(taken, { _tag: "Success", success: "7" })
    }),
  )

  it.live("with a code that is not in the document is no refusal", () =>
    Effect.gen(function* () {
      const told = JSON.stringify(yield* answering(error("NEW_CODE"), found()))
      assert.include(told, "ProviderUnavailable")
      assert.notInclude(told, "NEW_CODE")
    }),
  )
})

const anyName = fc
  .array(fc.nat({ max: 0x10ffff }), { maxLength: 10 })
  .map((codes) => String.fromCodePoint(...codes))

describe.skipIf(!isPublishedDataThere)("the published document", () => {
  const document = isPublishedDataThere
    ? parse(readFileSync(publishedFile("openapi/formance.ledger-v2.yaml"), "utf8"))
    : {}

  it("has no error code without a meaning, and there is none of another", () => {
    const { enum: codes } = document.components.schemas.V2ErrorsEnum
    assert.deepStrictEqual(Object.keys(errorMeanings).sort(), [...codes].sort())
  })

  it("lets through every address of ours", () => {
    const { parameters } = document.paths["/v2/{ledger}/accounts/{address}"].get
    const described = parameters.find(({ name }: { name: string }) => name === "address").description
    const pattern = new RegExp(/`{3}\s*(\S+)\s*`{3}/.exec(described)?.[1] ?? "never")
    fc.assert(
      fc.property(anyName, (partner) => {
        const { source, destination } = wayOf("post", partner, batchId)
        return [availableOf(partner), source, destination].every((address) => pattern.test(address))
      }),
    )
  })
})

describe("the accounts", () => {
  it("of two partners are never the same", () => {
    const close = fc.string({ unit: fc.constantFrom("a", "-", "_", ":", "U", "Z", "2", "d", "E", "5", "f") })
    fc.assert(
      fc.property(fc.oneof(close, anyName), close, (one, two) => {
        assert.strictEqual(segmentOf(one) === segmentOf(two), one === two)
      }),
      { numRuns: 2_000 },
    )
  })

  it("have an asset for each currency, which names it and its decimals", () => {
    for (const currency of payableCurrencies) assert.strictEqual(currencyOf(assetOf(currency)), currency)
    assert.deepStrictEqual(["EUR", "JPY", "KWD"].map(assetOf), ["EUR/2", "JPY", "KWD/3"])
    for (const asset of ["EUR", "EUR/3", "JPY/0", "JPY/2", "BTC/8", "EUR/2/2", ""])
      assert.strictEqual(currencyOf(asset), undefined, asset)
  })

  it("get amounts as integers that JSON keeps exactly, up to the largest payout", () => {
    const amounts = (minor: bigint) =>
      bodyOf(postingOf("1", "hold", { lines: [{ item: 1, currency: "EUR", minor }] })).postings[0]?.amount
    assert.strictEqual(JSON.stringify(amounts(MINOR_UNITS_MAX)), MINOR_UNITS_MAX.toString())
    assert.throws(() => amounts(MINOR_UNITS_MAX + 1n))
    assert.throws(() => amounts(0n))
  })
})
