/** What a transfer in a file says of who holds an American account. */
import { Result } from "effect"
import { expect, it } from "vitest"
import { fileLimits } from "../../../src/providers/banks/files/file-bank-settings.ts"
import { creditTransferOf } from "../../../src/providers/iso20022/credit-transfer.ts"

const at = Date.UTC(2026, 10, 26)
const aba = {
  scheme: "aba",
  routingNumber: "021000021",
  accountNumber: "123456789",
  accountType: "checking",
} as const

const transferTo = (beneficiary: object) =>
  creditTransferOf(
    {
      bank: "clearing",
      reference: "AAAAAAAAAAAAAAAAAAAAAA-1-1",
      partner: "acme",
      beneficiary: { name: "Ada", account: aba, ...beneficiary },
      currency: "USD",
      minor: 100n,
    },
    fileLimits({}),
    at,
  )

it("is what the account says, or else the type of the beneficiary", () => {
  const holderOf = (beneficiary: object) => {
    const { account } = Result.getOrThrow(transferTo(beneficiary)).details
    return account.scheme === "aba" ? account.holderType : "no account of the USA"
  }
  expect(holderOf({ type: "company" })).toBe("company")
  expect(holderOf({ type: "person" })).toBe("individual")
  expect(holderOf({ account: { ...aba, holderType: "company" } })).toBe("company")
  expect(holderOf({})).toBeUndefined()
})

it("is not written to a wallet: no file pays one", () => {
  const account = { scheme: "email", email: "ada@example.com" }
  expect(Result.getOrThrow(Result.flip(transferTo({ account })))).toBe("AG03")
})
