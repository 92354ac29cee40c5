/** The metrics of a running service with every role, as Prometheus reads them and promtool judges them. */
import { spawnSync } from "node:child_process"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { payout } from "../http/payout-batches/payout-batch-body.ts"
import { API_KEY, eventually, OLGA, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { labelProblems, samplesIn } from "../telemetry/exposed-metrics.ts"
import { CollectorUnderTest } from "../traces/collector-under-test.ts"

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

let collector: CollectorUnderTest
let platform: PlatformUnderTest
let service: Service
let text = ""

const metrics = async (accept?: string): Promise<{ readonly type: string; readonly text: string }> => {
  const answer = await fetch(`${service.operationsUrl}/metrics`, {
    headers: accept === undefined ? {} : { accept },
  })
  return { type: answer.headers.get("content-type") ?? "", text: await answer.text() }
}

const PROMETHEUS =
  "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"

const sampled = (of: string, sample: string): number | undefined =>
  samplesIn(of).find(({ line }) => line.startsWith(`${sample} `))?.value

beforeAll(async () => {
  collector = await CollectorUnderTest.open()
  // Exemplars name traces that are recorded.
  platform = await PlatformUnderTest.open({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  service = await platform.start()
  const headers = {
    authorization: `Bearer ${API_KEY}`,
    "content-type": "application/json",
    traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
  }
  const post = async (key: string, items: ReadonlyArray<unknown>) => {
    const answer = await fetch(`${platform.url}/payout-batches`, {
      method: "POST",
      headers: { ...headers, "idempotency-key": key },
      body: JSON.stringify({ items }),
    })
    return ((await answer.json()) as { readonly id: string }).id
  }
  const paid = await post("paid", [payout("one"), payout("two")])
  await post("held", [
    payout("three", {
      beneficiary: { name: "Rita Review", account: { scheme: "iban", iban: "DE89370400440532013000" } },
    }),
  ])
  await platform.closed(paid)
  await fetch(`${platform.url}/nowhere/${TRACE}`)
  // The items that are held are read every fifteen seconds.
  await eventually("a held item is counted", async () => {
    ;({ text } = await metrics())
    return (sampled(text, 'atlaspay_items_waiting{state="held"}') ?? 0) === 1
  })
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
  await collector[Symbol.asyncDispose]()
})

describe("the metrics of a process with every role", () => {
  it("pass promtool without a word", () => {
    const checked = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" })
    expect(checked.error).toBeUndefined()
    expect(`${checked.stdout}${checked.stderr}`).toBe("")
    expect(checked.status).toBe(0)
  })

  it("are all of those in the table", async () => {
    const { described } = await Effect.runPromise(Metrics.pipe(Effect.provide(freshMetrics)))
    for (const { name, kind } of described) expect(text).toContain(`# TYPE ${name} ${kind}\n`)
  })

  it("have labels of closed sets, and nothing of a partner, a batch or an account", async () => {
    expect(labelProblems(text)).toEqual([])
    for (const secret of ["acme", "pb_", "DE89", TRACE, API_KEY, OLGA]) expect(text).not.toContain(secret)
  })

  it("count what was paid, by currency and bank, and that it was in time", () => {
    expect(sampled(text, 'atlaspay_items_final_total{outcome="paid"}')).toBe(2)
    expect(sampled(text, 'atlaspay_settlement_on_time_total{scheme="sepa"}')).toBe(2)
    expect(sampled(text, 'atlaspay_settlement_seconds_count{scheme="sepa",outcome="paid"}')).toBe(2)
    expect(sampled(text, 'atlaspay_money_moved_minor_total{currency="EUR",bank="north"}')).toBeGreaterThan(0)
    expect(sampled(text, 'atlaspay_screening_seconds_count{outcome="review"}')).toBe(1)
  })

  it("show what was read: queue, stores, readiness, and what runs", () => {
    expect(sampled(text, "atlaspay_run_queue_batches")).toBe(0)
    expect(sampled(text, "atlaspay_run_queue_oldest_seconds")).toBe(0)
    expect(sampled(text, "atlaspay_webhook_due_oldest_seconds")).toBe(0)
    expect(sampled(text, 'atlaspay_redis_durability{flag="aof"}')).toBe(1)
    expect(sampled(text, 'atlaspay_redis_durability{flag="loading"}')).toBe(1)
    expect(sampled(text, 'atlaspay_readiness{part="redis"}')).toBe(1)
    expect(text).toMatch(/^atlaspay_build_info\{version="[^"]+",node="24[^"]*",roles="api,[a-z,-]+"\} 1$/m)
    expect(text).toMatch(/^atlaspay_redis_memory_bytes\{server="[0-9.:]+"\} \d+$/m)
    expect(sampled(text, 'atlaspay_provider_retry_budget{provider="north"}')).toBeGreaterThanOrEqual(0)
  })

  it("call a request that no route answers unmatched", () => {
    expect(text).toContain('atlaspay_http_request_seconds_count{method="GET",route="unmatched",status="4xx"}')
  })

  it("have exemplars with the partner's trace for who prefers OpenMetrics, as Prometheus does", async () => {
    const open = await metrics(PROMETHEUS)
    expect(open.type).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8")
    expect(open.text.endsWith("# EOF\n")).toBe(true)
    for (const name of [
      "acceptance_seconds",
      "settlement_seconds",
      "http_request_seconds",
      "provider_call_seconds",
    ])
      expect(open.text).toMatch(
        new RegExp(
          `^atlaspay_${name}_bucket\\{.*\\} \\d+ # \\{trace_id="${TRACE}"\\} \\S+ \\d+\\.\\d+$`,
          "m",
        ),
      )
    const plain = await metrics("text/plain")
    expect(plain.type).toContain("text/plain")
    expect(plain.text).not.toContain("trace_id")
    expect(plain.text).toContain("# TYPE atlaspay_items_final_total counter")
  })
})
