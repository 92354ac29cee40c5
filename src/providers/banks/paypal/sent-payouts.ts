/** The port to the payout batches that PayPal has: under which id of its own, and when it is asked about them. */
import { Context, type Effect } from "effect"
import type { BankFilesUnavailable } from "../orders/bank-files-unavailable.ts"

export interface SentPayout {
  readonly bank: string
  /** Our id of the payout batch. */
  readonly messageId: string
  /** PayPal's. */
  readonly payoutBatchId: string
  /** Epoch milliseconds. */
  readonly sentAt: number
}

export class SentPayouts extends Context.Service<
  SentPayouts,
  {
    /** Notes PayPal's id of a payout batch; it is asked about at once. An id that is noted stays. */
    readonly note: (payout: SentPayout) => Effect.Effect<void, BankFilesUnavailable>
    /** Payout batches of a bank to ask about at a time (epoch milliseconds), the most urgent first, at most `limit`. */
    readonly due: (
      bank: string,
      at: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<SentPayout>, BankFilesUnavailable>
    /** Notes when a payout batch is asked about next (epoch milliseconds); never again if nothing about it can change. */
    readonly polled: (
      payout: SentPayout,
      next: number | "closed",
    ) => Effect.Effect<void, BankFilesUnavailable>
  }
>()("atlaspay/providers/SentPayouts") {}
