/** What is kept of closed batches, and what is compared: the archive, the reconciliation, the proof tree. */
import type { Definer } from "./metric-definition.ts"

/** What is overdue is looked at every fifteen seconds. */
const OVERDUE_SHOWN_MS = 60_000
/** The counts are compared every minute, but not while much is unlinked. */
const MISMATCHES_SHOWN_MS = 600_000
/** The last result is read every minute. */
const DISCREPANCIES_SHOWN_MS = 180_000

export const recordMetrics = ({ by }: Definer) => {
  const api = by("api")
  const archiver = by("archiver")
  return {
    archivedLogs: archiver.counter("archived_logs_total", "Logs of closed batches archived and verified"),
    archivedEvents: archiver.counter("archived_events_total", "Events stored in the archive"),
    archivedBytes: archiver.counter(
      "archived_bytes_total",
      "Bytes of events in the archive: of their text, and as they are stored",
      ["form"],
    ),
    archiveFailures: archiver.counter(
      "archive_failures_total",
      "Logs of closed batches that could not be archived because the log is at fault: page someone",
    ),
    unlinkedLogs: archiver.counter("unlinked_logs_total", "Archived logs unlinked from Redis"),
    archiveOverdueSeconds: archiver.reading(
      "archive_overdue_seconds",
      "For how long the closed batch that waits longest should have been archived",
      { across: "max", shownForMs: OVERDUE_SHOWN_MS },
    ),
    archiveMismatches: archiver.reading(
      "archive_mismatches",
      "Partitions in which Redis and the archive count unlinked logs differently, because one came back older: page someone unless it is 0",
      { across: "max", shownForMs: MISMATCHES_SHOWN_MS },
    ),
    discrepancies: api.reading(
      "reconciliation_discrepancies",
      "Discrepancies of the last reconciled day: page someone unless it is 0",
      { labels: ["kind"], across: "max", shownForMs: DISCREPANCIES_SHOWN_MS },
    ),
    reconciledDay: api.gauge(
      "reconciled_day_seconds",
      "The beginning of the last reconciled day, in seconds since the Unix epoch",
      { across: "max" },
    ),
    proofLeaves: archiver.counter(
      "proof_leaves_total",
      "Heads of closed batches entered into the proof tree",
    ),
    proofRefusals: archiver.gauge(
      "proof_refusals",
      "Heads that are not entered, because their logs have other hashes: page someone unless it is 0",
      { across: "max" },
    ),
    proofContradicted: archiver.gauge(
      "proof_contradicted",
      "1 while nothing is signed, because what was published contradicts the stored tree: page someone; 0 otherwise",
      { across: "max" },
    ),
    proofSignedSeconds: archiver.gauge(
      "proof_signed_seconds",
      "When the last root was signed, in seconds since the Unix epoch",
      { across: "max" },
    ),
  }
}
