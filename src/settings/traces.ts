/** Where spans of traces go, over OTLP/HTTP, and which are kept. */
import { Redacted, Schema } from "effect"
import { CollectorText, HeadersText, headersIn } from "../parsing/otlp-settings.ts"
import {
  day,
  duration,
  mapped,
  optional,
  orElse,
  seconds,
  secret,
  textOf,
  textOr,
  WrittenNumber,
} from "./kinds.ts"
import { all, setting } from "./setting.ts"

const Percent = WrittenNumber.check(Schema.isBetween({ minimum: 0, maximum: 100 }))

export const traces = all({
  /** Without an endpoint none are recorded. */
  endpoint: setting("OTEL_EXPORTER_OTLP_ENDPOINT", optional(textOf("a URL", CollectorText)), [
    "the base URL of a collector that takes OTLP/HTTP, such as `http://127.0.0.1:4318`; spans go to",
    "`/v1/traces` below it, as JSON. Without it no traces are recorded",
  ]),
  /** What the collector wants to see, such as a key: "authorization=Bearer%20…,x-tenant=payouts". */
  headers: setting(
    "OTEL_EXPORTER_OTLP_HEADERS",
    optional(
      secret(mapped(textOf("pairs, with commas", HeadersText), (text) => Redacted.make(headersIn(text)))),
    ),
    [
      "headers of each request to it, with percent-encoded values:",
      "`authorization=Bearer%20…,x-tenant=payouts`",
    ],
  ),
  serviceName: setting("OTEL_SERVICE_NAME", textOr("atlaspay"), "what the service is called there"),
  /** Of a hundred traces so many are recorded whatever comes of them; also parts of 1. */
  percent: setting("TRACE_SAMPLE_PERCENT", orElse(textOf("0 to 100", Percent), 1, "1"), [
    "of a hundred traces so many are recorded from their beginning, also parts of 1. Those of batches in",
    "trouble are kept whatever it says",
  ]),
  slowMs: setting("TRACE_SLOW_MS", duration(300 * seconds, 366 * day), [
    "the trace of a batch that takes longer from accepted to closed is kept. If your banks report after",
    "hours, set it to more than that",
  ]),
})
