/** The port to the files that are sent to banks: which orders are in which file, and which steps are done. */
import { type Array as Arr, Context, type Effect } from "effect"
import type { Day } from "../../../domain/business-days.ts"
import type { Scheme } from "../../../domain/scheme.ts"
import type { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import type { HeldTransfer } from "./held-transfer.ts"

/** Orders that go out in one file: at one bank, by one scheme, in one currency. */
export interface FileGroup {
  readonly bank: string
  readonly scheme: Scheme
  readonly currency: string
}

/** What holds for the next file of a bank, by its format. */
export interface FileTerms {
  /** The highest sum of a file, in minor units. */
  readonly sumMinorMax: bigint
  /** The most files of a day. */
  readonly sequenceMax?: number
  /**
   * The day on which the file is made, if the bank tells files by that and their number: then no two files that are made on one day
   * have the same number.
   */
  readonly createdOn?: Day
}

export interface OutboxFile extends FileGroup {
  readonly id: string
  /** Unique at the bank; the file's name is made from it. */
  readonly messageId: string
  readonly day: string
  /** Epoch milliseconds. */
  readonly madeAt: number
  /** The name of its complete draft in the outbox, which the client ignores. */
  readonly stagedAs: string | undefined
  /** How often orders were removed from it. */
  readonly takenOut: number
}

export class OutboxFiles extends Context.Service<
  OutboxFiles,
  {
    /** Whether the folder with this id is the one for a bank's files. The first folder that is asked about becomes it. */
    readonly isFolderOf: (bank: string, folder: string) => Effect.Effect<boolean, BankFilesUnavailable>
    /** File groups of a bank with an order that may not wait beyond `at` (epoch milliseconds), or with `ordersMax` orders. */
    readonly due: (
      bank: string,
      at: number,
      ordersMax: number,
    ) => Effect.Effect<ReadonlyArray<FileGroup>, BankFilesUnavailable>
    /** Batches with orders of a bank that are in no complete file. */
    readonly batches: (bank: string) => Effect.Effect<ReadonlyArray<string>, BankFilesUnavailable>
    /**
     * Puts the oldest orders of a file group together into the next file of a day. No order is in two files. Orders of batches
     * that are `blocked`, or that have a registered decision that is not applied yet, are left out. "full" if orders wait, and the
     * day has as many files as its bank takes.
     */
    readonly make: (
      group: FileGroup,
      day: string,
      at: number,
      ordersMax: number,
      blocked?: ReadonlyArray<string>,
      terms?: FileTerms,
    ) => Effect.Effect<"done" | "full", BankFilesUnavailable>
    /** Files of a bank that were made and logged but not written, the oldest first, at most `limit`. */
    readonly unwritten: (
      bank: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<OutboxFile>, BankFilesUnavailable>
    /** Of a bank's files with these message ids, those that are still to be written. */
    readonly stillOpen: (
      bank: string,
      messageIds: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<string>, BankFilesUnavailable>
    /**
     * The transfers of a file, always in the same order; `undefined` if there is nothing to write in this pass, because another
     * process wrote the file, orders whose keys were forgotten were just removed from it, or it has no orders left. Fails while
     * an order's details cannot be opened.
     */
    readonly transfersOf: (
      file: OutboxFile,
    ) => Effect.Effect<Arr.NonEmptyReadonlyArray<HeldTransfer> | undefined, BankFilesUnavailable>
    /**
     * Chooses the draft that will be released. False if another was chosen before, if orders were removed from the file since
     * it was read, or if it has an order that must be left out, as above.
     */
    readonly stage: (
      file: OutboxFile,
      name: string,
      blocked?: ReadonlyArray<string>,
    ) => Effect.Effect<boolean, BankFilesUnavailable>
    /** Marks the file as written, and deletes its orders' details. */
    readonly written: (file: OutboxFile) => Effect.Effect<void, BankFilesUnavailable>
  }
>()("atlaspay/providers/OutboxFiles") {}
