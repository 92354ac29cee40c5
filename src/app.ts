/** The only place where layers are wired: which adapter stands behind each port, and what each role runs. */
import { Effect, Layer, Option } from "effect"
import { layer as workerLayer } from "./actors/worker.ts"
import { layer as bankFilesLayer } from "./bank-files/bank-files.ts"
import { layer as inboxInPostgres } from "./bank-files/inbox-files-postgres.ts"
import { layer as outboxInPostgres } from "./bank-files/outbox-files-postgres.ts"
import { AppConfig, type Role } from "./config.ts"
import { fileBank } from "./connectors/bank-files.ts"
import { instantBank } from "./connectors/bank-instant-http.ts"
import { synchronousBank } from "./connectors/bank-synchronous-http.ts"
import { banksLayer } from "./connectors/banks.ts"
import { layer as complianceOverHttp } from "./connectors/compliance-engine-http.ts"
import type { FileOrders } from "./connectors/file-orders.ts"
import { layer as fileOrdersInPostgres } from "./connectors/file-orders-postgres.ts"
import { layer as fleetLimitsInRedis } from "./connectors/fleet-limits-redis.ts"
import { layer as registerInPostgres } from "./connectors/instruction-register-postgres.ts"
import { Lanes } from "./connectors/lane.ts"
import { layer as ledgerOverHttp } from "./connectors/ledger-http.ts"
import { reportingLayer } from "./connectors/provider-reports.ts"
import { layer as reportsInRedis } from "./connectors/provider-reports-redis.ts"
import { ProviderSettings } from "./connectors/provider-settings.ts"
import { ReadinessChecks } from "./http/operations.ts"
import { httpServerLayer } from "./http/server.ts"
import { Pipelines } from "./pipelines/pipelines.ts"
import { CrashPoints, dieAt } from "./platform/crash-point.ts"
import { Nats } from "./platform/nats.ts"
import { Postgres } from "./platform/postgres.ts"
import { RedisConnections } from "./platform/redis.ts"
import { durabilityLayer } from "./platform/redis-durability.ts"
import { layer as queriesInPostgres } from "./projections/batch-queries-postgres.ts"
import { layer as schemaInPostgres } from "./projections/migrations-postgres.ts"
import { projectorLayer } from "./projections/projector.ts"
import { PROJECTION } from "./projections/read-models.ts"
import { layer as readModelsInPostgres } from "./projections/read-models-postgres.ts"
import { FOLLOWER as PUBLISHER, layer as relayLayer } from "./publisher/relay.ts"
import { discrepancyGaugeLayer } from "./reconciliation/discrepancy-gauge.ts"
import { layer as discrepanciesOnNats } from "./reconciliation/discrepancy-teller-nats.ts"
import { layer as resultsInPostgres } from "./reconciliation/results-postgres.ts"
import { layer as cursorsInPostgres } from "./streams/cursor-store-postgres.ts"
import { layer as eventLogOnRedis } from "./streams/event-log-redis.ts"
import { feedKeeperLayer } from "./streams/feed-keeper.ts"
import { FollowerObserver } from "./streams/follower.ts"
import { layer as strayCallbacksOnRedis } from "./streams/stray-callbacks-redis.ts"
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

const eventLog = Layer.merge(eventLogOnRedis, strayCallbacksOnRedis).pipe(Layer.provideMerge(foundation))
const durability = durabilityLayer.pipe(Layer.provide(foundation))
const partnerKeys = partnerKeysOnRedis.pipe(Layer.provide(foundation))
const database = schemaInPostgres.pipe(Layer.provideMerge(foundation))
const cursors = cursorsInPostgres.pipe(Layer.provide(database))
const endpoints = endpointsInPostgres.pipe(Layer.provide([foundation, partnerKeys]))

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
    return [
      { name: "redis", required: true, check: onEachPrimary((primary) => primary.ping()) },
      { name: "postgres", required: false, check: query("ping", (sql) => sql`select 1`) },
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

/** Banks by the kind of their settings: another protocol is another line. */
const banks = banksLayer<AppConfig | FileOrders>({
  instant: instantBank,
  synchronous: synchronousBank,
  files: fileBank,
})
const fileOrders = fileOrdersInPostgres.pipe(Layer.provide([foundation, partnerKeys]))

const lanes = Lanes.layer.pipe(Layer.provide(fleetLimitsInRedis), Layer.provide(foundation))

const connectors = Layer.mergeAll(complianceOverHttp, banks, ledgerOverHttp, registerInPostgres).pipe(
  Layer.provide([ProviderSettings.layer, lanes, fileOrders]),
)

const reports = reportsInRedis.pipe(Layer.provide(foundation))

/** What each role runs on top of the event log. */
const parts = {
  api: Layer.merge(
    httpServerLayer.pipe(
      Layer.provide([
        queriesInPostgres.pipe(Layer.provide(database)),
        endpoints,
        readiness,
        durability,
        partnerKeys,
        reports,
      ]),
    ),
    discrepancyGaugeLayer.pipe(Layer.provide(resultsInPostgres.pipe(Layer.provide(database)))),
  ),
  worker: workerLayer.pipe(
    Layer.merge(reportingLayer.pipe(Layer.provide([lanes, reports]))),
    Layer.provide(Pipelines.layer.pipe(Layer.provide([connectors, partnerKeys]))),
    Layer.provide([crashPoints, durability]),
  ),
  "bank-files": bankFilesLayer.pipe(
    Layer.provide([
      inboxInPostgres,
      outboxInPostgres.pipe(Layer.provide(partnerKeys)),
      fileOrders,
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

/** What `atlaspay reconcile` works with, from the settings of the service. */
export const reconciliationLayer = Layer.mergeAll(
  eventLog,
  lanes,
  cursors,
  resultsInPostgres.pipe(Layer.provide(database)),
  discrepanciesOnNats.pipe(Layer.provide([nats, foundation])),
)

/**
 * The service with the roles that it is to run; what it needs more is the environment. Provides `HttpAddress` when
 * the API is among the roles.
 */
export const serveLayer = (roles: ReadonlyArray<Role>) =>
  roles
    .map((role): Served => parts[role])
    .reduce((served, part) => Layer.merge(served, part))
    .pipe(Layer.provide([eventLog, observers]), Layer.provide(loggingLayer()))
