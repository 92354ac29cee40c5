/** The only place that wires layers: the adapter of each port, and what each role runs. */
import { Effect, Layer, Option } from "effect"
import packageJson from "../package.json" with { type: "json" }
import { layer as workerLayer } from "./actors/worker.ts"
import { layer as archiveAgreement } from "./archive/archive-agreement.ts"
import { layer as archiveInPostgres } from "./archive/archive-store-postgres.ts"
import { archiverLayer } from "./archive/archiver.ts"
import { layer as logArchiveInPostgres } from "./archive/log-archive-postgres.ts"
import { layer as storedLogsOnRedis } from "./archive/stored-logs-redis.ts"
import { AppConfig } from "./config.ts"
import { Database } from "./database/database.ts"
import { layer as draftsInPostgres } from "./drafts/drafts-postgres.ts"
import { LateChecks } from "./http/operations/late-checks.ts"
import { operationsServerLayer } from "./http/operations-server.ts"
import { httpServerLayer } from "./http/server.ts"
import { layer as accessMarksOnRedis } from "./identity/access-marks-redis.ts"
import { layer as accessInPostgres } from "./identity/access-register-postgres.ts"
import { Administration } from "./identity/administration.ts"
import { layer as auditInPostgres } from "./identity/audit-trail-postgres.ts"
import { callbackSecretsLayer } from "./identity/callback-secrets.ts"
import { KeyDirectory } from "./identity/key-directory.ts"
import { layer as keyRecordsInPostgres } from "./identity/key-records-postgres.ts"
import { layer as contractsInPostgres } from "./identity/partner-contracts-postgres.ts"
import { layer as settingsInPostgres } from "./identity/settings-records-postgres.ts"
import { Pipelines } from "./pipelines/pipelines.ts"
import { CrashPoints, dieAt } from "./platform/crash-point.ts"
import { layer as pressureOverRedis } from "./platform/intake-pressure-redis.ts"
import { layer as leasesOverRedis } from "./platform/lease-count-redis.ts"
import { withLifecycle } from "./platform/lifecycle.ts"
import { Nats } from "./platform/nats.ts"
import { Postgres } from "./platform/postgres.ts"
import { postgresDurabilityLayer } from "./platform/postgres-durability.ts"
import { RedisConnections } from "./platform/redis.ts"
import { durabilityLayer } from "./platform/redis-durability.ts"
import { redisGaugesLayer } from "./platform/redis-gauges.ts"
import { standbyGaugeLayer } from "./platform/standby-gauge.ts"
import { checkedEnvironment } from "./production/every-mistake.ts"
import { auditSampleLayer } from "./projections/audit-sample.ts"
import { layer as queriesInPostgres } from "./projections/batch-queries-postgres.ts"
import { layer as liveRowsInPostgres } from "./projections/live-rows-postgres.ts"
import { projectorLayer } from "./projections/projector.ts"
import { PROJECTION } from "./projections/read-models.ts"
import { layer as readModelsInPostgres } from "./projections/read-models-postgres.ts"
import { RebuildFollower } from "./projections/rebuild-follower.ts"
import { holdsOf, layer as rebuildsInPostgres } from "./projections/rebuilds-postgres.ts"
import { RebuiltDatabase } from "./projections/rebuilt-database.ts"
import { layer as reportQueriesInPostgres } from "./projections/report-queries-postgres.ts"
import { waitingItemsLayer } from "./projections/waiting-items.ts"
import { waitingItems } from "./projections/waiting-items-postgres.ts"
import { proofKeeperLayer } from "./proof/proof-keeper.ts"
import { layer as proofRootsInPostgres } from "./proof/proof-roots-postgres.ts"
import { layer as proofTreeInPostgres } from "./proof/proof-tree-postgres.ts"
import { PublishedRoots } from "./proof/published-roots.ts"
import { makeRootsFile } from "./proof/roots-file.ts"
import { makeRootsStream } from "./proof/roots-stream-nats.ts"
import { adyen } from "./providers/banks/adyen/adyen.ts"
import { type BankKind, bankKindsLayer } from "./providers/banks/bank-kind.ts"
import { banksLayer } from "./providers/banks/banks.ts"
import { layer as bankFilesLayer } from "./providers/banks/files/bank-files.ts"
import { layer as bookedOrdersInPostgres } from "./providers/banks/files/booked-orders-postgres.ts"
import { files } from "./providers/banks/files/files.ts"
import { layer as inboxInPostgres } from "./providers/banks/files/inbox-files-postgres.ts"
import { instant } from "./providers/banks/instant/instant.ts"
import type { FileOrders } from "./providers/banks/orders/file-orders.ts"
import { layer as fileOrdersInPostgres } from "./providers/banks/orders/file-orders-postgres.ts"
import { layer as fileRecordsInPostgres } from "./providers/banks/orders/file-records-postgres.ts"
import { layer as outboxInPostgres } from "./providers/banks/orders/outbox-files-postgres.ts"
import { withdrawalInBoth } from "./providers/banks/orders/withdrawal.ts"
import { payoutLimitsLayer } from "./providers/banks/payout-limits.ts"
import { layer as payoutsLayer } from "./providers/banks/paypal/payouts-role.ts"
import { paypal } from "./providers/banks/paypal/paypal.ts"
import { layer as sentPayoutsInPostgres } from "./providers/banks/paypal/sent-payouts-postgres.ts"
import { synchronous } from "./providers/banks/synchronous/synchronous.ts"
import { ProviderChannels } from "./providers/calling/channel.ts"
import { layer as fleetLimitsInRedis } from "./providers/calling/fleet-limits-redis.ts"
import { providerOf } from "./providers/calling/provider-access-http.ts"
import { ProviderKinds } from "./providers/calling/provider-kind.ts"
import { reportingLayer } from "./providers/calling/provider-reports.ts"
import { layer as reportsInRedis } from "./providers/calling/provider-reports-redis.ts"
import { ProviderSettings } from "./providers/calling/provider-settings.ts"
import { clearance } from "./providers/compliance/compliance-engine-http.ts"
import { complianceEngineLayer, type ScreeningKind } from "./providers/compliance/screening-kind.ts"
import { watchman } from "./providers/compliance/watchman-http.ts"
import { yente } from "./providers/compliance/yente-http.ts"
import { formance } from "./providers/ledger/formance/formance-ledger-http.ts"
import { postings } from "./providers/ledger/ledger-http.ts"
import { type LedgerKind, ledgerBooksLayer, ledgerLayer } from "./providers/ledger/ledger-kind.ts"
import { FOLLOWER as PUBLISHER, layer as relayLayer } from "./publisher/relay.ts"
import {
  natsCheckLayer,
  needsNats,
  payingCheckLayer,
  readinessLayer,
  sendsOrders,
  startedLayer,
  watchesStores,
} from "./readiness.ts"
import { discrepancyGaugeLayer } from "./reconciliation/discrepancy-gauge.ts"
import { layer as discrepanciesOnNats } from "./reconciliation/discrepancy-notifier-nats.ts"
import { layer as resultsInPostgres } from "./reconciliation/results-postgres.ts"
import { layer as decisionsInPostgres } from "./register/decision-register-postgres.ts"
import { layer as instructionsInPostgres } from "./register/instruction-register-postgres.ts"
import { layer as claimsInPostgres } from "./register/payout-claims-postgres.ts"
import type { Role } from "./service-roles.ts"
import { AnnouncedLists, makeAnnouncedLists } from "./streams/announced-lists.ts"
import { postgresListStore } from "./streams/announced-lists-postgres.ts"
import { redisLists } from "./streams/announced-lists-redis.ts"
import { layer as allowancesOnRedis } from "./streams/approval-allowance-redis.ts"
import { layer as claimMarksOnRedis } from "./streams/claim-marks-redis.ts"
import { layer as cursorsInPostgres } from "./streams/cursor-store-postgres.ts"
import { layer as dayLimitsOnRedis } from "./streams/day-limit-redis.ts"
import { feedKeeperLayer } from "./streams/feed-keeper.ts"
import { layer as fileLogOnRedis } from "./streams/file-log-redis.ts"
import { followerCounts, lagLayer } from "./streams/follower-gauges.ts"
import { layer as logIndexOnRedis } from "./streams/log-index-redis.ts"
import { queueGaugesLayer } from "./streams/queue-depth.ts"
import { readOnceLayer } from "./streams/read-once.ts"
import { SHOWN_EVERY_MS, storeWatchLayer } from "./streams/store-watch.ts"
import { layer as strayCallbacksOnRedis } from "./streams/stray-callbacks-redis.ts"
import { layer as streamsOnRedis } from "./streams/streams-redis.ts"
import { buildInfoLayer } from "./telemetry/build-info.ts"
import { serviceLogging } from "./telemetry/logging.ts"
import { tracingLayer } from "./traces/tracing.ts"
import { layer as partnerKeysOnRedis } from "./vault/partner-keys-redis.ts"
import { layer as deliveriesInPostgres } from "./webhooks/deliveries-postgres.ts"
import { layer as deliveryLogInPostgres } from "./webhooks/delivery-log-postgres.ts"
import { layer as endpointHealthInPostgres } from "./webhooks/endpoint-health-postgres.ts"
import { layer as endpointSecretsInPostgres } from "./webhooks/endpoint-secrets-postgres.ts"
import { layer as endpointsInPostgres } from "./webhooks/endpoints-postgres.ts"
import { layer as replaysInPostgres } from "./webhooks/replays-postgres.ts"
import { layer as webhooksLayer } from "./webhooks/webhooks.ts"

/** The base of every role. It needs only the environment. */
const foundation = Layer.mergeAll(RedisConnections.layer, Postgres.layer).pipe(
  Layer.provideMerge(AppConfig.layer),
)

/** Only publishing and delivering need NATS. Paying continues without it. */
const nats = Nats.layer.pipe(Layer.provide(foundation))

/** In both stores, so that restoring one from a backup does not put older lists back in force. */
const announcedListsInBoth = Layer.effect(
  AnnouncedLists,
  Effect.gen(function* () {
    return yield* makeAnnouncedLists([postgresListStore(yield* Database), yield* redisLists])
  }),
)

/** Does nothing in production. In a test of recovery, kills this process at the configured point. */
const crashPoints = Layer.effect(
  CrashPoints,
  Effect.map(AppConfig, ({ crashAt }) =>
    Option.match(crashAt, {
      onNone: () => () => Effect.void,
      onSome: ([point, , nth]) => dieAt(point, nth),
    }),
  ),
)

const database = Database.layer.pipe(Layer.provideMerge(foundation))
const streams = Layer.mergeAll(
  streamsOnRedis.pipe(Layer.provide(crashPoints)),
  logIndexOnRedis,
  strayCallbacksOnRedis,
  announcedListsInBoth,
).pipe(Layer.provideMerge(logArchiveInPostgres), Layer.provideMerge(database))
const durability = Layer.merge(durabilityLayer, postgresDurabilityLayer).pipe(Layer.provide(foundation))
const requestLeases = leasesOverRedis.pipe(Layer.provide(foundation))
const allowances = allowancesOnRedis.pipe(Layer.provide(foundation))
const dayLimits = dayLimitsOnRedis.pipe(Layer.provide(foundation))
const claimMarks = claimMarksOnRedis.pipe(Layer.provide(foundation))
const claims = claimsInPostgres.pipe(Layer.provide(database))
const partnerKeys = partnerKeysOnRedis.pipe(Layer.provide(foundation))
const cursors = cursorsInPostgres.pipe(Layer.provide(database))
/** The second records, which are compared with the logs before anybody is paid. */
const registers = Layer.mergeAll(decisionsInPostgres, instructionsInPostgres).pipe(Layer.provide(database))
const archiveStore = archiveInPostgres.pipe(Layer.provide(database))
const watchingBoth = Layer.provide([cursors, archiveAgreement.pipe(Layer.provide(archiveStore))])
const storeWatch = watchingBoth(storeWatchLayer([PROJECTION, PUBLISHER]))
const shownStoreWatch = watchingBoth(storeWatchLayer([PROJECTION, PUBLISHER], SHOWN_EVERY_MS))
const endpoints = Layer.merge(endpointsInPostgres, endpointSecretsInPostgres).pipe(
  Layer.provide([database, partnerKeys]),
)
const deliveryLog = Layer.merge(deliveryLogInPostgres, replaysInPostgres).pipe(Layer.provide(database))
/** Who may call, as one process knows it, and what administrators do about it. */
const stored = Layer.mergeAll(
  accessInPostgres,
  auditInPostgres,
  contractsInPostgres,
  keyRecordsInPostgres,
  settingsInPostgres,
).pipe(Layer.provide(database))
const callers = Layer.mergeAll(Administration.layer, KeyDirectory.layer).pipe(
  Layer.provideMerge(stored),
  Layer.provide([accessMarksOnRedis.pipe(Layer.provide(foundation)), partnerKeys]),
)

/** The same for all roles of a process: those that settle yield to the one that accepts. */
const pressure = pressureOverRedis.pipe(Layer.provide(foundation))

/** The kinds of banks. A new kind is one more line. The type names the services that they may use. */
const kinds: ReadonlyArray<BankKind<AppConfig | FileOrders>> = [instant, synchronous, files, adyen, paypal]
/** The kinds of compliance engines, and of ledgers. */
export const screeningKinds: ReadonlyArray<ScreeningKind> = [clearance, watchman, yente]
export const ledgerKinds: ReadonlyArray<LedgerKind> = [postings, formance]
const banks = banksLayer(kinds)
const bankKinds = bankKindsLayer(kinds)
/** All kinds, for the check of the settings. */
const allKinds = Layer.merge(
  bankKinds,
  Layer.succeed(ProviderKinds, { compliance: screeningKinds, ledger: ledgerKinds }),
)
const providerSettings = ProviderSettings.layer.pipe(Layer.provide(foundation))
const callbackSecrets = callbackSecretsLayer.pipe(Layer.provide([bankKinds, foundation, providerSettings]))
/** What the rules' banks can be sent, for who accepts payouts. */
const payoutLimits = payoutLimitsLayer.pipe(Layer.provide([bankKinds, providerSettings]))
const fileLog = fileLogOnRedis.pipe(Layer.provide(foundation))
const fileOrders = withdrawalInBoth.pipe(
  Layer.provide([fileOrdersInPostgres.pipe(Layer.provide([database, partnerKeys])), fileLog]),
)

const channels = ProviderChannels.layer.pipe(Layer.provide(fleetLimitsInRedis), Layer.provide(foundation))

const connectors = Layer.mergeAll(
  complianceEngineLayer(screeningKinds),
  banks,
  ledgerLayer(ledgerKinds),
).pipe(Layer.provide([ProviderSettings.layer, channels, fileOrders]))

const reports = reportsInRedis.pipe(Layer.provide(foundation))

/** What archiving needs besides the streams. */
const archive = Layer.merge(archiveStore, storedLogsOnRedis.pipe(Layer.provide(foundation)))

const proofTree = Layer.merge(proofTreeInPostgres, proofRootsInPostgres).pipe(Layer.provide(database))

/** Signed roots go to JetStream, and to a file if there is one in the settings. */
const publishedRoots = Layer.effect(
  PublishedRoots,
  Effect.gen(function* () {
    const { rootsFile } = (yield* AppConfig).proof
    const file = Option.match(rootsFile, { onNone: () => [], onSome: (path) => [makeRootsFile(path)] })
    return [yield* makeRootsStream, ...file]
  }),
).pipe(Layer.provide([nats, foundation]))

/** Trims to the slowest follower, and not beyond what a rebuild of the read models still needs. */
const feedKeeper = Layer.unwrap(
  Effect.map(Database, ({ query }) => feedKeeperLayer([PROJECTION, PUBLISHER], holdsOf(query))),
)

const waitingGauges = Layer.unwrap(
  Effect.map(Database, ({ query }) => waitingItemsLayer(waitingItems(query))),
)

const auditSample = Layer.unwrap(
  Effect.map(AppConfig, ({ projections }) => auditSampleLayer(projections.auditMs)),
)

/** The layers of each role, on top of the streams. */
const parts = {
  api: Layer.merge(
    httpServerLayer.pipe(
      Layer.provide([
        Layer.merge(queriesInPostgres, reportQueriesInPostgres).pipe(Layer.provide(database)),
        callers,
        endpoints,
        deliveryLog,
        durability,
        partnerKeys,
        reports,
        registers,
        callbackSecrets,
        payoutLimits,
        allowances,
        dayLimits,
        requestLeases,
        claims,
        claimMarks,
        draftsInPostgres.pipe(Layer.provide(database)),
        proofTree,
      ]),
    ),
    discrepancyGaugeLayer.pipe(Layer.provide(resultsInPostgres.pipe(Layer.provide(database)))),
  ),
  worker: workerLayer.pipe(
    Layer.merge(reportingLayer.pipe(Layer.provide([channels, reports]))),
    Layer.merge(Layer.merge(queueGaugesLayer, redisGaugesLayer)),
    Layer.provide(Pipelines.layer.pipe(Layer.provide([connectors, partnerKeys]))),
    Layer.provide([crashPoints, durability, registers, storeWatch]),
  ),
  "bank-files": Layer.merge(bankFilesLayer, payoutsLayer).pipe(
    Layer.provide([
      inboxInPostgres,
      sentPayoutsInPostgres,
      channels,
      fileRecordsInPostgres,
      fileLog,
      outboxInPostgres.pipe(Layer.provide([partnerKeys, registers])),
      fileOrders,
      durability,
      storeWatch,
      ProviderSettings.layer,
    ]),
  ),
  projector: Layer.mergeAll(
    projectorLayer.pipe(Layer.provide([crashPoints, readModelsInPostgres])),
    feedKeeper,
    lagLayer(PROJECTION),
    auditSample.pipe(Layer.provide(liveRowsInPostgres)),
    waitingGauges,
    standbyGaugeLayer,
  ).pipe(Layer.provide(cursors)),
  publisher: Layer.merge(relayLayer, lagLayer(PUBLISHER)).pipe(
    Layer.provide([crashPoints, cursors, readModelsInPostgres, nats]),
  ),
  webhooks: webhooksLayer.pipe(
    Layer.provide([
      crashPoints,
      deliveriesInPostgres.pipe(Layer.provide(partnerKeys)),
      endpointHealthInPostgres,
      deliveryLog,
      endpoints,
      nats,
    ]),
    Layer.provide(database),
  ),
  archiver: Layer.merge(
    archiverLayer.pipe(Layer.provide([archive, durability])),
    proofKeeperLayer.pipe(Layer.provide([proofTree, publishedRoots])),
  ).pipe(Layer.provide([crashPoints, foundation])),
} as const

type Part = (typeof parts)[Role]
type Served = Layer.Layer<never, Layer.Error<Part>, Layer.Services<Part>>

/** A role, of which readiness knows once it has started. */
const served = (role: Role) => {
  const part: Served = parts[role]
  return startedLayer(role).pipe(Layer.provideMerge(part))
}

/** Checks the settings before any layer connects to anything, and tells all mistakes at once. */
const onceFit = <A, E, R>(roles: ReadonlyArray<Role>, layer: Layer.Layer<A, E, R>) =>
  Layer.unwrap(Effect.as(checkedEnvironment(roles, providerOf), layer)).pipe(Layer.provide(allKinds))

/** The check of a start with these roles, for `atlaspay config` and `doctor`: nothing connects. */
export const checkedHere = (roles: ReadonlyArray<Role>) =>
  Effect.provide(checkedEnvironment(roles, providerOf), allKinds)

/** The layers of `atlaspay reconcile`, by the settings of the service. It calls banks, as workers do. */
export const reconciliationLayer = onceFit(
  ["worker"],
  Layer.mergeAll(
    streams,
    bankKinds,
    channels,
    ledgerBooksLayer(ledgerKinds).pipe(Layer.provide([providerSettings, channels, foundation])),
    cursors,
    resultsInPostgres.pipe(Layer.provide(database)),
    bookedOrdersInPostgres.pipe(Layer.provide(database)),
    discrepanciesOnNats.pipe(Layer.provide([nats, foundation])),
  ),
)

const rebuiltDatabase = RebuiltDatabase.layer.pipe(Layer.provide([database, foundation]))
const rebuilds = rebuildsInPostgres.pipe(Layer.provide([database, rebuiltDatabase]))

/** The layers of `atlaspay history`, by the settings of the service. */
export const historyLayer = Layer.mergeAll(
  archiveStore,
  storeWatch,
  registers,
  claimMarks,
  cursors,
  rebuilds,
  auditInPostgres.pipe(Layer.provide(database)),
  readModelsInPostgres.pipe(Layer.provide(database)),
).pipe(Layer.provideMerge(streams))

/** The layers of `atlaspay archive`, by the settings of the service. */
export const archiveLayer = Layer.merge(archive, auditInPostgres.pipe(Layer.provide(database))).pipe(
  Layer.provideMerge(streams),
)

/** The layers of `atlaspay proof`, by the settings of the service. */
export const proofLayer = proofTree.pipe(Layer.provideMerge(streams))

/** The layers of `atlaspay projections`, by the settings of the service. */
export const projectionsLayer = Layer.mergeAll(
  cursors,
  liveRowsInPostgres.pipe(Layer.provide(database)),
  rebuilds,
  RebuildFollower.layer(Layer.merge(readModelsInPostgres, cursorsInPostgres)).pipe(
    Layer.provide(rebuiltDatabase),
  ),
  crashPoints.pipe(Layer.provide(foundation)),
).pipe(Layer.provideMerge(streams))

/** The layers of `atlaspay publish` and `atlaspay stream`, by the settings of the service. */
export const publicationLayer = Layer.mergeAll(
  cursors,
  nats,
  readModelsInPostgres.pipe(Layer.provide(database)),
).pipe(Layer.provideMerge(streams))

/** The streams. If both followers of the log run in this process, they read it once. */
const followedIn = (roles: ReadonlyArray<Role>) =>
  roles.includes("projector") && roles.includes("publisher")
    ? readOnceLayer.pipe(Layer.provideMerge(streams))
    : streams

/** What readiness learns when it is there: whether the stores let anybody be paid, and whether NATS answers. */
const lateChecks = (roles: ReadonlyArray<Role>) =>
  Layer.merge(
    !watchesStores(roles)
      ? Layer.empty
      : payingCheckLayer.pipe(Layer.provide(sendsOrders(roles) ? storeWatch : shownStoreWatch)),
    needsNats(roles) ? natsCheckLayer.pipe(Layer.provide(nats)) : Layer.empty,
  )

/** The operational routes, which every process has, and which answer before its roles work. */
const operations = (roles: ReadonlyArray<Role>) =>
  operationsServerLayer.pipe(
    Layer.provide([readinessLayer(roles), reports]),
    Layer.provideMerge(LateChecks.layer),
    Layer.provide(foundation),
  )

/**
 * The service with the given roles. It needs only the environment. Provides `OperationsAddress`, and `HttpAddress` if the API is
 * among the roles.
 */
export const serveLayer = (roles: ReadonlyArray<Role>) =>
  onceFit(
    roles,
    withLifecycle(
      roles
        .map(served)
        .reduce((all, part) => Layer.merge(all, part))
        .pipe(
          Layer.merge(lateChecks(roles)),
          Layer.provideMerge(operations(roles)),
          Layer.provide([followedIn(roles), followerCounts, pressure]),
          // Below all else: spans of what stops last are still sent.
          Layer.provide(tracingLayer(roles)),
        ),
      roles.includes("api"),
    ).pipe(Layer.provide(AppConfig.layer)),
  ).pipe(Layer.merge(buildInfoLayer(packageJson.version, roles)), Layer.provide(serviceLogging))
