/** Files of orders in the variants of banks: valid by their schemas and schemes, whatever is accepted, and as before without one. */
import { createHash } from "node:crypto"
import { type Array as Arr, Result } from "effect"
import { describe, expect, it } from "vitest"
import { bankSchemes } from "../../../../src/domain/scheme.ts"
import {
  type FileBankSettings,
  fileLimits,
} from "../../../../src/providers/banks/files/file-bank-settings.ts"
import { paymentFile } from "../../../../src/providers/banks/files/payment-file.ts"
import { type CreditTransfer, creditTransferOf } from "../../../../src/providers/iso20022/credit-transfer.ts"
import { digestsBefore, ordersBefore, settingsBefore } from "./files-before-variants.ts"

const madeAt = Date.UTC(2026, 10, 26, 1, 2, 3, 4)

/** The file of these orders, all of which the bank takes. */
const fileOf = (settings: FileBankSettings, scheme: (typeof bankSchemes)[number]): string => {
  const orders = ordersBefore[scheme]
  const currency = orders[0]?.currency ?? ""
  const transfers = orders.map((order) =>
    Result.getOrThrow(creditTransferOf(order, fileLimits(settings), madeAt)),
  )
  const file = {
    messageId: `${currency}-${scheme}-2026-11-26-1`,
    madeAt,
    day: "2026-11-26",
    scheme,
    currency,
  }
  return Result.getOrThrow(
    paymentFile(
      settings,
      file,
      transfers as ReadonlyArray<CreditTransfer> as Arr.NonEmptyReadonlyArray<CreditTransfer>,
    ),
  )
}

describe.each(["plain", "all"] as const)("without a variant, with %s settings", (name) => {
  it.each(bankSchemes)("a file of %s is byte for byte what it was before there were variants", (scheme) => {
    const xml = fileOf(settingsBefore[name], scheme)
    expect(createHash("sha256").update(xml).digest("hex")).toBe(digestsBefore[name][scheme])
  })
})

it("leaves no order out where another no longer fits: a file has all of its orders, or is not written", () => {
  const settings = settingsBefore.plain
  const [first, second] = ordersBefore.sepa.map((order) =>
    Result.getOrThrow(creditTransferOf(order, fileLimits(settings), madeAt)),
  )
  const file = { messageId: "M", madeAt, day: "2026-11-26", scheme: "sepa", currency: "EUR" } as const
  const narrow = { ...settings, variant: { lengths: { sepa: { remittance: 17 } } } }
  const transfers = [first, second] as unknown as Arr.NonEmptyReadonlyArray<CreditTransfer>
  const outcome = paymentFile(narrow, file, transfers)
  expect(Result.isFailure(outcome) && outcome.failure).toMatch(/^1 of its orders/)
})
