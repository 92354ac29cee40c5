/** Calls to banks, the compliance engine and the ledger, and the files of banks that take no calls. */
import type { Definer } from "./metric-definition.ts"

/** The retry budget is looked at with the rest of a provider's state, every few seconds. */
const SHOWN_MS = 60_000

export const providerMetrics = ({ by }: Definer) => {
  const worker = by("worker")
  const files = by("bank-files")
  return {
    providerCalls: worker.counter("provider_calls_total", "Calls to providers, by outcome", [
      "provider",
      "step",
      "outcome",
    ]),
    providerCallSeconds: worker.histogram("provider_call_seconds", "Time of a call to a provider", {
      labels: ["provider", "step"],
    }),
    providerRetries: worker.counter("provider_retries_total", "Retries of calls to providers", [
      "provider",
      "step",
    ]),
    providerRetriesDenied: worker.counter(
      "provider_retries_denied_total",
      "Calls to providers not retried because the retry budget was spent",
      ["provider", "step"],
    ),
    providerRetryBudget: worker.reading(
      "provider_retry_budget",
      "Retries of calls to a provider that this process may still make",
      { labels: ["provider"], across: "each", shownForMs: SHOWN_MS },
    ),
    providerBreakers: worker.gauge(
      "provider_breaker",
      "A provider's circuit breaker in this process: 0 closed, 1 half open, 2 open",
      { labels: ["provider"], across: "each" },
    ),
    providerWaiting: worker.gauge("provider_waiting", "Calls to a provider that wait to begin", {
      labels: ["provider"],
      across: "sum",
    }),
    providerLimited: worker.counter(
      "provider_limited_total",
      "Calls that waited for a limit shared by all processes",
      ["provider"],
    ),
    postingsRefused: worker.counter(
      "postings_refused_total",
      "Postings that the ledger refused; page someone unless it is for lack of funds",
      ["kind", "reason"],
    ),
    bankFiles: files.counter("bank_files_total", "Files written for banks and received from them", [
      "bank",
      "outcome",
    ]),
    bankOddities: files.counter(
      "bank_oddities_total",
      "Reports in bank files that AtlasPay cannot act on: look at bank_oddities",
      ["bank", "reason"],
    ),
    forgottenFiles: files.counter(
      "forgotten_bank_files_total",
      "Files of orders that one store had lost and the other had: page someone",
      ["bank", "store"],
    ),
  }
}
