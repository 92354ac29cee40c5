/** NATS and Postgres for a test file of its own, and ways to publish and to look. */
import { randomUUID } from "node:crypto"
import { Effect, Layer, Schedule } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import { ensureEventStream, usualLimits } from "../../src/publisher/event-stream.ts"
import type { PublicEvent } from "../../src/publisher/public-event.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import { layer as partnerKeysOnRedis } from "../../src/vault/partner-keys-redis.ts"
import { layer as deliveriesOnPostgres } from "../../src/webhooks/deliveries-postgres.ts"
import { layer as deliveryLogOnPostgres } from "../../src/webhooks/delivery-log-postgres.ts"
import { layer as endpointHealthOnPostgres } from "../../src/webhooks/endpoint-health-postgres.ts"
import { layer as endpointSecretsOnPostgres } from "../../src/webhooks/endpoint-secrets-postgres.ts"
import { layer as endpointsOnPostgres } from "../../src/webhooks/endpoints-postgres.ts"
import { layer as replaysOnPostgres } from "../../src/webhooks/replays-postgres.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { newBatchId, recorded, storyOf } from "../publisher/story.ts"
import { settings } from "../settings.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"

const partnerKeys = partnerKeysOnRedis.pipe(Layer.provide(RedisConnections.layer))

const streams = streamsOnRedis.pipe(Layer.provide(RedisConnections.layer))

export const webhookPlatform = (environment: Readonly<Record<string, string>> = {}) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.promise(() => ownDatabase()),
        ({ drop }) => Effect.promise(drop),
      )
      return Layer.mergeAll(
        endpointsOnPostgres,
        endpointSecretsOnPostgres,
        deliveriesOnPostgres,
        deliveryLogOnPostgres,
        endpointHealthOnPostgres,
        replaysOnPostgres,
      ).pipe(
        Layer.provideMerge(Layer.mergeAll(databaseLayer, Nats.layer, partnerKeys, streams)),
        Layer.provideMerge(
          settings({
            NATS_STREAM: `T${randomUUID().slice(0, 8)}`,
            DATABASE_URL: database.url,
            WEBHOOKS_ALLOW_PRIVATE: "true",
            ...environment,
          }),
        ),
      )
    }),
  )

/** What a batch of a partner tells: one event of acceptance, and some for its items. At least five items. */
export const eventsOf = (partner: string, itemCount = 5): ReadonlyArray<PublicEvent> => {
  const history = emptyHistory(newBatchId())
  const story = storyOf(partner, itemCount).map((event) => ({ ...event, at: Date.now() }))
  return recorded(story).flatMap((event) => advanceHistory(history, event))
}

export const firstEventOf = (partner: string): PublicEvent => {
  const [event] = eventsOf(partner)
  if (event === undefined) throw new Error("a batch tells something")
  return event
}

/** Publishes as the relay does, but JetStream does not know repetitions: they all reach the consumer. */
export const publish = Effect.fnUntraced(function* (events: ReadonlyArray<PublicEvent>) {
  const appConfig = yield* AppConfig
  const { jetstream, manager } = yield* Nats
  yield* ensureEventStream(manager, appConfig.nats.stream, usualLimits)
  for (const event of events) {
    const { subject, headers, body } = eventMessages(appConfig).write(event, Date.now())
    yield* Effect.promise(() => jetstream.publish(subject, body, { headers }))
  }
})

export interface DeliveryRow {
  readonly event_id: string
  readonly state: string
  readonly attempts: number
  readonly last_status: number | null
  readonly last_error: string | null
}

/** The deliveries of an endpoint, as they are stored. */
export const deliveryRows = Effect.fnUntraced(function* (endpoint: string) {
  const { query } = yield* Postgres
  return yield* query(
    "look at deliveries",
    (sql) => sql<Array<DeliveryRow>>`
      select event_id, state, attempts, last_status, last_error from webhook_deliveries
      where endpoint = ${endpoint} order by position`,
  )
})

/** Asks again and again until the answer is yes; the test's own time limit ends it. */
export const until = <E, R>(question: Effect.Effect<boolean, E, R>) =>
  question.pipe(Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced(10) }))
