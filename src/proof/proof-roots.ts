/** The port to the roots that were signed. A root is stored before it is published, and a stored root is never replaced. */
import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Checkpoint } from "./checkpoint.ts"
import type { PublicProofKey } from "./proof-key.ts"

/** A root that was signed, and the note that says so. */
export interface SignedRoot extends Checkpoint {
  readonly keyId: string
  readonly note: string
}

export class ProofRoots extends Context.Service<
  ProofRoots,
  {
    /** The latest root that was published in all places. Only such a root is shown: one that nobody else has could be lost with Postgres. */
    readonly published: Effect.Effect<SignedRoot | undefined, StoreUnavailable>
    /** Notes that all roots up to a number were published in all places. */
    readonly setPublished: (number: number) => Effect.Effect<void, StoreUnavailable>
    /** Whether a root of an origin was published in all places. */
    readonly isOriginPublished: (origin: string) => Effect.Effect<boolean, StoreUnavailable>
    /** The latest root of any origin, published or not; nothing before the first. */
    readonly latest: Effect.Effect<SignedRoot | undefined, StoreUnavailable>
    /** The root with a number. */
    readonly numbered: (number: number) => Effect.Effect<SignedRoot | undefined, StoreUnavailable>
    /** At most `limit` roots after a number, in order. */
    readonly after: (
      number: number,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<SignedRoot>, StoreUnavailable>
    /**
     * Stores a root and the key that signed it in one statement, if no root has its number and the tree has its size. Gives whether
     * it did. Numbers have no gaps.
     */
    readonly store: (root: SignedRoot, key: PublicProofKey) => Effect.Effect<boolean, StoreUnavailable>
    /** The public keys of all roots, the latest first. */
    readonly keys: Effect.Effect<ReadonlyArray<PublicProofKey>, StoreUnavailable>
  }
>()("atlaspay/proof/ProofRoots") {}
