/** Files as banks really send them: each changes what it says of our orders, and what has no effect is counted. */
import { readFileSync } from "node:fs"
import { Effect, Result } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { layer as bookedOrders } from "../../../../src/providers/banks/files/booked-orders-postgres.ts"
import { readBankStatement } from "../../../../src/providers/iso20022/bank-statement.ts"
import { entriesByOrder, isIndirect } from "../../../../src/reconciliation/booked-entries.ts"
import { sharedCase } from "../../../published-data.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import {
  accountFile,
  booking,
  euros,
  type FileAbout,
  ordered,
  outcomeOfFile,
  referenceOf,
} from "./reported-orders.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const [first, second] = [referenceOf(1), referenceOf(2)]

const outcomeOf = (file: FileAbout, orders = euros(1_000n, 1_100n)) => outcomeOfFile(database, file, orders)

const folder = sharedCase("bank")

describe.skipIf(folder === undefined)("a file that failed once is read:", () => {
  const caseOf = (name: string) => (about: string) =>
    Buffer.from(
      readFileSync(`${folder}/${name}`, "latin1")
        .replaceAll("@MSGID@", about)
        .replaceAll("@REF1@", first)
        .replaceAll("@REF2@", second),
      "latin1",
    )
  const fine = { oddities: [], remarks: [], quarantined: 0 }
  const both = { ...fine, standings: ["Settled", "Settled"] }

  it.each([
    [
      "b01-pain002-iso-8859-1.xml",
      {
        ...fine,
        standings: ["Failed", "Accepted"],
        remarks: [[first, "reason", "AC04: Kontonummer ungültig"]],
      },
    ],
    ["b03-pain002-NOTPROVIDED-InstrId.xml", { ...fine, standings: ["Failed", "Accepted"] }],
    ["b04-camt054-InstrId-only.xml", both],
    ["b05-camt054-PmtInfId-only.xml", both],
    [
      "b06-camt054-stranger-batch-without-amounts.xml",
      { ...both, oddities: ["SALARY1", "SALARY2"].map((id) => [id, "unknown-reference"]) },
    ],
    ["b09-camt053-two-statements.xml", both],
    [
      "b12-pain002-proprietary-words.xml",
      {
        ...fine,
        standings: ["Failed", "Accepted"],
        remarks: [[first, "reason", "Z-991 Konto gesperrt"]],
      },
    ],
    [
      "b14-pain002-RJCT-of-foreign-PmtInfId.xml",
      { ...fine, standings: ["Accepted", "Accepted"], oddities: [["BANK-PMT-1", "unknown-payment"]] },
    ],
    ["b16-pain002-german-namespace.xml", both],
  ])("%s", async (name, expected) => {
    expect(await outcomeOf(caseOf(name))).toEqual(expected)
  })

  it("b10-camt054-fx-InstdAmt-JPY.xml", async () => {
    const yen = [{ currency: "JPY", minor: 1_200n }]
    expect(await outcomeOf(caseOf("b10-camt054-fx-InstdAmt-JPY.xml"), yen)).toEqual({
      ...fine,
      standings: ["Settled"],
      remarks: [[first, "rate", "7.50 EUR for 1200 JPY"]],
    })
  })
})

describe("an entry that cannot be read", () => {
  const good = booking({ amount: "10.00", transactions: [{ ids: { EndToEndId: first }, amount: "10.00" }] })
  const bad = booking({ amount: "1,00", transactions: [{ ids: { EndToEndId: second } }] })
  it.each(["camt.052", "camt.053", "camt.054"])("takes no other one with it in a %s", async (kind) => {
    const file = () => accountFile(kind, [good, bad], [bad.replace(second, "STRANGER")])
    expect(await outcomeOf(file)).toEqual({
      standings: ["Settled", "Accepted"],
      oddities: [
        [second, "unreadable-entry"],
        [expect.stringMatching(/ 2 Ntry 1$/), "unreadable-entry"],
      ],
      remarks: [],
      quarantined: 0,
    })
  })
})

describe("a statement, which is reconciled", () => {
  const status = (reference: string, code: string, more: string) =>
    `<TxInfAndSts><OrgnlEndToEndId>${reference}</OrgnlEndToEndId><TxSts>${code}</TxSts>${more}</TxInfAndSts>`

  /** What its entries are about, after a report that refused the second order and named the bank's id of the first. */
  const entriesIn = async (entriesOf: (about: string) => ReadonlyArray<string>) => {
    using test = new FileBankUnderTest(database)
    return await test.run(
      Effect.gen(function* () {
        const about = yield* ordered(test, euros(1_000n, 1_100n, 1_300n))
        const refused = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"
        const said = `${status(second, "RJCT", refused)}${status(first, "ACSP", "<AcctSvcrRef>BANK-7</AcctSvcrRef>")}`
        test.deliver(
          "a.xml",
          `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><OrgnlGrpInfAndSts>
            <OrgnlMsgId>${about}</OrgnlMsgId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts>${said}</OrgnlPmtInfAndSts>
            </CstmrPmtStsRpt></Document>`,
        )
        yield* test.looks
        // The bank's ids were learnt now: a statement of another day could speak of others.
        const now = new Date().toISOString().slice(0, "2026-11-26T23:00:00".length)
        const made = accountFile("camt.053", entriesOf(about)).replace(
          "<GrpHdr/>",
          `<GrpHdr><CreDtTm>${now}</CreDtTm></GrpHdr>`,
        )
        const { statements } = Result.getOrThrow(readBankStatement(made))
        const entries = statements.flatMap(({ entries }) =>
          entries.map((entry) => ({ ...entry, bank: test.bank.name })),
        )
        const found = yield* entriesByOrder(entries.filter(isIndirect))
        return found.map(({ reference, minor, kind }) => [reference, Number(minor), kind])
      }).pipe(Effect.provide(bookedOrders)),
    )
  }
  const batch = (about: string, count: string) => `<PmtInfId>${about}</PmtInfId>${count}`
  const counted = (count: number) => `<NbOfTxs>${count}</NbOfTxs>`
  const third = referenceOf(3)
  const all = [
    [first, 1_000, "debit"],
    [second, 1_100, "debit"],
    [third, 1_300, "debit"],
  ]

  it("has all orders of a file that was booked in one sum, or those that were not refused", async () => {
    expect(await entriesIn((about) => [booking({ amount: "34.00", batch: batch(about, "") })])).toEqual(all)
    const rest = (about: string) => [booking({ amount: "23.00", batch: batch(about, counted(2)) })]
    expect(await entriesIn(rest)).toEqual([all[0], all[2]])
  })

  it("has an entry once, however many empty details it has", async () => {
    const entry = booking({ amount: "10.00", more: "<AcctSvcrRef>BANK-7</AcctSvcrRef>" })
    const empty = entry.replace("</Ntry>", "<NtryDtls/><NtryDtls><Btch/></NtryDtls></Ntry>")
    expect(await entriesIn(() => [empty])).toEqual([all[0]])
    const beside = (about: string) =>
      booking({ amount: "44.00", more: "<AcctSvcrRef>BANK-7</AcctSvcrRef>" }).replace(
        "</Ntry>",
        `<NtryDtls/><NtryDtls><Btch><PmtInfId>${about}</PmtInfId><TtlAmt Ccy="EUR">34.00</TtlAmt></Btch></NtryDtls></Ntry>`,
      )
    expect(await entriesIn((about) => [beside(about)])).toEqual(all)
  })

  it("has what it has where a sum or a count differs, or what came back", async () => {
    const unexplained = (about: string) => [
      booking({ amount: "34.01", batch: batch(about, "") }),
      booking({ amount: "34.00", batch: batch(about, counted(2)) }),
      booking({ amount: "23.00", batch: batch(about, "") }),
      booking({ amount: "34.00", kind: "CRDT", batch: batch(about, "") }),
      booking({ amount: "34.00", batch: batch("STRANGERS", "") }),
    ]
    expect(await entriesIn(unexplained)).toEqual([
      ["", 3_401, "debit"],
      ["", 3_400, "debit"],
      ["", 2_300, "debit"],
      ["", 3_400, "credit"],
      ["", 3_400, "debit"],
    ])
  })

  it("has orders that are booked in one sum by name, and under the bank's own id", async () => {
    const named = [first, third].map((reference) => ({ ids: { EndToEndId: reference } }))
    const entries = [
      booking({ amount: "23.00", transactions: named }),
      booking({ amount: "10.00", more: "<AcctSvcrRef>BANK-7</AcctSvcrRef>" }),
      booking({ amount: "10.00", more: "<AcctSvcrRef>BANK-8</AcctSvcrRef>" }),
    ]
    expect(await entriesIn(() => entries)).toEqual([all[0], all[2], all[0], ["", 1_000, "debit"]])
  })
})
