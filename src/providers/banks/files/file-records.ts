/** The port to what the store of orders knows of the log of files, which lies in the other store. */
import { Context, type Effect } from "effect"
import type { FileLogTail, FileRecord, LoggedFile } from "../../../streams/file-log.ts"
import type { BankFilesUnavailable } from "./bank-files-unavailable.ts"

/** A file that was made, and is not in the log as far as is known here. */
export interface UnloggedFile {
  readonly id: string
  readonly messageId: string
  /** Under which name it lay complete before it was released, if it did. */
  readonly stagedAs: string | undefined
}

export class FileRecords extends Context.Service<
  FileRecords,
  {
    /** The last place in the log of a bank's files that is known here. */
    readonly tail: (bank: string) => Effect.Effect<FileLogTail | undefined, BankFilesUnavailable>
    /** The hash at a place in that log, as it is known here. */
    readonly headAt: (
      bank: string,
      version: number,
    ) => Effect.Effect<string | undefined, BankFilesUnavailable>
    /** Forgets places after a version, which the log does not have any more: their files are to be logged again. */
    readonly forget: (bank: string, after: number) => Effect.Effect<number, BankFilesUnavailable>
    /** Files without a place in the log, in the order in which they were made. */
    readonly unlogged: (
      bank: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<UnloggedFile>, BankFilesUnavailable>
    /** A file as it is logged; nothing when it has no orders any more. */
    readonly recordOf: (file: UnloggedFile) => Effect.Effect<FileRecord | undefined, BankFilesUnavailable>
    /**
     * Takes orders that were withdrawn out of a file that is not complete yet; false when it is complete, and may have been
     * released.
     */
    readonly takeOut: (
      file: UnloggedFile,
      references: ReadonlyArray<string>,
    ) => Effect.Effect<boolean, BankFilesUnavailable>
    /** Drops the files of a bank that no order is left in, and that nobody has heard of. */
    readonly dropEmpty: (bank: string) => Effect.Effect<void, BankFilesUnavailable>
    /** Notes the place of a file. */
    readonly note: (
      bank: string,
      place: FileLogTail,
      file: UnloggedFile,
    ) => Effect.Effect<void, BankFilesUnavailable>
    /**
     * Puts back what the log tells of a file: it, its orders, and that these are in it and in no other, also those that
     * were marked as withdrawn since the file was forgotten. "known" when it was there, "differs" when another was
     * released under its message id.
     */
    readonly restore: (
      bank: string,
      logged: LoggedFile,
    ) => Effect.Effect<"known" | "restored" | "differs", BankFilesUnavailable>
  }
>()("atlaspay/providers/FileRecords") {}
