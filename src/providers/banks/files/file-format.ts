/** The formats of files of orders, by the settings of their bank: what a file is called, what it can carry, and its content. */
import { type Array as Arr, Result } from "effect"
import type { CreditTransfer } from "../../iso20022/credit-transfer.ts"
import { SUM_MINOR_MAX } from "../../iso20022/payment-initiation.ts"
import { newYork } from "../../nacha/entry-dates.ts"
import { FILE_MINOR_MAX, writeNachaFile } from "../../nacha/nacha-file.ts"
import { filesPerDay, type NachaSettings } from "../../nacha/nacha-settings.ts"
import type { FileTerms, OutboxFile } from "../orders/outbox-files.ts"
import type { FileBankSettings } from "./file-bank-settings.ts"
import { paymentFile } from "./payment-file.ts"

export interface FileFormat {
  /** What the names of its files end with. */
  readonly suffix: string
  /** What holds for a file that is made at a time (epoch milliseconds). */
  readonly termsAt: (at: number) => FileTerms
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
  termsAt: (at) => ({
    sumMinorMax: FILE_MINOR_MAX,
    sequenceMax: filesPerDay(settings),
    createdOn: newYork(at).day,
  }),
  write: ({ messageId, madeAt, day }, transfers) =>
    Result.succeed(
      writeNachaFile({
        settings,
        day,
        madeAt,
        sequence: sequenceIn(messageId),
        // "ach-2026-11-26-36": what people at the bank may find it by.
        name: messageId.slice(messageId.indexOf("-") + 1),
        entryClass: bank.achClass ?? "PPD",
        transfers,
      }),
    ),
})

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
