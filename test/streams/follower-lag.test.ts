import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisConnections } from "../../src/platform/redis.ts"
import { CursorStore } from "../../src/streams/cursor-store.ts"
import { layer as cursorsOnPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { followerLag } from "../../src/streams/follower-lag.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { newBatchId, storyOf } from "../publisher/story.ts"
import { settings } from "../settings.ts"
import { layer as streamsOnRedis } from "./streams-under-test.ts"
import { wholeLog } from "./whole-log.ts"

const platform = Layer.unwrap(
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      Effect.promise(() => ownDatabase()),
      ({ drop }) => Effect.promise(drop),
    )
    return Layer.merge(
      streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
      cursorsOnPostgres.pipe(Layer.provideMerge(databaseLayer)),
    ).pipe(Layer.provideMerge(settings({ PARTITIONS: "1", DATABASE_URL: database.url })))
  }),
)

layer(platform, { excludeTestServices: true })("the lag of a follower", (it) => {
  it.effect("counts what it has not handled, and says how old that is", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const cursors = yield* CursorStore
      yield* cursors.load("publisher", [0])
      assert.deepStrictEqual(yield* followerLag("publisher"), { entries: 0, ageMs: 0 })

      const open = Effect.suspend(() => {
        const batch = newBatchId()
        return log.open(batch, storyOf("lag", 5), batch)
      })
      yield* open
      yield* Effect.sleep(50)
      yield* Effect.all([open, open])
      const behind = yield* followerLag("publisher")
      assert.strictEqual(behind.entries, 3)
      assert.isAtLeast(behind.ageMs, 50)

      const entries = yield* log.entries(0, "0-0", 10)
      const move = (from: string, to: string) =>
        cursors.move("publisher", [{ partition: 0, from, to: { position: to, head: undefined } }])
      const [first, , last] = entries
      assert(first && last)
      yield* move("0-0", first.id)
      assert.strictEqual((yield* followerLag("publisher")).entries, 2)
      assert.isBelow((yield* followerLag("publisher")).ageMs, behind.ageMs + 10_000)
      yield* move(first.id, last.id)
      assert.deepStrictEqual(yield* followerLag("publisher"), { entries: 0, ageMs: 0 })
    }),
  )
})
