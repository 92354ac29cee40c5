/** A call that a plan asks for: what it is, who may make it, and who takes the answers. */
import type { Effect } from "effect"
import type { BatchCommand } from "../domain/commands.ts"
import type { Work } from "../domain/plan.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { ProviderUnavailable } from "../providers/calling/provider-error.ts"
import type { VaultUnavailable } from "../vault/partner-keys.ts"

/** The work that calls others; the rest of a plan is decided on the spot. */
export type Call = Extract<Work, { readonly _tag: "Screen" | "Book" | "Transfer" | "Inquire" | "Withdraw" }>

/** Why a pipeline stopped before its work was done; what it already gave stands. */
export type Stalled = ProviderUnavailable | StoreUnavailable | VaultUnavailable

/** What a caller may act on: the hash of its log with all that the call is based on, and whether it owns the batch. */
export interface Mandate {
  readonly head: string
  /** Ids of decisions that the log has answered, of which the register may not know it yet. */
  readonly answered: ReadonlySet<string>
  /** Asked immediately before the transfer of an item is sent. */
  readonly mayCall: (item: number) => Effect.Effect<boolean>
  /** Whether a place in its bank's channel was kept for the first transfer of an intent; it is taken by asking. */
  readonly takePlace: (item: number) => boolean
}

/** Takes the command that records an answer. At most one comes for each item of a call, so nobody has to wait. */
export type Tell = (command: BatchCommand) => void
