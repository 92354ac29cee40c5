import { Schema } from "effect"
import { expect, it } from "vitest"
import { BeneficiaryAccount } from "../../src/domain/beneficiary.ts"
import { enteredAccount } from "../../src/domain/entered-account.ts"

it.each([
  [{ iban: "iban: de89 3704-0044" }, { iban: "DE8937040044" }],
  [
    { sortCode: "60-10-10", accountNumber: "3192 6819" },
    { sortCode: "601010", accountNumber: "31926819" },
  ],
  [{ accountNumber: "19-2000145399" }, { accountNumber: "19-2000145399" }],
  [{ email: "\u00a0Ada.Lovelace+Pay@Example.COM " }, { email: "ada.lovelace+pay@example.com" }],
  [{ phone: "+1 (415) 555-2671" }, { phone: "+14155552671" }],
  [{ phone: "00 49 30\u00a0901820" }, { phone: "+4930901820" }],
  [{ phone: "004930901820" }, { phone: "+4930901820" }],
  [{ accountNumber: "004930901820" }, { accountNumber: "004930901820" }],
  [{ phone: "+44.20.7946\u20110958" }, { phone: "+442079460958" }],
  [{ paypalId: "g83j-xtj5 ehcq2" }, { paypalId: "G83JXTJ5EHCQ2" }],
])("undoes the groups of %j", (written, entered) => {
  expect(enteredAccount(written)).toEqual(entered)
})

it.each(["ß1234", "ı1234", "ﬁ1234", "１２３４"])("makes no other characters of %s", (accountNumber) => {
  expect(enteredAccount({ accountNumber })).toEqual({ accountNumber })
})

it.each([
  "+44 (0)20 7946 0958",
  "+44 ( 020) 7946 0958",
  "(415) 555-2671",
  "0015",
  "000 49 30 901820",
  "+1 415 555 2671 x12",
  "+1 415 555/2671",
  "＋1 415 555 2671",
])("leaves a telephone number that could mean two things as no number: %s", (phone) => {
  const entered = enteredAccount({ scheme: "phone", phone })
  expect(Schema.is(BeneficiaryAccount)(entered)).toBe(false)
})

it("makes no other letters of an e-mail address than its own", () => {
  expect(enteredAccount({ email: "\u212Aelvin@x.org" })).toEqual({ email: "\u212Aelvin@x.org" })
})
