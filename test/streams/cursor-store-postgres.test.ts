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

  it.effect("moves back to another one where it is ahead, with what the other one stands on", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const at = (partition: number, position: string) => ({
        partition,
        from: FEED_START,
        to: { position, head: position },
      })
      for (const follower of ["slow", "quick"]) yield* cursors.load(follower, [0, 1, 2, 3])
      // By number: 9 comes before 10, and 2 before 11.
      yield* cursors.move("slow", [at(0, "9-2"), at(1, "5-0"), at(2, "10-0")])
      yield* cursors.move("quick", [at(0, "9-11"), at(1, "5-0"), at(2, "9-0"), at(3, "1-0")])
      yield* rowsOf(
        (sql) => sql`
        update projection_checkpoints set position = '9-3' where projection = 'slow' and partition = 0`,
      )
      yield* cursors.moveBack("quick", "slow")
      assert.deepStrictEqual(
        yield* cursors.load("quick", [0, 1, 2, 3]),
        new Map([
          [0, { position: "9-3", head: undefined }],
          [1, { position: "5-0", head: "5-0" }],
          [2, { position: "9-0", head: "9-0" }],
          [3, { position: FEED_START, head: undefined }],
        ]),
      )
      assert.deepStrictEqual(
        yield* cursors.positions("slow"),
        new Map([
          [0, "9-3"],
          [1, "5-0"],
          [2, "10-0"],
          [3, FEED_START],
        ]),
      )
    }),
  )

  it.effect("moves back and forth at once, without waiting for each other for ever", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const partitions = Array.from({ length: 16 }, (_, partition) => partition)
      for (const follower of ["slow-2", "quick-2"]) yield* cursors.load(follower, partitions)
      const forth = (follower: string, lag: number) =>
        Effect.forEach(
          Array.from({ length: 20 }, (_, round) => round),
          (round) =>
            Effect.flatMap(cursors.positions(follower), (positions) =>
              cursors.move(
                follower,
                partitions.map((partition) => ({
                  partition,
                  from: positions.get(partition) ?? FEED_START,
                  to: { position: `${round + 1}-${lag}`, head: undefined },
                })),
              ),
            ),
        )
      yield* Effect.all(
        [
          forth("slow-2", 0),
          forth("quick-2", 9),
          Effect.repeat(cursors.moveBack("quick-2", "slow-2"), { times: 40 }),
        ],
        { concurrency: 3 },
      )
      // Its last move may have found the cursor elsewhere, because it was just moved back.
      yield* forth("quick-2", 9)
      yield* cursors.moveBack("quick-2", "slow-2")
      assert.deepStrictEqual(new Set((yield* cursors.positions("quick-2")).values()), new Set(["20-0"]))
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
