/** The only place where layers are wired: which adapter stands behind each port, and what each role runs. */
import { Effect, Layer, Option } from "effect"
import { layer as workerLayer } from "./actors/worker.ts"
import { AppConfig, type Role } from "./config.ts"
import { Database } from "./database/database.ts"
import { ReadinessChecks } from "./http/operations/operations.ts"
import { httpServerLayer } from "./http/server.ts"
import { callbackSecretsLayer } from "./identity/callback-secrets.ts"
import { Pipelines } from "./pipelines/pipelines.ts"
import { CrashPoints, dieAt } from "./platform/crash-point.ts"
import { Nats } from "./platform/nats.ts"
import { Postgres } from "./platform/postgres.ts"
import { postgresDurabilityLayer } from "./platform/postgres-durability.ts"
import { RedisConnections } from "./platform/redis.ts"
import { durabilityLayer } from "./platform/redis-durability.ts"
import { checkedSettings } from "./production/production.ts"
import { layer as queriesInPostgres } from "./projections/batch-queries-postgres.ts"
import { projectorLayer } from "./projections/projector.ts"
import { PROJECTION } from "./projections/read-models.ts"
import { layer as readModelsInPostgres } from "./projections/read-models-postgres.ts"
import { type BankKind, bankKindsLayer } from "./providers/banks/bank-kind.ts"
import { banksLayer } from "./providers/banks/banks.ts"
import { layer as bankFilesLayer } from "./providers/banks/files/bank-files.ts"
import { layer as bookedOrdersInPostgres } from "./providers/banks/files/booked-orders-postgres.ts"
import type { FileOrders } from "./providers/banks/files/file-orders.ts"
import { layer as fileOrdersInPostgres } from "./providers/banks/files/file-orders-postgres.ts"
import { layer as fileRecordsInPostgres } from "./providers/banks/files/file-records-postgres.ts"
import { files } from "./providers/banks/files/files.ts"
import { layer as inboxInPostgres } from "./providers/banks/files/inbox-files-postgres.ts"
import { layer as outboxInPostgres } from "./providers/banks/files/outbox-files-postgres.ts"
import { withdrawalInBoth } from "./providers/banks/files/withdrawal.ts"
import { instant } from "./providers/banks/instant/instant.ts"
import { synchronous } from "./providers/banks/synchronous/synchronous.ts"
import { ProviderChannels } from "./providers/calling/channel.ts"
import { layer as fleetLimitsInRedis } from "./providers/calling/fleet-limits-redis.ts"
import { reportingLayer } from "./providers/calling/provider-reports.ts"
import { layer as reportsInRedis } from "./providers/calling/provider-reports-redis.ts"
import { ProviderSettings } from "./providers/calling/provider-settings.ts"
import { layer as complianceOverHttp } from "./providers/compliance/compliance-engine-http.ts"
import { layer as ledgerOverHttp } from "./providers/ledger/ledger-http.ts"
import { FOLLOWER as PUBLISHER, layer as relayLayer } from "./publisher/relay.ts"
import { discrepancyGaugeLayer } from "./reconciliation/discrepancy-gauge.ts"
import { layer as discrepanciesOnNats } from "./reconciliation/discrepancy-teller-nats.ts"
import { layer as resultsInPostgres } from "./reconciliation/results-postgres.ts"
import { layer as decisionsInPostgres } from "./register/decision-register-postgres.ts"
import { layer as instructionsInPostgres } from "./register/instruction-register-postgres.ts"
import { AnnouncedLists, makeAnnouncedLists } from "./streams/announced-lists.ts"
import { postgresListStore } from "./streams/announced-lists-postgres.ts"
import { redisLists } from "./streams/announced-lists-redis.ts"
import { layer as allowancesOnRedis } from "./streams/approval-allowance-redis.ts"
import { layer as cursorsInPostgres } from "./streams/cursor-store-postgres.ts"
import { feedKeeperLayer } from "./streams/feed-keeper.ts"
import { layer as fileLogOnRedis } from "./streams/file-log-redis.ts"
import { FollowerObserver } from "./streams/follower.ts"
import { Partitions } from "./streams/partitions.ts"
import { StoreWatch, storeWatchLayer } from "./streams/store-watch.ts"
import { layer as strayCallbacksOnRedis } from "./streams/stray-callbacks-redis.ts"
import { layer as streamsOnRedis } from "./streams/streams-redis.ts"
import { loggingLayer } from "./telemetry/logging.ts"
import { Metrics } from "./telemetry/metrics.ts"
import { layer as partnerKeysOnRedis } from "./vault/partner-keys-redis.ts"
import { layer as deliveriesInPostgres } from "./webhooks/deliveries-postgres.ts"
import { layer as endpointsInPostgres } from "./webhooks/endpoints-postgres.ts"
import { layer as webhooksLayer } from "./webhooks/webhooks.ts"

/** What the service needs of a process that runs it: nothing but the environment. */
const foundation = Layer.mergeAll(RedisConnections.layer, Postgres.layer).pipe(
  Layer.provideMerge(AppConfig.layer),
)

/** Only what publishes and delivers waits for NATS: paying goes on without it. */
const nats = Nats.layer.pipe(Layer.provide(foundation))

/** In both stores: neither that is set back makes older lists good again. */
const announcedListsInBoth = Layer.effect(
  AnnouncedLists,
  Effect.gen(function* () {
    return yield* makeAnnouncedLists([postgresListStore(yield* Database), yield* redisLists])
  }),
)

const database = Database.layer.pipe(Layer.provideMerge(foundation))
const streams = Layer.mergeAll(streamsOnRedis, strayCallbacksOnRedis, announcedListsInBoth).pipe(
  Layer.provideMerge(database),
)
const durability = Layer.merge(durabilityLayer, postgresDurabilityLayer).pipe(Layer.provide(foundation))
const allowances = allowancesOnRedis.pipe(Layer.provide(foundation))
const partnerKeys = partnerKeysOnRedis.pipe(Layer.provide(foundation))
const cursors = cursorsInPostgres.pipe(Layer.provide(database))
/** What is compared with the logs before anybody is paid. */
const registers = Layer.mergeAll(decisionsInPostgres, instructionsInPostgres).pipe(Layer.provide(database))
const storeWatch = storeWatchLayer([PROJECTION, PUBLISHER]).pipe(Layer.provide(cursors))
const endpoints = endpointsInPostgres.pipe(Layer.provide([database, partnerKeys]))

const observers = Layer.effect(
  FollowerObserver,
  Effect.map(Metrics, ({ followerEntries, followerFailures, frozenFollowers }) => ({
    handled: (follower: string, entries: number) => followerEntries.inc({ follower }, entries),
    failed: (follower: string) => followerFailures.inc({ follower }),
    frozen: (follower: string) => frozenFollowers.inc({ follower }),
  })),
)

/** The API can accept and show without anything but Redis; what is slower without the others is told. */
const readiness = Layer.effect(
  ReadinessChecks,
  Effect.gen(function* () {
    const { onEachPrimary } = yield* RedisConnections
    const { query } = yield* Postgres
    const { count } = yield* Partitions
    const { objection } = yield* StoreWatch
    const paying = Effect.suspend(() => {
      const objections = Array.from({ length: count }, (_, partition) => objection(partition))
      const reason = objections.find((objection) => objection !== undefined)
      return reason === undefined ? Effect.void : Effect.fail(reason)
    })
    return [
      { name: "redis", required: true, check: onEachPrimary((primary) => primary.ping()) },
      { name: "postgres", required: false, check: query("ping", (sql) => sql`select 1`) },
      { name: "paying", required: false, check: paying },
    ]
  }),
)

/** Nothing in production; in a test of recovery, the point at which this process dies. */
const crashPoints = Layer.effect(
  CrashPoints,
  Effect.map(AppConfig, ({ crashAt }) =>
    Option.match(crashAt, {
      onNone: () => () => Effect.void,
      onSome: ([point, , nth]) => dieAt(point, nth),
    }),
  ),
)

/** The kinds of banks that there are: another one is another line. The type says what they all work with. */
const kinds: ReadonlyArray<BankKind<AppConfig | FileOrders>> = [instant, synchronous, files]
const banks = banksLayer(kinds)
const bankKinds = bankKindsLayer(kinds)
const callbackSecrets = callbackSecretsLayer.pipe(
  Layer.provide([bankKinds, foundation, ProviderSettings.layer.pipe(Layer.provide(foundation))]),
)
const fileLog = fileLogOnRedis.pipe(Layer.provide(foundation))
const fileOrders = withdrawalInBoth.pipe(
  Layer.provide([fileOrdersInPostgres.pipe(Layer.provide([database, partnerKeys])), fileLog]),
)

const channels = ProviderChannels.layer.pipe(Layer.provide(fleetLimitsInRedis), Layer.provide(foundation))

const connectors = Layer.mergeAll(complianceOverHttp, banks, ledgerOverHttp).pipe(
  Layer.provide([ProviderSettings.layer, channels, fileOrders]),
)

const reports = reportsInRedis.pipe(Layer.provide(foundation))

/** What each role runs on top of the streams. */
const parts = {
  api: Layer.merge(
    httpServerLayer.pipe(
      Layer.provide([
        queriesInPostgres.pipe(Layer.provide(database)),
        endpoints,
        readiness.pipe(Layer.provide(storeWatch)),
        durability,
        partnerKeys,
        reports,
        registers,
        callbackSecrets,
        allowances,
      ]),
    ),
    discrepancyGaugeLayer.pipe(Layer.provide(resultsInPostgres.pipe(Layer.provide(database)))),
  ),
  worker: workerLayer.pipe(
    Layer.merge(reportingLayer.pipe(Layer.provide([channels, reports]))),
    Layer.provide(Pipelines.layer.pipe(Layer.provide([connectors, partnerKeys]))),
    Layer.provide([crashPoints, durability, registers, storeWatch]),
  ),
  "bank-files": bankFilesLayer.pipe(
    Layer.provide([
      inboxInPostgres,
      fileRecordsInPostgres,
      fileLog,
      outboxInPostgres.pipe(Layer.provide([partnerKeys, registers])),
      fileOrders,
      durability,
      storeWatch,
      ProviderSettings.layer,
    ]),
  ),
  projector: Layer.merge(
    projectorLayer.pipe(Layer.provide(readModelsInPostgres)),
    feedKeeperLayer([PROJECTION, PUBLISHER]),
  ).pipe(Layer.provide(cursors)),
  publisher: relayLayer.pipe(Layer.provide([cursors, nats])),
  webhooks: webhooksLayer.pipe(
    Layer.provide([deliveriesInPostgres.pipe(Layer.provide(partnerKeys)), endpoints, nats]),
  ),
} as const

type Part = (typeof parts)[Role]
type Served = Layer.Layer<never, Layer.Error<Part>, Layer.Services<Part>>

/** Nothing connects, to anybody, before the settings were found fit. */
const onceFit = <A, E, R>(roles: ReadonlyArray<Role>, layer: Layer.Layer<A, E, R>) =>
  Layer.unwrap(Effect.as(checkedSettings(roles), layer)).pipe(Layer.provide([AppConfig.layer, bankKinds]))

/** What `atlaspay reconcile` works with, from the settings of the service. It calls banks, as workers do. */
export const reconciliationLayer = onceFit(
  ["worker"],
  Layer.mergeAll(
    streams,
    bankKinds,
    channels,
    cursors,
    resultsInPostgres.pipe(Layer.provide(database)),
    bookedOrdersInPostgres.pipe(Layer.provide(database)),
    discrepanciesOnNats.pipe(Layer.provide([nats, foundation])),
  ),
)

/** What `atlaspay history` works with, from the settings of the service. */
export const historyLayer = Layer.mergeAll(
  storeWatch,
  registers,
  cursors,
  readModelsInPostgres.pipe(Layer.provide(database)),
).pipe(Layer.provideMerge(streams))

/**
 * The service with the roles that it is to run; what it needs more is the environment. Provides `HttpAddress` when
 * the API is among the roles.
 */
export const serveLayer = (roles: ReadonlyArray<Role>) =>
  onceFit(
    roles,
    roles
      .map((role): Served => parts[role])
      .reduce((served, part) => Layer.merge(served, part))
      .pipe(Layer.provide([streams, observers])),
  ).pipe(Layer.provide(loggingLayer()))
