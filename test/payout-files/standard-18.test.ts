/** Bacs Standard 18 files, as Modulr takes them. */
import { describe, expect, it } from "vitest"
import { read, refusal } from "./read-file.ts"

/** A record with texts at positions, from 1. */
const record = (length: number, fields: Readonly<Record<number, string>>): string =>
  Object.entries(fields).reduce(
    (line, [at, text]) => line.slice(0, Number(at) - 1) + text + line.slice(Number(at) - 1 + text.length),
    " ".repeat(length),
  )

const headerOf = (day: string, currency = "00"): string =>
  record(80, { 1: "UHL1", 5: ` ${day}`, 11: "999999", 21: currency, 29: "1 DAILY" })
const HEADER = headerOf("27015")

const payment = (more: Readonly<Record<number, string>> = {}): string =>
  record(106, {
    1: "60101031926819099",
    18: "20000055779911",
    36: "00000000250",
    47: "ACME LTD",
    65: "INV 1",
    83: "ADA LOVELACE",
    ...more,
  })

const trailer = (sum: string, count: string): string =>
  record(80, {
    1: "UTL1",
    5: "0".repeat(13),
    18: sum.padStart(13, "0"),
    31: "0000001",
    38: count.padStart(7, "0"),
  })

const contra = payment({ 1: "20000055779911017", 36: "00000000500", 83: "CONTRA" })

describe("a Bacs Standard 18 file", () => {
  it("is in sterling, too, if its currency is left blank", async () => {
    const { items } = await read([headerOf("27015", "  "), payment()].join("\r\n"))
    expect(items).toMatchObject([{ currency: "GBP", minor: 250n }])
  })

  it("is a batch in sterling for its processing day, its references numbered where they are shared", async () => {
    const lines = [
      record(80, { 1: "VOL1" }),
      record(80, { 1: "HDR1A" }),
      HEADER,
      payment(),
      payment({ 83: "BOB BOND", 101: " 27015" }),
    ]
    const { items, body } = await read([...lines, contra, trailer("500", "2"), ""].join("\r\n"))
    expect(items).toEqual([
      {
        item: 1,
        reference: "INV 1 #1",
        currency: "GBP",
        minor: 250n,
        beneficiary: {
          name: "ADA LOVELACE",
          account: { scheme: "sort-code", sortCode: "601010", accountNumber: "31926819" },
        },
        remittance: "INV 1",
      },
      expect.objectContaining({ item: 2, reference: "INV 1 #2" }),
    ])
    expect(JSON.parse(body).executeAt).toBe("2027-01-15T00:00:00.000Z")
  })

  it.each([
    [
      "payments of a second day",
      [HEADER, payment(), headerOf("27016"), payment({ 65: "INV 2" })],
      "line 3: a second UHL1; split the file",
    ],
    [
      "a second trailer",
      [HEADER, payment(), trailer("250", "1"), payment({ 65: "INV 2" }), trailer("250", "1")],
      "line 5: a second UTL1; split the file",
    ],
    [
      "another code than a credit",
      [HEADER, payment({ 16: "01" })],
      "line 2, transaction code: not 99; a payout is a credit",
    ],
    [
      "an amount that is none",
      [HEADER, payment({ 36: "      2.50 " })],
      "line 2, amount: expected 11 digits of pence",
    ],
    [
      "another day than the file",
      [HEADER, payment({ 101: " 27016" })],
      "line 2, processing day: not that of the file, and a batch has one",
    ],
    [
      "a day that does not exist",
      [headerOf("27366"), payment()],
      "line 1, processing day: not a day as YYDDD",
    ],
    [
      "another currency",
      [headerOf("27015", "01"), payment()],
      "line 1, currency: neither 00 nor blank, sterling",
    ],
    ["no header", [record(80, { 1: "VOL1" }), payment()], ": UHL1 is missing"],
    ["no payment", [HEADER], ": no payments"],
    [
      "another sum than its trailer",
      [HEADER, payment(), trailer("251", "1")],
      "line 3, credits: not the sum of the payments",
    ],
    [
      "another number than its trailer",
      [HEADER, payment(), trailer("250", "2")],
      "line 3, credit count: not the number of payments, which is 1",
    ],
    [
      "a record that is too long",
      [HEADER, payment({ 83: "A".repeat(25) })],
      "line 2: longer than 106 characters",
    ],
    ["no reference", [HEADER, payment({ 65: "     " })], "line 2, reference: expected 1 to 64 characters"],
  ])("is refused with %s", async (_, lines, problem) => {
    expect((await refusal(lines.join("\n")))[0]).toBe(problem)
  })

  it("sets no rows aside: it is right as a whole or refused", async () => {
    expect(await refusal([HEADER, payment()].join("\n"), { setsAside: true })).toEqual([
      ": --rejects is for spreadsheets",
    ])
  })
})
