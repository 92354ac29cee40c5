/** Nobody is paid where a store is not what it was. */
import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import { brokenPromise } from "../../src/platform/postgres-durability.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { ArchiveAgreement } from "../../src/streams/archive-agreement.ts"
import { CursorStore, FEED_START } from "../../src/streams/cursor-store.ts"
import { StoreWatch, storeWatchLayer } from "../../src/streams/store-watch.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { batchId, Story } from "../domain/batch-story.ts"
import { readModelStack, rowsOf } from "../projections/read-model-stack.ts"
import { ownPrefix, settings } from "../settings.ts"
import { wholeLog } from "./whole-log.ts"

/** Connections whose epoch a test moves, as a reconnection does. */
let epoch = 0
const connections = Layer.effect(
  RedisConnections,
  Effect.map(RedisConnections, (real) => ({ ...real, epoch: () => epoch })),
).pipe(Layer.provide(RedisConnections.layer))

/** What a test says that a store has forgotten. */
let forgotten: ReadonlyMap<number, string> = new Map()
let comparisonFails = false
const agreement = Layer.succeed(ArchiveAgreement, {
  disagreements: Effect.suspend(() =>
    comparisonFails
      ? Effect.fail(new StoreUnavailable({ store: "postgres", step: "count", reason: "ECONNREFUSED" }))
      : Effect.succeed(forgotten),
  ),
})

/** Whether Postgres fails to say where followers stand. */
let silent = false
const cursors = Layer.effect(
  CursorStore,
  Effect.map(CursorStore, (real) =>
    CursorStore.of({
      ...real,
      standing: (followers) =>
        silent
          ? Effect.fail(new StoreUnavailable({ store: "postgres", step: "look", reason: "ECONNREFUSED" }))
          : real.standing(followers),
    }),
  ),
)

const watch = (lines: Array<string>, environment: Readonly<Record<string, string>> = {}) =>
  storeWatchLayer(["f", "g"]).pipe(
    Layer.provide([connections, agreement, cursors]),
    Layer.provide(settings(environment)),
    Layer.fresh,
    Layer.provideMerge(loggingLayer((line) => lines.push(line))),
  )

const shifted = (ms: number): Clock.Clock => {
  const real = Clock.Clock.defaultValue()
  return Object.assign(Object.create(real), {
    currentTimeMillisUnsafe: () => Date.now() + ms,
    currentTimeMillis: Effect.sync(() => Date.now() + ms),
  })
}

/** Why nobody is paid, as the gauge has it. */
const withheld = Effect.gen(function* () {
  const { paymentsWithheld } = yield* Metrics
  const { values } = yield* Effect.promise(() => paymentsWithheld.get())
  return values.filter(({ value }) => value === 1).map(({ labels }) => labels.reason)
})

const feedEnd = Effect.gen(function* () {
  const log = yield* wholeLog
  yield* log.open(batchId, new Story().asked(1).events, "open")
  const [entry] = yield* log.entries(0, FEED_START, 1)
  if (entry === undefined) throw new Error("the feed is empty")
  return { position: entry.id, head: entry.head }
})

layer(readModelStack(2), { excludeTestServices: true })("the stores", (it) => {
  it.effect("are what they were as long as the feed has what followers have seen", () =>
    Effect.gen(function* () {
      const end = yield* feedEnd
      const cursors = yield* CursorStore
      yield* cursors.load("f", [0])
      yield* cursors.move("f", [{ partition: 0, from: FEED_START, to: end }])
      const lines: Array<string> = []
      yield* Effect.gen(function* () {
        const { look, objection } = yield* StoreWatch
        assert.deepStrictEqual([objection(0), objection(1)], [undefined, undefined])

        // Another entry stands there, or none: the store came back and went on without what the follower has seen.
        for (const change of ["head = 'another'", "position = '9999999999999-0', head_position = position"]) {
          yield* rowsOf((sql) =>
            sql.unsafe(`update projection_checkpoints set ${change} where projection = 'f'`),
          )
          assert.strictEqual(objection(0), undefined, "nothing is looked at while nothing has changed")
          epoch += 1
          assert.match(String(objection(0)), /could not be checked/)
          yield* look
          assert.match(String(objection(0)), /has changed at the cursor of the f/)
          assert.strictEqual(objection(1), undefined)
          yield* rowsOf(
            (sql) => sql`
              update projection_checkpoints
              set position = ${end.position}, head_position = ${end.position}, head = ${end.head ?? null}
              where projection = 'f'`,
          )
          epoch += 1
          yield* look
          assert.strictEqual(objection(0), undefined)
        }
      }).pipe(Effect.provide(watch(lines)))
      assert.strictEqual(lines.filter((line) => line.includes("nobody is paid in a partition")).length, 2)
      assert.strictEqual(lines.filter((line) => line.includes("a partition pays again")).length, 2)
    }),
  )

  it.effect(
    "are compared with the archive: where one came back older, nobody is paid until it is accepted",
    () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        forgotten = new Map([[1, "Redis came back older"]])
        yield* Effect.gen(function* () {
          const { look, objection } = yield* StoreWatch
          assert.deepStrictEqual([objection(0), objection(1)], [undefined, "Redis came back older"])
          forgotten = new Map()
          epoch += 1
          yield* look
          assert.strictEqual(objection(1), undefined)
          // What cannot be compared after a reconnection may have been replaced.
          comparisonFails = true
          epoch += 1
          yield* look
          assert.match(String(objection(0)), /the archive could not be compared/)
          assert.deepStrictEqual(yield* withheld, ["archive-uncompared"])
          comparisonFails = false
          epoch += 1
          yield* look
          assert.strictEqual(objection(0), undefined)
          assert.deepStrictEqual(yield* withheld, [])
        }).pipe(Effect.provide(watch(lines)), Effect.provide(freshMetrics))
        assert.isTrue(lines.some((line) => line.includes("the archive cannot be compared")))
      }),
  )

  it.effect("wait for the standbys that production asks for, also after a failover", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const production = { NODE_ENV: "production", DATABASE_STANDBYS: "1" }
      // The database of a test does not even wait for its own disk.
      const watched = Effect.gen(function* () {
        const { objection } = yield* StoreWatch
        return [objection(1), ...(yield* withheld)]
      })
      const fresh = (layer: ReturnType<typeof watch>) =>
        watched.pipe(Effect.provide(layer), Effect.provide(freshMetrics))
      assert.deepStrictEqual(yield* fresh(watch(lines, production)), [
        "synchronous_commit is off, not on or remote_apply",
        "postgres-weak",
      ])
      assert.isTrue(
        lines.some((line) => line.includes("nobody is paid: Postgres may lose what it acknowledges")),
      )
      assert.deepStrictEqual(yield* fresh(watch([], { DATABASE_STANDBYS: "1" })), [undefined])
    }),
  )

  it.effect("keep on their disks what they acknowledge, also after a failover", () =>
    Effect.sync(() => {
      const kept = {
        fsync: "on",
        full_page_writes: "on",
        synchronous_commit: "on",
        synchronous_standby_names: "",
      }
      assert.strictEqual(brokenPromise(kept, 0), undefined)
      for (const setting of ["fsync", "full_page_writes", "synchronous_commit"])
        assert.match(
          String(brokenPromise({ ...kept, [setting]: "off" }, 0)),
          new RegExp(`^${setting} is off`),
        )
      assert.match(
        String(brokenPromise({ ...kept, synchronous_commit: "local", synchronous_standby_names: "a" }, 1)),
        /^synchronous_commit is local/,
      )
      assert.strictEqual(brokenPromise(kept, 1), "synchronous_standby_names is none, not 1 waited for")
    }),
  )

  it.effect("are those that other processes are on, and not a Postgres that was replaced", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const prefix = ownPrefix()
      const key = `${prefix}:postgres`
      yield* Effect.gen(function* () {
        const { commands } = yield* RedisConnections
        const { look, objection } = yield* StoreWatch
        assert.strictEqual(objection(0), undefined)
        const [database = "", timeline] = yield* Effect.promise(() =>
          commands.zrevrange(key, 0, 0, "WITHSCORES"),
        )
        const seen = Number(timeline) + 1
        yield* Effect.promise(() => commands.zadd(key, seen, database))
        epoch += 1
        yield* look
        assert.strictEqual(
          objection(0),
          `Postgres is on timeline ${timeline}, and a process has seen ${seen}: it was replaced`,
        )
        assert.isTrue(lines.some((line) => line.includes("nobody is paid: Postgres may lose")))
        // A Redis that was set back has a lower mark, or none, and is told again.
        for (const older of [
          () => commands.zadd(key, seen - 2, database),
          () => commands.zrem(key, database),
        ]) {
          yield* Effect.promise(older)
          epoch += 1
          yield* look
          assert.strictEqual(objection(0), undefined)
          assert.strictEqual(yield* Effect.promise(() => commands.zscore(key, database)), timeline)
        }
      }).pipe(
        Effect.provide([watch(lines, { STREAM_PREFIX: prefix }), Layer.provide(connections, settings())]),
      )
    }),
  )

  it.effect("that do not answer are said to be unchecked, once the last check no longer counts", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      yield* Effect.gen(function* () {
        const { look, objection } = yield* StoreWatch
        assert.deepStrictEqual(yield* withheld, [])
        silent = true
        epoch += 1
        yield* look
        assert.match(String(objection(0)), /could not be checked/)
        assert.deepStrictEqual(yield* withheld, ["stores-unchecked"])
        silent = false
        yield* look
        assert.deepStrictEqual(yield* withheld, [])
      }).pipe(Effect.provide(watch(lines)), Effect.provide(freshMetrics))
      assert.isTrue(lines.some((line) => line.includes("the stores cannot be checked: nobody is paid")))
    }),
  )

  it.effect("have clocks that this one agrees with", () =>
    Effect.gen(function* () {
      for (const ms of [60_000, -60_000]) {
        const lines: Array<string> = []
        yield* Effect.gen(function* () {
          const { objection } = yield* StoreWatch
          assert.match(String(objection(1)), /the clock differs from that of (Postgres|Redis) by \d+ ms/)
          assert.deepStrictEqual(yield* withheld, ["clock-wrong"])
        }).pipe(
          Effect.provide(watch(lines)),
          Effect.provide(freshMetrics),
          Effect.provideService(Clock.Clock, shifted(ms)),
        )
        assert.isTrue(lines.some((line) => line.includes("nobody is paid: the clock is wrong")))
      }
      yield* Effect.gen(function* () {
        const { objection } = yield* StoreWatch
        assert.strictEqual(objection(1), undefined)
      }).pipe(
        Effect.provide(watch([], { CLOCK_OFFSET_MS_MAX: "90000" })),
        Effect.provideService(Clock.Clock, shifted(60_000)),
      )
    }),
  )
})
