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

  it("that a part of cannot be read settles nothing that it does not name, and shows what it accepts", () => {
    const long = transfer("R1", "A".repeat(141))
    const settles = read(report("<GrpSts>ACSC</GrpSts>", long + transfer("R2", "ACSC")))
    expect(settles).not.toHaveProperty("others")
    expect(settles).toMatchObject({
      named: [{ reference: "R2", status: settled }],
      unread: [
        {
          place: "OrgnlPmtInfAndSts 1 TxInfAndSts 1",
          problem: "TxInfAndSts/TxSts: longer than 140 characters",
          references: [],
        },
      ],
    })
    expect(read(report("<GrpSts>ACSP</GrpSts>", long))).toMatchObject({ others: accepted })
  })

  it("has progress within it, also of a whole payment", () => {
    const both = transfer("R1", "ACSP") + transfer("R1", "ACSC")
    expect(read(report("", both))).toMatchObject({ named: [{ status: accepted }, { status: settled }] })
    const whole = ["ACSP", "ACSC"].map((status) => `<PmtInfSts>${status}</PmtInfSts>`)
    expect(read(report("", ...whole))).toMatchObject({ others: settled })
    const against = ["ACSC", "RJCT"].map((status) => `<PmtInfSts>${status}</PmtInfSts>`)
    expect(read(report("", ...against))).toMatchObject({ others: { _tag: "Unclear" } })
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

  it.each(["+12.34", "012.340", "12.3400"])("has the amount of a decimal that is written %s", (decimal) => {
    const written = movement("DBIT").replaceAll("12.34", decimal)
    expect(read(notification(written))).toMatchObject({ named: [{ amount: { minor: 1234n } }] })
  })

  it.each([
    [".5", 50n],
    ["7.", 700n],
    ["0.", 0n],
  ])("has the amount of a decimal that lacks a part, %s", (decimal, minor) => {
    const written = movement("DBIT").replaceAll("12.34", decimal)
    expect(read(notification(written))).toMatchObject({ named: [{ amount: { minor } }] })
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

const balance = (kind: string, day: string) =>
  `<Bal><Tp><CdOrPrtry><Cd>${kind}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1.00</Amt><Dt><Dt>${day}</Dt></Dt></Bal>`

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

  const days = {
    period: "<FrToDt><ToDtTm>2026-11-21T23:59:59</ToDtTm></FrToDt>",
    closing: balance("CLBD", "2026-11-22"),
    opening: balance("OPBD", "2026-11-23"),
    entries: `${movement("DBIT").replace("2026-11-26", "2026-11-24")}${movement("DBIT").replace("2026-11-26", "2026-11-20")}`,
    made: "<CreDtTm>2026-11-25T02:00:00</CreDtTm>",
  }
  it.each([
    [["period", "closing", "opening", "entries", "made"], "2026-11-21"],
    [["closing", "opening", "entries", "made"], "2026-11-22"],
    [["opening", "entries", "made"], "2026-11-23"],
    [["entries", "made"], "2026-11-24"],
    [["made"], "2026-11-25"],
    [[], "2026-11-26"],
  ] as const)("has a day by %j", (given, day) => {
    const own = given.map((name) => days[name]).join("")
    const file = statement(own)
      .replace(/<FrToDt><FrDt.*?<.FrToDt>/s, "")
      .replace("<GrpHdr/>", "<GrpHdr><CreDtTm>2026-11-26T01:00:00</CreDtTm></GrpHdr>")
    expect(readBankStatement(file)).toMatchObject({ success: { statements: [{ day }] } })
  })

  it.each([
    ["2026-12-31T00:00:00", "2027-01-01T00:00:00", "2026-12-31"],
    ["2027-02-28T00:00:00+01:00", "2027-03-01T00:00:00.000+01:00", "2027-02-28"],
    ["2026-12-31T00:00:00", "2026-12-31T24:00:00", "2026-12-31"],
    ["2026-12-31T00:00:00", "2027-01-01T00:00:01", "2027-01-01"],
    ["2027-01-01T00:00:00", "2027-01-01T00:00:00", "2027-01-01"],
  ])("from %s to %s covers %s", (from, to, day) => {
    const period = `<FrToDt><FrDtTm>${from}</FrDtTm><ToDtTm>${to}</ToDtTm></FrToDt>`
    const file = statement("").replace(/<FrToDt>.*?<.FrToDt>/s, period)
    expect(readBankStatement(file)).toMatchObject({ success: { statements: [{ day }] } })
  })

  it.each([
    ["a forecast", balance("FWAV", "2026-11-28")],
    ["a day of value", movement("DBIT").replace("2026-11-26", "2026-11-28")],
  ])("covers no day after the one on which it was made, with %s", (_, content) => {
    const made = "<CreDtTm>2026-11-25T22:00:00</CreDtTm>"
    const file = statement(content).replace(/<FrToDt>.*?<.FrToDt>/s, made)
    expect(readBankStatement(file)).toMatchObject({ success: { statements: [{ day: "2026-11-25" }] } })
  })

  it("without any day spoils no other statement of its file", () => {
    const lost = statement("").replace(/<FrToDt>.*?<.FrToDt>/s, "")
    const [inner = ""] = /<Stmt>.*<.Stmt>/s.exec(lost) ?? []
    expect(readBankStatement(lost)).toMatchObject({ failure: { message: "Stmt/FrToDt: missing" } })
    expect(readBankStatement(statement("").replace("</Stmt>", `$&${inner}`))).toMatchObject({
      success: {
        statements: [{ day: "2026-11-26" }],
        unread: [{ place: "Stmt 2", problem: "Stmt/FrToDt: missing" }],
      },
    })
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

describe("an encoding", () => {
  const text = report("", transfer("R1", "RJCT", `${reason("AC04")}<!-- ü -->`)).replace("R1", "Rü1")
  const declared = (name: string) => `<?xml version="1.0" encoding="${name}"?>${text}`
  const utf16 = (text: string) => Buffer.from(text, "utf16le")
  it.each([
    ["is declared as ISO-8859-1", Buffer.from(declared("ISO-8859-1"), "latin1")],
    ["is declared as Windows-1252", Buffer.from(declared("windows-1252"), "latin1")],
    ["is declared as UTF-8", Buffer.from(declared("utf-8"))],
    ["is not declared", Buffer.from(text)],
    ["is marked as UTF-8, whatever is declared", Buffer.from(`\ufeff${declared("ISO-8859-1")}`)],
    ["is marked as UTF-16 LE", utf16(`\ufeff${declared("UTF-16")}`)],
    ["is marked as UTF-16 BE", utf16(`\ufeff${declared("UTF-16")}`).swap16()],
    ["is UTF-16 LE without a mark", utf16(declared("UTF-16LE"))],
    ["is UTF-16 BE without a mark", utf16(declared("UTF-16BE")).swap16()],
  ])("that %s is read", (_, file) => {
    expect(read(file)).toMatchObject({ named: [{ reference: "Rü1" }] })
  })

  it.each([
    ["ISO-8859-2", 0xb3, "ł"],
    ["iso8859-2", 0xb3, "ł"],
    ["ISO-8859-5", 0xd6, "ж"],
    ["ISO-8859-7", 0xf8, "ψ"],
    ["ISO-8859-9", 0xfd, "ı"],
    ["ISO-8859-13", 0xf0, "š"],
    ["ISO-8859-15", 0xa4, "€"],
    ["Windows-1250", 0xb3, "ł"],
    ["windows-1251", 0xe6, "ж"],
    ["windows-1253", 0xf8, "ψ"],
    ["windows-1254", 0xfd, "ı"],
    ["windows-1257", 0xf0, "š"],
  ])("of another region, %s, is read", (name, byte, character) => {
    const file = Buffer.from(declared(name).replace("Rü1", "R\u00001"), "latin1")
    expect(read(file.map((one) => one || byte))).toMatchObject({ named: [{ reference: `R${character}1` }] })
  })

  it("of Windows has its own characters", () => {
    const file = Buffer.from(declared("Windows-1252").replace("Rü1", "R\u00801"), "latin1")
    expect(read(file)).toMatchObject({ named: [{ reference: "R€1" }] })
  })

  it.each([
    ["IBM500", "the encoding IBM500 is not read"],
    ["DE89370400440532013000", "the encoding of its declaration is not read"],
    ["UTF-16", "not in the encoding that it declares, UTF-16"],
    ["US-ASCII", "not US-ASCII"],
  ])("%s is refused by name where it is not known or not kept to", (name, problem) => {
    expect(problemOf(Buffer.from(declared(name), "latin1"))).toBe(`the file: ${problem}`)
  })
})

describe("a namespace", () => {
  const fine = report("", transfer("R1", "ACSC"))
  it.each([
    "urn:iso:std:iso:20022:tech:xsd:pain.002.001.14",
    "urn:iso:std:iso:20022:tech:xsd:pain.002.002.03",
    "http://www.six-interbank-clearing.com/de/pain.002.001.03.ch.02.xsd",
    "ISO:pain.002.001.03:APC:STUZZA:payments:003",
  ])("%s is that of a report", (name) => {
    expect(read(fine.replace(namespace("pain.002.001.10"), name))).toMatchObject({ about: "M1" })
  })
  const bare = fine.replace(/ xmlns="[^"]*"/, "")
  const own = namespace("pain.002.001.10")
  const header =
    '<h:AppHdr xmlns:h="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><h:BizMsgIdr>1</h:BizMsgIdr></h:AppHdr>'
  it.each([
    ["beside its header", `<Envelope xmlns="urn:swift:xsd:envelope">${header}${fine}</Envelope>`],
    [
      "in a body",
      `<s:DataPDU xmlns:s="urn:swift:saa:xsd:saa.2.0"><s:Header/><s:Body>${header}${fine}</s:Body></s:DataPDU>`,
    ],
    ["that names its namespace", `<Envelope xmlns="${own}">${bare}</Envelope>`],
  ])("may be that of a report in an envelope, %s", (_, file) => {
    expect(read(file)).toMatchObject({ about: "M1" })
  })
  it.each([
    ["two reports", `<Envelope>${fine}${fine}</Envelope>`],
    ["no report", `<Envelope xmlns="${own}">${header}</Envelope>`],
    ["a report deep inside", `<a><b><c><d>${fine}</d></c></b></a>`],
    ["a report of two kinds", `<Envelope xmlns:c="${namespace("camt.054.001.08")}">${fine}</Envelope>`],
  ])("is that of nothing that is read in an envelope with %s", (_, file) => {
    expect(problemOf(file)).toContain("Document: not a message")
  })
  it.each(["urn:x:pain.0020.001.03", "urn:x:xpain.002.001.03", "urn:x:pain.002.001.031", "urn:x:pain.002"])(
    "%s is that of nothing that is read",
    (name) => {
      expect(problemOf(fine.replace(namespace("pain.002.001.10"), name))).toContain("Document: not a message")
    },
  )
})

describe("reasons", () => {
  const reasonOf = (codes: ReadonlyArray<string>) => read(report("", transfer("R1", "RJCT", codes.join(""))))
  const own = (text: string) => `<StsRsnInf><Rsn><Prtry>${text}</Prtry></Rsn></StsRsnInf>`
  it("are all kept, and the first that is mapped counts", () => {
    const given = [own("Z-991 Konto gesperrt"), reason("NARR"), reason("AC04"), reason("AM04")]
    expect(reasonOf(given)).toMatchObject({
      named: [{ status: { code: "AC04", reasons: ["Z-991 Konto gesperrt", "NARR", "AC04", "AM04"] } }],
    })
  })
  it("are bounded and show no account number", () => {
    const iban = "DE89370400440532013000"
    const long = `<StsRsnInf><Rsn><Cd>NARR</Cd></Rsn>${`<AddtlInf>${"x ".repeat(60)}${iban}</AddtlInf>`.repeat(5)}</StsRsnInf>`
    const { named } = reasonOf([own(iban), long, ...Array.from({ length: 20 }, (_, n) => own(`Z${n}`))])
    const [{ status }] = named as unknown as [{ status: { code: string; reasons: ReadonlyArray<string> } }]
    expect(status.code).toBe("unspecified")
    expect(status.reasons).toHaveLength(10)
    expect(Math.max(...status.reasons.map(({ length }) => length))).toBeLessThanOrEqual(200)
    expect(status.reasons.join()).not.toContain(iban.slice(4, 12))
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
          evidence: { iban: "CH5109000000250092291" },
          status: { _tag: "Returned", code: "AC01", reasons: ["AC01: Kontonummer falsch"] },
          amount: { currency: "CHF", minor: 50_000n },
        },
      ],
    })
  })
})
