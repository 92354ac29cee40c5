/** Files that a bank sends about entries: what is read of them, and what is refused with its place. */
import { describe, expect, it } from "vitest"
import { failureOf, isOfDuplicate } from "../../../src/domain/failure-codes.ts"
import { readBankMessage } from "../../../src/providers/iso20022/bank-message.ts"
import { changeCodes, changeText, refusedChangeCodes } from "../../../src/providers/nacha/change-codes.ts"
import { writeNachaFile } from "../../../src/providers/nacha/nacha-file.ts"
import { returnCodes } from "../../../src/providers/nacha/return-codes.ts"
import { changed, nacha, returned, type SentEntry, sentFile } from "./return-files.ts"

const id = "ABCDEFGHIJKLMN0"
const read = (text: string) => readBankMessage(Buffer.from(text, "latin1"))
const readOne = (entry: Partial<SentEntry>, entryClass = "PPD") =>
  read(sentFile([{ entryClass, entries: [{ id, ...entry }] }]))
const statusOf = (entry: Partial<SentEntry>, entryClass = "PPD") => {
  const file = readOne(entry, entryClass)
  return file._tag === "Success" ? file.success.named[0]?.status : file.failure.message
}

it("reads a return with its amount, code and words", () => {
  expect(
    readOne({ cents: 150, addenda: returned("R03", "011401530000007", "NO SUCH ACCOUNT 123456789") }),
  ).toMatchObject({
    _tag: "Success",
    success: {
      _tag: "ReturnFile",
      madeOn: "2026-12-02",
      companies: [nacha.companyId],
      named: [
        {
          reference: id,
          trace: "011401530000007",
          amount: { currency: "USD", minor: 150n },
          status: { _tag: "Returned", code: "R03", reasons: ["R03: NO SUCH ACCOUNT [redacted]"] },
        },
      ],
    },
  })
})

/** Nacha Operating Rules, Appendix Four: codes that are for debits, checks, enrolments and cross-border entries alone. */
const notForOurs = new Set(
  [
    "R05",
    "R07",
    "R10",
    "R11",
    "R29",
    "R33",
    "R35",
    "R37",
    "R38",
    "R39",
    "R40",
    "R41",
    "R42",
    "R43",
    "R44",
    "R45",
  ].concat(["R46", "R47", "R50", "R51", "R52", "R53", "R62", "R81", "R82", "R85"]),
)

it("every return reason code is mapped, or left to a person on purpose", () => {
  for (let number = 1; number <= 85; number += 1) {
    const code = `R${String(number).padStart(2, "0")}`
    const meaning = returnCodes.get(code)
    // There are no codes 48, 49, 54 to 60, 63 to 66, 78 and 79.
    if (meaning === undefined) {
      expect([48, 49, 54, 55, 56, 57, 58, 59, 60, 63, 64, 65, 66, 78, 79], code).toContain(number)
      continue
    }
    const status = statusOf({ cents: 1, addenda: returned(code) })
    // A copy, or a return that banks dispute: the order is as it was, and an operator asks.
    if (meaning !== "returned") expect(status, code).toEqual({ _tag: "Unclear" })
    else {
      expect(status, code).toMatchObject({ _tag: "Returned", code })
      expect(failureOf(code) === undefined, code).toBe(notForOurs.has(code))
    }
  }
  expect(returnCodes.get("R24")).toBe("copy")
  expect(isOfDuplicate("R24")).toBe(true)
})

it("every change code says what to correct, and shows no account and no name", () => {
  const data: Readonly<Record<string, readonly [string, string]>> = {
    C01: ["98765432109876543", "C01: account number wrong; right is account …6543"],
    C02: ["021000021", "C02: routing number wrong; right is routing number 021000021"],
    C03: [
      "021000021   98765432109876543",
      "C03: routing number and account number wrong; right is routing number 021000021, account …6543",
    ],
    C04: ["BYRON AUGUSTA", "C04: name wrong; what is right is in the bank's file"],
    C05: ["32", "C05: type of account wrong; right is a savings account"],
    C06: [
      "98765432109876543   32",
      "C06: account number and type of account wrong; right is account …6543, a savings account",
    ],
    C07: [
      "0210000219876543210987654332",
      "C07: routing number, account number and type of account wrong; right is routing number 021000021, account …6543, a savings account",
    ],
    C08: ["BANKDEFF", "C08: foreign bank's identification wrong; what is right is in the bank's file"],
    C09: [
      "123456789012345",
      "C09: individual identification number wrong; what is right is in the bank's file",
    ],
    C13: ["", "C13: format of the addenda wrong; what is right is in the bank's file"],
    C14: ["IAT", "C14: class of the entry wrong; what is right is in the bank's file"],
  }
  expect([...changeCodes]).toEqual(Object.keys(data))
  for (const [code, [corrected, text]] of Object.entries(data))
    expect(statusOf({ addenda: changed(code, corrected) }, "COR")).toEqual({
      _tag: "Corrected",
      reasons: [text],
    })
  // An account where a routing number should be is not shown.
  expect(changeText("C02", "12345678901234567")).not.toMatch(/[0-9]{4}/)
  expect(changeText("C01", "1234567")).not.toMatch(/[0-9]{4}/)
  for (const code of refusedChangeCodes)
    expect(statusOf({ addenda: changed(code, "") }, "COR")).toEqual({ _tag: "Unclear" })
  expect(statusOf({ addenda: changed("C10", "") }, "COR")).toContain("a change code that there is not")
})

it("takes an acknowledgement for a sign that the other bank has the entry", () => {
  const file = readOne({ id: "011401530000007", code: "24" }, "ACK")
  expect(file).toMatchObject({
    success: { named: [{ reference: "", trace: "011401530000007", status: { _tag: "Accepted" } }] },
  })
})

it("keeps what it cannot read apart, by its line", () => {
  const file = read(
    sentFile([
      {
        entries: [
          { id, cents: 1, addenda: returned("R03") },
          { id, cents: 1 },
          { id, code: "26", addenda: returned("R03") },
          { id: "somebody else", addenda: returned("XXX") },
        ],
      },
    ]),
  )
  expect(file).toMatchObject({
    success: {
      named: [{ status: { code: "R03" } }],
      unread: [
        { place: "line 5", problem: "neither a return nor a notification of change", references: [id] },
        { place: "line 6", problem: "not about a credit to an account", references: [id] },
        { place: "line 8", problem: "a return without a reason code", references: [] },
      ],
    },
  })
})

const whole = sentFile([
  { entries: [{ id, cents: 150, addenda: returned("R03") }] },
  { entryClass: "COR", entries: [{ id, addenda: changed("C01", "98765432109876543") }] },
])
const lines = whole.split("\n")

describe("a file is read", () => {
  it.each([
    ["as it is", whole],
    [
      "without padding",
      lines
        .slice(
          0,
          lines.findIndex((line) => /^9{94}/.test(line)),
        )
        .join("\n"),
    ],
    ["with carriage returns", whole.replaceAll("\n", "\r\n")],
    ["without line feeds", whole.replaceAll("\n", "")],
    ["without spaces at the ends of its first and last line", whole.replaceAll(/^([19].*?) +$/gm, "$1")],
  ])("%s", (_, text) => {
    expect(read(text)).toMatchObject({ success: { named: [{}, {}] } })
  })
})

describe("a file is refused", () => {
  const cut = (from: number, count: number) => lines.toSpliced(from, count).join("\n")
  const replaced = (line: number, from: number, text: string) =>
    lines
      .with(line, `${lines[line]?.slice(0, from)}${text}${lines[line]?.slice(from + text.length)}`)
      .join("\n")
  it.each([
    ["that ends early", lines.slice(0, 5).join("\n"), "line 5: the file ends before its control"],
    ["that lost an entry with its addenda", cut(2, 2), "line 3: another number of entries"],
    ["that lost an addenda record", cut(3, 1), "line 4: the entry before it lacks its addenda"],
    ["that lost a batch", cut(1, 4), "line 6: another number of batches"],
    ["that lost the control of a batch", cut(4, 1), "line 5: a batch begins within another"],
    ["that lost the header of a batch", cut(1, 1), "line 2: a record outside of a batch"],
    ["with another amount", replaced(2, 29, "0000000151"), "line 5: another sum of credits"],
    ["with another bank", replaced(2, 3, "02100002"), "line 5: another hash of the entries"],
    [
      "with a control of another batch",
      replaced(4, 87, "0000009"),
      "line 5: the control is of another batch",
    ],
    ["with another sum in the end", replaced(9, 43, "000000000151"), "line 10: another sum of credits"],
    ["with another number of blocks", replaced(9, 7, "000002"), "line 10: another number of blocks"],
    ["with letters for an amount", replaced(2, 29, "00000001AB"), "line 3 column 30: not a number"],
    [
      "with a line too short",
      replaced(2, 90, "").replace(/(?<=^6.{89}).{4}$/m, ""),
      "line 3: not of 94 characters",
    ],
    ["with two files in it", `${whole}${whole}`, "line 11: a record after the control of the file"],
    ["with a record of no type", replaced(3, 0, "4"), "line 4: a record of no type that there is"],
    ["of no day", replaced(0, 23, "261301"), "line 1: no day on which the file was made"],
    ["without entries", sentFile([]), "the file: has no entries"],
  ])("%s", (_, text, problem) => {
    const file = read(text)
    expect(file._tag === "Failure" && file.failure.message).toContain(problem)
  })

  it("that we wrote ourselves", () => {
    const text = writeNachaFile({
      settings: nacha,
      day: "2026-12-02",
      madeAt: Date.parse("2026-12-02T17:00:00Z"),
      sequence: 1,
      name: "ours",
      entryClass: "PPD",
      transfers: [
        {
          reference: "A",
          currency: "USD",
          minor: 1n,
          details: {
            name: "Ada Lovelace",
            account: {
              scheme: "aba",
              routingNumber: "021000021",
              accountNumber: "1234",
              accountType: "checking",
            },
          },
        },
      ],
    })
    expect(read(text)).toMatchObject({
      failure: { problem: "neither a return nor a notification of change" },
    })
  })
})
