/**
 * What the service measures, for Prometheus. Every metric stands in the one table below; the values of its labels come
 * from closed sets (routes, event types, providers, outcomes), never from a partner, a batch or a message.
 */
import { Context, Effect, Layer } from "effect"
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client"

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
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    httpRequests: counter("atlaspay_http_requests_total", "HTTP requests answered", [
      "method",
      "route",
      "status",
    ]),
    acceptanceSeconds: histogram(
      "atlaspay_acceptance_seconds",
      "From a payout batch's headers to its answer",
      ["status"],
    ),
    eventsAppended: counter("atlaspay_events_appended_total", "Events appended to batch logs", ["type"]),
    providerCalls: counter("atlaspay_provider_calls_total", "Calls to providers, by what came of them", [
      "provider",
      "step",
      "outcome",
    ]),
    providerCallSeconds: histogram("atlaspay_provider_call_seconds", "Time of a call to a provider", [
      "provider",
      "step",
    ]),
    providerRetries: counter("atlaspay_provider_retries_total", "Calls to providers made again", [
      "provider",
      "step",
    ]),
    providerRetriesDenied: counter(
      "atlaspay_provider_retries_denied_total",
      "Calls to providers not made again, as the budget of retries was spent",
      ["provider", "step"],
    ),
    providerBreakers: gauge(
      "atlaspay_provider_breaker",
      "A provider's circuit breaker in this process: 0 closed, 1 half open, 2 open",
      ["provider"],
    ),
    providerWaiting: gauge("atlaspay_provider_waiting", "Calls to a provider that have not begun", [
      "provider",
    ]),
    providerLimited: counter(
      "atlaspay_provider_limited_total",
      "Calls that waited for a limit that all processes share",
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
    bankFiles: counter("atlaspay_bank_files_total", "Files written for banks and taken in from them", [
      "bank",
      "outcome",
    ]),
    bankOddities: counter(
      "atlaspay_bank_oddities_total",
      "Transfers of which a bank's file told what nobody can act on: look at bank_oddities",
      ["bank", "reason"],
    ),
    forgottenFiles: counter(
      "atlaspay_forgotten_bank_files_total",
      "Files of orders that one store had forgotten and the other knew: page someone",
      ["bank", "store"],
    ),
    activeBatches: gauge("atlaspay_active_batches", "Batches that this process's worker holds"),
    frozenBatches: counter(
      "atlaspay_frozen_batches_total",
      "Batches whose log cannot be continued: page someone",
      [],
    ),
    lostPartitions: gauge(
      "atlaspay_lost_partitions",
      "Partitions in which nobody is paid, as the stores are not what they were: page someone unless it is 0",
    ),
    clockOffset: gauge(
      "atlaspay_clock_offset_seconds",
      "By how much this process's clock differs from that of a store at least",
    ),
    registerBehind: counter(
      "atlaspay_register_behind_total",
      "Attempts that logs told of and the instruction register had forgotten: page someone",
      [],
    ),
    unroutedItems: counter(
      "atlaspay_unrouted_items_total",
      "Items parked because no rule leads to a bank: page someone",
      [],
    ),
    strayCallbacks: counter(
      "atlaspay_stray_callbacks_total",
      "What providers told of transfers and clearances that are not ours, each counted once: someone has to look",
      [],
    ),
    shedBatches: counter("atlaspay_shed_batches_total", "Batches that intake told to come back later", [
      "scope",
    ]),
    duplicatePayouts: counter(
      "atlaspay_duplicate_payouts_total",
      "Items that a partner was accepted before, by what became of them",
      ["outcome"],
    ),
    duplicatesUnchecked: counter(
      "atlaspay_duplicates_unchecked_total",
      "Requests whose duplicates could not be looked for: page someone if it goes on",
      ["outcome", "reason"],
    ),
    openBatches: gauge("atlaspay_open_batches", "Batches that are not finished, as intake last saw it"),
    followerEntries: counter("atlaspay_follower_entries_total", "Feed entries handled by each follower", [
      "follower",
    ]),
    followerFailures: counter("atlaspay_follower_failures_total", "Chunks of the feed that failed", [
      "follower",
    ]),
    frozenFollowers: counter(
      "atlaspay_frozen_followers_total",
      "Partitions that a follower gave up: page someone",
      ["follower"],
    ),
    discrepancies: gauge(
      "atlaspay_reconciliation_discrepancies",
      "What the last reconciled day's records differ in: page someone unless it is 0",
      ["kind"],
    ),
    reconciledDay: gauge("atlaspay_reconciled_day_seconds", "The beginning of the last reconciled day"),
    webhookMessagesRefused: counter(
      "atlaspay_webhook_messages_refused_total",
      "Messages on the stream of events that are not ours, or not any more: someone has to look",
      ["reason"],
    ),
    webhookDeliveries: counter("atlaspay_webhook_deliveries_total", "Tries to deliver a webhook", [
      "outcome",
    ]),
  }
}

export type Metrics = ReturnType<typeof makeMetrics>

/** The process's metrics. A test that counts provides its own with {@link freshMetrics}. */
export const Metrics = Context.Reference<Metrics>("atlaspay/telemetry/Metrics", { defaultValue: makeMetrics })

/** A registry of its own, with the process's default metrics in it. */
export const freshMetrics: Layer.Layer<never> = Layer.effect(Metrics, Effect.sync(makeMetrics))
