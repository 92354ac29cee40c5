/** Whether the service keeps what it promises, and whether somebody has to act. */
import { type Board, grown, of, perSecond, quantile } from "./board.ts"

/** Prometheus 3 writes a whole number as a bound with a decimal, and earlier ones as it was read. */
const within = (metric: string, le: string): string =>
  `${grown(`${metric}_bucket`, [], `le=~"${le}(\\\\.0)?"`)} / ${grown(`${metric}_count`)}`

/** A counter that has not counted yet may be missing: all may be late, or none. */
const orNone = (query: string): string => `(${query} or vector(0))`

const onTime = orNone(grown("atlaspay_settlement_on_time_total"))
const late = orNone(grown("atlaspay_settlement_late_total"))

/** What the operational routes answer is about the process, and no partner gets it. */
const PUBLIC = `route!~"/healthz|/readyz|/metrics|/log-level|/providers"`

export const overview: Board = {
  name: "overview",
  title: "AtlasPay / Overview",
  description: "What the service promises, and what waits for people. Start here.",
  rows: [
    {
      title: "Promises",
      panels: [
        {
          title: "Accepted within 500 ms",
          description:
            "The share of posted batches answered within 500 ms, over the chosen time. The objective is 99 %.",
          unit: "percentunit",
          as: "number",
          badBelow: 0.99,
          queries: [{ expr: within("atlaspay_acceptance_seconds", "0.5"), legend: "accepted" }],
        },
        {
          title: "Settled in the scheme's time",
          description:
            "The share of items that were final within the time of their scheme. The objective is 99 %.",
          unit: "percentunit",
          as: "number",
          badBelow: 0.99,
          queries: [
            {
              expr: `${onTime} / (${onTime} + ${late})`,
              legend: "settled",
            },
          ],
        },
        {
          title: "First webhook within 5 s",
          description:
            "The share of events that reached an endpoint at the first attempt within 5 s. The objective is 99 %.",
          unit: "percentunit",
          as: "number",
          badBelow: 0.99,
          queries: [{ expr: within("atlaspay_first_webhook_seconds", "5"), legend: "delivered" }],
        },
        {
          title: "Answered without a fault of ours",
          description: "The share of requests to the API that were not answered with 5xx.",
          unit: "percentunit",
          as: "number",
          badBelow: 0.999,
          queries: [
            {
              expr: `1 - ${orNone(grown("atlaspay_http_requests_total", [], `status=~"5..",${PUBLIC}`))} / ${grown("atlaspay_http_requests_total", [], PUBLIC)}`,
              legend: "answered",
            },
          ],
        },
        {
          title: "Alerts that fire",
          description: "Each has a page in docs/runbooks.",
          unit: "short",
          as: "number",
          badFrom: 1,
          queries: [
            {
              expr: 'count(ALERTS{alertstate="firing",alertname=~"AtlasPay.*"}) or vector(0)',
              legend: "alerts",
            },
          ],
        },
        {
          title: "Error budget left",
          description:
            "Of the 30 days, by objective: 1 is untouched, below 0 the promise is broken. docs/OPERATIONS.md says what counts.",
          unit: "percentunit",
          as: "number",
          badBelow: 0.1,
          queries: [
            {
              // The time to settle is promised for each scheme: the worst one counts.
              expr: 'min by (slo) (1 - max by (slo, scheme) (atlaspay:slo_bad:ratio_rate30d{slo!=""}) / on (slo) group_left () (1 - max by (slo) (atlaspay:slo:objective{slo!=""})))',
              legend: "{{slo}}",
              silentUnless: "the rules of infra/prometheus/rules are loaded",
            },
          ],
        },
        {
          title: "Partitions that pay nobody",
          description:
            "A store lost history. See the page on stores that came back older before anything else.",
          unit: "short",
          as: "number",
          badFrom: 1,
          queries: [{ expr: `max(${of("atlaspay_lost_partitions")})`, legend: "partitions" }],
        },
      ],
    },
    {
      title: "What comes in and goes out",
      panels: [
        {
          title: "Batches answered",
          description: "Posted batches by the status of their answer.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (status) (${perSecond("atlaspay_acceptance_seconds_count")})`,
              legend: "{{status}}",
            },
          ],
        },
        {
          title: "Time to accept",
          description: "From the headers of a posted batch to its answer. Points lead to traces.",
          unit: "s",
          queries: [
            { expr: quantile(0.5, "atlaspay_acceptance_seconds"), legend: "half within", exemplars: true },
            { expr: quantile(0.99, "atlaspay_acceptance_seconds"), legend: "99 % within", exemplars: true },
          ],
        },
        {
          title: "Items that became final",
          description: "By outcome, as workers appended it.",
          unit: "ops",
          queries: [
            { expr: `sum by (outcome) (${perSecond("atlaspay_items_final_total")})`, legend: "{{outcome}}" },
          ],
        },
      ],
    },
    {
      title: "What waits",
      panels: [
        {
          title: "Items that wait",
          description:
            "Unknown: the bank has not said. Held and awaiting approval: for a reviewer. Parked: for an operator. Awaiting funds: for money.",
          unit: "short",
          queries: [{ expr: `max by (state) (${of("atlaspay_items_waiting")})`, legend: "{{state}}" }],
        },
        {
          title: "How long the oldest waits",
          description: "By state.",
          unit: "s",
          queries: [
            { expr: `max by (state) (${of("atlaspay_items_waiting_oldest_seconds")})`, legend: "{{state}}" },
          ],
        },
        {
          title: "Behind the log",
          description: "The age of the oldest entry that each part has not handled.",
          unit: "s",
          queries: [
            { expr: `max by (follower) (${of("atlaspay_follower_behind_seconds")})`, legend: "{{follower}}" },
            { expr: `max(${of("atlaspay_webhook_due_oldest_seconds")})`, legend: "webhooks" },
            { expr: `max(${of("atlaspay_archive_overdue_seconds")})`, legend: "archive" },
            { expr: `max(${of("atlaspay_run_queue_oldest_seconds")})`, legend: "run queue" },
          ],
        },
      ],
    },
  ],
}
