/** The port to the tree of the heads of closed batches. It only grows: what has a position keeps it. */
import { Context, type Effect, Schema } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { BatchLeaf } from "./batch-leaf.ts"
import type { Node, Plan } from "./merkle-tree.ts"

/** The stored tree lacks a subtree that it must have: it was damaged. */
export class TreeDamaged extends Schema.TaggedError<TreeDamaged>()("TreeDamaged", {
  reason: Schema.String,
}) {}

export interface PlacedLeaf extends BatchLeaf {
  readonly position: number
}

/** A closed batch whose head is not in the tree at this version. */
export interface DueHead {
  readonly batch: BatchId
  readonly version: number
  /** As the read models have it. */
  readonly head: string
  /** The last leaf of the batch, if it was entered before, perhaps at this version. */
  readonly entered: { readonly version: number; readonly head: string } | undefined
}

/** Why a head is not entered. It is looked at again after ever longer waits. */
export interface Refusal {
  readonly batch: BatchId
  readonly version: number
  readonly reason: string
}

export class ProofTree extends Context.Service<
  ProofTree,
  {
    /** How many leaves there are. */
    readonly size: Effect.Effect<number, StoreUnavailable>
    /** A root or a proof of the first leaves, from one statement. */
    readonly compute: <A>(plan: Plan<A>) => Effect.Effect<A, StoreUnavailable | TreeDamaged>
    /** The leaf of a batch with its latest version among the first `size` leaves; nothing if there is none. */
    readonly leafOf: (batch: BatchId, size: number) => Effect.Effect<PlacedLeaf | undefined, StoreUnavailable>
    /**
     * Takes or keeps the turn to write for so many milliseconds. Gives the number of leaves; nothing if it is another's turn. The
     * turn saves work and is no guard: {@link enter} is.
     */
    readonly takeTurn: (holder: string, ms: number) => Effect.Effect<number | undefined, StoreUnavailable>
    /** Heads to enter, those first whose batches closed first, without those that were refused a moment ago. */
    readonly due: (limit: number) => Effect.Effect<ReadonlyArray<DueHead>, StoreUnavailable>
    /**
     * Adds leaves to a tree of `size`, the subtrees that are complete with them, and marks their batches: all in one statement, or
     * nothing if the tree has another size. Gives whether it did.
     */
    readonly enter: (
      size: number,
      leaves: ReadonlyArray<BatchLeaf>,
      nodes: ReadonlyArray<Node>,
    ) => Effect.Effect<boolean, StoreUnavailable>
    /** Marks batches whose heads are in the tree at these versions. */
    readonly mark: (
      entered: ReadonlyArray<{ readonly batch: BatchId; readonly version: number }>,
    ) => Effect.Effect<void, StoreUnavailable>
    /** Records why heads are not entered, and puts them off. */
    readonly refuse: (refusals: ReadonlyArray<Refusal>) => Effect.Effect<void, StoreUnavailable>
    /** How many heads are refused at the moment. */
    readonly refused: Effect.Effect<number, StoreUnavailable>
  }
>()("atlaspay/proof/ProofTree") {}
