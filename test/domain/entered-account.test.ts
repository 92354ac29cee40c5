import { expect, it } from "vitest"
import { enteredAccount } from "../../src/domain/entered-account.ts"

it.each([
  [{ iban: "iban: de89 3704-0044" }, { iban: "DE8937040044" }],
  [
    { sortCode: "60-10-10", accountNumber: "3192 6819" },
    { sortCode: "601010", accountNumber: "31926819" },
  ],
  [{ accountNumber: "19-2000145399" }, { accountNumber: "19-2000145399" }],
])("undoes the groups of %j", (written, entered) => {
  expect(enteredAccount(written)).toEqual(entered)
})

it.each(["ß1234", "ı1234", "ﬁ1234", "１２３４"])("makes no other characters of %s", (accountNumber) => {
  expect(enteredAccount({ accountNumber })).toEqual({ accountNumber })
})
