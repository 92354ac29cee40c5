import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { type Cursor, CursorStore, FEED_START } from "../../src/streams/cursor-store.ts"
import { readModelStack, rowsOf } from "../projections/read-model-stack.ts"

const loaded = Effect.fnUntraced(function* (follower: string, partition: number) {
  return (yield* (yield* CursorStore).load(follower, [partition])).get(partition)
})

const moved = Effect.fnUntraced(function* (follower: string, partition: number, from: string, to: Cursor) {
  return yield* (yield* CursorStore).move(follower, [{ partition, from, to }])
})

layer(readModelStack(1), { excludeTestServices: true })("a cursor in Postgres", (it) => {
  it.effect("moves from where it stands, and remembers what it stands on", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      assert.deepStrictEqual(yield* loaded("f", 0), { position: FEED_START, head: undefined })
      const [first, second] = [
        { position: "1-0", head: "one" },
        { position: "2-0", head: "two" },
      ]
      assert.deepStrictEqual(yield* moved("f", 0, FEED_START, first), ["moved"])
      assert.deepStrictEqual(yield* moved("f", 0, FEED_START, second), ["elsewhere"])
      assert.deepStrictEqual(yield* loaded("f", 0), first)
      assert.deepStrictEqual(yield* cursors.positions("f"), new Map([[0, "1-0"]]))
    }),
  )

  it.effect("stands on nothing that is known after an earlier release moved it", () =>
    Effect.gen(function* () {
      yield* loaded("g", 0)
      yield* moved("g", 0, FEED_START, { position: "1-0", head: "one" })
      yield* rowsOf((sql) => sql`update projection_checkpoints set position = '2-0' where projection = 'g'`)
      assert.deepStrictEqual(yield* loaded("g", 0), { position: "2-0", head: undefined })
    }),
  )

  it.effect("moves together with others, and alone stays where another one moved it", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const partitions = [0, 1, 2]
      assert.strictEqual((yield* cursors.load("h", partitions)).size, 3)
      const end = (partition: number, position: string) => ({
        partition,
        from: FEED_START,
        to: { position, head: position },
      })
      yield* moved("h", 1, FEED_START, { position: "7-0", head: "7-0" })
      assert.deepStrictEqual(yield* cursors.move("h", [end(2, "2-0"), end(1, "1-0"), end(0, "5-0")]), [
        "moved",
        "elsewhere",
        "moved",
      ])
      assert.deepStrictEqual(
        yield* cursors.positions("h"),
        new Map([
          [0, "5-0"],
          [1, "7-0"],
          [2, "2-0"],
        ]),
      )
    }),
  )

  it.effect("moves once, however many processes move it and others in whatever order", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const partitions = Array.from({ length: 16 }, (_, partition) => partition)
      yield* cursors.load("i", partitions)
      for (let round = 0; round < 20; round++) {
        const steps = partitions.map((partition) => ({
          partition,
          from: round === 0 ? FEED_START : `${round}-0`,
          to: { position: `${round + 1}-0`, head: undefined },
        }))
        const both = yield* Effect.all([cursors.move("i", steps), cursors.move("i", steps.toReversed())], {
          concurrency: 2,
        })
        assert.strictEqual(both.flat().filter((move) => move === "moved").length, 16)
      }
    }),
  )
})
