import { Schema } from "effect"
import { Beneficiary } from "../../../domain/beneficiary.ts"

const milliseconds = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))

export const ORDERS_PER_FILE_MAX = 10_000

/** What a bank of the kind `files` needs beyond what all have. */
export const FileBankSettings = Schema.Struct({
  /** Has the folders outbox, inbox, archive and quarantine, and is on one file system with them. */
  folder: Schema.NonEmptyString,
  /** Whose account the money leaves. */
  debtor: Beneficiary,
  /** An order waits at most so long for others of its file. */
  everyMs: Schema.optionalKey(milliseconds(86_400_000)),
  /** So many orders go out at once, and no file has more. */
  ordersMax: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: ORDERS_PER_FILE_MAX })),
  ),
  /** Between two looks at the folders. */
  pollMs: Schema.optionalKey(milliseconds(3_600_000)),
})
export type FileBankSettings = typeof FileBankSettings.Type

export const EVERY_MS = 900_000
export const POLL_MS = 1_000
