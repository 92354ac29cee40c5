/** What messages of banks say of transfers. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"
import { movement, notification, problemOf, read, reason, report, transfer } from "./bank-messages.ts"

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
