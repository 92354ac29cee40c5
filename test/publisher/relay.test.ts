import { randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Result, Schedule } from "effect"
import { AppConfig } from "../../src/config.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { Nats } from "../../src/platform/nats.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { layer as readModelsOnPostgres } from "../../src/projections/read-models-postgres.ts"
import { allEvents, ensureEventStream, usualLimits } from "../../src/publisher/event-stream.ts"
import { decodePublicEvent, encodePublicEvent, type PublicEvent } from "../../src/publisher/public-event.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import { makeRelay, layer as publisher, type Relay } from "../../src/publisher/relay.ts"
import type { ChunkEntry } from "../../src/streams/chunk.ts"
import { CursorStore } from "../../src/streams/cursor-store.ts"
import { layer as cursorsOnPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { beginningOf } from "../../src/streams/event-range.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { settings } from "../settings.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"
import { wholeLog } from "../streams/whole-log.ts"
import { CANARY_IBAN, newBatchId, recorded, storyOf } from "./story.ts"

const platform = Layer.unwrap(
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      Effect.promise(() => ownDatabase()),
      ({ drop }) => Effect.promise(drop),
    )
    const environment = {
      PARTITIONS: "2",
      NATS_STREAM: `T${randomUUID().slice(0, 8)}`,
      DATABASE_URL: database.url,
    }
    return Layer.mergeAll(
      streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
      Nats.layer,
      Layer.mergeAll(cursorsOnPostgres, readModelsOnPostgres).pipe(Layer.provideMerge(databaseLayer)),
    ).pipe(Layer.provideMerge(settings(environment)))
  }),
)

const ITEMS = 300

/** A partner of the test's own, with a batch in the log. */
const openBatch = Effect.fnUntraced(function* (partner: string, itemCount = ITEMS) {
  const batch = newBatchId()
  const events = storyOf(partner, itemCount)
  yield* (yield* wholeLog).open(batch, events, `open-${batch}`)
  const history = emptyHistory(batch)
  const expected = recorded(events).flatMap((event) => advanceHistory(history, event))
  return { batch, partner, expected }
})

/** The batch's log as a follower hands it over: in chunks of consecutive entries. */
const chunksOf = Effect.fnUntraced(function* (batch: BatchId, size: number) {
  const log = yield* wholeLog
  const chunks: Array<ChunkEntry> = []
  for (;;) {
    const events = yield* log.read(batch, chunks.length * size, size)
    if (events.length === 0) return chunks
    const base = chunks.at(-1)?.events.at(-1)?.hash ?? beginningOf(batch).head
    chunks.push({ batch, base, events })
  }
})

/** What is stored for a partner, in the order of the stream. */
const stored = Effect.fnUntraced(function* (partner: string) {
  const { stream } = (yield* AppConfig).nats
  const { jetstream, manager } = yield* Nats
  const filter = `${allEvents(stream).slice(0, -1)}${partner}.>`
  const { state } = yield* Effect.promise(() => manager.streams.info(stream, { subjects_filter: filter }))
  const count = Object.values(state.subjects ?? {}).reduce((sum, messages) => sum + messages, 0)
  if (count === 0) return []
  const consumer = yield* Effect.promise(() => jetstream.consumers.get(stream, { filter_subjects: filter }))
  const messages = yield* Effect.promise(() => consumer.fetch({ max_messages: count, expires: 5_000 }))
  return yield* Effect.promise(async () => {
    const events: Array<PublicEvent> = []
    for await (const message of messages) {
      events.push(Result.getOrThrow(decodePublicEvent(message.string())))
    }
    return events
  })
})

const onceEach = (events: ReadonlyArray<PublicEvent>): ReadonlyArray<PublicEvent> => [
  ...new Map(events.map((event) => [event.id, event])).values(),
]

/** NATS as a process sees it that dies after so many messages: the next ones never leave. */
const dyingAfter = (messages: number) =>
  Effect.provideServiceEffect(
    Nats,
    Effect.map(Nats, (nats): Nats["Service"] => {
      let sent = 0
      const publish: typeof nats.connection.publish = (...message) => {
        if (sent++ < messages) nats.connection.publish(...message)
      }
      return { ...nats, connection: Object.assign(Object.create(nats.connection), { publish }) }
    }),
  )

/** Publishes the events of these entries as the follower does. */
const publishAll = (relay: Relay, entries: ReadonlyArray<ChunkEntry>) =>
  Effect.flatMap(relay.messagesOf(entries), relay.publish)

const until = <E, R>(question: Effect.Effect<boolean, E, R>) =>
  question.pipe(Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced(20) }))

layer(platform, { excludeTestServices: true })("the relay", (it) => {
  const prepared = Effect.gen(function* () {
    yield* ensureEventStream((yield* Nats).manager, (yield* AppConfig).nats.stream, usualLimits)
    return yield* makeRelay
  })

  it.effect("publishes what the log says, once, in order and in full", () =>
    Effect.gen(function* () {
      const relay = yield* prepared
      const { batch, partner, expected } = yield* openBatch("in-order")
      yield* publishAll(relay, yield* chunksOf(batch, 100))
      assert.deepStrictEqual(yield* stored(partner), expected)
      assert.strictEqual(expected.length, ITEMS + 2)
    }),
  )

  it.effect("publishes the same after it was killed in the midst of a chunk, and numbers on", () =>
    Effect.gen(function* () {
      const { batch, partner, expected } = yield* openBatch("killed")
      const chunks = yield* chunksOf(batch, 50)
      const half = Math.floor(chunks.length / 2)
      yield* prepared
      const killed = yield* Effect.forkChild(
        Effect.flatMap(makeRelay, (relay) => publishAll(relay, chunks)).pipe(dyingAfter(100)),
      )
      yield* until(Effect.map(stored(partner), ({ length }) => length === 100))
      yield* Fiber.interrupt(killed)

      yield* publishAll(yield* prepared, chunks.slice(0, half))
      // Another process that never saw the beginning goes on from the cursor.
      yield* publishAll(yield* prepared, chunks.slice(half))
      assert.deepStrictEqual(onceEach(yield* stored(partner)), expected)
    }),
  )

  it.effect("may run twice at once", () =>
    Effect.gen(function* () {
      const { batch, partner, expected } = yield* openBatch("twice")
      const chunks = yield* chunksOf(batch, 100)
      const [one, other] = [yield* prepared, yield* prepared]
      yield* Effect.all([publishAll(one, chunks), publishAll(other, chunks)], { concurrency: 2 })
      assert.deepStrictEqual(onceEach(yield* stored(partner)), expected)
    }),
  )

  it.effect("counts right when a chunk is handed to it again", () =>
    Effect.gen(function* () {
      const relay = yield* prepared
      const { batch, partner, expected } = yield* openBatch("again", 20)
      const chunks = yield* chunksOf(batch, 10)
      for (const chunk of [...chunks, ...chunks.slice(1)]) yield* publishAll(relay, [chunk])
      assert.deepStrictEqual(yield* stored(partner), expected)
    }),
  )

  it.effect("tells nothing that does not follow from what it told before", () =>
    Effect.gen(function* () {
      const relay = yield* prepared
      const { batch, partner } = yield* openBatch("replaced", 20)
      const [first, second] = yield* chunksOf(batch, 10)
      assert(first && second)
      yield* publishAll(relay, [first])
      const told = yield* stored(partner)
      const error = yield* Effect.flip(publishAll(relay, [{ ...second, base: "another log" }]))
      assert.deepInclude(error, { _tag: "CorruptEntry", entry: "11-0" })
      assert.deepStrictEqual(yield* stored(partner), told)
    }),
  )

  it.effect("fails, and does not lose anything silently, when the stream is not there", () =>
    Effect.gen(function* () {
      const relay = yield* prepared
      const { manager } = yield* Nats
      const { stream } = (yield* AppConfig).nats
      const { batch, partner, expected } = yield* openBatch("no-stream", 10)
      const chunks = yield* chunksOf(batch, 100)
      yield* Effect.promise(() => manager.streams.delete(stream))
      const error = yield* Effect.flip(publishAll(relay, chunks))
      assert.strictEqual(error._tag, "StoreUnavailable")
      yield* ensureEventStream(manager, stream, usualLimits)
      yield* publishAll(relay, chunks)
      assert.deepStrictEqual(yield* stored(partner), expected)
    }),
  )

  it.effect("lets no account number out", () =>
    Effect.gen(function* () {
      const relay = yield* prepared
      const { batch, partner } = yield* openBatch("canary", 10)
      yield* publishAll(relay, yield* chunksOf(batch, 100))
      const text = (yield* stored(partner)).map(encodePublicEvent).join("\n")
      assert.include(text, "[redacted]")
      assert.notInclude(text, CANARY_IBAN)
    }),
  )

  it.effect("follows the feed, two processes at once, and keeps the cursor behind what is stored", () =>
    Effect.gen(function* () {
      const log = yield* wholeLog
      const cursors = yield* CursorStore
      const followed = yield* Effect.forEach(["feed-one", "feed-two", "feed-three"], (partner) =>
        openBatch(partner, 40),
      )
      const twoProcesses = Layer.mergeAll(Layer.fresh(publisher), Layer.fresh(publisher))
      yield* Effect.gen(function* () {
        for (const { batch, partner, expected } of followed) {
          yield* until(Effect.map(stored(partner), (events) => onceEach(events).length === expected.length))
          assert.deepStrictEqual(onceEach(yield* stored(partner)), expected)
          const partition = log.partitions.of(batch)
          const tail = (yield* log.entries(partition, "0-0", 1_000)).at(-1)?.id
          yield* until(
            Effect.map(cursors.positions("publisher"), (positions) => positions.get(partition) === tail),
          )
        }
      }).pipe(Effect.provide(twoProcesses))
    }),
  )

  it.effect("creates the stream once, however many ask", () =>
    Effect.gen(function* () {
      const { manager } = yield* Nats
      const { stream } = (yield* AppConfig).nats
      yield* Effect.promise(() => manager.streams.delete(stream))
      yield* Effect.all(
        Array.from({ length: 4 }, () => ensureEventStream(manager, stream, usualLimits)),
        { concurrency: 4 },
      )
      const { config } = yield* Effect.promise(() => manager.streams.info(stream))
      assert.deepInclude(config, { storage: "file", subjects: [allEvents(stream)], max_msg_size: 65_536 })
    }),
  )
})
