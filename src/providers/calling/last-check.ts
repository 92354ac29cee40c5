import { Context, Effect } from "effect"

/**
 * Whether a call may still be made: asked when all that it needs has been got, and nothing is waited for any more before
 * the request is made. It may always, unless whoever has it made says otherwise.
 */
export const LastCheck = Context.Reference<Effect.Effect<boolean>>("atlaspay/providers/LastCheck", {
  defaultValue: () => Effect.succeed(true),
})
