/** One step over several partitions: what happens in one of them does not concern the others. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { BatchId } from "../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import type { Chunk } from "../../src/streams/chunk.ts"
import type { Cursor, CursorMove } from "../../src/streams/cursor-store.ts"
import { CorruptEntry, EventStore } from "../../src/streams/event-store.ts"
import { Feed, type FeedPosition, HistoryLost } from "../../src/streams/feed.ts"
import {
  type Follower,
  type FollowerFailure,
  FollowerObserver,
  followPart,
  type Prepared,
} from "../../src/streams/follower.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { Story } from "../domain/batch-story.ts"

const { events } = new Story().requested(20)
const PARTITIONS = [0, 1, 2]
const batchIn = (partition: number) => BatchId.make(`pb_aaaaaaaaaaaaaaaaaaaaa${"abc"[partition]}`)

/** A log of one batch in each partition, and what a follower committed of them. */
class Followed {
  /** How many appends of one event each partition has. */
  readonly appends = PARTITIONS.map(() => 0)
  readonly cursors = PARTITIONS.map((): Cursor => ({ position: "0-0", head: undefined }))
  /** The partitions of each commit that succeeded. */
  readonly commits: Array<ReadonlyArray<number>> = []
  readonly frozen: Array<number> = []
  readonly lost = new Set<number>()
  /** Partitions whose feeds cannot be read. */
  readonly unread = new Set<number>()
  failing: (partitions: ReadonlyArray<number>) => FollowerFailure | undefined = () => undefined
  preparing: (chunk: Chunk) => Effect.Effect<Chunk, FollowerFailure> = Effect.succeed
  /** How cursors move behind the work; not set if they move with it. */
  movingBehind: ((move: () => CursorMove) => Effect.Effect<CursorMove, FollowerFailure>) | undefined

  readonly follower = {
    name: "test",
    loadCursors: (partitions: ReadonlyArray<number>) =>
      Effect.sync(
        () =>
          new Map(partitions.map((one) => [one, this.cursors[one] ?? { position: "0-0", head: undefined }])),
      ),
    prepare: (chunk: Chunk) => this.preparing(chunk),
    commit: (prepared: ReadonlyArray<Prepared<Chunk>>) =>
      Effect.suspend((): ReturnType<Follower<Chunk>["commit"]> => {
        const partitions = prepared.map(({ chunk }) => chunk.partition)
        const failure = this.failing(partitions)
        if (failure !== undefined) return Effect.fail(failure)
        this.commits.push(partitions)
        const { movingBehind } = this
        if (movingBehind !== undefined)
          return Effect.succeed(Effect.forEach(prepared, ({ chunk }) => movingBehind(() => this.move(chunk))))
        return Effect.succeed(prepared.map(({ chunk }) => this.move(chunk)))
      }),
  }

  move({ partition, from, to }: Chunk): CursorMove {
    if (this.cursors[partition]?.position !== from) return "elsewhere"
    this.cursors[partition] = to
    return "moved"
  }

  get following() {
    return followPart(this.follower, {
      partitions: PARTITIONS,
      arrivals: (_, waitMs) => Effect.as(Effect.sleep(waitMs), new Set<number>()),
    }).pipe(
      Effect.provide([this.feed, this.store, loggingLayer(() => {})]),
      Effect.provideService(FollowerObserver, {
        handled: () => {},
        failed: () => {},
        frozen: (_, partition) => this.frozen.push(partition),
      }),
    )
  }

  readonly feed = Layer.mock(Feed, {
    pages: (positions: ReadonlyArray<FeedPosition>, limit: number) =>
      Effect.sync(() =>
        positions.map(({ partition, after }) => {
          if (this.lost.has(partition)) return Result.fail(new HistoryLost({ cursor: after }))
          if (this.unread.has(partition)) return Result.fail(unavailable)
          const handled = Number(after.split("-")[0])
          const left = (this.appends[partition] ?? 0) - handled
          return Result.succeed(
            Array.from({ length: Math.min(left, limit) }, (_, index) => {
              const version = handled + index + 1
              const [base, head] = [`#${version - 1}`, `#${version}`]
              return { id: `${version}-0`, batch: batchIn(partition), from: version, to: version, base, head }
            }),
          )
        }),
      ),
  })

  readonly store = Layer.mock(EventStore, {
    readRanges: (ranges) =>
      Effect.sync(() =>
        ranges.map(({ after, to }) =>
          Result.succeed(
            events.slice(after, to).map((event, index) => {
              const version = after + index + 1
              return { version, event, hash: `#${version}` }
            }),
          ),
        ),
      ),
  })

  get positions() {
    return this.cursors.map(({ position }) => position)
  }
}

const followed = Effect.fnUntraced(function* (feed: Followed, ms: number) {
  const fiber = yield* Effect.forkChild(feed.following)
  for (let passed = 0; passed < ms; passed += 50) yield* TestClock.adjust(50)
  yield* Fiber.interrupt(fiber)
})

const unavailable = new StoreUnavailable({ store: "postgres", step: "store", reason: "22P02" })

describe("a step over several partitions", () => {
  it.effect("commits their chunks together", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends.splice(0, 3, 2, 0, 1)
      yield* followed(feed, 50)
      assert.deepStrictEqual(feed.commits, [[0, 2]])
      assert.deepStrictEqual(feed.positions, ["2-0", "0-0", "1-0"])
    }),
  )

  it.effect("that fails because of one of them does not hold up the others", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends.splice(0, 3, 1, 1, 1)
      feed.failing = (partitions) => (partitions.includes(1) ? unavailable : undefined)
      yield* followed(feed, 1_000)
      assert.deepStrictEqual(feed.positions, ["1-0", "0-0", "1-0"])
      feed.failing = () => undefined
      feed.appends.fill(2)
      yield* followed(feed, 15_000)
      assert.deepStrictEqual(feed.positions, ["2-0", "2-0", "2-0"])
    }),
  )

  it.effect("goes on where the cursor of another was elsewhere", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends.splice(0, 3, 2, 2, 2)
      feed.preparing = (chunk) =>
        Effect.sync(() => {
          // Another process is faster, once.
          if (chunk.partition === 1 && chunk.from === "0-0") feed.cursors[1] = { position: "1-0", head: "#1" }
          return chunk
        })
      yield* followed(feed, 1_000)
      assert.deepStrictEqual(feed.positions, ["2-0", "2-0", "2-0"])
      assert.deepStrictEqual(feed.commits, [[0, 1, 2], [1]])
    }),
  )

  it.effect("freezes one whose log or feed cannot be followed, and goes on in the others", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends.splice(0, 3, 1, 1, 1)
      feed.lost.add(2)
      feed.preparing = (chunk) =>
        chunk.partition === 1
          ? Effect.fail(new CorruptEntry({ batch: batchIn(1), entry: "1-0", reason: "not JSON" }))
          : Effect.succeed(chunk)
      const fiber = yield* Effect.forkChild(feed.following)
      yield* TestClock.adjust(1_000)
      feed.appends.fill(2)
      yield* TestClock.adjust(2_000)
      assert.deepStrictEqual(feed.positions, ["2-0", "0-0", "0-0"])
      assert.deepStrictEqual(feed.frozen.toSorted(), [1, 2])
      yield* Fiber.interrupt(fiber)
    }),
  )

  it.effect("freezes one that cannot be committed with the others, once it is tried by itself", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends.splice(0, 3, 1, 1, 1)
      feed.failing = (partitions) =>
        partitions.includes(1)
          ? new CorruptEntry({ batch: batchIn(1), entry: "1-0", reason: "not its successor" })
          : undefined
      yield* followed(feed, 2_000)
      assert.deepStrictEqual(feed.positions, ["1-0", "0-0", "1-0"])
      assert.deepStrictEqual(feed.frozen, [1])
    }),
  )

  it.effect("waits no longer when the clock is set back", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends.splice(0, 3, 1, 1, 1)
      feed.failing = () => unavailable
      const clock = yield* Clock.Clock
      let setBackMs = 0
      const offset: Clock.Clock = Object.assign(Object.create(clock), {
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now - setBackMs),
      })
      const fiber = yield* Effect.forkChild(Effect.provideService(feed.following, Clock.Clock, offset))
      yield* TestClock.adjust(7_200_000)
      feed.failing = () => undefined
      setBackMs = 3_600_000
      for (let second = 0; second < 30; second++) yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(feed.positions, ["1-0", "1-0", "1-0"])
      // The cursor of one that stands by, or of an idle one, is still loaded again.
      feed.cursors[1] = { position: "0-0", head: undefined }
      for (let second = 0; second < 7; second++) yield* TestClock.adjust(1_000)
      setBackMs = 7_000_000
      feed.cursors[2] = { position: "0-0", head: undefined }
      for (let second = 0; second < 30; second++) yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(feed.positions, ["1-0", "1-0", "1-0"])
      yield* Fiber.interrupt(fiber)
    }),
  )
})

describe("cursors that move behind the work", () => {
  it.effect("do not hold up the next chunk, but the one after that", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends[0] = 1
      feed.movingBehind = (move) => Effect.delay(Effect.sync(move), 10_000)
      feed.preparing = (chunk) =>
        Effect.sync(() => {
          feed.appends[0] = Number(chunk.to.position.split("-")[0]) + 1
          return chunk
        })
      const fiber = yield* Effect.forkChild(feed.following)
      yield* TestClock.adjust(5_000)
      assert.deepStrictEqual(feed.commits, [[0], [0]])
      assert.strictEqual(feed.positions[0], "0-0")
      yield* TestClock.adjust(5_000)
      assert.deepStrictEqual(feed.commits, [[0], [0], [0]])
      assert.strictEqual(feed.positions[0], "1-0")
      yield* Fiber.interrupt(fiber)
    }),
  )

  it.effect("that could not move are moved once the work was done again", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends.splice(0, 3, 1, 0, 1)
      let failures = 0
      feed.movingBehind = (move) =>
        Effect.suspend(() => (++failures <= 3 ? Effect.fail(unavailable) : Effect.sync(move)))
      yield* followed(feed, 20_000)
      assert.deepStrictEqual(feed.positions, ["1-0", "0-0", "1-0"])
      assert.deepStrictEqual(feed.commits.slice(0, 2), [[0, 2], [0]], "each by itself after a failure")
    }),
  )

  it.effect(
    "that could not move are tried again after a wait, also if another feed could not be read meanwhile",
    () =>
      Effect.gen(function* () {
        const feed = new Followed()
        feed.appends[0] = 1
        feed.preparing = (chunk) =>
          Effect.as(
            Effect.sync(() => feed.unread.add(1)),
            chunk,
          )
        feed.movingBehind = () => Effect.delay(Effect.fail(unavailable), 100)
        const fiber = yield* Effect.forkChild(feed.following)
        for (let passed = 0; passed < 140; passed += 10) yield* TestClock.adjust(10)
        assert.deepStrictEqual(feed.commits, [[0]], "a wait takes 50 ms at least")
        for (let passed = 0; passed < 500; passed += 10) yield* TestClock.adjust(10)
        assert.deepStrictEqual(feed.commits[1], [0])
        yield* Fiber.interrupt(fiber)
      }),
  )

  it.effect("that another process moved meanwhile take nothing from it", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends.splice(0, 3, 3, 3, 3)
      feed.movingBehind = (move) => {
        if (feed.positions[1] === "0-0") feed.cursors[1] = { position: "2-0", head: "#2" }
        return Effect.sync(move)
      }
      yield* followed(feed, 3_000)
      assert.deepStrictEqual(feed.positions, ["3-0", "3-0", "3-0"])
      assert.deepStrictEqual(feed.commits, [[0, 1, 2], [1]])
    }),
  )

  it.effect("retry ever more slowly, although the work succeeds", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.appends[0] = 1
      feed.movingBehind = () => Effect.fail(unavailable)
      yield* followed(feed, 60_000)
      assert.isBelow(feed.commits.length, 20)
      assert.isAbove(feed.commits.length, 5)
    }),
  )
})
