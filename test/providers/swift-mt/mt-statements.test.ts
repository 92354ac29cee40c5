/** What statements in SWIFT's form say: field by field, as banks of several countries write them, and what is refused. */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { readBankStatement } from "../../../src/providers/iso20022/bank-statement.ts"
import { informationIn } from "../../../src/providers/swift-mt/mt-information.ts"
import { mtMessagesIn } from "../../../src/providers/swift-mt/mt-messages.ts"
import { problemOf, read } from "../iso20022/bank-messages.ts"
import { credit, debit, type MtParts, mt940 } from "./statements.ts"

const R1 = "ABCDEFGHIJKLMNOPQRSTUV-1-1"
const R2 = "ABCDEFGHIJKLMNOPQRSTUV-2-1"
const FILE = "EUR-sepa-2026-11-27-1"

const named = (parts: MtParts) => read(mt940(parts)).named
/** The only transfer that a statement with one line names. */
const only = (...lines: MtParts["lines"]) => {
  const all = named({ lines })
  expect(all).toHaveLength(1)
  return all[0]
}
const settled = { reference: R1, status: { _tag: "Settled" }, amount: { currency: "EUR", minor: 1_000n } }
const returned = (code: string) => ({ reference: R1, status: { _tag: "Returned", code } })

describe("a debit names its transfer", () => {
  it.each([
    ["in German subfields", `116?00UEBERWEISUNG?109310?20EREF+${R1}?21SVWZ+Rechnung 7?30BANKDEFF?32Ada`],
    ["in subfields that break within the id", `116?00X?20EREF+${R1.slice(0, 22)}?21${R1.slice(22)}?22SVWZ+x`],
    ["in lines that break within the id", [`116?00X?20EREF+${R1.slice(0, 9)}`, `${R1.slice(9)}?21SVWZ+x`]],
    ["in subfields with another mark", `116>00X>20EREF+${R1}>21SVWZ+x`],
    ["in one subfield with other ids", `116?00X?20EREF+${R1} KREF+${FILE}?21SVWZ+x`],
    ["between code words", `/EREF/${R1}//PREF/${FILE}//CNTP/NL20ABNA0123456789/ABNANL2A/Ada///REMI/USTD//x/`],
    ["after a return's place", `/TRCD/541/EREF/${R1}/BENM//NAME/Ada/REMI/x/ISDT/2026-11-27`],
    ["last, after the remittance", `/TRTP/SEPA OVERBOEKING/IBAN/NL20/BIC/X/NAME/Ada/REMI/x/EREF/${R1}`],
  ])("%s", (_, information) => {
    expect(only(debit(1_000n, information))).toMatchObject(settled)
  })

  it("in field 61, also beside the bank's own id", () => {
    expect(only(debit(1_000n, "", `${R1}//B-7`))).toMatchObject({ ...settled, servicerReference: "B-7" })
  })

  it("by the file that it was ordered in, and by the bank's own id", () => {
    const line = debit(1_000n, `191?00SAMMLER?20KREF+${FILE}?21SVWZ+x`, "KREF+//B-7")
    expect(only(line)).toMatchObject({
      reference: "",
      fileIds: [FILE],
      servicerReference: "B-7",
      evidence: { bookedOn: "2026-11-27", iban: "NL91ABNA0417164300" },
    })
    expect(only(debit(1_000n, "", FILE))).toMatchObject({ reference: "", fileIds: [FILE] })
    expect(only(debit(1_000n, `/PREF/${FILE}/`, FILE.slice(0, 16)))).toMatchObject({ reference: "" })
  })

  it("not by what payers and payees write", () => {
    for (const information of [
      `166?00GUTSCHRIFT?20EREF+X1?21SVWZ+ EREF+${R1}?22EREF+${R1}`,
      `166?00GUTSCHRIFT?20hello?21EREF+${R1}`,
      `/EREF/X1/NAME/Eve/REMI/EREF/${R1}/UETR/x`,
      `hello /EREF/${R1}`,
    ])
      expect(
        named({ lines: [debit(1_000n, information, "X1")] }).flatMap(
          ({ reference, otherReferences = [], uetr = "" }) => [reference, ...otherReferences, uetr],
        ),
      ).not.toContain(R1)
  })

  it("by two ids of ours as a contradiction, which has no effect", () => {
    expect(only(debit(1_000n, `116?00X?20EREF+${R1}?21SVWZ+x`, R2))).toMatchObject({
      reference: R1,
      otherReferences: [R2],
    })
  })
})

describe("what comes back", () => {
  it.each([
    ["by a German code and number", credit(1_000n, `159?00RETOURE?20EREF+${R1}?21SVWZ+x?34902`), "AC04"],
    ["by a code of instant payments", credit(1_000n, `160?00RETOURE?20EREF+${R1}?21SVWZ+x?34901`), "AC01"],
    ["with a number that is not mapped", credit(1_000n, `159?00X?20EREF+${R1}?34999`), "999"],
    [
      "with two numbers, one of which is a payer's",
      credit(1_000n, `159?00X?20EREF+${R1}?34902?34901`),
      "unspecified",
    ],
    ["by a code word", credit(1_000n, `/RTRN/AC01//EREF/${R1}//REMI/USTD//x/`), "AC01"],
    [
      "by a code word after the reference",
      credit(1_000n, `/EREF/${R1}/TRCD/944/RTRN/MS03/ORDP//NAME/Ada`),
      "MS03",
    ],
    ["by the type of the line", credit(1_000n, `/EREF/${R1}/`, "NRTI"), "unspecified"],
    [
      "by a reversed debit",
      { line: "261127RD10,00NTRFNONREF", change: 1_000n, information: `/EREF/${R1}/` },
      "unspecified",
    ],
  ])("is returned, %s", (_, line, code) => {
    expect(only(line)).toMatchObject(returned(code))
  })

  it("is not what a payer calls so", () => {
    for (const information of [
      `166?00GUTSCHRIFT?20EREF+${R1}?21SVWZ+/RTRN/AC04?34902`,
      `/EREF/${R1}/NAME/Eve/RTRN/AC04/REMI/x`,
      `/EREF/${R1}/REMI/x/RTRN/AC04/`,
    ])
      expect(only(credit(1_000n, information))).toMatchObject({ reference: R1, status: { _tag: "Unclear" } })
  })

  it("is no settlement as a debit that reverses a credit, nor one that came back", () => {
    const reversal = { line: "2611271127RC10,00NTRFNONREF", change: -1_000n, information: `/EREF/${R1}/` }
    expect(only(reversal)).toMatchObject({ status: { _tag: "Unclear" } })
    expect(only(debit(1_000n, `/RTRN/AC01/EREF/${R1}/`))).toMatchObject({ status: { _tag: "Unclear" } })
  })
})

it("reads charges, what was instructed, and the rate from the bank's line only", () => {
  const line = {
    line: "2611271127D9,50NTRFNONREF\r\n/OCMT/USD10,00/CHGS/EUR0,50/EXCH/1,0526/",
    change: -950n,
    information: `/EREF/${R1}/REMI/x/OCMT/USD99,00/`,
  }
  expect(only(line)).toMatchObject({
    amounts: {
      instructed: [{ currency: "USD", minor: 1_000n }],
      charges: [{ currency: "EUR", minor: 50n }],
      rate: "1.0526",
    },
  })
  const charge = { line: "2611271127D0,50NCHGNONREF", change: -50n, information: `808?00X?20EREF+${R1}` }
  expect(only(charge)).toMatchObject({ status: { _tag: "Unclear" } })
})

describe("a statement", () => {
  const entries = { lines: [debit(1_000n, `/EREF/${R1}/`)] }
  const statementOf = (parts: MtParts) =>
    Result.getOrThrow(readBankStatement(Buffer.from(mt940(parts)))).statements[0]

  it("has an account, a number, a day and entries", () => {
    expect(statementOf(entries)).toMatchObject({
      id: "42/1",
      account: "NL91ABNA0417164300",
      currency: "EUR",
      day: "2026-11-27",
      entries: [{ reference: R1, minor: 1_000n, kind: "debit", bookedOn: "2026-11-27" }],
    })
  })

  it.each([
    ["NL91ABNA0417164300EUR", "NL91ABNA0417164300"],
    ["ABNANL2A/NL91 ABNA 0417 1643 00", "NL91ABNA0417164300"],
    ["37040044/0532013000", "37040044/0532013000"],
    ["DE89370400440532013000", "DE89370400440532013000"],
  ])("is of the account %s as %s", (written, account) => {
    expect(statementOf({ ...entries, account: written })).toMatchObject({ account })
  })

  it("has entries of the year in which their day is nearest to that of their value", () => {
    const lines = [
      { line: "2701021230D10,00NTRFNONREF", change: -1_000n },
      { line: "2612300102D10,00NTRFNONREF", change: -1_000n },
      { line: "261230D10,00NTRFNONREF", change: -1_000n },
    ]
    expect(statementOf({ lines, day: "261231" })?.entries.map(({ bookedOn }) => bookedOn)).toEqual([
      "2026-12-30",
      "2027-01-02",
      "2026-12-30",
    ])
  })

  it("has pages, and others beside it in its file", () => {
    const file = [
      mt940({ ...entries, number: "42/1", pages: ["F", "M"] }),
      mt940({ lines: [debit(1_100n, `/EREF/${R2}/`)], opening: 99_000n, number: "42/2", pages: ["M", "F"] }),
      mt940({ lines: [], account: "37040044/0532013000" }),
    ].join("")
    expect(read(file).named.map(({ reference }) => reference)).toEqual([R1, R2])
    const { statements } = Result.getOrThrow(readBankStatement(Buffer.from(file)))
    expect(statements.map(({ id, entries }) => [id, entries.length])).toEqual([
      ["42/1", 1],
      ["42/2", 1],
      ["42/1", 0],
    ])
  })

  const blocks = (text: string, end = "-}{5:{CHK:123456789ABC}}") =>
    `{1:F01ABNANL2AXXXX0000000000}{2:O9401200261127ABNANL2AXXXX00000000002611271200N}{3:{108:MT940}}{4:\r\n${text.replace(/-\r\n$/, "")}${end}`

  it.each([
    ["blocks", blocks(mt940(entries))],
    ["blocks of several messages in a line", blocks(mt940(entries)) + blocks(mt940({ lines: [] }))],
    ["blocks in control characters", `\u0001${blocks(mt940(entries))}\u0003`],
    ["its type before it", `:940:\r\n${mt940(entries)}:940:\r\n${mt940({ lines: [] })}`],
    ["a bank's header", `ABNANL2A\n940\nABNANL2A\n${mt940(entries)}`],
    ["another end", `0000 01INGBNL2AXXXX00001\n940 00\n${mt940(entries).replace("\n-\r", "\n-XXX\r")}`],
    ["no end", mt940(entries).replace("\r\n-\r\n", "")],
    ["line feeds only", mt940(entries).replaceAll("\r\n", "\n")],
    ["carriage returns only", mt940(entries).replaceAll("\r\n", "\r")],
    ["a byte-order mark", `\ufeff${mt940(entries)}`],
    ["the third letter of its currency", mt940(entries).replace("1127D10", "1127DR10")],
  ])("may have %s", (_, file) => {
    expect(read(file).named).toMatchObject([settled])
  })

  it.each([
    ["UTF-8", Buffer.from(mt940({ lines: [debit(1_000n, `/EREF/${R1}/NAME/Jörg/`)] }))],
    ["ISO-8859-1", Buffer.from(mt940({ lines: [debit(1_000n, `/EREF/${R1}/NAME/Jörg/`)] }), "latin1")],
    ["UTF-16", Buffer.from(`\ufeff${mt940(entries)}`, "utf16le")],
  ])("may be in %s", (_, file) => {
    expect(read(file).named).toMatchObject([settled])
  })
})

describe("within the day (MT942)", () => {
  const interim = (lines: ReadonlyArray<string>, end: ReadonlyArray<string> = []) =>
    [":20:X", ":25:NL91ABNA0417164300", ":28C:1/1", ":34F:EURD0,", ":34F:EURC0,", ":13D:2611271200+0100"]
      .concat(
        lines.map((line) => `:61:${line}`),
        end,
        "-",
        "",
      )
      .join("\r\n")

  it("a booked entry counts, and one that is expected does not", () => {
    const file = interim([`261127D10,00NTRF${R1}`, `261127ED11,00NTRF${R2}`], [":90D:2EUR21,00"])
    expect(read(file)).toMatchObject({ _tag: "Statement", named: [settled] })
    expect(Result.isFailure(readBankStatement(Buffer.from(file)))).toBe(true)
  })

  it("nothing counts if its number or sum is another", () => {
    const lines = [`261127D10,00NTRF${R1}`]
    expect(read(interim(lines, [":90D:1EUR10,00", ":90C:0EUR0,"])).named).toHaveLength(1)
    for (const end of [":90D:2EUR10,00", ":90D:1EUR10,01", ":90C:1EUR1,00"])
      expect(problemOf(interim(lines, [end]))).toContain("not the number and the sum of the entries")
  })
})

describe("a file is refused, with its place,", () => {
  const fine = mt940({ lines: [debit(1_000n, `/EREF/${R1}/`), debit(1_100n, `/EREF/${R2}/`)] })
  it.each([
    [
      "whose balance is not that of its entries",
      fine.replace("D11,00", "D12,00"),
      "line 1, field 62: not the opening",
    ],
    ["with an entry less", fine.replace(/:61:.*\r\n:86:.*\r\n/, ""), "line 1, field 62: not the opening"],
    ["without an end", fine.slice(0, fine.indexOf(":62F")), "line 1, field 62F: missing"],
    ["without a beginning", fine.replace(/:60F.*\r\n/, ""), "line 1, field 60F: missing"],
    ["without an account", fine.replace(/:25:.*\r\n/, ""), "line 1, field 25: missing"],
    ["with two closing balances", fine.replace(/(:62F.*\r\n)/, "$1$1"), "field 62F: occurs more than once"],
    ["with a balance of two lines", fine.replace(/(:62F.*\r\n)/, "$1X\r\n"), "field 62F: more than one line"],
    [
      "with an entry after the balance",
      fine.replace("-\r\n", ":61:261127D1,00NTRFX\r\n-\r\n"),
      "field 61: after",
    ],
    [
      "with balances of two currencies",
      fine.replace(/(:62F:C261127)EUR/, "$1USD"),
      "not of the currency of field 60",
    ],
    ["with a currency of nobody", fine.replaceAll("EUR", "XYZ"), "not a payable ISO 4217 currency"],
    ["with a day of no calendar", fine.replace(":62F:C261127", ":62F:C261131"), "field 62F: not a date"],
    [
      "with a block that does not end",
      `{1:F01ABNANL2AXXXX0000000000}{4:\r\n${fine.replace(/-\r\n$/, "")}`,
      "the end of its block",
    ],
    ["with text of no field", `${fine}${"x\r\n".repeat(9)}`, "line 19: is in no field"],
    ["with a field of no message", `${fine}:25:X\r\n`, "line 11: field 25 is in no message"],
    [
      "with an endless line",
      fine.replace("/EREF/", `/EREF/${"x".repeat(5_000)}`),
      "line 6: longer than 4096",
    ],
    ["with an endless field", fine.replace("/EREF/", `${"x\r\n".repeat(200)}`), "has more than 100 lines"],
    [
      "with a character of no text",
      fine.replace("/EREF/", "/E\u0000REF/"),
      "the file: a character that no text has",
    ],
  ])("%s", (_, file, problem) => {
    expect(problemOf(file)).toContain(problem)
  })

  it.each([
    ["a point", "2611271127D10.00NTRFX"],
    ["no amount", "2611271127DNTRFX"],
    ["no type", "2611271127D10,00"],
    ["a third decimal", "2611271127D10,001NTRFX"],
    ["another currency's letter", "2611271127DD10,00NTRFX"],
    ["a day of no calendar", "2613271127D10,00NTRFX"],
    ["another day of no calendar", "2611271131D10,00NTRFX"],
  ])("but not for an entry with %s, which is told with its references", (_, line) => {
    const file = mt940({ lines: [{ line, information: `/EREF/${R2}/` }, debit(1_000n, `/EREF/${R1}/`)] })
    expect(read(file)).toMatchObject({
      named: [settled],
      unread: [{ place: "line 5", problem: expect.stringMatching(/^field 61: /), references: [R2] }],
    })
  })

  it("but not for a statement in it, which is told with its references", () => {
    const other = mt940({ lines: [debit(1_100n, `/EREF/${R2}/`)], closing: 0n })
    const file = `${mt940({ lines: [debit(1_000n, `/EREF/${R1}/`)] })}${other}`
    expect(read(file)).toMatchObject({
      named: [settled],
      unread: [{ place: "line 9", problem: expect.stringContaining("field 62"), references: [R2] }],
    })
  })

  it("wherever it is cut: then no entry counts, or all", () => {
    const counted = new Set<number>()
    for (let end = 0; end < fine.length; end += 1) {
      const outcome = problemOf(fine.slice(0, end))
      counted.add(outcome === "none" ? read(fine.slice(0, end)).named.length : 0)
    }
    expect([...counted].sort()).toEqual([0, 2])
  })
})

it("reads long rows of slashes and spaces in time that grows with their length alone", () => {
  const row = "/".repeat(4_000)
  const information = ["/EREF/", ...Array.from({ length: 98 }, () => row), "x/REMI/"]
  expect(informationIn(information).own).toEqual([`${row.repeat(98)}x`])
  const blank = `-}${" ".repeat(4_000)}\u2028x`
  const file = [":20:A", ...Array.from({ length: 3_900 }, () => blank)].join("\n")
  expect(mtMessagesIn(file)).toHaveLength(1)
})
