/** Files as banks really send them: each changes what it says of our orders, and what has no effect is counted. */
import { existsSync, readFileSync } from "node:fs"
import { Effect, Result } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { layer as bookedOrders } from "../../../../src/providers/banks/files/booked-orders-postgres.ts"
import { readBankStatement } from "../../../../src/providers/iso20022/bank-statement.ts"
import { entriesByOrder, isIndirect } from "../../../../src/reconciliation/booked-entries.ts"
import { ownDatabase } from "../../../database.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"
import {
  accountFile,
  type BookedTransaction,
  booking,
  oddities,
  ordered,
  remarks,
  standings,
} from "./reported-orders.ts"

let database: Awaited<ReturnType<typeof ownDatabase>>
beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const referenceOf = (item: number) => transferReference({ batch: batchId, item, attempt: 1 })
const [first, second] = [referenceOf(1), referenceOf(2)]

const folder = ["../shared/cases/bank", "../../shared/cases/bank"].find((path) => existsSync(path))

/** What the orders become after a file for which their message id and references are known. */
const outcomeOf = async (
  fileOf: (messageId: string) => string | Uint8Array,
  orders = euros(1_000n, 1_100n),
) => {
  using test = new FileBankUnderTest(database)
  return await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, orders)
      test.deliver("file.xml", fileOf(about))
      yield* test.looks
      return {
        standings: yield* standings(test, orders.length),
        oddities: (yield* oddities(test)).map(([reference = "", reason = ""]) => [
          reference.replace(about, "MSGID"),
          reason,
        ]),
        remarks: yield* remarks(test),
        quarantined: test.list("quarantine").length,
      }
    }),
  )
}

const euros = (...minors: ReadonlyArray<bigint>) => minors.map((minor) => ({ currency: "EUR", minor }))

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

describe("amounts", () => {
  const charges = (...amounts: ReadonlyArray<string>) =>
    `<Chrgs>${amounts.map((amount) => `<Rcrd><Amt Ccy="EUR">${amount}</Amt></Rcrd>`).join("")}</Chrgs>`
  const total = '<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">0.35</TtlChrgsAndTaxAmt></Chrgs>'
  const instructed = (currency: string, amount: string) =>
    `<AmtDtls><InstdAmt><Amt Ccy="${currency}">${amount}</Amt><CcyXchg><XchgRate>160.0</XchgRate></CcyXchg></InstdAmt></AmtDtls>`
  const back = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
  const settled = (...remarks: ReadonlyArray<readonly [string, string]>) => ({
    standings: ["Settled"],
    oddities: [],
    remarks: remarks.map((remark) => [first, ...remark]),
  })
  const differs = { standings: ["Accepted"], oddities: [[first, "amount-differs"]], remarks: [] }
  const returned = { ...settled(["charge", "1.50 EUR (8.50 EUR for 10.00 EUR)"]), standings: ["Returned"] }
  it.each([
    [
      "charges inside",
      "DBIT",
      "10.35",
      charges("0.35"),
      settled(["charge", "0.35 EUR (10.35 EUR for 10.00 EUR)"]),
    ],
    [
      "charges of which one is booked apart",
      "DBIT",
      "10.35",
      charges("0.35", "2.00"),
      settled(["charge", "0.35 EUR (10.35 EUR for 10.00 EUR)"]),
    ],
    ["charges beside", "DBIT", "10.00", charges("0.35"), settled(["charge", "0.35 EUR"])],
    [
      "charges that the payee bears",
      "DBIT",
      "9.65",
      charges("0.35"),
      settled(["charge", "0.35 EUR (9.65 EUR for 10.00 EUR)"]),
    ],
    [
      "charges of which there is the total",
      "DBIT",
      "10.35",
      total,
      settled(["charge", "0.35 EUR (10.35 EUR for 10.00 EUR)"]),
    ],
    [
      "charges and their total",
      "DBIT",
      "10.35",
      charges("0.35").replace("<Rcrd>", `${total.slice(7, -8)}<Rcrd>`),
      settled(["charge", "0.35 EUR (10.35 EUR for 10.00 EUR)"]),
    ],
    ["charges that explain nothing", "DBIT", "10.36", charges("0.35"), differs],
    ["more than was instructed", "DBIT", "10.35", instructed("EUR", "10.00"), differs],
    ["another amount instructed", "DBIT", "10.35", instructed("EUR", "10.36"), differs],
    ["a return less charges", "CRDT", "8.50", charges("1.50") + back, returned],
    ["a return of less than was instructed", "CRDT", "8.50", instructed("EUR", "10.00") + back, returned],
    ["nothing booked, and charges of all", "DBIT", "0.00", charges("10.00"), differs],
    ["a return of less", "CRDT", "8.50", back, differs],
  ] as const)("with %s", async (_, kind, amount, more, expected) => {
    const entry = booking({ kind, amount, transactions: [{ ids: { EndToEndId: first }, amount, more }] })
    expect(await outcomeOf(() => accountFile("camt.054", [entry]), euros(1_000n))).toMatchObject(expected)
  })

  it.each([
    ["the ordered amount", "1200", settled(["rate", "7.50 EUR for 1200 JPY at 160.0"])],
    ["another amount", "1201", differs],
  ])("in another currency with %s as instructed", async (_, amount, expected) => {
    const own = { ids: { EndToEndId: first }, amount: "7.50", more: instructed("JPY", amount) }
    const entry = booking({ amount: "7.50", transactions: [own] })
    const orders = [{ currency: "JPY", minor: 1_200n }]
    expect(await outcomeOf(() => accountFile("camt.054", [entry]), orders)).toMatchObject(expected)
  })

  it.each(["1.6.0", "160,0", "0x10", "12345678", "1.00000000001"])(
    "leave out %s, which is no rate",
    async (rate) => {
      const more = instructed("JPY", "1200").replace("160.0", rate)
      const entry = booking({
        amount: "7.50",
        transactions: [{ ids: { EndToEndId: first }, amount: "7.50", more }],
      })
      const orders = [{ currency: "JPY", minor: 1_200n }]
      expect(await outcomeOf(() => accountFile("camt.054", [entry]), orders)).toMatchObject(
        settled(["rate", "7.50 EUR for 1200 JPY"]),
      )
    },
  )
})

describe("an entry that lists one transaction", () => {
  const one = (amount: string, batch?: string) => {
    const transactions = [{ ids: { EndToEndId: first }, amount: "10.00" }]
    const entry = booking({ amount, transactions, ...(batch === undefined ? {} : { batch }) })
    return outcomeOf(() => accountFile("camt.054", [entry]), euros(1_000n))
  }
  const settled = { standings: ["Settled"], oddities: [] }

  it("has it as it says, with charges that are less than it", async () => {
    expect(await one("10.35")).toMatchObject(settled)
    expect(await one("19.99")).toMatchObject(settled)
    expect(await one("20.00")).toMatchObject({
      standings: ["Accepted"],
      oddities: [[first, "amount-differs"]],
    })
  })

  it("has it as it says, if it is one of several that were booked", async () => {
    expect(await one("1000.00", "<NbOfTxs>7</NbOfTxs>")).toMatchObject(settled)
    expect(await one("1000.00", "<NbOfTxs>1</NbOfTxs>")).toMatchObject({ standings: ["Accepted"] })
  })
})

describe("a charge that the bank books for an order", () => {
  const code = (subFamily: string) =>
    `<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>${subFamily}</SubFmlyCd></Fmly></Domn></BkTxCd>`
  const instructed = '<AmtDtls><InstdAmt><Amt Ccy="EUR">10.00</Amt></InstdAmt></AmtDtls>'
  const unclear = { standings: ["Accepted"], oddities: [[first, "unclear-status"]] }
  const differs = { standings: ["Accepted"], oddities: [[first, "amount-differs"]] }

  it.each(["CHRG", "COMM", "FEES"])(
    "settles nothing as %s, not even with the amount of the order",
    async (sub) => {
      const own = { ids: { EndToEndId: first }, amount: "10.00" }
      const ofEntry = booking({ amount: "10.00", more: code(sub), transactions: [own] })
      const ofTransaction = booking({ amount: "10.00", transactions: [{ ...own, more: code(sub) }] })
      for (const entry of [ofEntry, ofTransaction])
        expect(await outcomeOf(() => accountFile("camt.053", [entry]), euros(1_000n))).toMatchObject(unclear)
    },
  )

  it.each(["NCHG+808+00931", "NTRF+808+00931", "CHG", "FCOM", "808"])(
    "settles nothing by the code %s of another list",
    async (code) => {
      const other = `<BkTxCd><Prtry><Cd>${code}</Cd></Prtry></BkTxCd>`
      const own = { ids: { EndToEndId: first }, amount: "10.00" }
      const entry = booking({ amount: "10.00", more: other, transactions: [own] })
      expect(await outcomeOf(() => accountFile("camt.053", [entry]), euros(1_000n))).toMatchObject(unclear)
    },
  )

  it.each(["NTRF+116+00931", "NCHK", "COMPANY", "1808"])(
    "is not one by the code %s of another list",
    async (code) => {
      const other = `<BkTxCd><Prtry><Cd>${code}</Cd></Prtry></BkTxCd>`
      const own = { ids: { EndToEndId: first }, amount: "10.00" }
      const entry = booking({ amount: "10.00", more: other, transactions: [own] })
      expect(await outcomeOf(() => accountFile("camt.053", [entry]), euros(1_000n))).toMatchObject({
        standings: ["Settled"],
      })
    },
  )

  it("settles nothing where only its entry, or only a bank's own code, says what it is", async () => {
    const other = (code: string) => `<Prtry><Cd>${code}</Cd></Prtry></BkTxCd>`
    const own = { ids: { EndToEndId: first }, amount: "10.00" }
    const ofEntry = booking({
      amount: "10.00",
      more: code("CHRG"),
      transactions: [{ ...own, more: `<BkTxCd>${other("NTRF+116")}` }],
    })
    const unlisted = booking({
      amount: "10.00",
      more: code("OTHR").replace("</BkTxCd>", other("NCHG+808")),
      transactions: [own],
    })
    for (const entry of [ofEntry, unlisted])
      expect(await outcomeOf(() => accountFile("camt.053", [entry]), euros(1_000n))).toMatchObject(unclear)
  })

  it("settles nothing under the id of a file", async () => {
    const fileOf = (about: string) =>
      accountFile("camt.054", [
        booking({ amount: "10.00", more: code("CHRG"), batch: `<PmtInfId>${about}</PmtInfId>` }),
        booking({ amount: "10.00", more: code("FEES"), transactions: [{ ids: { MsgId: about } }] }),
      ])
    expect(await outcomeOf(fileOf, euros(1_000n))).toMatchObject({
      standings: ["Accepted"],
      oddities: [["MSGID", "unclear-batch"]],
    })
  })

  it("settles nothing beside transactions that have their file's id alone", async () => {
    const fileOf = (about: string) => {
      const own = { ids: { PmtInfId: about }, amount: "10.00" }
      const charge = { ids: { PmtInfId: about }, amount: "11.00", more: code("CHRG") }
      return accountFile("camt.054", [booking({ amount: "21.00", transactions: [own, charge] })])
    }
    expect(await outcomeOf(fileOf)).toMatchObject({
      standings: ["Accepted", "Accepted"],
      oddities: [["MSGID", "unclear-batch"]],
    })
  })

  it("returns nothing when it is given back", async () => {
    const back = booking({
      amount: "0.50",
      kind: "CRDT",
      more: `${code("CHRG")}<RvslInd>true</RvslInd>`,
      transactions: [{ ids: { EndToEndId: first }, more: instructed }],
    })
    expect(await outcomeOf(() => accountFile("camt.054", [back]), euros(1_000n))).toMatchObject(differs)
  })

  it("settles nothing where its details have the amount of the order", async () => {
    const own = [
      { amount: "10.00", more: "" },
      { more: '<AmtDtls><TxAmt><Amt Ccy="EUR">10.00</Amt></TxAmt></AmtDtls>' },
    ]
    for (const details of own) {
      const entry = booking({ amount: "0.50", transactions: [{ ids: { EndToEndId: first }, ...details }] })
      expect(await outcomeOf(() => accountFile("camt.054", [entry]), euros(1_000n))).toMatchObject(differs)
    }
  })

  it("settles nothing where it is booked for several orders at once, whose amounts its details have", async () => {
    const own = [
      { ids: { EndToEndId: first }, amount: "10.00" },
      { ids: { EndToEndId: second }, amount: "11.00" },
    ]
    const apart = booking({ amount: "0.50", transactions: own }).replace(
      "</TxDtls><TxDtls>",
      "</TxDtls></NtryDtls><NtryDtls><TxDtls>",
    )
    for (const entry of [
      booking({ amount: "0.50", transactions: own }),
      booking({ amount: "20.99", transactions: own }),
      apart,
    ])
      expect(
        await outcomeOf(() => accountFile("camt.054", [entry, booking({ amount: "0.01" })])),
      ).toMatchObject({
        standings: ["Accepted", "Accepted"],
        oddities: [
          [first, "unreadable-entry"],
          [second, "unreadable-entry"],
        ],
      })
  })

  it("settles nothing in another currency, where its details have the amount of the order and a rate", async () => {
    const rate = `<AmtDtls><TxAmt><Amt Ccy="JPY">1200</Amt><CcyXchg><XchgRate>160.0</XchgRate></CcyXchg></TxAmt></AmtDtls>`
    const entry = (amount: string) =>
      accountFile("camt.054", [
        booking({ amount, transactions: [{ ids: { EndToEndId: first }, more: rate }] }),
      ])
    const orders = [{ currency: "JPY", minor: 1_200n }]
    expect(await outcomeOf(() => entry("1.50"), orders)).toMatchObject(differs)
    expect(await outcomeOf(() => entry("7.50"), orders)).toMatchObject({
      standings: ["Settled"],
      oddities: [],
      remarks: [[first, "rate", "7.50 EUR for 1200 JPY at 160.0"]],
    })
  })

  it("is no payment of the order in a statement that is reconciled", () => {
    const own = { ids: { EndToEndId: first }, amount: "10.00" }
    const made = accountFile("camt.053", [
      booking({ amount: "10.00", more: code("CHRG"), transactions: [own] }),
      booking({ amount: "10.00", more: code("CHRG"), batch: "<PmtInfId>MSGID</PmtInfId>" }),
    ])
    const { statements } = Result.getOrThrow(
      readBankStatement(made.replace("<Id>1</Id>", "<Id>1</Id><CreDtTm>2026-11-26T23:00:00</CreDtTm>")),
    )
    expect(statements.flatMap(({ entries }) => entries)).toMatchObject([{ reference: "" }, { reference: "" }])
    expect(
      statements.flatMap(({ entries }) => entries.filter(({ booking }) => booking !== undefined)),
    ).toEqual([])
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
        const made = accountFile("camt.053", entriesOf(about)).replace(
          "<GrpHdr/>",
          "<GrpHdr><CreDtTm>2026-11-26T23:00:00</CreDtTm></GrpHdr>",
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
