/** The formats of files of orders, by the settings of their bank: what a file is called, what it can carry, and its content. */
import { type Array as Arr, Result } from "effect"
import type { Scheme } from "../../../domain/scheme.ts"
import { type CreditTransfer, rewritten } from "../../iso20022/credit-transfer.ts"
import { SUM_MINOR_MAX } from "../../iso20022/payment-initiation.ts"
import { newYork } from "../../nacha/entry-dates.ts"
import {
  ACCOUNT_LENGTH_MAX,
  ENTRY_MINOR_MAX,
  FILE_MINOR_MAX,
  writeNachaFile,
} from "../../nacha/nacha-file.ts"
import { filesPerDay, type NachaSettings } from "../../nacha/nacha-settings.ts"
import type { FileTerms, OutboxFile } from "../orders/outbox-files.ts"
import { type FileBankSettings, nachaLimits } from "./file-bank-settings.ts"
import { misfits, paymentFile } from "./payment-file.ts"

export interface FileFormat {
  /** What the names of its files end with. */
  readonly suffix: string
  /** What holds for a file of a scheme that is made at a time (epoch milliseconds). */
  readonly termsAt: (at: number, scheme: Scheme) => FileTerms
  /** The content, or why there is none: nothing of that names a beneficiary. The same input always gives the same. */
  readonly write: (
    file: OutboxFile,
    transfers: Arr.NonEmptyReadonlyArray<CreditTransfer>,
  ) => Result.Result<string, string>
}

/** What a bank's settings say of its files. */
type Settings = Omit<FileBankSettings, "folder" | "everyMs" | "ordersMax" | "pollMs">

/** The format of a bank's files. */
export const formatOf = (bank: Settings): FileFormat =>
  bank.nacha === undefined ? painOf(bank) : nachaOf(bank, bank.nacha)

const painOf = (bank: Settings): FileFormat => ({
  suffix: ".pain.001.xml",
  termsAt: () => ({ sumMinorMax: SUM_MINOR_MAX }),
  write: (file, transfers) => paymentFile(bank, file, transfers),
})

const nachaOf = (bank: Settings, settings: NachaSettings): FileFormat => ({
  suffix: ".ach",
  // Orders of other schemes, from before the bank had this format, are in no file of it, and use up no number of a day.
  termsAt: (at, scheme) =>
    scheme === "ach"
      ? { sumMinorMax: FILE_MINOR_MAX, sequenceMax: filesPerDay(settings), createdOn: newYork(at).day }
      : { sumMinorMax: FILE_MINOR_MAX },
  write: ({ messageId, madeAt, day }, transfers) => {
    const fitting = transfers.flatMap((transfer) => fittingNacha(transfer) ?? [])
    if (fitting.length < transfers.length) return Result.fail(misfits(transfers.length - fitting.length))
    return Result.try({
      try: () =>
        writeNachaFile({
          settings,
          day,
          madeAt,
          sequence: sequenceIn(messageId),
          // "ach-2026-11-26-36": what people at the bank may find it by.
          name: messageId.slice(messageId.indexOf("-") + 1),
          entryClass: bank.achClass ?? "PPD",
          transfers: fitting,
        }),
      // What is thrown names a rule of the format, and no beneficiary. The file may have been made by other settings.
      catch: (error) => (error instanceof Error ? error.message : "it cannot be written as a file of Nacha"),
    })
  },
})

/** The transfer as an entry has it, or nothing for one that was accepted by other settings and fits none. */
const fittingNacha = (transfer: CreditTransfer): CreditTransfer | undefined => {
  const { account } = transfer.details
  const fits =
    account.scheme === "aba" &&
    account.accountNumber.length <= ACCOUNT_LENGTH_MAX &&
    transfer.minor <= ENTRY_MINOR_MAX
  return fits ? rewritten(transfer, nachaLimits) : undefined
}

/** The number of a file among those of its day. */
const sequenceIn = (messageId: string): number => Number(messageId.slice(messageId.lastIndexOf("-") + 1))

/** The end of a draft's name: the suffix of any format, and what tells drafts apart. */
const draftEnd = /(?:\.pain\.001\.xml|\.ach)\.[^.]+$/

/** Whether a name in the outbox is that of a draft, whatever the bank's format was when it was written. */
export const isDraft = (name: string): boolean => name.startsWith(".") && draftEnd.test(name)

/** The message id of the file that a draft is for. */
export const messageOf = (draft: string): string => draft.slice(1).replace(draftEnd, "")

/** The name that a draft is released under: its content is in the format that it was written in. */
export const finalNameOf = (draft: string): string => draft.slice(1, draft.lastIndexOf("."))
