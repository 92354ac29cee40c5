/** The processes and the stores that they need. */
import { type Board, grown, of, perSecond } from "./board.ts"

export const runtime: Board = {
  name: "runtime",
  title: "AtlasPay / Runtime",
  description: "The processes, and the stores that they need.",
  rows: [
    {
      title: "Processes",
      panels: [
        {
          title: "Processes by roles",
          description: "Those that Prometheus reaches.",
          unit: "short",
          queries: [
            {
              expr: `count by (roles, version) (${of("atlaspay_build_info")})`,
              legend: "{{roles}} {{version}}",
            },
          ],
        },
        {
          title: "Processor",
          description: "Cores in use, by process.",
          unit: "short",
          queries: [
            { expr: `sum by (instance) (${perSecond("process_cpu_seconds_total")})`, legend: "{{instance}}" },
          ],
        },
        {
          title: "Memory",
          description: "Resident memory, by process.",
          unit: "bytes",
          queries: [{ expr: of("process_resident_memory_bytes"), legend: "{{instance}}" }],
        },
        {
          title: "Event loop",
          description: "How late it was: 99 % of the samples since the last reading are within this.",
          unit: "s",
          queries: [{ expr: of("nodejs_eventloop_lag_p99_seconds"), legend: "{{instance}}" }],
        },
        {
          title: "Garbage collection",
          description: "The share of the time that goes into it.",
          unit: "percentunit",
          queries: [
            {
              expr: `sum by (instance) (${perSecond("nodejs_gc_duration_seconds_sum")})`,
              legend: "{{instance}}",
            },
          ],
        },
        {
          title: "Clock",
          description:
            "The least difference from the clock of a store. Beyond CLOCK_OFFSET_MS_MAX a worker pays nothing.",
          unit: "s",
          queries: [{ expr: of("atlaspay_clock_offset_seconds"), legend: "{{instance}}" }],
        },
      ],
    },
    {
      title: "Redis",
      panels: [
        {
          title: "Memory",
          description:
            "In use, and the limit, if there is one. A full Redis refuses appends: nothing is lost, and nothing moves.",
          unit: "bytes",
          queries: [
            { expr: `max by (server) (${of("atlaspay_redis_memory_bytes")})`, legend: "{{server}}" },
            {
              expr: `max by (server) (${of("atlaspay_redis_memory_max_bytes")}) > 0`,
              legend: "{{server}} limit",
              silentUnless: "Redis has a limit",
            },
          ],
        },
        {
          title: "Durability",
          description: "1 as it should be, 0 if an acknowledged append may be lost.",
          unit: "short",
          queries: [{ expr: `min by (flag) (${of("atlaspay_redis_durability")})`, legend: "{{flag}}" }],
        },
        {
          title: "Replicas",
          description: "In sync, by primary.",
          unit: "short",
          queries: [{ expr: `min by (server) (${of("atlaspay_redis_replicas")})`, legend: "{{server}}" }],
        },
      ],
    },
    {
      title: "Postgres and NATS",
      panels: [
        {
          title: "Synchronous standbys",
          description: "Connected ones, if DATABASE_STANDBYS asks for some.",
          unit: "short",
          queries: [
            {
              expr: `min(${of("atlaspay_postgres_standbys")})`,
              legend: "standbys",
              silentUnless: "DATABASE_STANDBYS is set",
            },
          ],
        },
        {
          title: "Events that the stream lost",
          description: "In the chosen time. They were published again from the logs.",
          unit: "short",
          as: "number",
          badFrom: 1,
          width: 8,
          queries: [
            {
              expr: grown("atlaspay_event_stream_losses_total", ["loss"]),
              legend: "{{loss}}",
              silentUnless: "the stream lost something",
            },
            { expr: grown("atlaspay_events_republished_total"), legend: "published again" },
          ],
        },
        {
          title: "Events without stored webhooks",
          description: "On the stream, by state.",
          unit: "short",
          queries: [
            { expr: `max by (state) (${of("atlaspay_webhook_events_pending")})`, legend: "{{state}}" },
          ],
        },
      ],
    },
    {
      title: "Traces and access",
      panels: [
        {
          title: "Spans",
          description: "Exported, and dropped by reason: the collector is down or slow.",
          unit: "ops",
          queries: [
            {
              expr: `sum(${perSecond("atlaspay_traces_exported_total")})`,
              legend: "exported",
            },
            {
              expr: `sum by (reason) (${perSecond("atlaspay_traces_dropped_total")})`,
              legend: "dropped: {{reason}}",
              silentUnless: "a span was dropped",
            },
          ],
        },
        {
          title: "Credentials refused",
          description: "By reason. A surge may be somebody who tries keys.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (reason) (${perSecond("atlaspay_credentials_refused_total")})`,
              legend: "{{reason}}",
              silentUnless: "a key was refused",
            },
          ],
        },
        {
          title: "Parts that answer",
          description: "1 if the part answered when readiness was last asked.",
          unit: "short",
          queries: [{ expr: `min by (part) (${of("atlaspay_readiness")})`, legend: "{{part}}" }],
        },
      ],
    },
  ],
}
