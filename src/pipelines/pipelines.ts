/**
 * From due work to what came of it. A pipeline makes the calls that a plan asks for, a bounded number at a time, and
 * gives the commands that record the answers, in the order in which they arrive.
 */
import { Context, type Effect, type Stream } from "effect"
import type { PostingRefused } from "../connectors/ledger.ts"
import type { ProviderUnavailable } from "../connectors/provider-error.ts"
import type { Batch } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Work } from "../domain/plan.ts"

/** The work that calls others; the rest of a plan is decided on the spot. */
export type Call = Extract<Work, { readonly _tag: "Screen" | "Book" | "Transfer" | "Inquire" }>

/** Why a pipeline stopped before its work was done; what it already gave stands. */
export type Stalled = ProviderUnavailable | PostingRefused

export class Pipelines extends Context.Service<
  Pipelines,
  {
    /** The bank that pays a currency. */
    readonly route: (currency: string) => string
    /**
     * Performs one call. Reads what it needs of the batch when it is called, not later: the batch goes on changing.
     * `mayCall` is asked right before each transfer: when it says no, the item is left as it is, for its new owner to
     * find. A failure means that the rest of this work is still due.
     */
    readonly perform: (
      id: BatchId,
      batch: Batch,
      call: Call,
      mayCall?: Effect.Effect<boolean>,
    ) => Stream.Stream<BatchCommand, Stalled>
  }
>()("atlaspay/pipelines/Pipelines") {}
