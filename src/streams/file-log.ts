/**
 * The port to the log of files of orders: what releases a file to a bank is written here before the file appears, in
 * another store than the orders. A file that this log knows is never made again, whatever the other store has forgotten; and
 * an order that was withdrawn here is in no file ever after.
 */
import { Context, type Effect, Schema } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** One order of a file: of the beneficiary nothing but a keyed fingerprint of all that was ordered. */
const LoggedOrder = Schema.Struct({
  reference: Schema.String,
  /** In minor units of the file's currency. */
  minor: Schema.BigIntFromString,
  /** Made with a key of this partner; an earlier release did not tell whose it is. */
  fingerprint: Schema.String,
  partner: Schema.optionalKey(Schema.String),
})
export type LoggedOrder = typeof LoggedOrder.Type

/** A file as it is decided: its id at the bank, and all orders in it. */
export const FileRecord = Schema.Struct({
  messageId: Schema.String,
  scheme: Schema.String,
  currency: Schema.String,
  /** The day of execution, "YYYY-MM-DD", and the number among those of the day. */
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

/** A place in the log of a bank's files: how many there are, and the hash of all of them. */
export interface FileLogTail {
  readonly version: number
  readonly head: string
}

export interface LoggedFile extends FileLogTail {
  readonly file: FileRecord
}

/** What the log knows of an order. */
export type LoggedStanding =
  | { readonly _tag: "Filed"; readonly messageId: string }
  | { readonly _tag: "Withdrawn" }

/** What came of logging: done, another came first, or a file or an order of it is in the log already, or was withdrawn. */
export type FileLogged =
  | { readonly _tag: "Logged"; readonly tail: FileLogTail }
  | { readonly _tag: "Moved" }
  | { readonly _tag: "Filed"; readonly messageId: string }
  | { readonly _tag: "Withdrawn"; readonly references: ReadonlyArray<string> }

/** The log does not follow from what was seen of it before, or cannot be read. */
export class FileLogBroken extends Schema.TaggedError<FileLogBroken>()("FileLogBroken", {
  step: Schema.String,
  reason: Schema.String,
}) {}

export class FileLog extends Context.Service<
  FileLog,
  {
    /** Where the log of a bank begins. */
    readonly start: (bank: string) => FileLogTail
    readonly tail: (bank: string) => Effect.Effect<FileLogTail, StoreUnavailable>
    /** Files after a place, at most `limit`; each has to be the true successor of the one before it. */
    readonly read: (
      bank: string,
      after: FileLogTail,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<LoggedFile>, FileLogBroken | StoreUnavailable>
    /** Logs a file after the tail that was seen; what was logged is on as many replicas as are asked for. */
    readonly append: (
      bank: string,
      after: FileLogTail,
      file: FileRecord,
    ) => Effect.Effect<FileLogged, StoreUnavailable>
    /** In which file an order is, or that it is in none ever after; nothing, when neither was decided. */
    readonly standing: (
      bank: string,
      reference: string,
    ) => Effect.Effect<LoggedStanding | undefined, StoreUnavailable>
    /**
     * Sees to it that an order goes out in no file ever after, unless it is in one that lies complete, under another name
     * than `without`: a draft that was made without it. Gives what holds, replicated as above.
     */
    readonly withdraw: (
      bank: string,
      reference: string,
      without?: string,
    ) => Effect.Effect<LoggedStanding, StoreUnavailable>
    /** Those of these orders that were withdrawn. */
    readonly withdrawn: (
      bank: string,
      references: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<string>, StoreUnavailable>
    /** Under which name a file lies complete before it is released, if that was decided. */
    readonly staged: (bank: string, messageId: string) => Effect.Effect<string | undefined, StoreUnavailable>
    /** Decides it, unless it was; gives what was decided, replicated as above. */
    readonly stage: (bank: string, messageId: string, name: string) => Effect.Effect<string, StoreUnavailable>
  }
>()("atlaspay/streams/FileLog") {}
