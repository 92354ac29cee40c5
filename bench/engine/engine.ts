/**
 * The engine as it runs in production, with every guard on, between an intake that opens batches and providers in this
 * process. It uses the given servers, with its own prefix.
 */
import { randomBytes } from "node:crypto"
import { Array as Arr, ConfigProvider, Deferred, Effect, Layer, Result } from "effect"
import { layer as workerLayer } from "../../src/actors/worker.ts"
import { layer as archiveAgreement } from "../../src/archive/archive-agreement.ts"
import { layer as archiveInPostgres } from "../../src/archive/archive-store-postgres.ts"
import { layer as logArchiveInPostgres } from "../../src/archive/log-archive-postgres.ts"
import { AppConfig } from "../../src/config.ts"
import { Database } from "../../src/database/database.ts"
import { visibleOf } from "../../src/domain/beneficiary.ts"
import { ITEMS_PER_EVENT_MAX, type PayoutItem } from "../../src/domain/events.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { decideOpening } from "../../src/domain/opening.ts"
import { batchIdOf } from "../../src/http/payout-batches/batch-identity.ts"
import { Pipelines } from "../../src/pipelines/pipelines.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { layer as decisionsInPostgres } from "../../src/register/decision-register-postgres.ts"
import { layer as instructionsInPostgres } from "../../src/register/instruction-register-postgres.ts"
import { layer as announcedListsOnRedis } from "../../src/streams/announced-lists-redis.ts"
import { layer as cursorsInPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import type { Mailbox } from "../../src/streams/mailbox.ts"
import type { RunQueue } from "../../src/streams/run-queue.ts"
import { storeWatchLayer } from "../../src/streams/store-watch.ts"
import { layer as strayCallbacksOnRedis } from "../../src/streams/stray-callbacks-redis.ts"
import { layer as streamsOnRedis } from "../../src/streams/streams-redis.ts"
import { type DataKey, PartnerKeys } from "../../src/vault/partner-keys.ts"
import { layer as partnerKeysOnRedis } from "../../src/vault/partner-keys-redis.ts"
import { type Place, sealAccounts } from "../../src/vault/sealing.ts"
import { type Calls, type ProviderOptions, providers } from "./providers.ts"

export interface EngineOptions extends ProviderOptions {
  readonly redisUrl: string | undefined
  readonly databaseUrl: string | undefined
  /** The prefix of its keys in Redis. Engines with the same prefix work on the same batches. */
  readonly prefix: string
  /** How many batches it owns at a time. */
  readonly batchesMax: number
  /** `<id>=<32 bytes in base64>`; a new one by default. Engines that share batches share it. */
  readonly masterKeys?: string
}

const PARTNERS = 8
/** The default of the service, repeated here because the time of a take-over is counted from it. */
export const CLAIM_MS = 8_000

const settings = ({
  redisUrl,
  databaseUrl,
  prefix,
  batchesMax,
  masterKeys = newMasterKeys(),
}: EngineOptions) =>
  AppConfig.layer.pipe(
    Layer.provide(
      ConfigProvider.layer(
        ConfigProvider.fromUnknown({
          API_KEYS: "bench=bench",
          REDIS_URL: redisUrl,
          DATABASE_URL: databaseUrl,
          NATS_URL: "nats://127.0.0.1:9",
          COMPLIANCE_URL: "http://127.0.0.1:9",
          LEDGER_URL: "http://127.0.0.1:9",
          BANKS: "north=http://127.0.0.1:9",
          BANK_ROUTES: "*=north",
          BANK_CALLBACK_SECRET: "whsec_YmVuY2g=",
          MASTER_KEYS: masterKeys,
          STREAM_PREFIX: prefix,
          WORKER_BATCHES: String(batchesMax),
          CLAIM_MS: String(CLAIM_MS),
        }),
      ),
    ),
  )

export const newMasterKeys = (): string => `bench=${randomBytes(32).toString("base64")}`

/** The batches that were opened here, with what completes at their end. */
const closings = new Map<BatchId, Deferred.Deferred<void>>()

/** Notifies the opener of a batch that it is closed, as a peer notifies its client of the end of a workflow. */
export const notifyClosed = (batch: BatchId): void => {
  const closed = closings.get(batch)
  closings.delete(batch)
  if (closed !== undefined) Deferred.doneUnsafe(closed, Effect.void)
}

/** The event store, which calls `onClosed` for each closed batch. */
const listenedTo = (onClosed: (batch: BatchId) => void) =>
  Layer.effect(
    EventStore,
    Effect.map(EventStore, (store) => ({
      ...store,
      append: (owned, append) =>
        Effect.tap(store.append(owned, append), () =>
          Effect.sync(() => {
            if (append.events.at(-1)?._tag === "BatchClosed") onClosed(owned.batch)
          }),
        ),
    })),
  )

/** The ports of a batch's streams that a worker uses. */
export type Asked = EventStore | Mailbox | RunQueue

export const unobserved = Layer.effectContext(Effect.context<Asked>())

/** A worker on real servers, with what it needs to open batches; `observed` can watch its calls of the streams. */
export const engine = (
  options: EngineOptions,
  calls: Calls,
  observed: Layer.Layer<Asked, never, Asked> = unobserved,
  onClosed = notifyClosed,
) => {
  const streams = listenedTo(onClosed).pipe(
    Layer.provideMerge(observed),
    Layer.provideMerge(streamsOnRedis.pipe(Layer.provide(logArchiveInPostgres))),
  )
  return workerLayer.pipe(
    Layer.provide(Pipelines.layer.pipe(Layer.provide(providers(options, calls)))),
    Layer.provide([
      decisionsInPostgres,
      instructionsInPostgres,
      storeWatchLayer(["payout-batches", "publisher"]).pipe(
        Layer.provide([cursorsInPostgres, archiveAgreement.pipe(Layer.provide(archiveInPostgres))]),
      ),
    ]),
    Layer.provideMerge(streams),
    Layer.provideMerge(partnerKeysOnRedis),
    Layer.provide([strayCallbacksOnRedis, announcedListsOnRedis]),
    Layer.provide(Database.layer),
    Layer.provide([RedisConnections.layer, Postgres.layer]),
    Layer.provide(settings(options)),
  )
}

/** What an intake needs to open batches that workers in other processes run. */
export const intake = (options: EngineOptions) =>
  Layer.mergeAll(streamsOnRedis.pipe(Layer.provide(logArchiveInPostgres)), partnerKeysOnRedis).pipe(
    Layer.provide(Database.layer),
    Layer.provide([RedisConnections.layer, Postgres.layer]),
    Layer.provide(settings(options)),
  )

const account = { scheme: "iban", iban: "DE89370400440532013000" } as const

const payoutItem = (item: number): PayoutItem => ({
  item,
  reference: `invoice-${item}`,
  beneficiary: { name: "Ada Lovelace", account: visibleOf(account) },
  currency: "EUR",
  minor: 1_000n + BigInt(item),
})

/** The accounts of a chunk of items, sealed as intake does. */
const sealOf = (key: DataKey, place: Place, chunk: ReadonlyArray<PayoutItem>): string => {
  const visible = chunk.map(({ item, beneficiary: { account } }) => ({ item, account }))
  return sealAccounts(
    key,
    place,
    visible,
    chunk.map(() => account),
  )
}

/** Opens a batch with a number that no other batch of the prefix has; returns its id, and what completes when it is closed. */
export const openBatch = Effect.fnUntraced(function* (prefix: string, number: number, itemCount: number) {
  const store = yield* EventStore
  const partner = `partner-${number % PARTNERS}`
  const key = `${prefix}-${number}`
  const id = batchIdOf(partner, key)
  const dataKey = yield* (yield* PartnerKeys).current(partner)
  const items = Arr.makeBy(itemCount, (index) => payoutItem(index + 1))
  const chunks = Arr.chunksOf(items, ITEMS_PER_EVENT_MAX)
  const decision = decideOpening({
    _tag: "ReceiveBatch",
    at: Date.now(),
    partner,
    idempotencyKey: key,
    requestDigest: key,
    mode: "partial",
    submittedBy: partner,
    approvalAsked: false,
    policy: { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax: 1 },
    items,
    seals: Arr.map(chunks, (chunk) => sealOf(dataKey, { partner, batch: id }, chunk)),
  })
  const closed = yield* Deferred.make<void>()
  closings.set(id, closed)
  yield* store.open(id, Result.getOrThrow(decision), key)
  return { id, closed: Deferred.await(closed) }
})

/** Opens a batch and waits until it is closed; returns how long that took, in milliseconds. */
export const payOut = Effect.fnUntraced(function* (prefix: string, number: number, itemCount: number) {
  const since = performance.now()
  const { closed } = yield* openBatch(prefix, number, itemCount)
  yield* closed
  return performance.now() - since
})
