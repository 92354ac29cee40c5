import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { BatchId } from "../../src/domain/identifiers.ts"
import { CorruptEntry, EventLog, type FeedEntry, StreamsUnavailable } from "../../src/streams/event-log.ts"
import {
  type Chunk,
  type FollowerFailure,
  FollowerObserver,
  followPartition,
} from "../../src/streams/follower.ts"
import { Story } from "../domain/batch-story.ts"

const batch = BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa")
const { events } = new Story().requested(300)

/** A partition's feed in memory over one log, with a store of the cursor, and what a follower did with them. */
class Feed {
  readonly entries: Array<FeedEntry> = []
  readonly chunks: Array<Chunk> = []
  readonly seen: Array<string> = []
  cursor = "0-0"
  loads = 0
  polls: Array<number> = []
  failing: (chunk: Chunk) => Effect.Effect<void, FollowerFailure> = () => Effect.void
  /** The log ends here, whatever the feed says. */
  readonly tail: number

  constructor(tail = events.length) {
    this.tail = tail
  }

  /** Appends of these sizes, one feed entry each. */
  append(...sizes: ReadonlyArray<number>): this {
    for (const size of sizes) {
      const from = (this.entries.at(-1)?.to ?? 0) + 1
      this.entries.push({ id: `${this.entries.length + 1}-0`, batch, from, to: from + size - 1 })
    }
    return this
  }

  readonly follower = {
    name: "test",
    partition: 0,
    loadCursor: Effect.sync(() => {
      this.loads += 1
      return this.cursor
    }),
    handle: Effect.fnUntraced({ self: this }, function* (this: Feed, chunk: Chunk) {
      this.chunks.push(chunk)
      yield* this.failing(chunk)
      if (this.cursor !== chunk.from) return "elsewhere" as const
      this.cursor = chunk.to
      this.seen.push(...chunk.entries.flatMap((entry) => entry.events.map(({ version }) => `${version}`)))
      return "moved" as const
    }),
  }

  /** Follows until it has caught up with the feed, or for two virtual minutes, then stops. */
  get followed() {
    return Effect.gen({ self: this }, function* () {
      const fiber = yield* Effect.forkChild(this.following)
      for (let second = 0; second < 120 && this.cursor !== this.entries.at(-1)?.id; second++)
        yield* TestClock.adjust(1_000)
      yield* Fiber.interrupt(fiber)
    })
  }

  get following() {
    return followPartition(this.follower).pipe(Effect.provide(this.log))
  }

  readonly log = Layer.mock(EventLog, {
    partitions: 1,
    partitionOf: () => 0,
    runQueues: [],
    feed: Effect.fnUntraced({ self: this }, function* (this: Feed, _partition, after, limit) {
      this.polls.push(yield* Clock.currentTimeMillis)
      const from = this.entries.findIndex(({ id }) => id === after) + 1
      return this.entries.slice(from, from + limit)
    }),
    read: (_batch, after, limit) =>
      Effect.succeed(
        events
          .slice(after, Math.min(after + limit, this.tail))
          .map((event, index) => ({ version: after + index + 1, event, hash: "" })),
      ),
    feedEnd: () => Effect.succeed(this.entries.at(-1)?.id ?? "0-0"),
  })
}

const versions = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}`)

const unavailable = new StreamsUnavailable({ step: "store", reason: "ECONNREFUSED" })

describe("a follower", () => {
  it.effect("hands over every append once, in commit order, and goes on with what comes later", () =>
    Effect.gen(function* () {
      const feed = new Feed().append(2, 1, 5)
      yield* feed.followed
      assert.deepStrictEqual(feed.seen, versions(8))
      feed.append(3)
      yield* feed.followed
      assert.deepStrictEqual(feed.seen, versions(11))
    }),
  )

  it.effect("keeps chunks small, and never splits an append", () =>
    Effect.gen(function* () {
      const feed = new Feed().append(...Array.from({ length: 100 }, () => 1), 100, 40, 30)
      yield* feed.followed
      assert.deepStrictEqual(
        feed.chunks.map(({ entries }) => entries.reduce((sum, entry) => sum + entry.events.length, 0)),
        [64, 136, 70],
      )
      assert.deepStrictEqual(feed.seen, versions(270))
    }),
  )

  it.effect("tries again from the stored cursor for as long as a handler fails, ever more slowly", () =>
    Effect.gen(function* () {
      const feed = new Feed().append(2)
      let failures = 0
      feed.failing = () => (++failures <= 12 ? Effect.fail(unavailable) : Effect.void)
      const told: Array<string> = []
      yield* feed.followed.pipe(
        Effect.provideService(FollowerObserver, {
          handled: (follower, entries) => told.push(`${follower} handled ${entries}`),
          failed: (follower) => told.push(`${follower} failed`),
          frozen: () => told.push("frozen"),
        }),
      )
      assert.deepStrictEqual(feed.seen, versions(2))
      assert.deepStrictEqual(told, [...Array.from({ length: 12 }, () => "test failed"), "test handled 1"])
      assert.strictEqual(feed.loads, 13)
      const waits = feed.polls.slice(1, 13).map((at, index) => at - (feed.polls[index] ?? 0))
      for (const [index, wait] of waits.entries()) {
        const longest = Math.min(100 * 2 ** index, 10_000)
        assert.isAtLeast(wait, longest / 2)
        assert.isAtMost(wait, longest)
      }
    }),
  )

  it.effect("does not hand over again what was stored before the answer was lost", () =>
    Effect.gen(function* () {
      const feed = new Feed().append(128, 128, 10)
      feed.failing = ({ to }) =>
        Effect.suspend(() => {
          if (to !== "2-0") return Effect.void
          feed.cursor = to
          return Effect.fail(unavailable)
        })
      yield* feed.followed
      assert.deepStrictEqual(
        feed.chunks.map(({ from, to }) => [from, to]),
        [
          ["0-0", "1-0"],
          ["1-0", "2-0"],
          ["2-0", "3-0"],
        ],
      )
    }),
  )

  it.effect("survives a defect of its handler", () =>
    Effect.gen(function* () {
      const feed = new Feed().append(2)
      let calls = 0
      feed.failing = () => (++calls === 1 ? Effect.die(new Error("a bug")) : Effect.void)
      yield* feed.followed
      assert.deepStrictEqual(feed.seen, versions(2))
    }),
  )

  it.effect("loads the cursor anew when another process moved it", () =>
    Effect.gen(function* () {
      const feed = new Feed().append(2, 1)
      feed.failing = () =>
        Effect.sync(() => {
          if (feed.chunks.length !== 1) return
          feed.cursor = "1-0"
        })
      yield* feed.followed
      assert.deepStrictEqual(feed.seen, ["3"])
      assert.strictEqual(feed.loads, 2)
    }),
  )

  it.effect("freezes its own partition at an entry that cannot be read, and says so", () =>
    Effect.gen(function* () {
      const [broken, sound] = [new Feed().append(2), new Feed().append(2)]
      broken.failing = () => Effect.fail(new CorruptEntry({ batch, entry: "2-0", reason: "not JSON" }))
      const frozen: Array<string> = []
      yield* Effect.all([broken.following, sound.followed], { concurrency: 2 }).pipe(
        Effect.provideService(FollowerObserver, {
          handled: () => {},
          failed: () => {},
          frozen: (follower, partition) => frozen.push(`${follower} ${partition}`),
        }),
      )
      assert.deepStrictEqual(frozen, ["test 0"])
      assert.strictEqual(broken.cursor, "0-0")
      assert.deepStrictEqual(sound.seen, versions(2))
    }),
  )

  it.effect("freezes when the log is shorter than the feed says", () =>
    Effect.gen(function* () {
      const feed = new Feed(5).append(3, 3)
      yield* feed.following
      assert.deepStrictEqual(feed.seen, [])
    }),
  )

  it.effect("freezes when its cursor is beyond the end of the feed: the store lost history", () =>
    Effect.gen(function* () {
      const feed = new Feed().append(3, 3)
      feed.cursor = "9999999999999-0"
      yield* feed.following
      assert.deepStrictEqual(feed.seen, [])
    }),
  )

  it.effect("polls an idle feed at most every 50 ms, and ends at once when it is interrupted", () =>
    Effect.gen(function* () {
      const feed = new Feed()
      const fiber = yield* Effect.forkChild(feed.following)
      yield* TestClock.adjust(10_000)
      assert.isAtLeast(feed.polls.length, 150)
      assert.isAtMost(feed.polls.length, 210)
      yield* Fiber.interrupt(fiber)
      const polls = feed.polls.length
      yield* TestClock.adjust(10_000)
      assert.strictEqual(feed.polls.length, polls)
    }),
  )
})
