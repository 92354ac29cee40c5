/** What workers do with batches: settlement, money, ownership, and how much waits for a worker. */
import type { Definer } from "./metric-definition.ts"

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Upper bounds in seconds from a second to ten days: an instant scheme takes seconds, a transfer over a long weekend days. */
const settlementSeconds = [
  1,
  5,
  15,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  HOUR,
  4 * HOUR,
  8 * HOUR,
  DAY,
  2 * DAY,
  3 * DAY,
  5 * DAY,
  10 * DAY,
]

/** Upper bounds in seconds: an engine answers at once, and a person within days. */
const screeningSeconds = [
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  15,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  HOUR,
  4 * HOUR,
  DAY,
  3 * DAY,
]

/** The queue is read every ten seconds. */
const QUEUE_SHOWN_MS = 60_000

export const batchMetrics = ({ by }: Definer) => {
  const worker = by("worker")
  return {
    eventsAppended: by("api", "worker").counter("events_appended_total", "Events appended to batch logs", [
      "type",
    ]),
    settlementSeconds: worker.histogram(
      "settlement_seconds",
      "Time from the acceptance of an item to its final state",
      { labels: ["scheme", "outcome"], buckets: settlementSeconds },
    ),
    settledOnTime: worker.counter(
      "settlement_on_time_total",
      "Items that were final within the time of their scheme",
      ["scheme"],
    ),
    settledLate: worker.counter(
      "settlement_late_total",
      "Items that were final after the time of their scheme",
      ["scheme"],
    ),
    screeningSeconds: worker.histogram(
      "screening_seconds",
      "Time from the acceptance of an item to the first decision of the compliance engine about it",
      { labels: ["outcome"], buckets: screeningSeconds },
    ),
    itemsFinal: worker.counter("items_final_total", "Items that reached a final state", ["outcome"]),
    moneyMoved: worker.counter(
      "money_moved_minor_total",
      "Minor units of a currency that a bank reported as paid, as far as this process appended it",
      ["currency", "bank"],
    ),
    moneyReturned: worker.counter(
      "money_returned_minor_total",
      "Minor units of a currency that came back after a bank had reported them as paid, as far as this process appended it",
      ["currency", "bank"],
    ),
    lateOutcomes: worker.counter(
      "late_outcomes_total",
      "Reports of banks that contradict a closed attempt: booked after all (repost), or left to a person (review)",
      ["compensation"],
    ),
    activeBatches: worker.gauge("active_batches", "Batches that this process's worker owns", {
      across: "sum",
    }),
    queuedBatches: worker.reading("run_queue_batches", "Batches that are due and that no worker has", {
      across: "max",
      shownForMs: QUEUE_SHOWN_MS,
    }),
    queuedOldestSeconds: worker.reading(
      "run_queue_oldest_seconds",
      "For how long the oldest batch that is due has waited for a worker; 0 if none does",
      { across: "max", shownForMs: QUEUE_SHOWN_MS },
    ),
    takeovers: worker.counter(
      "takeovers_total",
      "Batches that this process took over from a worker that had stopped renewing its leases",
    ),
    leasesLost: worker.counter(
      "leases_lost_total",
      "Batches that this process lost, because another worker took them over or appended to their logs",
    ),
    frozenBatches: worker.counter(
      "frozen_batches_total",
      "Batches whose log cannot be continued: page someone",
    ),
    registerBehind: worker.counter(
      "register_behind_total",
      "Attempts in logs that the instruction register had lost: page someone",
    ),
    unroutedItems: worker.counter(
      "unrouted_items_total",
      "Items parked because no rule leads to a bank: page someone",
    ),
  }
}
