import { Effect, Layer } from "effect"
import { StoreWatch } from "../../src/streams/store-watch.ts"

/** Stores that are always what they were, for tests of something else. */
export const calmWatch = Layer.succeed(StoreWatch, {
  epoch: () => "calm",
  objection: () => undefined,
  look: Effect.void,
})
