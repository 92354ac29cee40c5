/** The watch over the event stream, with a stream that can be set back at any moment. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Nats } from "../../src/platform/nats.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import type { EventMessage } from "../../src/publisher/event-message.ts"
import { debtFromCursor, debtToCursor, newDebt } from "../../src/publisher/republication-debt.ts"
import { DEBT, EVENT_STREAM, makeStreamWatch } from "../../src/publisher/stream-watch.ts"
import { CursorStore, FEED_START } from "../../src/streams/cursor-store.ts"
import { layer as cursorsOnPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { settings } from "../settings.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"

/** A stream in memory: what the watch asks of a server. */
class MemoryStream {
  created = "2026-11-01T00:00:00Z"
  ids: Array<string> = []

  readonly store = (messages: ReadonlyArray<Pick<EventMessage, "id">>) => {
    const first = this.ids.length + 1
    this.ids.push(...messages.map(({ id }) => id))
    const id = this.ids.at(-1)
    return id === undefined || messages.length === 0 ? undefined : { first, last: this.ids.length, id }
  }

  readonly manager = {
    streams: {
      info: async () => ({
        created: this.created,
        config: { max_age: 0, duplicate_window: 0, max_msgs: -1, max_bytes: -1, max_msgs_per_subject: -1 },
        state: {
          first_seq: this.ids.length === 0 ? 0 : 1,
          last_seq: this.ids.length,
          last_ts: "2026-11-28T00:00:00Z",
          messages: this.ids.length,
          bytes: 0,
        },
      }),
      getMessage: async (_: string, { seq }: { seq: number }) => {
        const id = this.ids[seq - 1]
        return id === undefined ? null : { header: { get: () => id } }
      },
    },
  }
}

const stores = Layer.unwrap(
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      Effect.promise(() => ownDatabase()),
      ({ drop }) => Effect.promise(drop),
    )
    return Layer.mergeAll(
      streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
      cursorsOnPostgres.pipe(Layer.provideMerge(databaseLayer)),
    ).pipe(Layer.provideMerge(settings({ PARTITIONS: "2", DATABASE_URL: database.url })))
  }),
)

const FOLLOWER = "relay-under-test"
const messages = (...ids: ReadonlyArray<string>) => ids.map((id) => ({ id }) as EventMessage)

/** The watch of one process. */
const watching = (stream: MemoryStream) =>
  Effect.map(
    makeStreamWatch(FOLLOWER, (messages) => Effect.sync(() => stream.store(messages))),
    (watch) => ({
      ...watch,
      send: (...ids: ReadonlyArray<string>) => Effect.flatten(watch.publish(messages(...ids))),
    }),
  )

const losses = Effect.gen(function* () {
  const { eventStreamLosses } = yield* Metrics
  return Object.fromEntries(
    (yield* Effect.promise(() => eventStreamLosses.get())).values.map(({ labels, value }) => [
      labels.loss,
      value,
    ]),
  )
})

const forget = Effect.gen(function* () {
  const cursors = yield* CursorStore
  for (const partition of [0, 1]) {
    yield* cursors.restart(EVENT_STREAM, partition)
    yield* cursors.restart(FOLLOWER, partition)
  }
})

/** Runs with a stream, and a store that has no mark and no cursor. */
const withStream = <A, E, R>(run: (stream: MemoryStream) => Effect.Effect<A, E, R>) => {
  const stream = new MemoryStream()
  return Effect.andThen(forget, run(stream)).pipe(
    Effect.provideService(Nats, stream as never),
    Effect.provide(Layer.fresh(freshMetrics)),
  )
}

const relayMoves = Effect.gen(function* () {
  const cursors = yield* CursorStore
  yield* cursors.load(FOLLOWER, [0])
  yield* cursors.move(FOLLOWER, [{ partition: 0, from: FEED_START, to: { position: "1-0", head: "one" } }])
})

const owed = Effect.gen(function* () {
  const cursor = (yield* (yield* CursorStore).load(EVENT_STREAM, [DEBT])).get(DEBT)
  return cursor && debtFromCursor(cursor)
})

layer(stores, { excludeTestServices: true, timeout: 30_000 })("the watch over the event stream", (it) => {
  it.effect("misses what another process published, although this one has published since", () =>
    withStream((stream) =>
      Effect.gen(function* () {
        const [one, other] = [yield* watching(stream), yield* watching(stream)]
        yield* other.check
        yield* one.check
        yield* one.send("a", "b", "c", "d")
        // The server and this process end in a power cut, and the other one takes over.
        stream.ids.splice(2)
        yield* other.send("e", "f", "g")
        yield* other.check
        assert.deepStrictEqual(yield* losses, { older: 1 })
        assert.isDefined(yield* owed)
      }),
    ),
  )

  it.effect("misses what it published itself, also after the store of its mark was set back", () =>
    withStream((stream) =>
      Effect.gen(function* () {
        const watch = yield* watching(stream)
        yield* watch.check
        yield* watch.send("a")
        const cursors = yield* CursorStore
        const before = (yield* cursors.standing([EVENT_STREAM])).find(({ partition }) => partition === 0)
        assert.isDefined(before)
        yield* watch.send("b", "c")
        yield* cursors.restart(EVENT_STREAM, 0)
        yield* cursors.move(EVENT_STREAM, [{ partition: 0, from: FEED_START, to: before }])
        stream.ids.splice(2)
        yield* watch.check
        assert.deepStrictEqual(yield* losses, { older: 1 })
      }),
    ),
  )

  it.effect("misses nothing in a stream that is empty because nothing was published yet", () =>
    withStream((stream) =>
      Effect.gen(function* () {
        const watch = yield* watching(stream)
        yield* watch.check
        // The first entries of a log publish nothing.
        yield* relayMoves
        yield* watch.check
        assert.deepStrictEqual(yield* losses, {})
      }),
    ),
  )

  it.effect("reports once that a stream is empty which has no mark, although much was published", () =>
    withStream((stream) =>
      Effect.gen(function* () {
        yield* relayMoves
        const watch = yield* watching(stream)
        yield* watch.check
        const first = yield* owed
        yield* watch.check
        yield* (yield* watching(stream)).check
        assert.deepStrictEqual(yield* losses, { "other-stream": 1 })
        assert.deepStrictEqual(yield* owed, first)
      }),
    ),
  )

  it.effect("owes a second loss, although the debt of the first is paid meanwhile", () =>
    withStream((stream) =>
      Effect.gen(function* () {
        const cursors = yield* CursorStore
        const first = newDebt({ since: 0, notBefore: 0 })
        yield* cursors.load(EVENT_STREAM, [DEBT])
        yield* cursors.move(EVENT_STREAM, [{ partition: DEBT, from: FEED_START, to: debtToCursor(first) }])
        let pages = 0
        const payingMeanwhile = CursorStore.of({
          ...cursors,
          load: (follower, partitions) =>
            Effect.tap(cursors.load(follower, partitions), (found) => {
              const from = found.get(DEBT)?.position
              if (from === undefined || pages === 3) return Effect.void
              const to = debtToCursor({ ...first, after: `page-${++pages}` })
              return cursors.move(EVENT_STREAM, [{ partition: DEBT, from, to }])
            }),
        })
        const watch = yield* watching(stream).pipe(Effect.provideService(CursorStore, payingMeanwhile))
        yield* watch.check
        yield* watch.send("a")
        stream.created = "2026-11-02T00:00:00Z"
        yield* watch.check
        assert.strictEqual(pages, 3)
        assert.strictEqual((yield* owed)?.after, "")
        assert.notStrictEqual((yield* owed)?.loss, first.loss)
      }),
    ),
  )
})
