/** The port to the orders of banks that are spoken to in files: ours is the first record of them, and it is never lost. */
import { Context, type Effect, type Result } from "effect"
import type { TransferInstruction } from "./bank.ts"
import type { CreditTransfer, Refusal } from "./iso20022/credit-transfer.ts"
import type { ProviderUnavailable } from "./provider-error.ts"

/** What is known of an order, ever further: a bank that pays what it refused, or returns what it paid, has the last word. */
export type OrderStanding = { readonly _tag: "Accepted" } | FinalStanding
export type FinalStanding =
  | { readonly _tag: "Failed"; readonly code: string }
  | { readonly _tag: "Settled" }
  | { readonly _tag: "Returned"; readonly code: string }

export interface FileOrder {
  readonly reference: string
  /** Our own id of it. */
  readonly orderId: string
  readonly currency: string
  readonly minor: bigint
  readonly standing: OrderStanding
}

export interface OrderTerms {
  /** The transfer as it will be written, or why it never will. */
  readonly transfer: Result.Result<CreditTransfer, Refusal>
  /** Epoch milliseconds. */
  readonly acceptedAt: number
  /** When it has to be in a file at the latest; epoch milliseconds. */
  readonly dueAt: number
}

export interface OrderNews {
  readonly reference: string
  readonly standing: FinalStanding
}

export class FileOrders extends Context.Service<
  FileOrders,
  {
    /** Stores an order, unless its reference is known: then what is known of it, if it is the same order. */
    readonly store: (
      instruction: TransferInstruction,
      terms: OrderTerms,
    ) => Effect.Effect<FileOrder | "differs", ProviderUnavailable>
    readonly find: (
      bank: string,
      reference: string,
    ) => Effect.Effect<FileOrder | undefined, ProviderUnavailable>
    /** Orders under these references that are in a file. */
    readonly sent: (
      bank: string,
      references: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, ProviderUnavailable>
    /** All orders of a file, by its message id. */
    readonly sentIn: (
      bank: string,
      messageId: string,
    ) => Effect.Effect<ReadonlyArray<FileOrder>, ProviderUnavailable>
    /** Takes in what became of orders; in whatever order it comes, the same is known in the end. */
    readonly record: (
      bank: string,
      news: ReadonlyArray<OrderNews>,
    ) => Effect.Effect<void, ProviderUnavailable>
  }
>()("atlaspay/connectors/FileOrders") {}
