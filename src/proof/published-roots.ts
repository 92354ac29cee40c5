/**
 * The port to where roots are published. What stands there was given to others: it is compared with the tree before another root is
 * signed, because two roots that contradict each other would make all of them worthless.
 */
import { Context, type Effect, Schema } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { SignedRoot } from "./proof-roots.ts"
import type { PublishedRoot } from "./root-event.ts"

/** The file of roots cannot be read or written. */
export class RootsFileFailed extends Schema.TaggedError<RootsFileFailed>()("RootsFileFailed", {
  step: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `PROOF_ROOTS_FILE: ${this.step} failed (${this.reason})`
  }
}

/** One place where roots are published. */
export interface RootsPlace {
  readonly name: "stream" | "file"
  /** The last root that we published there, of any origin; nothing if there is none. */
  readonly last: Effect.Effect<PublishedRoot | undefined, StoreUnavailable | RootsFileFailed>
  /** Publishes roots in their order, after the last one. Succeeds once they are durable there. */
  readonly append: (
    roots: ReadonlyArray<SignedRoot>,
  ) => Effect.Effect<void, StoreUnavailable | RootsFileFailed>
}

export class PublishedRoots extends Context.Service<PublishedRoots, ReadonlyArray<RootsPlace>>()(
  "atlaspay/proof/PublishedRoots",
) {}
