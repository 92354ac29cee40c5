/** The port to the files that go to banks: which orders are in which, and how far each has come. */
import { type Array as Arr, Context, type Effect } from "effect"
import type { Scheme } from "../../../domain/scheme.ts"
import type { CreditTransfer } from "../../iso20022/credit-transfer.ts"
import type { BankFilesUnavailable } from "./bank-files-unavailable.ts"

/** Orders that go out in one file: at one bank, by one scheme, in one currency. */
export interface FileGroup {
  readonly bank: string
  readonly scheme: Scheme
  readonly currency: string
}

export interface OutboxFile extends FileGroup {
  readonly id: string
  /** Unique at the bank, and the name of the file. */
  readonly messageId: string
  readonly day: string
  /** Epoch milliseconds. */
  readonly madeAt: number
  /** Under which name it lies complete in the outbox, where nobody takes it yet. */
  readonly stagedAs: string | undefined
  /** How often orders were taken out of it before. */
  readonly takenOut: number
}

export class OutboxFiles extends Context.Service<
  OutboxFiles,
  {
    /** Whether a folder, by its id, is the one that files of a bank lie in; the first one that is asked about is. */
    readonly isFolderOf: (bank: string, folder: string) => Effect.Effect<boolean, BankFilesUnavailable>
    /** File groups of a bank with an order that may not wait beyond `at`, or with `ordersMax` orders. */
    readonly due: (
      bank: string,
      at: number,
      ordersMax: number,
    ) => Effect.Effect<ReadonlyArray<FileGroup>, BankFilesUnavailable>
    /** Batches of orders of a bank that are in no complete file. */
    readonly batches: (bank: string) => Effect.Effect<ReadonlyArray<string>, BankFilesUnavailable>
    /**
     * Decides that the oldest orders of a file group go out together, in the next file of a day. No order is in two files.
     * Orders of batches that are `blocked`, or about which a decision waits to be taken, are in none.
     */
    readonly make: (
      group: FileGroup,
      day: string,
      at: number,
      ordersMax: number,
      blocked?: ReadonlyArray<string>,
    ) => Effect.Effect<void, BankFilesUnavailable>
    /** Files of a bank that were made and logged and not written, the oldest first, at most `limit`. */
    readonly unwritten: (
      bank: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<OutboxFile>, BankFilesUnavailable>
    /** Of these files of a bank, by their message ids, those that are still to be written. */
    readonly stillOpen: (
      bank: string,
      messageIds: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<string>, BankFilesUnavailable>
    /**
     * What a file holds, always in the same order; `undefined` when there is nothing to write this time: somebody has
     * written it meanwhile, or orders of partners whose keys were forgotten were taken out of it, or none is left. It
     * fails when an order's details cannot be opened for now.
     */
    readonly transfersOf: (
      file: OutboxFile,
    ) => Effect.Effect<Arr.NonEmptyReadonlyArray<CreditTransfer> | undefined, BankFilesUnavailable>
    /**
     * Decides under which of several names the complete file is released; false when it was decided already, or when
     * orders were taken out since the file was looked at, or it has an order that may be in none, as above.
     */
    readonly stage: (
      file: OutboxFile,
      name: string,
      blocked?: ReadonlyArray<string>,
    ) => Effect.Effect<boolean, BankFilesUnavailable>
    /** The file is released: what its orders said of beneficiaries is forgotten. */
    readonly written: (file: OutboxFile) => Effect.Effect<void, BankFilesUnavailable>
  }
>()("atlaspay/providers/OutboxFiles") {}
