/** What all processes have leased of something that they share, such as the requests that a key may send. */
import { Context, Effect } from "effect"

/**
 * Adds `amount` to what was leased under a name, and gives the sum. The count is forgotten `keptMs` after its first lease.
 * `undefined` if it cannot be reached; then each process limits by itself, which is the default.
 */
export const LeaseCount = Context.Reference<
  (name: string, amount: number, keptMs: number) => Effect.Effect<number | undefined>
>("atlaspay/platform/LeaseCount", { defaultValue: () => () => Effect.succeed(undefined) })
