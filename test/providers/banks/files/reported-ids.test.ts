/** The ids by which a bank's files name orders: each alone, several together, and those of a whole file. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import {
  accountFile,
  type BookedTransaction,
  booking,
  euros,
  type FileAbout,
  oddities,
  ordered,
  outcomeOfFile,
  referenceOf,
  standings,
} from "./reported-orders.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const [first, second] = [referenceOf(1), referenceOf(2)]

const outcomeOf = (file: FileAbout, orders = euros(1_000n, 1_100n)) => outcomeOfFile(database, file, orders)

describe("ids of orders", () => {
  const status = (ids: string, code: string, more = "") =>
    `<TxInfAndSts>${ids}<TxSts>${code}</TxSts>${more}</TxInfAndSts>`
  const e2e = (reference: string) => `<OrgnlEndToEndId>${reference}</OrgnlEndToEndId>`
  const instr = (reference: string) => `<OrgnlInstrId>${reference}</OrgnlInstrId>`
  const refused = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"
  const report = (message: string, payment: string, content: string) =>
    `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><OrgnlGrpInfAndSts>
      <OrgnlMsgId>${message}</OrgnlMsgId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>${payment}</OrgnlPmtInfId>
      ${content}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`

  it("of two orders in one report change nothing", async () => {
    const file = (about: string) => report(about, about, status(`${instr(first)}${e2e(second)}`, "ACSC"))
    expect(await outcomeOf(file)).toMatchObject({
      standings: ["Accepted", "Accepted"],
      oddities: [[second, "conflicting-ids"]],
    })
  })

  it("of one order with two statuses change nothing, unless it proceeds", async () => {
    const statuses = [
      status(e2e(first), "ACSC"),
      status(`${e2e("BANKS")}${instr(first)}`, "RJCT", refused),
      status(e2e(second), "ACSP"),
      status(`${e2e("BANKS2")}${instr(second)}`, "ACSC"),
    ]
    const file = (about: string) => report(about, about, statuses.join(""))
    expect(await outcomeOf(file)).toMatchObject({
      standings: ["Accepted", "Settled"],
      oddities: [[first, "contradictory"]],
    })
  })

  it("of the payment alone give a refusal of the whole, and none of a transfer", async () => {
    const file = (about: string) => report("BANKS-OWN", about, `<PmtInfSts>RJCT</PmtInfSts>${refused}`)
    expect(await outcomeOf(file)).toMatchObject({
      standings: ["Ambiguous", "Ambiguous"],
      oddities: [["MSGID", "refused-whole"]],
    })
  })

  it("of the file alone return nothing", async () => {
    const back = booking({
      amount: "21.00",
      kind: "CRDT",
      more: "<RvslInd>true</RvslInd>",
      batch: "<PmtInfId>@MSGID@</PmtInfId><NbOfTxs>2</NbOfTxs>",
    })
    const file = (about: string) => accountFile("camt.053", [back.replace("@MSGID@", about)])
    expect(await outcomeOf(file)).toMatchObject({
      standings: ["Accepted", "Accepted"],
      oddities: [["MSGID", "unclear-batch"]],
    })
  })

  it.each([
    ["21.00", 3],
    ["21.01", 2],
  ])("of the file settle nothing where sum (%s) or count (%i) differ", async (amount, count) => {
    const batch = (about: string) => `<MsgId>${about}</MsgId><NbOfTxs>${count}</NbOfTxs>`
    const file = (about: string) => accountFile("camt.054", [booking({ amount, batch: batch(about) })])
    expect(await outcomeOf(file)).toMatchObject({
      standings: ["Accepted", "Accepted"],
      oddities: [["MSGID", "unclear-batch"]],
    })
  })

  it("of transactions that have their file's id alone count by their sum", async () => {
    const own = (about: string) => ["10.00", "11.00"].map((amount) => ({ ids: { PmtInfId: about }, amount }))
    const file = (about: string) =>
      accountFile("camt.054", [booking({ amount: "21.00", transactions: own(about) })])
    expect(await outcomeOf(file)).toMatchObject({ standings: ["Settled", "Settled"], oddities: [] })
  })

  it("of transactions that have their file's and the bank's own ids count by their sum, or each for all", async () => {
    const own = (about: string, ...amounts: ReadonlyArray<string>) =>
      amounts.map((amount, index) =>
        booking({
          amount,
          transactions: [{ ids: { AcctSvcrRef: `BANK-${index}`, PmtInfId: about }, amount }],
        }),
      )
    const fileOf =
      (...amounts: ReadonlyArray<string>) =>
      (about: string) =>
        accountFile("camt.053", own(about, ...amounts))
    const both = { standings: ["Settled", "Settled"], oddities: [] }
    expect(await outcomeOf(fileOf("10.00", "11.00"))).toMatchObject(both)
    expect(await outcomeOf(fileOf("21.00", "21.00"))).toMatchObject(both)
    expect(await outcomeOf(fileOf("10.00"))).toMatchObject({
      standings: ["Accepted", "Accepted"],
      oddities: [["MSGID", "unclear-batch"]],
    })
  })

  it("of transactions that two parts of a file may show for one booking settle nothing by their sum", async () => {
    const own = (about: string, id: string) =>
      booking({ amount: "10.00", transactions: [{ ids: { AcctSvcrRef: id, PmtInfId: about } }] })
    const alike = euros(1_000n, 1_000n)
    const fileOf =
      (...parts: ReadonlyArray<ReadonlyArray<string>>) =>
      (about: string) =>
        accountFile("camt.054", ...parts.map((ids) => ids.map((id) => own(about, id))))
    expect(await outcomeOf(fileOf(["BANK-1"], ["BANK-1"]), alike)).toMatchObject({
      standings: ["Accepted", "Accepted"],
      oddities: [["MSGID", "unclear-batch"]],
    })
    const [iban, other] = ["NL91ABNA0417164300", "DE89370400440532013000"]
    const on = (...accounts: ReadonlyArray<string>) => {
      const account = accounts.values()
      return (about: string) =>
        fileOf(
          ["BANK-1"],
          ["BANK-2"],
        )(about).replaceAll(
          "<Id>1</Id>",
          () => `<Id>1</Id><Acct><Id><IBAN>${account.next().value}</IBAN></Id></Acct>`,
        )
    }
    expect((await outcomeOf(on(iban, iban), alike)).standings).toEqual(["Settled", "Settled"])
    expect((await outcomeOf(on(iban, other), alike)).standings).toEqual(["Accepted", "Accepted"])
    for (const file of [fileOf(["BANK-1"], ["BANK-2"]), fileOf(["BANK-1", "BANK-1"])])
      expect(await outcomeOf(file, alike)).toMatchObject({ standings: ["Settled", "Settled"], oddities: [] })
  })

  it("settle with their file those that were not refused before, if the bank says how many", async () => {
    using test = new FileBankUnderTest(database)
    const answers = await test.run(
      Effect.gen(function* () {
        const about = yield* ordered(test, euros(1_000n, 1_100n))
        test.deliver("a.xml", report(about, about, status(e2e(second), "RJCT", refused)))
        yield* test.looks
        const batch = `<PmtInfId>${about}</PmtInfId><NbOfTxs>1</NbOfTxs>`
        test.deliver("b.xml", accountFile("camt.054", [booking({ amount: "10.00", batch })]))
        yield* test.looks
        return yield* standings(test, 2)
      }),
    )
    expect(answers).toEqual(["Settled", "Failed"])
  })

  it("of the bank count once a report named them beside ours, and before that are odd", async () => {
    using test = new FileBankUnderTest(database)
    const [answers, odd] = await test.run(
      Effect.gen(function* () {
        const about = yield* ordered(test, euros(1_000n, 1_100n))
        const debit = (note: string) =>
          accountFile("camt.054", [
            booking({ amount: "10.00", more: "<AcctSvcrRef>BANK-7</AcctSvcrRef>" }),
          ]).replace("<GrpHdr/>", `<GrpHdr>${note}</GrpHdr>`)
        test.deliver("a.xml", debit("early"))
        yield* test.looks
        const early = yield* standings(test, 2)
        const known = `${e2e(first)}<AcctSvcrRef>BANK-7</AcctSvcrRef>`
        test.deliver("b.xml", report(about, about, status(known, "ACSP")))
        yield* test.looks
        test.deliver("c.xml", debit("late"))
        yield* test.looks
        return [[early, yield* standings(test, 2)], yield* oddities(test)] as const
      }),
    )
    expect(answers).toEqual([
      ["Accepted", "Accepted"],
      ["Settled", "Accepted"],
    ])
    expect(odd).toEqual([["BANK-7", "unknown-reference"]])
  })

  it("of the bank alone refuse nothing in a report that is not about the file of the order", async () => {
    using test = new FileBankUnderTest(database)
    const [answers, odd] = await test.run(
      Effect.gen(function* () {
        const about = yield* ordered(test, euros(1_000n, 1_100n))
        const known = "<AcctSvcrRef>BANK-7</AcctSvcrRef>"
        test.deliver("a.xml", report(about, about, `${status(`${e2e(first)}${known}`, "RCVD")}`))
        yield* test.looks
        const again = status(known, "RJCT", refused)
        test.deliver("b.xml", report("FOREIGN", "FOREIGN", again))
        yield* test.looks
        const foreign = yield* standings(test, 2)
        test.deliver("c.xml", report(about, about, again))
        yield* test.looks
        return [[foreign, yield* standings(test, 2)], yield* oddities(test)] as const
      }),
    )
    expect(answers).toEqual([
      ["Accepted", "Accepted"],
      ["Failed", "Accepted"],
    ])
    expect(odd).toEqual([
      ["BANK-7", "other-file"],
      ["FOREIGN", "unknown-file"],
    ])
  })

  it("of orders that came back in one sum have each its own reason", async () => {
    const back = (reference: string, code: string, text: string) => ({
      ids: { EndToEndId: reference },
      more: `<RtrInf><Rsn><Cd>${code}</Cd></Rsn><AddtlInf>${text}</AddtlInf></RtrInf>`,
    })
    const transactions = [back(first, "AC04", "closed"), back(second, "AC01", "wrong")]
    const entry = (...transactions: ReadonlyArray<BookedTransaction>) =>
      accountFile("camt.054", [booking({ amount: "21.00", kind: "CRDT", transactions })])
    expect(await outcomeOf(() => entry(...transactions))).toMatchObject({
      standings: ["Returned", "Returned"],
      remarks: [
        [first, "reason", "AC04: closed"],
        [second, "reason", "AC01: wrong"],
      ],
    })
    const mixed = [back(first, "AC04", "closed"), { ids: { EndToEndId: second } }]
    expect(await outcomeOf(() => entry(...mixed))).toMatchObject({
      standings: ["Accepted", "Accepted"],
      // The file, and the reason beside it.
      quarantined: 2,
    })
  })

  it("of the bank are not learned from what has no effect", async () => {
    using test = new FileBankUnderTest(database)
    const answers = await test.run(
      Effect.gen(function* () {
        yield* ordered(test, euros(1_000n, 1_100n))
        const entries = [
          { kind: "CRDT" as const, amount: "10.00", id: "BANK-7", reference: first },
          { kind: "DBIT" as const, amount: "0.50", id: "BANK-8", reference: second },
        ].map(({ kind, amount, id, reference }) =>
          booking({
            kind,
            amount,
            transactions: [{ ids: { EndToEndId: reference, AcctSvcrRef: id }, amount }],
          }),
        )
        test.deliver("a.xml", accountFile("camt.053", entries))
        yield* test.looks
        const debits = [
          booking({ amount: "10.00", more: "<AcctSvcrRef>BANK-7</AcctSvcrRef>" }),
          booking({ amount: "11.00", more: "<AcctSvcrRef>BANK-8</AcctSvcrRef>" }),
        ]
        test.deliver("b.xml", accountFile("camt.053", debits))
        yield* test.looks
        return yield* standings(test, 2)
      }),
    )
    expect(answers).toEqual(["Accepted", "Accepted"])
  })

  it("change nothing in the files of a bank to which the orders never went", async () => {
    using test = new FileBankUnderTest(database)
    using other = new FileBankUnderTest(database)
    const [answers, odd] = await test.run(
      Effect.gen(function* () {
        const about = yield* ordered(test, euros(1_000n, 1_100n))
        const entries = [
          booking({ amount: "10.00", transactions: [{ ids: { InstrId: first } }] }),
          booking({ amount: "21.00", batch: `<PmtInfId>${about}</PmtInfId><NbOfTxs>2</NbOfTxs>` }),
        ]
        other.deliver("a.xml", accountFile("camt.054", entries))
        other.deliver("b.xml", report("FOREIGN", about, `<PmtInfSts>ACSC</PmtInfSts>`))
        yield* other.looks
        return [yield* standings(test, 2), yield* oddities(other)] as const
      }),
    )
    expect(answers).toEqual(["Accepted", "Accepted"])
    expect(odd.map(([, reason]) => reason).sort()).toEqual([
      "unknown-file",
      "unknown-payment",
      "unknown-reference",
      "unknown-reference",
    ])
  })
})
