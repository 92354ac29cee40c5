/** What the statements of a bank say, and of which day. */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  readBankStatement,
  readStatementAmongOthers,
} from "../../../src/providers/iso20022/bank-statement.ts"
import { movement, namespace, notification } from "./bank-messages.ts"

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
    expect(readBankStatement(lost)).toMatchObject({ failure: { message: "Stmt 1, Stmt/FrToDt: missing" } })
    expect(readBankStatement(statement("").replace("</Stmt>", `$&${inner}`))).toMatchObject({
      success: {
        statements: [{ day: "2026-11-26" }],
        unread: [{ place: "Stmt 2", problem: "Stmt/FrToDt: missing" }],
      },
    })
  })

  it("is not read out of another message", () => {
    expect(readBankStatement(notification())).toMatchObject({
      failure: { problem: "not a statement, camt.053 or MT940" },
    })
  })

  it("may be looked for among other messages of a bank, and among nothing else", () => {
    const own = statement(movement("DBIT"))
    expect(readStatementAmongOthers(own)).toEqual(readBankStatement(own))
    expect(readStatementAmongOthers(notification())).toEqual(Result.succeed(undefined))
    expect(Result.isFailure(readStatementAmongOthers("<html/>"))).toBe(true)
  })
})
