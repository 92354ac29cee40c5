/**
 * The metrics of the service, for Prometheus, in one table. Label values come from closed sets (routes, event types,
 * providers, outcomes), never from a partner, a batch or a message.
 */
import { Context, Effect, Layer } from "effect"
import { Counter, Gauge, Histogram, Registry } from "prom-client"
import { measureProcess } from "./process-metrics.ts"

/** Upper bounds in seconds, from a millisecond to half a minute. */
const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const makeMetrics = () => {
  const registry = new Registry()
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, labelNames: ReadonlyArray<Label>) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = <Label extends string>(name: string, help: string, labelNames: ReadonlyArray<Label> = []) =>
    new Gauge({ name, help, labelNames, registers })
  const histogram = <Label extends string>(name: string, help: string, labelNames: ReadonlyArray<Label>) =>
    new Histogram({ name, help, labelNames, buckets: seconds, registers })
  measureProcess(registry)
  return {
    registry,
    httpRequests: counter("atlaspay_http_requests_total", "HTTP requests answered", [
      "method",
      "route",
      "status",
    ]),
    credentialsRefused: counter(
      "atlaspay_credentials_refused_total",
      "Requests whose key or token was missing, refused or could not be checked",
      ["reason"],
    ),
    acceptanceSeconds: histogram(
      "atlaspay_acceptance_seconds",
      "Time from the headers of a payout batch to its answer",
      ["status"],
    ),
    eventsAppended: counter("atlaspay_events_appended_total", "Events appended to batch logs", ["type"]),
    providerCalls: counter("atlaspay_provider_calls_total", "Calls to providers, by outcome", [
      "provider",
      "step",
      "outcome",
    ]),
    providerCallSeconds: histogram("atlaspay_provider_call_seconds", "Time of a call to a provider", [
      "provider",
      "step",
    ]),
    providerRetries: counter("atlaspay_provider_retries_total", "Retries of calls to providers", [
      "provider",
      "step",
    ]),
    providerRetriesDenied: counter(
      "atlaspay_provider_retries_denied_total",
      "Calls to providers not retried because the retry budget was spent",
      ["provider", "step"],
    ),
    providerBreakers: gauge(
      "atlaspay_provider_breaker",
      "A provider's circuit breaker in this process: 0 closed, 1 half open, 2 open",
      ["provider"],
    ),
    providerWaiting: gauge("atlaspay_provider_waiting", "Calls to a provider that wait to begin", [
      "provider",
    ]),
    providerLimited: counter(
      "atlaspay_provider_limited_total",
      "Calls that waited for a limit shared by all processes",
      ["provider"],
    ),
    complianceCallbacks: counter(
      "atlaspay_compliance_callbacks_total",
      "Callbacks of the compliance engine",
      ["outcome"],
    ),
    postingsRefused: counter(
      "atlaspay_postings_refused_total",
      "Postings that the ledger refused; page someone unless it is for lack of funds",
      ["kind", "reason"],
    ),
    bankFiles: counter("atlaspay_bank_files_total", "Files written for banks and received from them", [
      "bank",
      "outcome",
    ]),
    bankOddities: counter(
      "atlaspay_bank_oddities_total",
      "Reports in bank files that AtlasPay cannot act on: look at bank_oddities",
      ["bank", "reason"],
    ),
    forgottenFiles: counter(
      "atlaspay_forgotten_bank_files_total",
      "Files of orders that one store had lost and the other had: page someone",
      ["bank", "store"],
    ),
    activeBatches: gauge("atlaspay_active_batches", "Batches that this process's worker owns"),
    frozenBatches: counter(
      "atlaspay_frozen_batches_total",
      "Batches whose log cannot be continued: page someone",
      [],
    ),
    lostPartitions: gauge(
      "atlaspay_lost_partitions",
      "Partitions that pay nobody because a store lost history: page someone unless it is 0",
    ),
    clockOffset: gauge(
      "atlaspay_clock_offset_seconds",
      "Least difference between the clock of this process and that of a store",
    ),
    registerBehind: counter(
      "atlaspay_register_behind_total",
      "Attempts in logs that the instruction register had lost: page someone",
      [],
    ),
    unroutedItems: counter(
      "atlaspay_unrouted_items_total",
      "Items parked because no rule leads to a bank: page someone",
      [],
    ),
    strayCallbacks: counter(
      "atlaspay_stray_callbacks_total",
      "Signed callbacks about transfers and clearances that no log knows, each counted once: someone has to look",
      [],
    ),
    shedBatches: counter(
      "atlaspay_shed_batches_total",
      "Batches that intake refused under load, to be retried later",
      ["scope"],
    ),
    duplicatePayouts: counter(
      "atlaspay_duplicate_payouts_total",
      "Items that pay the same as an item accepted before, by outcome",
      ["outcome"],
    ),
    duplicatesUnchecked: counter(
      "atlaspay_duplicates_unchecked_total",
      "Requests whose duplicates could not be looked for: page someone if it goes on",
      ["outcome", "reason"],
    ),
    intakePressed: gauge(
      "atlaspay_intake_pressed",
      "1 while this process knows that intake is pressed, here or elsewhere, and its worker yields; 0 otherwise",
    ),
    openBatches: gauge("atlaspay_open_batches", "Open batches, as last read by intake"),
    followerEntries: counter("atlaspay_follower_entries_total", "Feed entries handled by each follower", [
      "follower",
    ]),
    followerFailures: counter(
      "atlaspay_follower_failures_total",
      "Failures of followers to handle a chunk of the feed",
      ["follower"],
    ),
    frozenFollowers: counter(
      "atlaspay_frozen_followers_total",
      "Partitions that a follower froze: page someone",
      ["follower"],
    ),
    projectionDifferences: counter(
      "atlaspay_projection_differences_total",
      "Differences between the read models and the logs that the projector found in its samples: page someone",
      ["table"],
    ),
    followerBehindSeconds: gauge(
      "atlaspay_follower_behind_seconds",
      "Age of the oldest feed entry that a follower has not handled",
      ["follower"],
    ),
    followerBehindEntries: gauge(
      "atlaspay_follower_behind_entries",
      "Feed entries that a follower has not handled; of each partition at most 1000 are counted",
      ["follower"],
    ),
    eventStreamLosses: counter(
      "atlaspay_event_stream_losses_total",
      "Times that the event stream had lost events, which were then published again: someone has to look",
      ["loss"],
    ),
    eventsRepublished: counter(
      "atlaspay_events_republished_total",
      "Events published again from the logs, because the event stream had lost them",
      [],
    ),
    webhookEventsPending: gauge(
      "atlaspay_webhook_events_pending",
      "Events on the stream whose webhooks are not stored yet: they wait, or are being stored",
      ["state"],
    ),
    archivedLogs: counter("atlaspay_archived_logs_total", "Logs of closed batches archived and verified", []),
    archivedEvents: counter("atlaspay_archived_events_total", "Events stored in the archive", []),
    archivedBytes: counter(
      "atlaspay_archived_bytes_total",
      "Bytes of events in the archive: of their text, and as they are stored",
      ["form"],
    ),
    archiveFailures: counter(
      "atlaspay_archive_failures_total",
      "Logs of closed batches that could not be archived because the log is at fault: page someone",
      [],
    ),
    unlinkedLogs: counter("atlaspay_unlinked_logs_total", "Archived logs unlinked from Redis", []),
    archiveOverdueSeconds: gauge(
      "atlaspay_archive_overdue_seconds",
      "For how long the closed batch that waits longest should have been archived",
    ),
    archiveMismatches: gauge(
      "atlaspay_archive_mismatches",
      "Partitions in which Redis and the archive count unlinked logs differently, because one came back older: page someone unless it is 0",
    ),
    discrepancies: gauge(
      "atlaspay_reconciliation_discrepancies",
      "Discrepancies of the last reconciled day: page someone unless it is 0",
      ["kind"],
    ),
    reconciledDay: gauge(
      "atlaspay_reconciled_day_seconds",
      "The beginning of the last reconciled day, in seconds since the Unix epoch",
    ),
    proofLeaves: counter(
      "atlaspay_proof_leaves_total",
      "Heads of closed batches entered into the proof tree",
      [],
    ),
    proofRefusals: gauge(
      "atlaspay_proof_refusals",
      "Heads that are not entered, because their logs have other hashes: page someone unless it is 0",
    ),
    proofContradicted: gauge(
      "atlaspay_proof_contradicted",
      "1 while nothing is signed, because what was published contradicts the stored tree: page someone; 0 otherwise",
    ),
    proofSignedSeconds: gauge(
      "atlaspay_proof_signed_seconds",
      "When the last root was signed, in seconds since the Unix epoch",
    ),
    webhookMessagesRefused: counter(
      "atlaspay_webhook_messages_refused_total",
      "Messages on the event stream refused for their seal or content: someone has to look",
      ["reason"],
    ),
    webhookEndpoints: gauge("atlaspay_webhook_endpoints", "Webhook endpoints by state, as last counted", [
      "state",
    ]),
    webhookEndpointsDisabled: counter(
      "atlaspay_webhook_endpoints_disabled_total",
      "Webhook endpoints that were disabled, by reason",
      ["reason"],
    ),
    tracesExported: counter("atlaspay_traces_exported_total", "Spans that the collector took", []),
    tracesDropped: counter("atlaspay_traces_dropped_total", "Spans that were recorded and not exported", [
      "reason",
    ]),
    webhookDeliveries: counter("atlaspay_webhook_deliveries_total", "Attempts to deliver a webhook", [
      "outcome",
    ]),
  }
}

export type Metrics = ReturnType<typeof makeMetrics>

/** The metrics of the process. A test that counts provides its own with {@link freshMetrics}. */
export const Metrics = Context.Reference<Metrics>("atlaspay/telemetry/Metrics", { defaultValue: makeMetrics })

/** Metrics with a registry of their own, which also has Node's default metrics. */
export const freshMetrics: Layer.Layer<never> = Layer.effect(Metrics, Effect.sync(makeMetrics))
