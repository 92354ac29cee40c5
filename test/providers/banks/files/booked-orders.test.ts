/** Which orders a bank got under ids, as the reconciliation looks them up. */
import { Effect } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { uetrOf } from "../../../../src/domain/uetr.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { layer as bookedOrders } from "../../../../src/providers/banks/files/booked-orders-postgres.ts"
import { type BookedIds, BookedOrders } from "../../../../src/providers/booked-orders.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import { ordered, statusFile } from "./reported-orders.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const referenceOf = (item: number) => transferReference({ batch: batchId, item, attempt: 1 })
const [first, second, third] = [referenceOf(1), referenceOf(2), referenceOf(3)]
const none: BookedIds = { references: [], uetrs: [], servicerReferences: [], files: [] }

it("finds the order of each id, all orders of a file, and the refusals of every release", async () => {
  using test = new FileBankUnderTest(database)
  const found = await test.run(
    Effect.gen(function* () {
      const { query } = yield* Postgres
      const about = yield* ordered(
        test,
        [1_000n, 1_100n, 1_300n].map((minor) => ({ currency: "EUR", minor })),
      )
      const status = `<TxInfAndSts><OrgnlEndToEndId>${first}</OrgnlEndToEndId><TxSts>ACSP</TxSts><AcctSvcrRef>BANK-1</AcctSvcrRef></TxInfAndSts>`
      test.deliver("a.xml", statusFile(about, about, status))
      yield* test.looks
      // Releases before there were reports wrote the bank's refusal into the order itself.
      yield* query(
        "refuse",
        (sql) => sql`
          update file_orders set state = 'failed', code = 'AC04' where bank = ${test.bank.name} and reference = ${second}`,
      )
      const { under } = yield* BookedOrders
      const at = (ids: Partial<BookedIds>) =>
        Effect.map(under(test.bank.name, { ...none, ...ids }), (orders) =>
          orders.map(({ reference, isRefused }) => `${reference}${isRefused ? " refused" : ""}`).sort(),
        )
      return [
        yield* at({ references: [third, referenceOf(4)] }),
        yield* at({ uetrs: [uetrOf(third) ?? ""] }),
        yield* at({ servicerReferences: ["BANK-1", "BANK-2"] }),
        yield* at({ files: [about] }),
        yield* at({}),
      ]
    }).pipe(Effect.provide(bookedOrders)),
  )
  expect(found).toEqual([[third], [third], [first], [first, `${second} refused`, third], []])
})
