/** The port to the orders of banks that are spoken to in files: ours is the first record of them, and it is never lost. */
import { Context, type Effect, type Result, Schema } from "effect"
import type { Scheme } from "../../../domain/scheme.ts"
import type { CreditTransfer } from "../../iso20022/credit-transfer.ts"
import type { TransferInstruction, Withdrawal } from "../bank.ts"
import type { Refusal } from "../bank-limits.ts"
import type { OrderWord, WordStanding } from "./order-words.ts"

/** What is known of an order, ever further: by what its bank said, or that it was taken back before it could hear of it. */
export type OrderStanding = WordStanding | { readonly _tag: "Withdrawn" }

export interface FileOrder {
  readonly reference: string
  /** Our own id of it. */
  readonly orderId: string
  /** Our id of the file that it is in. */
  readonly file: string | undefined
  readonly currency: string
  readonly minor: bigint
  readonly standing: OrderStanding
  /** All that its bank has said of it, and what of that its batch was not told yet. */
  readonly words: ReadonlyArray<OrderWord>
  readonly untold: ReadonlyArray<OrderWord>
}

export interface OrderTerms {
  /** The transfer as it will be written, or why it never will. */
  readonly transfer: Result.Result<CreditTransfer, Refusal>
  /** The scheme by which it is paid. */
  readonly scheme: Scheme
  /** Epoch milliseconds. */
  readonly acceptedAt: number
  /** When it has to be in a file at the latest; epoch milliseconds. */
  readonly dueAt: number
}

export interface OrderNews {
  readonly reference: string
  readonly word: OrderWord
}

/**
 * The record of orders cannot say: a store does not answer, has forgotten what it filed, or gives no key. `isNotStored` where
 * it is certain that the order was not stored.
 */
export class OrdersUnavailable extends Schema.TaggedError<OrdersUnavailable>()("OrdersUnavailable", {
  reason: Schema.String,
  isNotStored: Schema.optionalKey(Schema.Literal(true)),
}) {}

export class FileOrders extends Context.Service<
  FileOrders,
  {
    /** Stores an order, unless its reference is known: then what is known of it, if it is the same order or withdrawn. */
    readonly store: (
      instruction: TransferInstruction,
      terms: OrderTerms,
    ) => Effect.Effect<FileOrder | "differs", OrdersUnavailable>
    readonly find: (
      bank: string,
      reference: string,
    ) => Effect.Effect<FileOrder | undefined, OrdersUnavailable>
    /** Orders under these references that are in a file. */
    readonly sent: (
      bank: string,
      references: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /** All orders of the files that these are in. */
    readonly besides: (
      bank: string,
      references: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /** All orders of a file, by its message id. */
    readonly sentIn: (
      bank: string,
      messageId: string,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /** Takes in what a bank said of orders; gives those of them of which their batch has something to be told. */
    readonly record: (
      bank: string,
      news: ReadonlyArray<OrderNews>,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, OrdersUnavailable>
    /** The batches of these orders were told what was untold of them. */
    readonly told: (bank: string, orders: ReadonlyArray<FileOrder>) => Effect.Effect<void, OrdersUnavailable>
    /**
     * Takes an order back, wholly or not at all: one that is in no complete file, or that was never stored, is in none ever
     * after, and what it said of its beneficiary is erased.
     */
    readonly withdraw: (bank: string, reference: string) => Effect.Effect<Withdrawal, OrdersUnavailable>
    /** Under which name a file lay complete that was made without an order; nothing when it was not, or has it. */
    readonly draftWithout: (
      bank: string,
      messageId: string,
      reference: string,
    ) => Effect.Effect<string | undefined, OrdersUnavailable>
    /** An order was to be taken back that is in a file: its batch hears of any sign that the bank has it. */
    readonly doubt: (bank: string, reference: string) => Effect.Effect<void, OrdersUnavailable>
  }
>()("atlaspay/providers/FileOrders") {}
