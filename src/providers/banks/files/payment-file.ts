/**
 * The content of a file of orders, in the variant of its bank. It depends on the file, its orders and the bank's settings alone. The
 * settings may have changed since the orders were accepted: what still fits them is written as they are now.
 */
import { Array as Arr, Result } from "effect"
import { type CreditTransfer, rewritten } from "../../iso20022/credit-transfer.ts"
import { writePaymentInitiation } from "../../iso20022/payment-initiation.ts"
import type { OutboxFile } from "../orders/outbox-files.ts"
import { type FileBankSettings, fileLimits } from "./file-bank-settings.ts"
import { variantLimits, variantOf } from "./variant-settings.ts"

type Settings = Omit<FileBankSettings, "folder" | "everyMs" | "ordersMax" | "pollMs">

/** The XML, or why there is none: nothing of that names a beneficiary. */
export const paymentFile = (
  settings: Settings,
  { messageId, madeAt, day, scheme, currency }: Omit<OutboxFile, "id" | "bank" | "stagedAs" | "takenOut">,
  transfers: Arr.NonEmptyReadonlyArray<CreditTransfer>,
): Result.Result<string, string> => {
  if (scheme === "wallet") return Result.fail("files pay no wallets")
  const variant = variantOf(settings)
  const limits = fileLimits(settings)[scheme] ?? {
    ...variantLimits(variant, scheme),
    // Orders of a scheme that the settings no longer have are written in what every bank takes.
    characters: "latin",
  }
  const fitting = transfers.flatMap((transfer) => rewritten(transfer, limits) ?? [])
  if (fitting.length < transfers.length || !Arr.isArrayNonEmpty(fitting))
    return Result.fail(misfits(transfers.length - fitting.length))
  return Result.succeed(
    writePaymentInitiation({
      messageId,
      createdAt: madeAt,
      executionDay: day,
      scheme,
      currency,
      debtor: settings.debtor,
      characters: limits.characters,
      achClass: settings.achClass ?? "PPD",
      variant,
      ultimateDebtors: settings.ultimateDebtors ?? {},
      transfers: fitting,
    }),
  )
}

/** Why a file is not written with so many orders that its bank's settings of today do not allow. */
export const misfits = (count: number): string =>
  `${count} of its orders were accepted by other settings of the bank, and do not fit those of today`
