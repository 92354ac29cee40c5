import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { BatchId } from "../../src/domain/identifiers.ts"
import { IntakePressure } from "../../src/platform/intake-pressure.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import type { Chunk } from "../../src/streams/chunk.ts"
import type { Cursor } from "../../src/streams/cursor-store.ts"
import { CorruptEntry, EventStore } from "../../src/streams/event-store.ts"
import {
  Feed,
  type FeedEntry,
  type FeedPart,
  type FeedPosition,
  HistoryLost,
} from "../../src/streams/feed.ts"
import {
  type FollowerFailure,
  FollowerObserver,
  followPart,
  type Prepared,
} from "../../src/streams/follower.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { Story } from "../domain/batch-story.ts"

const batch = BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa")
const { events } = new Story().requested(1_400)

/** The hash of the log up to a version. */
const hashAt = (version: number) => `#${version}`

/** A partition's feed in memory over one log, with a store of the cursor, and what a follower did with them. */
class Followed {
  readonly entries: Array<FeedEntry> = []
  readonly chunks: Array<Chunk> = []
  readonly seen: Array<string> = []
  cursor: Cursor = { position: "0-0", head: undefined }
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
      const to = from + size - 1
      const id = `${this.entries.length + 1}-0`
      this.entries.push({ id, batch, from, to, base: hashAt(from - 1), head: hashAt(to) })
    }
    return this
  }

  readonly follower = {
    name: "test",
    loadCursors: () =>
      Effect.sync(() => {
        this.loads += 1
        return new Map([[0, this.cursor]])
      }),
    prepare: Effect.succeed<Chunk>,
    commit: Effect.fnUntraced(
      { self: this },
      function* (this: Followed, [prepared]: ReadonlyArray<Prepared<Chunk>>) {
        assert(prepared)
        const chunk = prepared.work
        this.chunks.push(chunk)
        yield* this.failing(chunk)
        if (this.cursor.position !== chunk.from) return ["elsewhere" as const]
        this.cursor = chunk.to
        this.seen.push(...chunk.entries.flatMap((entry) => entry.events.map(({ version }) => `${version}`)))
        return ["moved" as const]
      },
    ),
  }

  /** Follows until it has caught up with the feed, or for two virtual minutes, then stops. */
  get followed() {
    return Effect.gen({ self: this }, function* () {
      const fiber = yield* Effect.forkChild(this.following)
      for (let second = 0; second < 120 && this.cursor.position !== this.entries.at(-1)?.id; second++)
        yield* TestClock.adjust(1_000)
      yield* Fiber.interrupt(fiber)
    })
  }

  get following() {
    return followPart(this.follower, this.part).pipe(Effect.provide([this.feed, this.store]))
  }

  readonly feed = Layer.mock(Feed, {
    pages: Effect.fnUntraced(
      { self: this },
      function* (this: Followed, positions: ReadonlyArray<FeedPosition>, limit: number) {
        this.polls.push(yield* Clock.currentTimeMillis)
        return positions.map(({ after, head }) => {
          const at = this.entries.findIndex(({ id }) => id === after)
          return after !== "0-0" && (at === -1 || (head ?? this.entries[at]?.head) !== this.entries[at]?.head)
            ? Result.fail(new HistoryLost({ cursor: after }))
            : Result.succeed(this.entries.slice(at + 1, at + 1 + limit))
        })
      },
    ),
  })

  readonly part: FeedPart = {
    partitions: [0],
    arrivals: Effect.fnUntraced({ self: this }, function* (this: Followed, [position], waitMs) {
      const until = (yield* Clock.currentTimeMillis) + waitMs
      while ((yield* Clock.currentTimeMillis) < until) {
        if (this.entries.at(-1)?.id !== position?.after && this.entries.length > 0) return new Set([0])
        yield* Effect.sleep(1)
      }
      return new Set<number>()
    }),
  }

  readonly store = Layer.mock(EventStore, {
    read: (batch, after, limit, head) =>
      head !== hashAt(after)
        ? Effect.fail(new CorruptEntry({ batch, entry: `${after + 1}-0`, reason: "not its successor" }))
        : Effect.succeed(this.eventsAfter(after, after + limit)),
    readRanges: (ranges) =>
      Effect.succeed(
        ranges.map(({ batch, after, to, head }) =>
          head !== hashAt(after)
            ? Result.fail(new CorruptEntry({ batch, entry: `${after + 1}-0`, reason: "not its successor" }))
            : Result.succeed(this.eventsAfter(after, to)),
        ),
      ),
  })

  eventsAfter(after: number, to: number) {
    return events.slice(after, Math.min(to, this.tail)).map((event, index) => ({
      version: after + index + 1,
      event,
      hash: hashAt(after + index + 1),
    }))
  }
}

const versions = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}`)

const unavailable = new StoreUnavailable({ store: "redis", step: "store", reason: "ECONNREFUSED" })

describe("a follower", () => {
  it.effect("hands over every append once, in commit order, and goes on with what comes later", () =>
    Effect.gen(function* () {
      const feed = new Followed().append(2, 1, 5)
      yield* feed.followed
      assert.deepStrictEqual(feed.seen, versions(8))
      feed.append(3)
      yield* feed.followed
      assert.deepStrictEqual(feed.seen, versions(11))
    }),
  )

  it.effect("keeps chunks bounded, and never splits an append", () =>
    Effect.gen(function* () {
      // Counted like 2 × 60 events: a log begins with its largest.
      const feed = new Followed().append(60, ...Array.from({ length: 140 }, () => 1), 100, 40, 30)
      yield* feed.followed
      assert.deepStrictEqual(
        feed.chunks.map(({ appends, entries }) => [
          appends,
          entries.reduce((sum, entry) => sum + entry.events.length, 0),
        ]),
        [
          [137, 196],
          [7, 174],
        ],
      )
      assert.deepStrictEqual(feed.seen, versions(370))
    }),
  )

  it.effect("hands over the appends of a batch that follow each other as one", () =>
    Effect.gen(function* () {
      const feed = new Followed().append(2, 1, 5)
      yield* feed.followed
      assert.deepStrictEqual(
        feed.chunks.map(({ entries }) => entries.map(({ base, events }) => [base, events.length])),
        [[["#0", 8]]],
      )
    }),
  )

  it.effect("handles each thing at once while little comes, and much at a time while much comes", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      const fiber = yield* Effect.forkChild(feed.following)
      yield* TestClock.adjust(1_000)
      const appendFor = Effect.fnUntraced(function* (ms: number, everyMs: number) {
        for (let at = 0; at < ms; at += everyMs) {
          feed.append(1)
          yield* TestClock.adjust(everyMs)
        }
      })
      yield* appendFor(1_000, 50)
      assert.strictEqual(feed.chunks.length, 20)
      // A thousand events in a second.
      yield* appendFor(500, 1)
      const before = feed.chunks.length
      yield* appendFor(200, 1)
      assert.isAtMost(feed.chunks.length - before, 5)
      yield* TestClock.adjust(50)
      assert.strictEqual(feed.seen.length, 720)
      yield* TestClock.adjust(2_000)
      feed.append(1)
      yield* TestClock.adjust(2)
      assert.strictEqual(feed.seen.length, 721)
      yield* Fiber.interrupt(fiber)
    }),
  )

  it.effect("rests after each step while accepting comes first, unless it is far behind", () =>
    Effect.gen(function* () {
      const feed = new Followed()
      feed.failing = () => Effect.sleep(100)
      const pressed = { accepting: <A, E, R>(handling: Effect.Effect<A, E, R>) => handling, share: () => 0.1 }
      const fiber = yield* Effect.forkChild(Effect.provideService(feed.following, IntakePressure, pressed))
      const stepsIn = Effect.fnUntraced(function* (seconds: number) {
        const before = feed.chunks.length
        for (let tenth = 0; tenth < 10 * seconds; tenth++) {
          feed.append(1)
          yield* TestClock.adjust(100)
        }
        return feed.chunks.length - before
      })
      assert.isAtMost(yield* stepsIn(10), 11)
      // Its entries have the times of the first second.
      yield* stepsIn(25)
      assert.isAtLeast(yield* stepsIn(10), 95)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(feed.seen, versions(feed.seen.length))
    }),
  )

  it.effect("does not wait with what a step had no room for, although much comes", () =>
    Effect.gen(function* () {
      // The first append fills a step: it is counted like 8 × 130 events.
      const feed = new Followed().append(130, 1, 1)
      const fiber = yield* Effect.forkChild(feed.following)
      yield* TestClock.adjust(1)
      assert.strictEqual(feed.chunks.length, 2)
      assert.strictEqual(feed.seen.length, 132)
      yield* Fiber.interrupt(fiber)
    }),
  )

  it.effect("tries again from the stored cursor for as long as a handler fails, ever more slowly", () =>
    Effect.gen(function* () {
      const feed = new Followed().append(2)
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
      const feed = new Followed().append(128, 1024, 10)
      feed.failing = ({ to }) =>
        Effect.suspend(() => {
          if (to.position !== "2-0") return Effect.void
          feed.cursor = to
          return Effect.fail(unavailable)
        })
      yield* feed.followed
      assert.deepStrictEqual(
        feed.chunks.map(({ from, to }) => [from, to.position]),
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
      const feed = new Followed().append(2)
      let calls = 0
      feed.failing = () => (++calls === 1 ? Effect.die(new Error("a bug")) : Effect.void)
      yield* feed.followed
      assert.deepStrictEqual(feed.seen, versions(2))
    }),
  )

  it.effect("loads the cursor anew when another process moved it", () =>
    Effect.gen(function* () {
      const feed = new Followed().append(2, 1)
      feed.failing = () =>
        Effect.sync(() => {
          if (feed.chunks.length !== 1) return
          feed.cursor = { position: "1-0", head: hashAt(2) }
        })
      yield* feed.followed
      assert.deepStrictEqual(feed.seen, ["3"])
      assert.strictEqual(feed.loads, 2)
    }),
  )

  it.effect("freezes its own partition at an entry that cannot be read, and says so", () =>
    Effect.gen(function* () {
      const [broken, sound] = [new Followed().append(2), new Followed().append(2)]
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
      assert.strictEqual(broken.cursor.position, "0-0")
      assert.deepStrictEqual(sound.seen, versions(2))
    }),
  )

  it.effect("freezes when the log is shorter than the feed says", () =>
    Effect.gen(function* () {
      const feed = new Followed(5).append(3, 3)
      yield* feed.following
      assert.deepStrictEqual(feed.seen, [])
    }),
  )

  it.effect("freezes when its cursor is beyond the end of the feed: the store lost history", () =>
    Effect.gen(function* () {
      const feed = new Followed().append(3, 3)
      feed.cursor = { position: "9999999999999-0", head: undefined }
      yield* feed.following
      assert.deepStrictEqual(feed.seen, [])
    }),
  )

  it.effect("freezes when another entry stands where it was, however much came after it", () =>
    Effect.gen(function* () {
      const feed = new Followed().append(3, 3)
      yield* feed.followed
      const [first, second] = feed.entries
      assert(first && second)
      feed.entries.splice(1, 1, { ...second, head: "another" })
      feed.append(3, 3)
      yield* feed.following
      assert.deepStrictEqual(feed.seen, versions(6))
    }),
  )

  it.effect("goes on from a cursor of which an earlier release kept only the position", () =>
    Effect.gen(function* () {
      const feed = new Followed().append(3, 3)
      feed.cursor = { position: "1-0", head: undefined }
      yield* feed.followed
      assert.deepStrictEqual(feed.seen, ["4", "5", "6"])
      assert.deepStrictEqual(feed.cursor, { position: "2-0", head: hashAt(6) })
    }),
  )

  it.effect("goes on where another one moved the cursor to while it slept and the feed was trimmed", () =>
    Effect.gen(function* () {
      const feed = new Followed().append(3)
      const sleeper = yield* Effect.forkChild(feed.following)
      yield* TestClock.adjust(1_000)
      feed.append(3, 3).cursor = { position: "2-0", head: hashAt(6) }
      feed.entries.shift()
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(feed.seen, ["1", "2", "3", "7", "8", "9"])
      yield* Fiber.interrupt(sleeper)
    }),
  )

  it.effect("freezes at an append that does not begin or end in the log as the feed says", () =>
    Effect.gen(function* () {
      for (const changed of [{ base: "another" }, { head: "another" }]) {
        const feed = new Followed().append(3, 3)
        const [first] = feed.entries
        assert(first)
        feed.entries[0] = { ...first, ...changed }
        yield* feed.following
        assert.deepStrictEqual(feed.seen, [])
      }
    }),
  )

  it.effect("goes back when the cursor was set back behind its back, although nothing is new", () =>
    Effect.gen(function* () {
      const feed = new Followed().append(3, 3)
      const lines: Array<string> = []
      const logged = loggingLayer((line) => lines.push(line))
      const fiber = yield* Effect.forkChild(Effect.provide(feed.following, logged))
      yield* TestClock.adjust(60_000)
      assert.deepStrictEqual(lines, [])
      assert.isAtMost(feed.loads, 13)
      feed.cursor = { position: "1-0", head: hashAt(3) }
      yield* TestClock.adjust(6_000)
      assert.deepStrictEqual(feed.seen, ["1", "2", "3", "4", "5", "6", "4", "5", "6"])
      assert.strictEqual(feed.cursor.position, "2-0")
      assert.include(lines.join(), "the stored cursor was set back")
      yield* Fiber.interrupt(fiber)
    }),
  )

  it.effect(
    "reads an idle feed every two seconds, at once what arrives, and ends when it is interrupted",
    () =>
      Effect.gen(function* () {
        const feed = new Followed().append(1)
        const fiber = yield* Effect.forkChild(feed.following)
        yield* TestClock.adjust(20_000)
        assert.isAtLeast(feed.polls.length, 10)
        assert.isAtMost(feed.polls.length, 17)
        feed.append(1)
        yield* TestClock.adjust(2)
        assert.deepStrictEqual(feed.seen, versions(2))
        yield* Fiber.interrupt(fiber)
        const polls = feed.polls.length
        yield* TestClock.adjust(10_000)
        assert.strictEqual(feed.polls.length, polls)
      }),
  )
})
