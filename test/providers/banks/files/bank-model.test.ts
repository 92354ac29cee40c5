/** Whatever a bank says of our orders is recorded once, or is counted as odd. */
import { Effect } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { utcDay } from "../../../../src/domain/business-days.ts"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { uetrOf } from "../../../../src/domain/uetr.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { reportKeyOf } from "../../../../src/providers/banks/orders/order-reports.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { fc } from "../../../property.ts"
import { wholeLog } from "../../../streams/whole-log.ts"
import { type BankFile, bankFiles, bytesOf, minorOf, ORDERS, teaching } from "./bank-model.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import { oddities, ordered } from "./reported-orders.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const referenceOf = (index: number) => transferReference({ batch: batchId, item: index + 1, attempt: 1 })

/** The orders are made now, and an entry under the bank's id alone has to be of their time. */
const today = utcDay(Date.now())

/** What became of the files: the reports on each order, the oddities of each file, and what the batch was sent. */
const readAll = (test: FileBankUnderTest, files: ReadonlyArray<BankFile>) =>
  Effect.gen(function* () {
    const euros = Array.from({ length: ORDERS }, (_, index) => ({
      currency: "EUR",
      minor: BigInt(minorOf(index)),
    }))
    const about = yield* ordered(test, euros)
    const plain = (text: string) =>
      text
        .replaceAll("MSGID", about)
        .replaceAll(/REF([0-9])/g, (_, index) => referenceOf(Number(index)))
        .replaceAll(/UETR([0-9])/g, (_, index) => uetrOf(referenceOf(Number(index))) ?? "")
        .replaceAll("TODAY", today)
    const contents = [
      Buffer.from(plain(teaching)),
      ...files.map(({ text, encoding }, index) => bytesOf(`${plain(text)}<!-- ${index} -->`, encoding)),
    ]
    for (const [index, content] of contents.entries()) {
      test.deliver(`${index}.xml`, content)
      yield* test.looks
    }
    const orders = yield* (yield* FileOrders).sentIn(test.bank.name, about)
    const mail = yield* (yield* wholeLog).mail(batchId, 10_000)
    return {
      reports: orders.map(({ reports }) => reports.map(reportKeyOf).sort()),
      oddities: (yield* oddities(test)).map(
        ([reference = "", reason]) => `${reference.replace(about, "MSGID")} ${reason}`,
      ),
      sent: mail.flatMap(({ command }) =>
        command?._tag === "RecordTransfer" ? [`${command.item} ${command.outcome._tag}`] : [],
      ),
    }
  })

it("records every report on our orders once, or counts it as odd, in every kind of file", {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(bankFiles, { minLength: 1, maxLength: 6 }), async (files) => {
      using test = new FileBankUnderTest(database)
      const { reports, oddities, sent } = await test.run(readAll(test, files))
      expect(test.list("quarantine")).toEqual([])
      const expected = files.flatMap(({ expected }) => expected)
      const recorded = reports.map((_, order) => [
        ...new Set([
          "accepted",
          ...expected.flatMap((one) => ("order" in one && one.order === order ? [one.report] : [])),
        ]),
      ])
      expect(reports).toEqual(recorded.map((all) => all.sort()))
      // Within one file, the same oddity of the same order is one.
      const odd = files.flatMap(({ expected }) => [
        ...new Set(
          expected.flatMap((one) =>
            "oddity" in one
              ? [one.oddity.join(" ").replace(/REF([0-9])/, (_, index) => referenceOf(Number(index)))]
              : [],
          ),
        ),
      ])
      expect(oddities.toSorted()).toEqual(odd.sort())
      expect(sent.toSorted()).toEqual([...new Set(sent)].sort())
    }),
    { numRuns: 25 },
  )
})
