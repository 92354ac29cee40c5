import { readFileSync } from "node:fs"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { readBankMessage } from "../../../src/providers/iso20022/bank-message.ts"
import {
  readBankStatement,
  readStatementAmongOthers,
} from "../../../src/providers/iso20022/bank-statement.ts"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"

const namespace = (kind: string) => `urn:iso:std:iso:20022:tech:xsd:${kind}`

const read = (xml: string | Uint8Array) =>
  readBankMessage(typeof xml === "string" ? Buffer.from(xml) : xml).pipe(Result.getOrThrow)

const problemOf = (xml: string | Uint8Array): string => {
  const outcome = readBankMessage(typeof xml === "string" ? Buffer.from(xml) : xml)
  return Result.isFailure(outcome) ? outcome.failure.message : "none"
}

const report = (group: string, ...payments: ReadonlyArray<string>) =>
  `<Document xmlns="${namespace("pain.002.001.10")}"><CstmrPmtStsRpt><GrpHdr/>
    <OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>${group}</OrgnlGrpInfAndSts>
    ${payments.map((payment) => `<OrgnlPmtInfAndSts><OrgnlPmtInfId>M1</OrgnlPmtInfId>${payment}</OrgnlPmtInfAndSts>`).join("")}
  </CstmrPmtStsRpt></Document>`

const reason = (code: string) => `<StsRsnInf><Rsn><Cd>${code}</Cd></Rsn></StsRsnInf>`
const transfer = (reference: string, status: string, more = "") =>
  `<TxInfAndSts><OrgnlEndToEndId>${reference}</OrgnlEndToEndId><TxSts>${status}</TxSts>${more}</TxInfAndSts>`

const accepted = { _tag: "Accepted" }
const settled = { _tag: "Settled" }
const failed = (code: string) => ({ _tag: "Failed", code })

describe("a status report", () => {
  it("rejects a whole file with one status", () => {
    expect(read(report(`<GrpSts>RJCT</GrpSts>${reason("FF01")}`))).toEqual({
      _tag: "StatusReport",
      about: "M1",
      named: [],
      others: failed("FF01"),
    })
  })

  it("rejects by the payment, whose reason holds for what has none of its own", () => {
    const payment = `<PmtInfSts>RJCT</PmtInfSts>${reason("AM04")}${transfer("R1", "RJCT")}${transfer("R2", "RJCT", reason("AC04"))}`
    expect(read(report("<GrpSts>ACTC</GrpSts>", payment))).toMatchObject({
      named: [
        { reference: "R1", status: failed("AM04") },
        { reference: "R2", status: failed("AC04") },
      ],
      others: failed("AM04"),
    })
  })

  it.each(["", "<GrpSts>PART</GrpSts>", "<GrpSts>PATC</GrpSts>"])(
    "says nothing of what it does not name (%j), whatever it names",
    (group) => {
      const refused = transfer("R1", "RJCT", reason("AC04"))
      for (const named of ["", refused, transfer("R2", "ACSC"), refused + transfer("R2", "ACSC")])
        for (const payment of ["", "<PmtInfSts>PART</PmtInfSts>"])
          expect(read(report(group, payment + named))).not.toHaveProperty("others")
      expect(read(report(group, refused))).toMatchObject({
        named: [{ reference: "R1", status: failed("AC04") }],
      })
    },
  )

  it("that has a payment in part says nothing with its word on the group of what is in that payment", () => {
    const listed = "<TxInfAndSts><OrgnlEndToEndId>R1</OrgnlEndToEndId></TxInfAndSts>"
    const inPart = `<PmtInfSts>PART</PmtInfSts>${listed}${transfer("R2", "ACSC")}${transfer("R3", "PART")}`
    const said = read(report("<GrpSts>ACSP</GrpSts>", inPart))
    expect(said).not.toHaveProperty("others")
    expect(said).toMatchObject({
      named: [
        { reference: "R1", status: accepted },
        { reference: "R2", status: settled },
        { reference: "R3", status: { _tag: "Unclear" } },
      ],
    })
  })

  it("tells of payments that it has a word on and that are not the file's", () => {
    const refused = `<PmtInfSts>RJCT</PmtInfSts>${transfer("R1", "RJCT")}`
    const said = (group: string) => read(report(group, refused).replace(/(PmtInfId>)M1/, "$1NOTPROVIDED"))
    expect(said("")).toMatchObject({ unknownPayments: ["NOTPROVIDED"] })
    expect(said("")).not.toHaveProperty("others")
    expect(said("<GrpSts>ACTC</GrpSts>")).toMatchObject({
      unknownPayments: ["NOTPROVIDED"],
      others: accepted,
    })
    expect(said("<GrpSts>RJCT</GrpSts>")).not.toHaveProperty("unknownPayments")
  })

  it.each([
    ["RCVD", accepted],
    ["PDNG", accepted],
    ["ACCP", accepted],
    ["ACTC", accepted],
    ["ACSP", accepted],
    ["ACSC", settled],
    ["ACCC", settled],
    ["RJCT", failed("unspecified")],
    ["CANC", { _tag: "Unclear" }],
  ])("reads the status %s", (code, status) => {
    expect(read(report("", transfer("R1", code)))).toMatchObject({ named: [{ reference: "R1", status }] })
  })

  it.each(["AM05", "DU01", "DU04", "DUPL", "RF01", "R24"])(
    "is of a copy where it calls anything a duplicate (%s), which is no word on the original",
    (code) => {
      const unclear = { _tag: "Unclear" }
      const group = `<GrpSts>RJCT</GrpSts>${reason(code)}`
      expect(read(report(group, transfer("R1", "RJCT")))).toMatchObject({
        named: [{ reference: "R1", status: unclear }],
        others: unclear,
        isOfCopy: true,
      })
      const rejected = `<GrpSts>RJCT</GrpSts>${reason("FF01")}`
      for (const own of [
        transfer("R1", "RJCT", reason(code)),
        transfer("R1", "RJCT", reason("AM14") + reason(code)),
        `<TxInfAndSts><OrgnlEndToEndId>R1</OrgnlEndToEndId>${reason(code)}</TxInfAndSts>`,
      ])
        expect(read(report(rejected, own))).toMatchObject({
          named: [{ reference: "R1", status: unclear }],
          others: failed("FF01"),
          isOfCopy: true,
        })
      const beside = transfer("R1", "RJCT", reason("AM14")) + transfer("R2", "RJCT", reason(code))
      for (const xml of [report(group, transfer("R1", "RJCT", reason("AM14"))), report("", beside)])
        expect(read(xml)).toMatchObject({ named: { 0: { status: failed("AM14") } }, isOfCopy: true })
      expect(read(report(rejected))).not.toHaveProperty("isOfCopy")
    },
  )

  it("has the own reason of a transfer that it only lists in a whole that is rejected", () => {
    const listed = (reference: string, more = "") =>
      `<TxInfAndSts><OrgnlEndToEndId>${reference}</OrgnlEndToEndId>${more}</TxInfAndSts>`
    const named = listed("R1", reason("AM14")) + listed("R2")
    expect(read(report(`<GrpSts>RJCT</GrpSts>${reason("FF01")}`, named))).toMatchObject({
      named: [{ status: failed("AM14") }, { status: { ...failed("FF01"), whole: true } }],
    })
  })

  it("tells the amount of a transfer where it is named", () => {
    const original = '<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">0012.500</InstdAmt></Amt></OrgnlTxRef>'
    expect(read(report("", transfer("R1", "ACSC", original)))).toMatchObject({
      named: [{ amount: { currency: "EUR", minor: 1250n } }],
    })
  })

  it("keeps no code that may be an account number", () => {
    const own = "<StsRsnInf><Rsn><Prtry>DE89370400440532013000</Prtry></Rsn></StsRsnInf>"
    expect(read(report("", transfer("R1", "RJCT", own)))).toMatchObject({
      named: [{ status: failed("unspecified") }],
    })
  })

  it.each([
    ["the whole is rejected and a part settled", report("<GrpSts>RJCT</GrpSts>", transfer("R1", "ACSC"))],
    [
      "the whole is settled and a part rejected",
      report("", `<PmtInfSts>ACSC</PmtInfSts>${transfer("R1", "RJCT")}`),
    ],
    [
      "the whole is settled and a payment only in part",
      report("<GrpSts>ACSC</GrpSts>", `<PmtInfSts>PART</PmtInfSts>${transfer("R1", "ACSC")}`),
    ],
    [
      "the whole is rejected and a payment only in part",
      report("<GrpSts>RJCT</GrpSts>", "<PmtInfSts>PART</PmtInfSts>"),
    ],
    [
      "the whole is settled and a payment accepted",
      report("<GrpSts>ACSC</GrpSts>", "<PmtInfSts>ACSP</PmtInfSts>"),
    ],
    ["one transfer has two statuses", report("", transfer("R1", "ACSC") + transfer("R1", "RJCT"))],
  ])("is believed in nothing when %s", (_, xml) => {
    expect(problemOf(xml)).toMatch(/^CstmrPmtStsRpt: (a status contradicts|two statuses)/)
  })
})

const movement = (kind: string, more = "", transaction = "") =>
  `<Ntry><Amt Ccy="EUR">12.34</Amt><CdtDbtInd>${kind}</CdtDbtInd>${more}<Sts>BOOK</Sts>
    <BookgDt><DtTm>2026-11-26T10:00:00+01:00</DtTm></BookgDt>
    <NtryDtls><TxDtls><Refs><EndToEndId>R1</EndToEndId></Refs>${transaction}</TxDtls></NtryDtls></Ntry>`

const notification = (...entries: ReadonlyArray<string>) =>
  `<n:Document xmlns:n="${namespace("camt.054.001.08")}"><n:BkToCstmrDbtCdtNtfctn><Ntfctn>${entries.join("")}</Ntfctn></n:BkToCstmrDbtCdtNtfctn></n:Document>`

describe("a notification", () => {
  it.each([
    ["a booked debit paid it", movement("DBIT"), settled],
    [
      "a credit with a reason to return",
      movement("CRDT", "", "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"),
      { _tag: "Returned", code: "AC04" },
    ],
    [
      "a credit that reverses",
      movement("CRDT", "<RvslInd>true</RvslInd>"),
      { _tag: "Returned", code: "unspecified" },
    ],
    ["somebody's credit", movement("CRDT"), { _tag: "Unclear" }],
    ["a debit that reverses", movement("DBIT", "<RvslInd>true</RvslInd>"), { _tag: "Unclear" }],
  ])("%s", (_, entry, status) => {
    expect(read(notification(entry))).toEqual({
      _tag: "Notification",
      named: [{ reference: "R1", status, amount: { currency: "EUR", minor: 1234n } }],
    })
  })

  it("tells nothing of what is not booked, or is nobody's", () => {
    const pending = movement("DBIT").replace("<Sts>BOOK</Sts>", "<Sts><Cd>PDNG</Cd></Sts>")
    const nobodys = movement("DBIT").replace("R1", "NOTPROVIDED")
    expect(read(notification(pending, nobodys))).toMatchObject({ named: [] })
  })

  it("tells each transaction of an entry with its own amount", () => {
    const second =
      '</TxDtls><TxDtls><Refs><EndToEndId>R2</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">2.34</Amt></TxAmt></AmtDtls>'
    const entry = movement("DBIT", "", `<Amt Ccy="EUR">10.00</Amt>${second}`)
    expect(read(notification(entry))).toMatchObject({
      named: [
        { reference: "R1", amount: { minor: 1000n } },
        { reference: "R2", amount: { minor: 234n } },
      ],
    })
  })
})

const statement = (entries: string) =>
  `<Document xmlns="${namespace("camt.053.001.08")}"><BkToCstmrStmt><GrpHdr/><Stmt>
    <FrToDt><FrDtTm>2026-11-26T00:00:00</FrDtTm><ToDtTm>2026-11-26T23:59:59</ToDtTm></FrToDt>
    <Acct><Id><IBAN>NL91ABNA0417164300</IBAN></Id><Ccy>EUR</Ccy></Acct>${entries}</Stmt></BkToCstmrStmt></Document>`

describe("a statement", () => {
  it("lists what was booked on a day", () => {
    const charge =
      '<Ntry><Amt Ccy="EUR">0.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-26</Dt></BookgDt></Ntry>'
    expect(readBankStatement(statement(movement("DBIT") + charge))).toEqual(
      Result.succeed({
        unread: [],
        statements: [
          {
            id: undefined,
            unread: [],
            account: "NL91ABNA0417164300",
            currency: "EUR",
            day: "2026-11-26",
            entries: [
              { reference: "R1", currency: "EUR", minor: 1234n, kind: "debit", bookedOn: "2026-11-26" },
              { reference: "", currency: "EUR", minor: 0n, kind: "debit", bookedOn: "2026-11-26" },
            ],
          },
        ],
      }),
    )
  })

  it("is not read out of another message", () => {
    expect(readBankStatement(notification())).toMatchObject({ failure: { problem: "not a camt.053" } })
  })

  it("may be looked for among other messages of a bank, and among nothing else", () => {
    const own = statement(movement("DBIT"))
    expect(readStatementAmongOthers(own)).toEqual(readBankStatement(own))
    expect(readStatementAmongOthers(notification())).toEqual(Result.succeed(undefined))
    expect(Result.isFailure(readStatementAmongOthers("<html/>"))).toBe(true)
  })
})

describe("a file is refused that", () => {
  const fine = report("", transfer("R1", "ACSC"))
  it.each<readonly [string, string | Uint8Array, string]>([
    ["is not XML", "hello", "line 1: not well-formed XML"],
    ["ends too early", fine.slice(0, -20), "not well-formed XML"],
    ["is empty", "", "not well-formed XML"],
    ["is not UTF-8", Buffer.from("<a>\xe4</a>", "latin1"), "the file: not UTF-8"],
    [
      "has a document type",
      `<!DOCTYPE Document [<!ENTITY x "y">]>${fine}`,
      "a document type is not accepted",
    ],
    ["refers to entities of its own", fine.replace("R1", "&x;"), "a reference that XML does not know"],
    ["has a control character", fine.replace("R1", "R\u0000"), "a character that XML does not have"],
    ["has endless tags", `<a>${"<a/>".repeat(1_000_000)}</a>`, "more than 1000000 tags"],
    ["has endless attributes", `<a>${'<b c="1" d="2"/>'.repeat(100_001)}</a>`, "more than 200000 attributes"],
    [
      "has endless references",
      `<a>${`<b>${"&lt;".repeat(3_000)}</b>`.repeat(70)}</a>`,
      "more than 200000 references",
    ],
    [
      "has an endless tag",
      `<a ${Array.from({ length: 2_000 }, (_, n) => `a${n}="1"`).join(" ")}/>`,
      "more than 16384 characters",
    ],
    ["has an endless name", `<${"a".repeat(20_000)}/>`, "more than 16384 characters"],
    ["has an endless text", `<a>${"x".repeat(20_000)}</a>`, "more than 16384 characters"],
    ["has a tag without an end", `<a${" ".repeat(20_000)}`, "more than 16384 characters"],
    ["is nested too deeply", `${"<a>".repeat(60)}1${"</a>".repeat(60)}`, "nested"],
    ["has names that are dangerous", "<a><__proto__>1</__proto__></a>", "names that are not accepted"],
    ["has two roots", "<a/><b/>", "not one root element"],
    ["is too long", Buffer.alloc(16 * 1024 * 1024 + 1, 0x20), "longer than"],
    [
      "is of another namespace",
      fine.replace(namespace("pain.002.001.10"), namespace("pain.008.001.02")),
      "Document: not a message",
    ],
    ["has no namespace", fine.replace(/ xmlns="[^"]*"/, ""), "Document: not a message"],
    ["is a family's name only", fine.replace("CstmrPmtStsRpt>", "Other>"), "not well-formed"],
    [
      "lacks what it speaks of",
      fine.replace(/<OrgnlMsgId>M1<\/OrgnlMsgId>/, ""),
      "OrgnlGrpInfAndSts/OrgnlMsgId: missing",
    ],
    [
      "says it twice",
      fine.replace("<OrgnlMsgId>", "<OrgnlMsgId>M0</OrgnlMsgId><OrgnlMsgId>"),
      "OrgnlGrpInfAndSts/OrgnlMsgId: occurs more than once",
    ],
    [
      "has endless texts",
      fine.replace("R1", "1".repeat(141)),
      "TxInfAndSts/OrgnlEndToEndId: longer than 140",
    ],
    [
      "has a bad decimal",
      notification(movement("DBIT").replace("12.34", "12,34")),
      "Ntry/Amt: not a decimal",
    ],
    ["has an exponent", notification(movement("DBIT").replace("12.34", "1e3")), "Ntry/Amt: not a decimal"],
    ["has a sign", notification(movement("DBIT").replace("12.34", "-12.34")), "Ntry/Amt: not a decimal"],
    [
      "has too many decimals",
      notification(movement("DBIT").replace("12.34", "12.345")),
      "Ntry/Amt: EUR has 2 decimals",
    ],
    ["has no currency", notification(movement("DBIT").replace(' Ccy="EUR"', "")), "Ntry/Amt: no currency"],
    [
      "has no such currency",
      notification(movement("DBIT").replace("EUR", "EURO")),
      "Ntry/Amt: not a payable",
    ],
    ["has no side", notification(movement("BOTH")), "Ntry/CdtDbtInd: neither"],
    [
      "has no such day",
      notification(movement("DBIT").replace("2026-11-26T", "2026-02-30T")),
      "Ntry/BookgDt: not a date",
    ],
  ])("%s", (_, xml, problem) => {
    expect(problemOf(xml)).toContain(problem)
  })

  it("is refused without a quote", () => {
    const canary = "DE89370400440532013000"
    const spoilt = [
      fine.replace("R1", `&${canary};`),
      fine.replace("ACSC", canary.repeat(9)),
      `<a><${canary}>`,
      `<${canary}/>`,
      notification(movement("DBIT").replace("12.34", canary)),
      notification(movement("DBIT").replace("EUR", canary)),
      notification(movement(canary)),
      notification(movement("DBIT").replace("2026-11-26T", canary)),
    ].map(problemOf)
    expect(spoilt.filter((problem) => problem === "none" || problem.includes(canary.slice(4, 12)))).toEqual(
      [],
    )
  })
})

it("reads references and literal sections as XML means them", () => {
  const xml = report("", transfer("R&#49;<![CDATA[&-]]>&amp;&#x41;", "ACSC"))
  expect(read(xml)).toMatchObject({ named: [{ reference: "R1&-&A" }] })
})

describe.skipIf(!isPublishedDataThere)("files that banks published", () => {
  const sample = (name: string) => read(readFileSync(publishedFile(`inputs/${name}`)))

  it("a report that accepts", () => {
    expect(sample("cross-river.pain.002.accepted.xml")).toEqual({
      _tag: "StatusReport",
      about: "AMBCD10000000",
      named: [{ reference: "0000000000000108", otherReferences: ["100ABCD012345"], status: accepted }],
      others: accepted,
      payments: [{ id: "ABCD10000000", others: accepted }],
    })
  })

  it("a report that rejects each transfer", () => {
    expect(sample("cross-river.pain.002.rejected.xml")).toEqual({
      _tag: "StatusReport",
      about: "missing2",
      named: ["sanity-10-1-12-1-21", "example01234567", "example012345678"].map((reference, index) => ({
        reference,
        ...(index === 0 ? { otherReferences: ["example01234567"] } : {}),
        status: { ...failed("NARR"), reasons: ["NARR: Instruction ID example[redacted] already exist"] },
      })),
      others: failed("unspecified"),
    })
  })

  it("a notification of a return", () => {
    expect(sample("moov.camt.054.returns.xml")).toEqual({
      _tag: "Notification",
      named: [
        {
          reference: "EndToEndId-001-03-04",
          otherReferences: ["InstrId-001-03-04"],
          servicerReference: "190520CH02ZZTJR1",
          fileIds: ["PmtInfId-001-03"],
          status: { _tag: "Returned", code: "AC01", reasons: ["AC01: Kontonummer falsch"] },
          amount: { currency: "CHF", minor: 50_000n },
        },
      ],
    })
  })
})
