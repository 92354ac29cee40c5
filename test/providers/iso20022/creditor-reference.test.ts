/** References of creditors: ISO 11649 and Switzerland's QR references, each with its check digits. */
import { expect, it } from "vitest"
import type { BankAccount } from "../../../src/domain/beneficiary.ts"
import {
  isCreditorReference,
  isQrAccount,
  isQrReference,
  remittanceOf,
} from "../../../src/providers/iso20022/creditor-reference.ts"
import { fc } from "../../property.ts"

it.each([
  ["RF18539007547034", true],
  ["RF712348231", true],
  ["RF19539007547034", false],
  ["RF18539007547043", false],
  ["RF18", false],
  ["XX18539007547034", false],
  [`RF18${"1".repeat(22)}`, false],
])("%s is a reference by ISO 11649: %s", (text, is) => {
  expect(isCreditorReference(text)).toBe(is)
})

it("finds each of the digits of a reference that is wrong by itself", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Z0-9]{1,21}$/), fc.nat(), (body, place) => {
      const digits = BigInt([...`${body}RF00`].map((letter) => Number.parseInt(letter, 36)).join(""))
      const reference = `RF${String(98n - (digits % 97n)).padStart(2, "0")}${body}`
      expect(isCreditorReference(reference)).toBe(true)
      const index = 2 + (place % (reference.length - 2))
      const [written = ""] = reference.slice(index)
      // A digit for a digit, a letter for a letter: those are the mistakes that ISO 7064 always finds.
      const other = (/[0-9]/.test(written) ? ["7", "8"] : ["X", "Y"]).find((each) => each !== written)
      expect(isCreditorReference(`${reference.slice(0, index)}${other}${reference.slice(index + 1)}`)).toBe(
        false,
      )
    }),
  )
})

it.each([
  ["210000000003139471430009017", true],
  ["210000000003139471430009018", false],
  ["210000000003139471430009071", false],
  ["000000000000000000000000000", false],
  ["21000000000313947143000901", false],
])("%s is a QR reference: %s", (text, is) => {
  expect(isQrReference(text)).toBe(is)
})

it.each<readonly [BankAccount, boolean]>([
  [{ scheme: "iban", iban: "CH4431999123000889012" }, true],
  [{ scheme: "iban", iban: "CH9300762011623852957" }, false],
  [{ scheme: "iban", iban: "DE31300000440532013000" }, false],
  [{ scheme: "bic", bic: "POFICHBE", accountNumber: "CH4431999123000889012" }, false],
])("%o is a QR account: %s", (account, is) => {
  expect(isQrAccount(account)).toBe(is)
})

it("is recognised only where the bank wants it", () => {
  const account: BankAccount = { scheme: "iban", iban: "DE89370400440532013000" }
  const text = "RF18 5390 0754 7034"
  const kinds = { references: ["iso-11649"], document: undefined } as const
  expect(remittanceOf(text, account, kinds)).toEqual({
    _tag: "Reference",
    type: "SCOR",
    reference: "RF18539007547034",
  })
  expect(remittanceOf(text, account, { ...kinds, references: [] })).toEqual({ _tag: "Text", text })
  expect(remittanceOf(`${text} for May`, account, kinds)).toMatchObject({ _tag: "Text" })
  expect(remittanceOf("x".repeat(36), account, { ...kinds, document: "CINV" })).toMatchObject({
    _tag: "Text",
  })
})
