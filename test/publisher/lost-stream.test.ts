/** The event stream loses what was published to it, in every way that a server allows; the relay publishes it again. */
import { randomUUID } from "node:crypto"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer, Result, Scope } from "effect"
import { inject } from "vitest"
import { AppConfig } from "../../src/config.ts"
import { Database } from "../../src/database/database.ts"
import { startStack } from "../../src/dev/embedded-stack.ts"
import { freePort } from "../../src/dev/embedded-start.ts"
import { Nats } from "../../src/platform/nats.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { projectorLayer } from "../../src/projections/projector.ts"
import { PROJECTION } from "../../src/projections/read-models.ts"
import { layer as readModelsOnPostgres } from "../../src/projections/read-models-postgres.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import { ensureEventStream } from "../../src/publisher/event-stream.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import { FOLLOWER, layerWith } from "../../src/publisher/relay.ts"
import { CursorStore } from "../../src/streams/cursor-store.ts"
import { layer as cursorsOnPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { trimFeeds } from "../../src/streams/feed-keeper.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { layer as partnerKeysOnRedis } from "../../src/vault/partner-keys-redis.ts"
import { layer as deliveriesOnPostgres } from "../../src/webhooks/deliveries-postgres.ts"
import { layer as deliveryLogOnPostgres } from "../../src/webhooks/delivery-log-postgres.ts"
import { layer as endpointHealthOnPostgres } from "../../src/webhooks/endpoint-health-postgres.ts"
import { layer as endpointSecretsOnPostgres } from "../../src/webhooks/endpoint-secrets-postgres.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { layer as endpointsOnPostgres } from "../../src/webhooks/endpoints-postgres.ts"
import { layer as replaysOnPostgres } from "../../src/webhooks/replays-postgres.ts"
import { layer as webhooks } from "../../src/webhooks/webhooks.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { settings } from "../settings.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"
import { wholeLog } from "../streams/whole-log.ts"
import { startReceiver } from "../webhooks/receiver.ts"
import { until } from "../webhooks/webhook-platform.ts"
import { newBatchId, recorded, storyOf } from "./story.ts"

/** A NATS server of the test's own, in a folder that can be set back. */
class OwnServer {
  readonly folder = mkdtempSync(join(tmpdir(), "lost-stream-"))
  url = ""
  #port: number | undefined
  #scope: Scope.Closeable | undefined

  readonly start = Effect.suspend(() =>
    Effect.gen({ self: this }, function* () {
      const port = this.#port ?? (yield* freePort)
      this.#port = port
      this.#scope = yield* Scope.make()
      const given = { redisUrl: inject("redisUrl"), databaseUrl: inject("databaseUrl") }
      const stack = yield* startStack({ dataDir: this.folder, given, port: Effect.succeed(port) }).pipe(
        Scope.provide(this.#scope),
        Effect.orDie,
      )
      this.url = stack.natsUrl
    }),
  )

  readonly stop = Effect.suspend(() =>
    this.#scope === undefined ? Effect.void : Scope.close(this.#scope, Exit.void),
  )

  /** Copies the streams away, or back. */
  readonly keep = Effect.sync(() => cpSync(this.#streams, `${this.folder}-kept`, { recursive: true }))
  readonly setBack = Effect.sync(() => {
    rmSync(this.#streams, { recursive: true })
    cpSync(`${this.folder}-kept`, this.#streams, { recursive: true })
  })
  readonly remove = Effect.sync(() => {
    rmSync(this.folder, { recursive: true })
    rmSync(`${this.folder}-kept`, { recursive: true, force: true })
  })

  get #streams() {
    return join(this.folder, "nats")
  }
}

let server: OwnServer

const LOOK_EVERY_MS = 250
/** For one test. On a machine that is busy with other things a minute was not enough. */
const TEST_MS_MAX = 180_000
const publisher = layerWith(LOOK_EVERY_MS)

const platform = Layer.unwrap(
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      Effect.promise(() => ownDatabase()),
      ({ drop }) => Effect.promise(drop),
    )
    server = yield* Effect.acquireRelease(
      Effect.tap(
        Effect.sync(() => new OwnServer()),
        ({ start }) => start,
      ),
      ({ stop, remove }) => Effect.andThen(stop, remove),
    )
    const environment = {
      PARTITIONS: "2",
      NATS_URL: server.url,
      NATS_STREAM: `T${randomUUID().slice(0, 8)}`,
      NATS_DUPLICATE_WINDOW_MS: "3000",
      DATABASE_URL: database.url,
      WEBHOOKS_ALLOW_PRIVATE: "true",
    }
    const redis = RedisConnections.layer
    return Layer.mergeAll(
      streamsOnRedis.pipe(Layer.provide(redis)),
      Nats.layer,
      Layer.mergeAll(
        cursorsOnPostgres,
        readModelsOnPostgres,
        endpointsOnPostgres,
        endpointHealthOnPostgres,
        endpointSecretsOnPostgres,
        deliveriesOnPostgres,
        deliveryLogOnPostgres,
        replaysOnPostgres,
      ).pipe(Layer.provideMerge(Layer.merge(databaseLayer, partnerKeysOnRedis.pipe(Layer.provide(redis))))),
    ).pipe(Layer.provideMerge(settings(environment)))
  }),
)

const ITEMS = 30

/** A batch in the log of that long ago, and the ids of its public events. */
const openBatch = Effect.fnUntraced(function* (partner: string, agoMs: number) {
  const batch = newBatchId()
  const events = storyOf(partner, ITEMS).map((event) => ({ ...event, at: Date.now() - agoMs }))
  yield* (yield* wholeLog).open(batch, events, `open-${batch}`)
  const history = emptyHistory(batch)
  return recorded(events).flatMap((event) => advanceHistory(history, event).map(({ id }) => id))
})

const someBatches = (partner: string, count = 4, agoMs = 0) =>
  Effect.map(Effect.all(Array.from({ length: count }, () => openBatch(partner, agoMs))), (ids) => ids.flat())

/** The ids of the events in the stream that verify; none while the server is away. */
const stored = Effect.gen(function* () {
  const appConfig = yield* AppConfig
  const { jetstream, manager } = yield* Nats
  const { stream } = appConfig.nats
  return yield* Effect.promise(async () => {
    const found: Array<string> = []
    try {
      const { state } = await manager.streams.info(stream)
      if (state.messages === 0) return found
      const consumer = await jetstream.consumers.get(stream, {})
      for await (const message of await consumer.fetch({ max_messages: state.messages, expires: 2_000 }))
        found.push(Result.getOrThrow(eventMessages(appConfig).read(message)).event.id)
      return found
    } catch {
      return found
    }
  })
})

/** What the stream's server says that it has, as a text that differs once anything came or went; none while the server is away. */
const content = Effect.gen(function* () {
  const appConfig = yield* AppConfig
  const { manager } = yield* Nats
  return yield* Effect.promise(async () => {
    try {
      const { created, state } = await manager.streams.info(appConfig.nats.stream)
      return { messages: state.messages, text: `${created} ${state.messages} ${state.last_seq}` }
    } catch {
      return undefined
    }
  })
})

/** Waits until the stream has all of them. It is read only if it changed, because each message is verified. */
const holds = (ids: ReadonlyArray<string>) => {
  let known = ""
  return until(
    Effect.gen(function* () {
      const now = yield* content
      if (now === undefined || now.text === known) return false
      const found = yield* stored
      if (found.length === now.messages) known = now.text
      const set = new Set(found)
      return ids.every((id) => set.has(id))
    }),
  )
}

/** Waits until the projector and the relay have handled all, and trims the feeds, so that only logs and read models are left. */
const settle = Effect.gen(function* () {
  const { entries } = yield* wholeLog
  const cursors = yield* CursorStore
  const tails = yield* Effect.forEach([0, 1], (partition) =>
    Effect.map(entries(partition, "0-0", 1_000), (found) => found.at(-1)?.id),
  )
  for (const follower of [PROJECTION, FOLLOWER])
    yield* until(
      Effect.map(cursors.positions(follower), (positions) =>
        tails.every((tail, partition) => tail === undefined || positions.get(partition) === tail),
      ),
    )
  yield* trimFeeds([PROJECTION, FOLLOWER])
})

const losses = Effect.gen(function* () {
  const { eventStreamLosses } = yield* Metrics
  return Object.fromEntries(
    (yield* Effect.promise(() => eventStreamLosses.get())).values.map(({ labels, value }) => [
      labels.loss,
      value,
    ]),
  )
})

/** Runs with a relay, or two, and a projector, from their start to their end. */
const relaying = <A, E, R>(run: Effect.Effect<A, E, R>, relays = 1) =>
  run.pipe(
    Effect.provide(
      Layer.mergeAll(
        projectorLayer,
        Layer.fresh(publisher),
        relays === 2 ? Layer.fresh(publisher) : Layer.empty,
      ),
    ),
    Effect.provide(Layer.fresh(freshMetrics)),
  )

const stream = Effect.map(AppConfig, ({ nats }) => nats.stream)

layer(platform, { excludeTestServices: true, timeout: 60_000 })("a stream that lost events", (it) => {
  it.effect(
    "is filled again when it was deleted while the relay runs, by two relays at once",
    () =>
      relaying(
        Effect.gen(function* () {
          const { manager } = yield* Nats
          const name = yield* stream
          const ids = yield* someBatches("deleted")
          yield* holds(ids)
          yield* settle
          assert.deepStrictEqual(yield* losses, {})
          yield* Effect.promise(() => manager.streams.delete(name))
          const more = yield* someBatches("deleted")
          yield* holds([...ids, ...more])
          assert.isAbove((yield* losses)["other-stream"] ?? 0, 0)
        }),
        2,
      ),
    TEST_MS_MAX,
  )

  it.effect(
    "is filled again when it was purged under load, and is found once",
    () =>
      relaying(
        Effect.gen(function* () {
          const { manager } = yield* Nats
          const name = yield* stream
          const ids = yield* someBatches("purged")
          yield* holds(ids)
          yield* settle
          // The relay has looked at the stream since.
          yield* Effect.sleep(2 * LOOK_EVERY_MS)
          yield* Effect.promise(() => manager.streams.purge(name))
          const more = yield* someBatches("purged")
          yield* holds([...ids, ...more])
          assert.deepStrictEqual(yield* losses, { purged: 1 })
        }),
      ),
    TEST_MS_MAX,
  )

  it.effect(
    "is filled again when it was purged while the projector stands still",
    () =>
      Effect.gen(function* () {
        const { manager } = yield* Nats
        const name = yield* stream
        yield* relaying(Effect.andThen(someBatches("still", 1), settle))
        const ids = yield* someBatches("still")
        yield* Effect.gen(function* () {
          yield* holds(ids)
          yield* Effect.sleep(2 * LOOK_EVERY_MS)
          yield* Effect.promise(() => manager.streams.purge(name))
          yield* until(Effect.map(losses, ({ purged }) => purged === 1))
          // With them the relay notices that it has to go back, while the stream takes the others for repetitions.
          const more = yield* someBatches("still", 1)
          yield* holds([...ids, ...more])
        }).pipe(Effect.provide(Layer.fresh(publisher)), Effect.provide(Layer.fresh(freshMetrics)))
      }),
    TEST_MS_MAX,
  )

  it.effect(
    "is filled again when somebody created an empty one while no relay ran",
    () =>
      Effect.gen(function* () {
        const { manager } = yield* Nats
        const name = yield* stream
        const ids = yield* relaying(
          Effect.gen(function* () {
            const ids = yield* someBatches("recreated")
            yield* holds(ids)
            yield* settle
            return ids
          }),
        )
        yield* Effect.promise(() => manager.streams.delete(name))
        yield* ensureEventStream(manager, name, (yield* AppConfig).nats.limits)
        yield* relaying(
          Effect.gen(function* () {
            yield* holds(ids)
            assert.deepStrictEqual(yield* losses, { "other-stream": 1 })
          }),
        )
      }),
    TEST_MS_MAX,
  )

  it.effect(
    "is filled again when its server came back older, also if the relay goes on at once",
    () =>
      Effect.gen(function* () {
        const before = yield* relaying(
          Effect.gen(function* () {
            const ids = yield* someBatches("older")
            yield* holds(ids)
            yield* settle
            return ids
          }),
        )
        yield* server.stop
        yield* server.keep
        yield* server.start
        yield* until(Effect.map(stored, ({ length }) => length > 0))
        yield* relaying(
          Effect.gen(function* () {
            const lost = yield* someBatches("older", 2)
            yield* holds([...before, ...lost])
            yield* settle
            yield* server.stop
            yield* server.setBack
            // More than was lost, so that the stream is soon longer than it was.
            const more = yield* someBatches("older", 6)
            yield* server.start
            yield* holds([...before, ...lost, ...more])
            assert.deepStrictEqual(yield* losses, { older: 1 })
          }),
        )
      }),
    TEST_MS_MAX,
  )

  it.effect(
    "brings no endpoint an event twice, nor one from before it was added",
    () =>
      Effect.gen(function* () {
        const { manager } = yield* Nats
        const name = yield* stream
        const { received, url } = yield* startReceiver()
        const { create } = yield* WebhookEndpoints
        const { query } = yield* Database
        const first = yield* create({ partner: "hooked", url })
        // Added before the batches, which are older than clocks may differ.
        yield* query(
          "set back",
          (sql) =>
            sql`update webhook_endpoints set created_at = now() - interval '2 hours' where id = ${first.endpoint.id}`,
        )
        const delivered = () => received.map(({ headers }) => headers["webhook-id"])
        yield* relaying(
          Effect.gen(function* () {
            const ids = yield* someBatches("hooked", 2, 3_600_000)
            yield* until(Effect.sync(() => delivered().length === ids.length))
            yield* settle
            const late = yield* startReceiver()
            yield* create({ partner: "hooked", url: late.url })
            yield* Effect.promise(() => manager.streams.delete(name))
            yield* holds(ids)
            const more = yield* someBatches("hooked", 1)
            yield* until(Effect.sync(() => delivered().length >= ids.length + more.length))
            assert.sameMembers(delivered(), [...ids, ...more])
            yield* until(Effect.sync(() => late.received.length >= more.length))
            assert.sameMembers(
              late.received.map(({ headers }) => headers["webhook-id"]),
              more,
            )
          }).pipe(Effect.provide(Layer.fresh(webhooks))),
        )
      }),
    TEST_MS_MAX,
  )
})
