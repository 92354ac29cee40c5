/** What requests do: their time and answers, what intake accepts and refuses, and whether the process is ready. */
import type { Definer } from "./metric-definition.ts"

/** Readiness is looked at by whoever asks for it, which is every few seconds in a cluster. */
const READINESS_SHOWN_MS = 120_000

/** The backlog is read at most once a second, and only for batches that are posted. */
const BACKLOG_SHOWN_MS = 60_000

export const httpMetrics = ({ by }: Definer) => {
  const everywhere = by()
  const api = by("api")
  return {
    httpRequests: everywhere.counter("http_requests_total", "HTTP requests answered", [
      "method",
      "route",
      "status",
    ]),
    httpRequestSeconds: everywhere.histogram(
      "http_request_seconds",
      "Time from the headers of a request to the beginning of its answer, by the class of its status",
      { labels: ["method", "route", "status"] },
    ),
    readiness: everywhere.reading(
      "readiness",
      "1 if a part that the process depends on answered when readiness was last asked for, 0 if not",
      { labels: ["part"], across: "each", shownForMs: READINESS_SHOWN_MS },
    ),
    credentialsRefused: api.counter(
      "credentials_refused_total",
      "Requests whose key or token was missing, refused or could not be checked",
      ["reason"],
    ),
    acceptanceSeconds: api.histogram(
      "acceptance_seconds",
      "Time from the headers of a payout batch to its answer",
      { labels: ["status"] },
    ),
    shedBatches: api.counter(
      "shed_batches_total",
      "Batches that intake refused under load, to be retried later",
      ["scope"],
    ),
    openBatches: api.reading("open_batches", "Open batches, as read by intake while batches are posted", {
      across: "max",
      shownForMs: BACKLOG_SHOWN_MS,
    }),
    intakePressed: by("api", "worker", "projector", "publisher").gauge(
      "intake_pressed",
      "1 while this process knows that intake is pressed, here or elsewhere, and yields; 0 otherwise",
      { across: "max" },
    ),
    duplicatePayouts: api.counter(
      "duplicate_payouts_total",
      "Items that pay the same as an item accepted before, by outcome",
      ["outcome"],
    ),
    duplicatesUnchecked: api.counter(
      "duplicates_unchecked_total",
      "Requests whose duplicates could not be looked for: page someone if it goes on",
      ["outcome", "reason"],
    ),
    complianceCallbacks: api.counter("compliance_callbacks_total", "Callbacks of the compliance engine", [
      "outcome",
    ]),
    strayCallbacks: by("api", "worker").counter(
      "stray_callbacks_total",
      "Signed callbacks about transfers and clearances that no log knows, each counted once: someone has to look",
    ),
  }
}
