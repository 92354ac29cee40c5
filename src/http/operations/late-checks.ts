/**
 * Checks of what is there only some time after the operational routes answer: a role that starts, and a connection that a role
 * waits for. Until it is there its check fails.
 */
import { Context, Effect, Layer, Schema } from "effect"

/** The part has not started. */
export class NotAtWork extends Schema.TaggedError<NotAtWork>()("NotAtWork", { part: Schema.String }) {}

export class LateChecks extends Context.Service<
  LateChecks,
  {
    /** The check of a part, whether it is there yet or not. */
    readonly of: (part: string) => Effect.Effect<void, unknown>
    /** A part is there, and is checked so. */
    readonly add: (part: string, check: Effect.Effect<void, unknown>) => Effect.Effect<void>
  }
>()("atlaspay/http/LateChecks") {
  static readonly layer = Layer.sync(LateChecks, () => {
    const checks = new Map<string, Effect.Effect<void, unknown>>()
    return {
      of: (part) => Effect.suspend(() => checks.get(part) ?? Effect.fail(new NotAtWork({ part }))),
      add: (part, check) => Effect.sync(() => void checks.set(part, check)),
    }
  })
}
