import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { CursorStore, FEED_START } from "../../src/streams/cursor-store.ts"
import { readModelStack, rowsOf } from "../projections/read-model-stack.ts"

layer(readModelStack(1), { excludeTestServices: true })("a cursor in Postgres", (it) => {
  it.effect("moves from where it stands, and remembers what it stands on", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      assert.deepStrictEqual(yield* cursors.load("f", 0), { position: FEED_START, head: undefined })
      const [first, second] = [
        { position: "1-0", head: "one" },
        { position: "2-0", head: "two" },
      ]
      assert.strictEqual(yield* cursors.move("f", 0, FEED_START, first), "moved")
      assert.strictEqual(yield* cursors.move("f", 0, FEED_START, second), "elsewhere")
      assert.deepStrictEqual(yield* cursors.load("f", 0), first)
      assert.deepStrictEqual(yield* cursors.positions("f"), new Map([[0, "1-0"]]))
    }),
  )

  it.effect("stands on nothing that is known after an earlier release moved it", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      yield* cursors.load("g", 0)
      yield* cursors.move("g", 0, FEED_START, { position: "1-0", head: "one" })
      yield* rowsOf((sql) => sql`update projection_checkpoints set position = '2-0' where projection = 'g'`)
      assert.deepStrictEqual(yield* cursors.load("g", 0), { position: "2-0", head: undefined })
    }),
  )
})
