/** A call that a plan requests: the call, the permission to make it, and the callback that takes its answers. */
import type { Effect } from "effect"
import type { BatchCommand } from "../domain/commands.ts"
import type { Work } from "../domain/plan.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { ProviderUnavailable } from "../providers/calling/provider-error.ts"
import type { VaultUnavailable } from "../vault/partner-keys.ts"

/** The work that calls a provider. The rest of a plan is decided at once. */
export type Call = Extract<Work, { readonly _tag: "Screen" | "Book" | "Transfer" | "Inquire" | "Withdraw" }>

/** Why a pipeline stopped before its work was done. What it has reported so far stays valid. */
export type Stalled = ProviderUnavailable | StoreUnavailable | VaultUnavailable

/** What a call may rely on: the head of the log that it is based on, and whether the caller still owns the batch. */
export interface Mandate {
  readonly head: string
  /** Ids of decisions that the log has answered. The register may not know that yet. */
  readonly answered: ReadonlySet<string>
  /** Checked immediately before an item's transfer is sent. */
  readonly mayCall: (item: number) => Effect.Effect<boolean>
  /** Whether a place in its bank's channel was reserved for the first transfer of an intent. The check uses the place up. */
  readonly takePlace: (item: number) => boolean
}

/**
 * Takes the command that records an answer. It must not throw or wait; at most one command comes for each item of a call,
 * which bounds the queue behind it.
 */
export type Report = (command: BatchCommand) => void
