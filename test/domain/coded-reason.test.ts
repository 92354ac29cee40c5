import { Schema } from "effect"
import { expect, it } from "vitest"
import { cleanedAnswer, RawListVersion } from "../../src/domain/clearance-answers.ts"
import { codedReason, wordsInPlaceOfCode } from "../../src/domain/coded-reason.ts"
import { plainCodeOf, UNSPECIFIED } from "../../src/domain/failure-codes.ts"
import { cleanText, TEXT_LENGTH_MAX } from "../../src/domain/outside-text.ts"

it("is a code as it was agreed, and beyond that the words that stand in its place", () => {
  expect(codedReason(" AC04\n")).toEqual({ code: "AC04" })
  expect(codedReason("account closed")).toEqual({ code: UNSPECIFIED, detail: "account closed" })
  expect(codedReason("")).toEqual({ code: UNSPECIFIED })
})

it.each(["12345678", "1-2-3-4-5-6-7-8", "to 1234\nand 5678", `${"x".repeat(500)}1 2 3 4 5 6 7 8`])(
  "quotes nothing with the digits of an account: %s",
  (text) => {
    expect(codedReason(text)).toEqual({ code: UNSPECIFIED })
    expect(plainCodeOf(text)).toBe(UNSPECIFIED)
  },
)

it.each([
  ["receiver ada@example.com has no account", "receiver [redacted] has no account"],
  ["O'Neill+pay@mail.example.co.uk!", "[redacted]!"],
  ["no account G83JXTJ5EHCQ2", "no account [redacted]"],
])("names no wallet: %s", (text, detail) => {
  expect(codedReason(text)).toEqual({ code: UNSPECIFIED, detail })
})

it.each(["+1 415-555-2671", "to +49 30 901820."])("names no telephone: %s", (text) => {
  expect(codedReason(text)).toEqual({ code: UNSPECIFIED })
})

it("names no wallet that begins where a text is no longer kept", () => {
  const email = "ada.lovelace@example.com"
  for (let length = 170; length <= 200; length += 1)
    expect(wordsInPlaceOfCode(`${"x ".repeat(length / 2)}${email} is unknown`)).not.toContain("ada")
})

it("is no code if it is the id of a wallet, in an answer or a callback", () => {
  expect(codedReason("G83JXTJ5EHCQ2")).toEqual({ code: UNSPECIFIED, detail: "[redacted]" })
  expect(plainCodeOf("G83JXTJ5EHCQ2")).toBe(UNSPECIFIED)
  for (const code of ["RECEIVER_UNREGISTERED", "REGULATORY_BLOCKED", "REFUNDEDNOTED", "ABCDEFGH23456"]) {
    const isId = code === "ABCDEFGH23456"
    expect([plainCodeOf(code), codedReason(code).code]).toEqual(
      isId ? [UNSPECIFIED, UNSPECIFIED] : [code, code],
    )
  }
})

const LENGTH = 99_999

/** A provider may write as much as its answer may have, and whoever reads it does nothing else meanwhile. */
it.each([
  ["words", "ab ".repeat(LENGTH / 3)],
  ["digits before words", `1234567${"ab ".repeat(LENGTH / 3)}`],
  ["digits before letters", `1234567${"a".repeat(LENGTH)}`],
  ["marks in another order than the normal one", `a${"\u0301\u0316".repeat(LENGTH)}`],
  ["nothing that is visible", "\u200b".repeat(LENGTH)],
  ["what may be addresses", "a.b@".repeat(LENGTH / 3)],
  ["what may be telephone numbers", "+1 ".repeat(LENGTH / 3)],
  ["what may be PayPal ids", "A2".repeat(LENGTH / 2)],
])("is read in no time, however long it is: %s", (_, text) => {
  const before = process.cpuUsage()
  codedReason(text)
  wordsInPlaceOfCode(text)
  plainCodeOf(text)
  cleanText(text)
  cleanedAnswer({ item: 1, decision: "approved", reason: text })
  Schema.is(RawListVersion)(text)
  // Processor time: a machine that is busy with other things stretches the other.
  expect(process.cpuUsage(before).user).toBeLessThan(500_000)
})

it("shows no part of an account that begins where a text is no longer read", () => {
  const iban = "DE89370400440532013000"
  for (let length = 4 * TEXT_LENGTH_MAX - iban.length; length <= 4 * TEXT_LENGTH_MAX; length += 1)
    expect(cleanText(`on a list ${"\u200b".repeat(length - 10)}${iban}`)).not.toContain("DE8")
})
