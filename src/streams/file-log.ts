/**
 * The port to the log of files of orders. A file is logged here before it is released to a bank, and this log is in another
 * store than the orders. A file in this log is never made again, even if the other store lost it. An order that was
 * withdrawn here is never put into a file.
 */
import { Context, type Effect, Schema } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** One order of a file. It contains nothing about the beneficiary, only a keyed fingerprint of the whole order. */
const LoggedOrder = Schema.Struct({
  reference: Schema.String,
  /** In minor units of the file's currency. */
  minor: Schema.BigIntFromString,
  /** Made with a key of `partner`. */
  fingerprint: Schema.String,
  /** Absent in files that earlier releases logged. */
  partner: Schema.optionalKey(Schema.String),
})
export type LoggedOrder = typeof LoggedOrder.Type

/** A file before it is released: its id at the bank, and all its orders. */
export const FileRecord = Schema.Struct({
  messageId: Schema.String,
  scheme: Schema.String,
  currency: Schema.String,
  /** The day of execution, "YYYY-MM-DD", and the number of the file on that day. */
  day: Schema.String,
  sequence: Schema.Int,
  /** Epoch milliseconds. */
  madeAt: Schema.Int,
  count: Schema.Int,
  /** The sum of all orders, in minor units. */
  controlSum: Schema.BigIntFromString,
  orders: Schema.Array(LoggedOrder),
})
export type FileRecord = typeof FileRecord.Type

/** A position in the log of a bank's files: how many files it has, and the hash over all of them. */
export interface FileLogTail {
  readonly version: number
  readonly head: string
}

export interface LoggedFile extends FileLogTail {
  readonly file: FileRecord
}

/** The state of an order in the log. */
export type LoggedStanding =
  | { readonly _tag: "Filed"; readonly messageId: string }
  | { readonly _tag: "Withdrawn" }

/**
 * The result of logging a file. `Moved`: another file was logged first. `Filed`: the file, or an order of it, is logged
 * already. `Withdrawn`: orders of it were withdrawn.
 */
export type FileLogged =
  | { readonly _tag: "Logged"; readonly tail: FileLogTail }
  | { readonly _tag: "Moved" }
  | { readonly _tag: "Filed"; readonly messageId: string }
  | { readonly _tag: "Withdrawn"; readonly references: ReadonlyArray<string> }

/** The log does not follow from what was read before, or cannot be read. */
export class FileLogBroken extends Schema.TaggedError<FileLogBroken>()("FileLogBroken", {
  step: Schema.String,
  reason: Schema.String,
}) {}

export class FileLog extends Context.Service<
  FileLog,
  {
    /** The position before the first file of a bank. */
    readonly start: (bank: string) => FileLogTail
    readonly tail: (bank: string) => Effect.Effect<FileLogTail, StoreUnavailable>
    /** At most `limit` files after a position. The hash chain is verified. */
    readonly read: (
      bank: string,
      after: FileLogTail,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<LoggedFile>, FileLogBroken | StoreUnavailable>
    /** Logs a file after a tail. Resolves once the file is on as many replicas as are configured. */
    readonly append: (
      bank: string,
      after: FileLogTail,
      file: FileRecord,
    ) => Effect.Effect<FileLogged, StoreUnavailable>
    /** The file of an order, or that it was withdrawn; nothing if neither is decided. */
    readonly standing: (
      bank: string,
      reference: string,
    ) => Effect.Effect<LoggedStanding | undefined, StoreUnavailable>
    /**
     * Withdraws an order, so that it never goes out in a file. It does not withdraw an order whose file is already staged
     * complete, unless under the name `without`: a draft that was made without the order. Gives the order's state,
     * replicated as above.
     */
    readonly withdraw: (
      bank: string,
      reference: string,
      without?: string,
    ) => Effect.Effect<LoggedStanding, StoreUnavailable>
    /** Which of these orders were withdrawn. */
    readonly withdrawn: (
      bank: string,
      references: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<string>, StoreUnavailable>
    /** The name under which a file is staged complete before it is released, if one was decided. */
    readonly staged: (bank: string, messageId: string) => Effect.Effect<string | undefined, StoreUnavailable>
    /** Decides that name, unless one was decided. Gives the decided name, replicated as above. */
    readonly stage: (bank: string, messageId: string, name: string) => Effect.Effect<string, StoreUnavailable>
  }
>()("atlaspay/streams/FileLog") {}
