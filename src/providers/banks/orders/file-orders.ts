/** The port to the orders for banks that take files. This record, which is never lost, says which orders exist. */
import { Context, type Effect, type Result, Schema } from "effect"
import type { Day } from "../../../domain/business-days.ts"
import type { Scheme } from "../../../domain/scheme.ts"
import type { TransferInstruction, Withdrawal } from "../bank.ts"
import type { Refusal } from "../bank-limits.ts"
import type { HeldTransfer } from "./held-transfer.ts"
import type { OrderReport, ReportedStanding } from "./order-reports.ts"

/** The state of an order, by its bank's reports, or because it was withdrawn before the bank could get it. */
export type OrderStanding = ReportedStanding | { readonly _tag: "Withdrawn" }

export interface FileOrder {
  readonly reference: string
  /** Our id of the order. */
  readonly orderId: string
  /** Our id of the file that the order is in. */
  readonly file: string | undefined
  readonly currency: string
  readonly minor: bigint
  readonly standing: OrderStanding
  /** The code with which we refused the order ourselves when it came: it is in no file, and never will be. */
  readonly ownRefusal: string | undefined
  /** Our own refusal, and all reports of the bank on the order; of those, the ones that the mailbox of its batch has not taken yet. */
  readonly reports: ReadonlyArray<OrderReport>
  readonly notEnqueued: ReadonlyArray<OrderReport>
}

export interface OrderTerms {
  /** The transfer as it will be written, or the code with which we refuse it. */
  readonly transfer: Result.Result<HeldTransfer, Refusal>
  /** The scheme by which it is paid. */
  readonly scheme: Scheme
  /** Epoch milliseconds. */
  readonly acceptedAt: number
  /** The latest time at which the order must be in a file; epoch milliseconds. */
  readonly dueAt: number
}

/** A file that a bank has got, some of whose orders are open. */
export interface OpenFile {
  readonly messageId: string
  /** The day of execution. */
  readonly day: Day
  /** Epoch milliseconds. */
  readonly madeAt: number
  /** When it was released; epoch milliseconds. */
  readonly releasedAt: number
  /** When the bank first showed that it has an order of the file; epoch milliseconds. */
  readonly shownAt: number | undefined
}

export interface NewReport {
  readonly reference: string
  readonly report: OrderReport
}

/**
 * The record of orders gives no answer: a store is down or has lost what was filed, or a key is unavailable. `isNotStored` if
 * it is certain that the order was not stored.
 */
export class OrdersUnavailable extends Schema.TaggedError<OrdersUnavailable>()("OrdersUnavailable", {
  reason: Schema.String,
  isNotStored: Schema.optionalKey(Schema.Literal(true)),
}) {}

export class FileOrders extends Context.Service<
  FileOrders,
  {
    /**
     * Stores an order under its reference, and returns it. If the reference is known, returns the known order if it is the same
     * or was withdrawn, and otherwise "differs".
     */
    readonly store: (
      instruction: TransferInstruction,
      terms: OrderTerms,
    ) => Effect.Effect<FileOrder | "differs", OrdersUnavailable>
    readonly find: (
      bank: string,
      reference: string,
    ) => Effect.Effect<FileOrder | undefined, OrdersUnavailable>
    /** Of the orders with these references, those that are in a file. */
    readonly sent: (
      bank: string,
      references: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /** Of the orders with these UETRs, in lower case, those that are in a file. */
    readonly sentUnder: (
      bank: string,
      uetrs: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /** Of the orders with these individual identification numbers of Nacha, those that are in a file. */
    readonly sentAs: (
      bank: string,
      individualIds: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /**
     * Complete files of a bank that were to be executed on these days, with orders that are neither settled nor returned, the
     * newest first, at most `limit`.
     */
    readonly openFiles: (
      bank: string,
      days: { readonly from: Day; readonly to: Day },
      limit: number,
    ) => Effect.Effect<ReadonlyArray<OpenFile>, OrdersUnavailable>
    /**
     * Of these names of orders, those of which a file of the bank said something that has no effect: a return of another amount, a
     * status that says nothing certain, an entry that cannot be read. A correction leaves no doubt.
     */
    readonly doubted: (
      bank: string,
      names: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlySet<string>, OrdersUnavailable>
    /** All orders of the files that these orders are in. */
    readonly besides: (
      bank: string,
      references: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /** All orders of a file, by its message id. */
    readonly sentIn: (
      bank: string,
      messageId: string,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /** Records reports of a bank. Returns the orders that have reports not yet enqueued for their batches. */
    readonly record: (
      bank: string,
      reports: ReadonlyArray<NewReport>,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /** Marks the reports in `notEnqueued` of these orders as enqueued for their batches, or as not needed there. */
    readonly markEnqueued: (
      bank: string,
      orders: ReadonlyArray<FileOrder>,
    ) => Effect.Effect<void, OrdersUnavailable>
    /**
     * Withdraws an order if it is in no complete file or was never stored: it will never be in a file, and its beneficiary's
     * data is erased. Otherwise the order stays, and its batch is notified of any sign that the bank has it.
     */
    readonly withdraw: (bank: string, reference: string) => Effect.Effect<Withdrawal, OrdersUnavailable>
    /**
     * The draft name of a complete file that was made without this order; `undefined` if the file is not complete or has the
     * order.
     */
    readonly draftWithout: (
      bank: string,
      messageId: string,
      reference: string,
    ) => Effect.Effect<string | undefined, OrdersUnavailable>
    /**
     * Notes that an order in a file was to be withdrawn: from now on its batch is notified of any sign that the bank has it.
     */
    readonly doubt: (bank: string, reference: string) => Effect.Effect<void, OrdersUnavailable>
  }
>()("atlaspay/providers/FileOrders") {}
