/** A batch from its acceptance to its archive: what each part does with it, and what it waits for. */
import { type Board, grown, of, perSecond, quantile } from "./board.ts"

export const batchLife: Board = {
  name: "batch-life",
  title: "AtlasPay / Life of a batch",
  description: "From acceptance to the archive: what each part does, in the order of a batch's life.",
  rows: [
    {
      title: "Intake",
      panels: [
        {
          title: "Requests",
          description: "By status.",
          unit: "ops",
          queries: [
            { expr: `sum by (status) (${perSecond("atlaspay_http_requests_total")})`, legend: "{{status}}" },
          ],
        },
        {
          title: "Time of a request, 99 %",
          description: "By route.",
          unit: "s",
          queries: [
            {
              expr: quantile(0.99, "atlaspay_http_request_seconds", ["method", "route"]),
              legend: "{{method}} {{route}}",
              exemplars: true,
            },
          ],
        },
        {
          title: "Refused under load",
          description:
            "Batches that intake refused, to be posted again later; and whether workers yield to intake now.",
          unit: "short",
          queries: [
            {
              expr: `sum by (scope) (${perSecond("atlaspay_shed_batches_total")})`,
              legend: "refused for {{scope}}",
              silentUnless: "a backlog reached its limit",
            },
            { expr: `max(${of("atlaspay_intake_pressed")})`, legend: "pressed" },
          ],
        },
      ],
    },
    {
      title: "Work",
      panels: [
        {
          title: "Open batches",
          description: "All that are not closed, and those that a worker owns.",
          unit: "short",
          queries: [
            { expr: `max(${of("atlaspay_open_batches")})`, legend: "open" },
            { expr: `sum(${of("atlaspay_active_batches")})`, legend: "owned" },
            { expr: `max(${of("atlaspay_run_queue_batches")})`, legend: "due, without a worker" },
          ],
        },
        {
          title: "Events appended",
          description: "By type.",
          unit: "ops",
          queries: [
            { expr: `sum by (type) (${perSecond("atlaspay_events_appended_total")})`, legend: "{{type}}" },
          ],
        },
        {
          title: "Owners",
          description:
            "Batches taken over from a worker that stopped renewing, and lost to another one. Some at each restart are ordinary.",
          unit: "ops",
          queries: [
            { expr: `sum(${perSecond("atlaspay_takeovers_total")})`, legend: "taken over" },
            { expr: `sum(${perSecond("atlaspay_leases_lost_total")})`, legend: "lost" },
          ],
        },
        {
          title: "Frozen batches",
          description:
            "How often, in the chosen time, a batch was found whose log cannot be continued: once an hour for each. Each needs a person.",
          unit: "short",
          as: "number",
          badFrom: 1,
          queries: [{ expr: grown("atlaspay_frozen_batches_total"), legend: "batches" }],
        },
        {
          title: "Attempts that the register had lost",
          description: "Postgres came back older, or lost rows, in the chosen time. Each needs a person.",
          unit: "short",
          as: "number",
          badFrom: 1,
          queries: [{ expr: grown("atlaspay_register_behind_total"), legend: "attempts" }],
        },
      ],
    },
    {
      title: "Read models and events",
      panels: [
        {
          title: "Entries handled",
          description: "By the parts that follow the log.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (follower) (${perSecond("atlaspay_follower_entries_total")})`,
              legend: "{{follower}}",
            },
          ],
        },
        {
          title: "Behind the log",
          description: "The age of the oldest entry that each part has not handled.",
          unit: "s",
          queries: [
            { expr: `max by (follower) (${of("atlaspay_follower_behind_seconds")})`, legend: "{{follower}}" },
          ],
        },
        {
          title: "Faults",
          description:
            "Failures to handle a chunk, frozen partitions, and differences that the projector found in its samples, over the chosen time.",
          unit: "short",
          as: "number",
          badFrom: 1,
          width: 8,
          queries: [
            {
              expr: grown("atlaspay_follower_failures_total", ["follower"]),
              legend: "{{follower}} failed",
              silentUnless: "a follower failed",
            },
            {
              expr: grown("atlaspay_frozen_followers_total", ["follower"]),
              legend: "{{follower}} frozen",
              silentUnless: "a follower froze a partition",
            },
            {
              expr: grown("atlaspay_projection_differences_total", ["table"]),
              legend: "{{table}} differs",
              silentUnless: "a read model differs from its log",
            },
          ],
        },
      ],
    },
    {
      title: "Webhooks",
      panels: [
        {
          title: "Attempts",
          description: "By outcome.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (outcome) (${perSecond("atlaspay_webhook_deliveries_total")})`,
              legend: "{{outcome}}",
            },
          ],
        },
        {
          title: "From event to endpoint, 95 %",
          description: "Of deliveries that arrived at the first attempt.",
          unit: "s",
          queries: [{ expr: quantile(0.95, "atlaspay_first_webhook_seconds"), legend: "95 % within" }],
        },
        {
          title: "Endpoints",
          description: "By state, as last counted.",
          unit: "short",
          queries: [{ expr: `max by (state) (${of("atlaspay_webhook_endpoints")})`, legend: "{{state}}" }],
        },
      ],
    },
    {
      title: "Archive and proofs",
      panels: [
        {
          title: "Archived and unlinked",
          description: "Logs of closed batches.",
          unit: "ops",
          queries: [
            { expr: `sum(${perSecond("atlaspay_archived_logs_total")})`, legend: "archived" },
            { expr: `sum(${perSecond("atlaspay_unlinked_logs_total")})`, legend: "unlinked" },
            { expr: `sum(${perSecond("atlaspay_archive_failures_total")})`, legend: "at fault" },
          ],
        },
        {
          title: "Overdue for the archive",
          description: "For how long the closed batch that waits longest should have been archived.",
          unit: "s",
          queries: [{ expr: `max(${of("atlaspay_archive_overdue_seconds")})`, legend: "oldest" }],
        },
        {
          title: "Proofs",
          description: "Heads entered, and heads that are refused because their logs have other hashes.",
          unit: "short",
          queries: [
            { expr: `sum(${perSecond("atlaspay_proof_leaves_total")})`, legend: "entered per second" },
            { expr: `max(${of("atlaspay_proof_refusals")})`, legend: "refused" },
            { expr: `max(${of("atlaspay_proof_contradicted")})`, legend: "contradicted" },
          ],
        },
      ],
    },
  ],
}
