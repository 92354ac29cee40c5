import { Context, Effect } from "effect"

/**
 * Whether a call may still be made. It is checked when everything that the call needs is ready, and the request follows without
 * any further wait. By default every call may be made; the caller may provide a check.
 */
export const LastCheck = Context.Reference<Effect.Effect<boolean>>("atlaspay/providers/LastCheck", {
  defaultValue: () => Effect.succeed(true),
})
