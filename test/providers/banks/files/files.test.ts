/** Orders of a bank of files: stored once, never twice, and answered from what is known. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { dueAt } from "../../../../src/providers/banks/files/execution-day.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { type OwnDatabase, ownDatabase } from "../../../database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"

let database: OwnDatabase
let test: FileBankUnderTest
beforeAll(async () => {
  database = await ownDatabase()
  test = new FileBankUnderTest(database)
})
afterAll(async () => {
  test[Symbol.dispose]()
  await database.drop()
})

it("is created once, however many processes start at a time", async () => {
  await Promise.all(Array.from({ length: 6 }, () => test.run(Effect.void)))
})

it("never saw what was not stored, and has what was", async () => {
  const answers = await test.run(
    Effect.gen(function* () {
      const bank = yield* test.port
      return [
        yield* bank.inquire(test.orderOf(1).reference),
        yield* bank.transfer(test.orderOf(1)),
        yield* bank.inquire(test.orderOf(1).reference),
      ]
    }),
  )
  expect(answers).toEqual([
    { _tag: "NeverSeen" },
    { _tag: "Accepted", transferId: expect.stringMatching(/^clearing-\d+-\d+$/) },
    answers[1],
  ])
})

it("takes the same order once, and no other under its reference", async () => {
  const order = test.orderOf(2, { remittance: "invoice 7" })
  const { account } = order.beneficiary
  const answers = await test.run(
    Effect.gen(function* () {
      const bank = yield* test.port
      const both = yield* Effect.all([bank.transfer(order), bank.transfer({ ...order })], { concurrency: 2 })
      const others = yield* Effect.forEach(
        [
          { minor: 3n },
          { currency: "USD" },
          { remittance: "invoice 8" },
          { beneficiary: { name: "Ada Lovelac", account } },
          { beneficiary: { name: "Ada Lovelace", account: { ...account, bic: "COBADEFF" } } },
        ],
        (change) => bank.transfer({ ...order, ...change } as typeof order),
      )
      const { query } = yield* Postgres
      const rows = yield* query(
        "count",
        (sql) => sql`select reference from file_orders where reference = ${order.reference}`,
      )
      return { both, others: others.map(({ _tag }) => _tag), rows: rows.length }
    }),
  )
  expect(answers.both[0]).toEqual(answers.both[1])
  expect(answers.both[0]?._tag).toBe("Accepted")
  expect(answers.others).toEqual(Array(5).fill("Ambiguous"))
  expect(answers.rows).toBe(1)
})

it("refuses what no file can say, and says so again when it is asked", async () => {
  const order = test.orderOf(3, {
    beneficiary: { name: "爱达", account: test.orderOf(3).beneficiary.account },
  })
  const answers = await test.run(
    Effect.gen(function* () {
      const bank = yield* test.port
      return [yield* bank.transfer(order), yield* bank.inquire(order.reference)]
    }),
  )
  expect(answers).toEqual([
    { _tag: "Failed", code: "RR10", unsent: true },
    { _tag: "Failed", code: "RR10" },
  ])
})

type Standing = { readonly _tag: "Settled" } | { readonly _tag: "Failed" | "Returned"; readonly code: string }
const settled: Standing = { _tag: "Settled" }
const failed: Standing = { _tag: "Failed", code: "AC04" }
const returned: Standing = { _tag: "Returned", code: "AC01" }

describe("knows the same in the end, in whatever order it comes", () => {
  it.each([
    [10, [settled], settled],
    [11, [failed], failed],
    [12, [settled, returned], returned],
    [13, [returned, settled], returned],
    [14, [failed, settled], settled],
    [15, [settled, failed], settled],
    [16, [returned, settled, failed, settled], returned],
  ] as const)("order %i", async (item, reports, known) => {
    const { reference } = test.orderOf(item)
    const answer = await test.run(
      Effect.gen(function* () {
        const bank = yield* test.port
        yield* bank.transfer(test.orderOf(item))
        const orders = yield* FileOrders
        const [first, ...rest] = reports
        yield* orders.record(test.bank.name, [{ reference, report: first }])
        yield* orders.record(
          test.bank.name,
          rest.map((report) => ({ reference, report })),
        )
        return yield* bank.inquire(reference)
      }),
    )
    expect(answer).toEqual(known)
  })
})

it("does not know, without its database", async () => {
  const answers = await test.run(
    Effect.gen(function* () {
      const bank = yield* test.port
      const { query } = yield* Postgres
      yield* query("break", (sql) => sql`alter table file_orders rename to gone`)
      const answers = [yield* bank.transfer(test.orderOf(20)), yield* bank.inquire(test.orderOf(1).reference)]
      yield* query("mend", (sql) => sql`alter table gone rename to file_orders`)
      return answers
    }),
  )
  expect(answers).toMatchObject([
    { _tag: "Ambiguous", reason: "store an order: 42P01" },
    { _tag: "Ambiguous", reason: "find an order: 42P01" },
  ])
})

describe("an order is due", () => {
  const every = 900_000
  it.each([
    ["after a while", "sepa", "2026-11-26T09:00:00Z", "2026-11-26T09:15:00.000Z"],
    ["before the cut-off comes too near", "sepa", "2026-11-26T14:10:00Z", "2026-11-26T14:20:00.000Z"],
    ["by summer time too", "sepa", "2026-07-01T13:10:00Z", "2026-07-01T13:20:00.000Z"],
    ["in New York", "ach", "2026-11-25T20:40:00Z", "2026-11-25T20:50:00.000Z"],
    ["after a while when the day is closing", "sepa", "2026-11-26T14:25:00Z", "2026-11-26T14:40:00.000Z"],
    [
      "after a while where no day closes",
      "faster-payments",
      "2026-11-26T23:59:00Z",
      "2026-11-27T00:14:00.000Z",
    ],
  ] as const)("%s", (_, scheme, at, due) => {
    expect(new Date(dueAt({}, scheme, Date.parse(at), every)).toISOString()).toBe(due)
  })

  it("on the next business day when it comes too late for this one, and may wait", () => {
    const at = Date.parse("2026-11-27T15:00:00Z")
    expect(new Date(dueAt({}, "sepa", at, 7 * 86_400_000)).toISOString()).toBe("2026-11-30T14:20:00.000Z")
  })
})
