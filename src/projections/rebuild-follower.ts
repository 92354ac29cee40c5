/** The projector as it follows for the tables of a rebuild: the same code and statements, which find these tables first. */
import { Context, Effect, Layer, type Scope } from "effect"
import { Database } from "../database/database.ts"
import type { CursorStore } from "../streams/cursor-store.ts"
import { EventStore } from "../streams/event-store.ts"
import { Feed } from "../streams/feed.ts"
import { projectorLayer } from "./projector.ts"
import type { ReadModels } from "./read-models.ts"
import { RebuiltDatabase } from "./rebuilt-database.ts"

export class RebuildFollower extends Context.Service<
  RebuildFollower,
  {
    /** Follows the feed in the background, until the scope closes. */
    readonly start: Effect.Effect<void, never, Scope.Scope>
  }
>()("atlaspay/projections/RebuildFollower") {
  /** `stores` are the adapters of the read models and their checkpoints, made anew for the tables of the rebuild. */
  static readonly layer = (stores: Layer.Layer<ReadModels | CursorStore, never, Database>) =>
    Layer.effect(
      RebuildFollower,
      Effect.gen(function* () {
        const { query } = yield* RebuiltDatabase
        // One by one: the whole context has the scope of this layer, in which the projector would live on.
        const followed = Layer.mergeAll(
          Layer.succeed(EventStore, yield* EventStore),
          Layer.succeed(Feed, yield* Feed),
        )
        const projector = Layer.fresh(projectorLayer).pipe(
          Layer.provide(Layer.fresh(stores)),
          Layer.provide(Layer.succeed(Database, Database.of({ query }))),
          Layer.provide(followed),
        )
        return { start: Effect.asVoid(Effect.orDie(Layer.build(projector))) }
      }),
    )
}
