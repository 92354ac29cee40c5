/**
 * The port to the mark of the taker: the one worker that takes batches while it has room for all of them. It only says who asks for
 * batches. Who owns one is said by its run-queue entry alone (see run-queue.ts), so a mark that is lost, wrong or left behind puts
 * nothing at risk.
 */
import { Context, Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** Marks expire by themselves. By default there is none, and none is kept: every worker takes. */
export const TakerMark = Context.Reference<{
  /** The mark that is there. */
  readonly read: Effect.Effect<string | undefined, StoreUnavailable>
  /** Leaves a mark for `keptMs` if there is none. Gives the one that is there already. */
  readonly leave: (mark: string, keptMs: number) => Effect.Effect<string | undefined, StoreUnavailable>
  /** Leaves a mark for `keptMs` in the place of the one that is there. */
  readonly replace: (mark: string, keptMs: number) => Effect.Effect<void, StoreUnavailable>
  /** Removes the mark that is there, whoever left it. */
  readonly remove: Effect.Effect<void, StoreUnavailable>
}>("atlaspay/streams/TakerMark", {
  defaultValue: () => ({
    read: Effect.undefined,
    leave: () => Effect.undefined,
    replace: () => Effect.void,
    remove: Effect.void,
  }),
})
