import { Context, Effect } from "effect"

/** Ends the process although something is left. Only a main program does. */
export const Overdue = Context.Reference<Effect.Effect<void>>("atlaspay/platform/Overdue", {
  defaultValue: () => Effect.void,
})
