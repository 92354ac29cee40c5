/** The port to what the store of orders knows of the log of files, which is in Redis. */
import { Context, type Effect } from "effect"
import type { FileLogTail, FileRecord, LoggedFile } from "../../../streams/file-log.ts"
import type { BankFilesUnavailable } from "./bank-files-unavailable.ts"

/** A file that was made and that, as far as this store knows, is not in the log. */
export interface UnloggedFile {
  readonly id: string
  readonly messageId: string
  /** The name of its complete draft, if it was staged. */
  readonly stagedAs: string | undefined
}

export class FileRecords extends Context.Service<
  FileRecords,
  {
    /** The last place in the log of a bank's files that this store knows. */
    readonly tail: (bank: string) => Effect.Effect<FileLogTail | undefined, BankFilesUnavailable>
    /** The hash at a place in that log, as this store has it. */
    readonly headAt: (
      bank: string,
      version: number,
    ) => Effect.Effect<string | undefined, BankFilesUnavailable>
    /**
     * Deletes the places after a version, which the log has lost, so that their files are logged again. Returns their number.
     */
    readonly forget: (bank: string, after: number) => Effect.Effect<number, BankFilesUnavailable>
    /** Files without a place in the log, in the order in which they were made, at most `limit`. */
    readonly unlogged: (
      bank: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<UnloggedFile>, BankFilesUnavailable>
    /** A file as it is logged; `undefined` if it has no orders any more. */
    readonly recordOf: (file: UnloggedFile) => Effect.Effect<FileRecord | undefined, BankFilesUnavailable>
    /**
     * Removes withdrawn orders from a file that is not complete yet; false if it is complete, and so may have been released.
     */
    readonly takeOut: (
      file: UnloggedFile,
      references: ReadonlyArray<string>,
    ) => Effect.Effect<boolean, BankFilesUnavailable>
    /** Deletes a bank's files that have no orders left and that were neither staged nor logged. */
    readonly dropEmpty: (bank: string) => Effect.Effect<void, BankFilesUnavailable>
    /** Notes the place of a file in the log. */
    readonly note: (
      bank: string,
      place: FileLogTail,
      file: UnloggedFile,
    ) => Effect.Effect<void, BankFilesUnavailable>
    /**
     * Restores a file from the log: the file, its orders, and that they are in this file and in no other. This includes orders
     * that were marked as withdrawn after the file was lost. "known" if the store had the file, "differs" if it released
     * another one under this message id.
     */
    readonly restore: (
      bank: string,
      logged: LoggedFile,
    ) => Effect.Effect<"known" | "restored" | "differs", BankFilesUnavailable>
  }
>()("atlaspay/providers/FileRecords") {}
