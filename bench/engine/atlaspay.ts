/**
 * AtlasPay's side of `npm run bench:engine`: the engine as it runs in production, with every guard on, between an
 * intake that opens batches and providers that live in this process. Takes REDIS_URL and DATABASE_URL from the
 * environment; its last line is one JSON object, like that of each peer in bench/peers.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"
import { ConfigProvider, Deferred, Effect, Layer, Result } from "effect"
import { layer as workerLayer } from "../../src/actors/worker.ts"
import { AppConfig } from "../../src/config.ts"
import { layer as registerInPostgres } from "../../src/connectors/instruction-register-postgres.ts"
import { emptyBatch } from "../../src/domain/batch.ts"
import { decide } from "../../src/domain/decide.ts"
import type { PayoutItem } from "../../src/domain/events.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { batchIdOf } from "../../src/http/batch-identity.ts"
import { Pipelines } from "../../src/pipelines/pipelines.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { EventLog } from "../../src/streams/event-log.ts"
import { layer as eventLogOnRedis } from "../../src/streams/event-log-redis.ts"
import { type DataKey, PartnerKeys } from "../../src/vault/partner-keys.ts"
import { layer as partnerKeysOnRedis } from "../../src/vault/partner-keys-redis.ts"
import { sealAccount } from "../../src/vault/sealing.ts"
import { type Calls, providers } from "./providers.ts"

const { values } = parseArgs({
  options: {
    batches: { type: "string", default: "200" },
    items: { type: "string", default: "50" },
    "call-ms": { type: "string", default: "5" },
    rounds: { type: "string", default: "5" },
  },
})
const [concurrent, items, callMs, rounds] = [
  values.batches,
  values.items,
  values["call-ms"],
  values.rounds,
].map(Number) as [number, number, number, number]

const PARTNERS = 8
const run = process.pid.toString(36)

const settings = AppConfig.layer.pipe(
  Layer.provide(
    ConfigProvider.layer(
      ConfigProvider.fromUnknown({
        API_KEYS: "bench=bench",
        REDIS_URL: process.env.REDIS_URL,
        DATABASE_URL: process.env.DATABASE_URL,
        NATS_URL: "nats://127.0.0.1:9",
        COMPLIANCE_URL: "http://127.0.0.1:9",
        LEDGER_URL: "http://127.0.0.1:9",
        BANKS: "north=http://127.0.0.1:9",
        BANK_ROUTES: "*=north",
        BANK_CALLBACK_SECRET: "whsec_YmVuY2g=",
        MASTER_KEYS: `bench=${randomBytes(32).toString("base64")}`,
        STREAM_PREFIX: `bench-${run}`,
        WORKER_BATCHES: String(concurrent),
      }),
    ),
  ),
)

/** Told of each batch that is closed. */
const closings = new Map<BatchId, Deferred.Deferred<void>>()

/** The event log, listened to for closings, as a peer's client is told that its workflow ended. */
const eventLog = Layer.effect(
  EventLog,
  Effect.map(EventLog, (log) => ({
    ...log,
    append: (owned, append) =>
      Effect.tap(log.append(owned, append), () =>
        Effect.sync(() => {
          if (append.events.at(-1)?._tag !== "BatchClosed") return
          const closed = closings.get(owned.batch)
          closings.delete(owned.batch)
          if (closed !== undefined) Deferred.doneUnsafe(closed, Effect.void)
        }),
      ),
  })),
).pipe(Layer.provide(eventLogOnRedis))

const account = { scheme: "iban", iban: "DE89370400440532013000" } as const

const payoutItem = (key: DataKey, partner: string, batch: BatchId, item: number): PayoutItem => ({
  item,
  reference: `invoice-${item}`,
  beneficiary: { name: "Ada Lovelace", account: sealAccount(key, { partner, batch, item }, account) },
  currency: "EUR",
  minor: 1_000n + BigInt(item),
})

/** Opens a batch and waits until it is closed; gives how long that took. */
const payOut = Effect.fnUntraced(function* (number: number) {
  const log = yield* EventLog
  const partner = `partner-${number % PARTNERS}`
  const key = `${run}-${number}`
  const id = batchIdOf(partner, key)
  const since = performance.now()
  const dataKey = yield* (yield* PartnerKeys).current(partner)
  const [first, ...others] = Array.from({ length: items }, (_, index) =>
    payoutItem(dataKey, partner, id, index + 1),
  )
  if (first === undefined) throw new Error("a batch has an item")
  const decision = decide(emptyBatch(), {
    _tag: "ReceiveBatch",
    at: Date.now(),
    partner,
    idempotencyKey: key,
    requestDigest: key,
    mode: "partial",
    submittedBy: partner,
    approvalAsked: false,
    policy: { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax: 1 },
    items: [first, ...others],
  })
  const closed = yield* Deferred.make<void>()
  closings.set(id, closed)
  yield* log.open(id, Result.getOrThrow(decision), key)
  yield* Deferred.await(closed)
  return performance.now() - since
})

const percentile = (sorted: ReadonlyArray<number>, part: number) =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)

const measure = Effect.gen(function* () {
  let number = 0
  const next = Effect.suspend(() => payOut(number++))
  const payOutAll = (count: number) =>
    Effect.forEach(Array.from({ length: count }), () => next, { concurrency: concurrent })
  yield* payOutAll(concurrent * 2)
  const before = { ...calls }
  const cpu = process.cpuUsage()
  const since = performance.now()
  const times = yield* payOutAll(concurrent * rounds)
  const seconds = (performance.now() - since) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  const payouts = concurrent * rounds * items
  const verified = calls.transfers - before.transfers
  const sorted = times.toSorted((a, b) => a - b)
  console.log(
    JSON.stringify({
      name: "atlaspay",
      payouts,
      seconds,
      payoutsPerSecond: Math.round(payouts / seconds),
      batchP50Ms: percentile(sorted, 0.5),
      batchP99Ms: percentile(sorted, 0.99),
      cpuSeconds: (user + system) / 1e6,
      serverCpuSeconds: 0,
      verified,
    }),
  )
  if (verified !== payouts) throw new Error(`${verified} transfers instead of ${payouts}`)
})

const calls: Calls = { clearances: 0, transfers: 0, postings: 0 }

const engine = workerLayer.pipe(
  Layer.provide(Pipelines.layer.pipe(Layer.provide([providers(callMs, calls), registerInPostgres]))),
  Layer.provideMerge(eventLog),
  Layer.provideMerge(partnerKeysOnRedis),
  Layer.provide([RedisConnections.layer, Postgres.layer]),
  Layer.provide(settings),
)

await Effect.runPromise(Effect.scoped(Effect.provide(measure, engine)))
