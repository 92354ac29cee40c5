/** Statements in SWIFT's form, and files in containers: they count in the inbox and in the reconciliation where camt messages do. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { zipOf } from "../../iso20022/zipped.ts"
import { credit, debit, type MtLine, mt940 } from "../../swift-mt/statements.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import {
  accountFile,
  booking,
  euros,
  type FileAbout,
  oddities,
  ordered,
  outcomeOfFile,
  referenceOf,
  standings,
  statusFile,
} from "./reported-orders.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const [first, second] = [referenceOf(1), referenceOf(2)]
const outcomeOf = (file: FileAbout) => outcomeOfFile(database, file, euros(1_000n, 1_100n))
const statement = (...lines: ReadonlyArray<MtLine>) => mt940({ lines })
const german = (reference: string) =>
  `116?00UEBERWEISUNG?20EREF+${reference.slice(0, 22)}?21${reference.slice(22)}?22SVWZ+x`
const fine = { oddities: [], remarks: [], quarantined: 0 }

describe("a statement in SWIFT's form", () => {
  it("settles what it names", async () => {
    const file = () => statement(debit(1_000n, german(first)), debit(1_100n, `/EREF/${second}/REMI/x`))
    expect(await outcomeOf(file)).toEqual({ ...fine, standings: ["Settled", "Settled"] })
  })

  it("settles all orders of a file that was booked in one sum", async () => {
    const file = (about: string) =>
      statement(debit(2_100n, `191?00SAMMLER?20KREF+${about}?21SVWZ+x`, "KREF+//B-1"))
    expect(await outcomeOf(file)).toEqual({ ...fine, standings: ["Settled", "Settled"] })
  })

  it("returns what came back", async () => {
    const file = () =>
      statement(
        debit(1_000n, german(first)),
        credit(1_000n, `159?00RETOURE?20EREF+${first}?21SVWZ+x?34902`),
        credit(1_100n, `166?00GUTSCHRIFT?20EREF+${second}?21SVWZ+x`),
      )
    expect(await outcomeOf(file)).toMatchObject({
      standings: ["Returned", "Accepted"],
      oddities: [[second, "unclear-status"]],
    })
  })

  it("changes nothing with another amount, another account's return, or a balance that is not its entries'", async () => {
    const other = () => statement(debit(1_001n, german(first)))
    expect(await outcomeOf(other)).toMatchObject({
      standings: ["Accepted", "Accepted"],
      oddities: [[first, "amount-differs"]],
    })
    const elsewhere = () =>
      mt940({ account: "NL20ABNA0123456789", lines: [credit(1_000n, `/RTRN/AC01/EREF/${first}/`)] })
    expect(await outcomeOf(elsewhere)).toMatchObject({ standings: ["Accepted", "Accepted"] })
    const wrong = () => mt940({ lines: [debit(1_000n, german(first))], closing: 1n })
    expect(await outcomeOf(wrong)).toMatchObject({ standings: ["Accepted", "Accepted"], quarantined: 2 })
  })
})

describe("a container", () => {
  const debited = (reference: string, amount: string) =>
    accountFile("camt.053", [booking({ amount, transactions: [{ ids: { EndToEndId: reference }, amount }] })])

  it("says what its files say, one by one", async () => {
    const file = () =>
      zipOf(
        { name: "1.xml", content: debited(first, "10.00") },
        { name: "2.sta", content: statement(debit(1_100n, german(second))) },
      )
    expect(await outcomeOf(file)).toEqual({ ...fine, standings: ["Settled", "Settled"] })
  })

  it("has files that cannot be read as oddities, and goes into quarantine if it has no others", async () => {
    const broken = { name: "DE89370400440532013000.xml", content: "<a>" }
    const file = () => zipOf(broken, { name: "2.xml", content: debited(second, "11.00") })
    expect(await outcomeOf(file)).toEqual({
      ...fine,
      standings: ["Accepted", "Settled"],
      oddities: [["file 1 of the zip", "unreadable-entry"]],
    })
    expect(await outcomeOf(() => zipOf(broken))).toMatchObject({ oddities: [], quarantined: 2 })
    expect(await outcomeOf(() => zipOf({ name: "a", content: zipOf(broken) }))).toMatchObject({
      quarantined: 2,
    })
  })

  it("changes nothing with a file that came before, and what it has beside that counts", async () => {
    using test = new FileBankUnderTest(database)
    await test.run(
      Effect.gen(function* () {
        const about = yield* ordered(test, euros(1_000n, 1_100n))
        const refused = `<TxInfAndSts><OrgnlEndToEndId>${first}</OrgnlEndToEndId><TxSts>RJCT</TxSts>
          <StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf></TxInfAndSts><TxInfAndSts><OrgnlEndToEndId>STRANGER</OrgnlEndToEndId>
          <TxSts>ACSC</TxSts></TxInfAndSts>`
        const report = statusFile(about, about, refused)
        test.deliver("a.xml", report)
        yield* test.looks
        const before = yield* oddities(test)
        expect(before).toHaveLength(1)
        test.deliver(
          "b.zip",
          zipOf({ name: "a.xml", content: report }, { name: "b.xml", content: debited(second, "11.00") }),
        )
        yield* test.looks
        expect(yield* standings(test, 2)).toEqual(["Failed", "Settled"])
        expect(yield* oddities(test)).toEqual(before)
        expect(test.list("quarantine")).toEqual([])
        expect(test.list("archive")).toHaveLength(2)
      }),
    )
  })
})
