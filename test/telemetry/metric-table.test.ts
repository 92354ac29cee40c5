/** The table of the metrics: their names, what is shown of readings, exemplars, and the page that describes them. */
import { readFileSync } from "node:fs"
import { Effect, Exit } from "effect"
import { Registry } from "prom-client"
import { describe, expect, it } from "vitest"
import { metricsTables } from "../../infra/metrics-page.ts"
import { roles } from "../../src/service-roles.ts"
import { callSeconds, makeDefiner } from "../../src/telemetry/metric-definition.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { metricsText } from "../../src/telemetry/open-metrics.ts"
import { countingFailures, keepReading } from "../../src/telemetry/readings.ts"
import { labelProblems, samplesIn } from "./exposed-metrics.ts"

const fresh = () => Effect.runPromise(Metrics.pipe(Effect.provide(freshMetrics)))

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

describe("every metric", async () => {
  const { described } = await fresh()

  it.each(described.map((metric) => [metric.name, metric] as const))(
    "%s is named as Prometheus wants it",
    (name, metric) => {
      expect(name).toMatch(/^atlaspay_[a-z0-9]+(_[a-z0-9]+)*$/)
      expect(name.endsWith("_total")).toBe(metric.kind === "counter")
      // Base units, and no word for the kind (Prometheus, "Metric and label naming").
      expect(name).not.toMatch(
        /_(ms|milliseconds|minutes|hours|kb|mb|percent|gauge|counter|histogram|count|sum|bucket)(_|$)/,
      )
      if (metric.kind === "histogram") expect(name).toMatch(/_seconds$/)
      expect(metric.help).toMatch(/^[A-Z0-9].*[^.]$/)
      for (const label of metric.labels) expect(label).toMatch(/^[a-z]+$/)
      if (metric.reporters !== "every process")
        for (const role of metric.reporters) expect(roles).toContain(role)
    },
  )

  it("is there once", () => {
    expect(new Set(described.map(({ name }) => name)).size).toBe(described.length)
  })

  it("is on the page as it is defined", () => {
    const page = readFileSync("docs/METRICS.md", "utf8")
    expect(page).toContain(metricsTables(described))
  })
})

it("finds labels that name a partner, a batch or an account, and metrics with too many series", () => {
  expect(labelProblems('atlaspay_x_total{partner="acme"} 1')).toEqual([
    'partner in atlaspay_x_total{partner="acme"} 1',
  ])
  expect(labelProblems('atlaspay_x_total{bank="pb_aaaaaabbbbbbbbbbbbbbbbbb"} 1')).toHaveLength(1)
  expect(labelProblems('atlaspay_x_total{reason="DE89370400440532013000"} 1')).toHaveLength(1)
  expect(labelProblems('atlaspay_x_total{route="/payout-batches/:id"} 1')).toEqual([])
  const many = Array.from({ length: 401 }, (_, n) => `atlaspay_x_total{bank="n${n}"} 1`).join("\n")
  expect(labelProblems(many)).toEqual(["atlaspay_x_total has 401 series"])
})

describe("a gauge of readings", () => {
  const definer = () => {
    let now = 0
    const registry = new Registry()
    const { by } = makeDefiner(registry, () => now)
    const gauge = by("worker").reading("depth", "How deep", {
      labels: ["state"],
      across: "max",
      shownForMs: 60_000,
    })
    const plain = by("worker").reading("age_seconds", "How old", { across: "max", shownForMs: 60_000 })
    const shown = async () => samplesIn(await registry.metrics()).map(({ line }) => line)
    return { gauge, plain, shown, pass: (ms: number) => (now += ms) }
  }

  it("shows nothing that nobody has read", async () => {
    expect(await definer().shown()).toEqual([])
  })

  it("shows what was read, and nothing once the readings stop, each value by itself", async () => {
    const { gauge, plain, shown, pass } = definer()
    gauge.set({ state: "held" }, 2)
    gauge.set({ state: "parked" }, 1)
    plain.set(0)
    pass(60_000)
    gauge.set({ state: "held" }, 3)
    expect(await shown()).toHaveLength(3)
    pass(1)
    expect(await shown()).toEqual(['atlaspay_depth{state="held"} 3'])
    plain.set(4)
    expect(await shown()).toContain("atlaspay_age_seconds 4")
  })
})

it("counts a reading that fails or dies, and reads again", async () => {
  let readings = 0
  const counted = Effect.gen(function* () {
    yield* keepReading(
      "test",
      1,
      Effect.suspend(() => {
        readings += 1
        if (readings === 1) return Effect.fail({ reason: "not today" })
        return readings === 2 ? Effect.die("broken") : Effect.void
      }),
    )
    const { registry } = yield* Metrics
    while (readings < 3) yield* Effect.sleep(1)
    return yield* Effect.promise(() => registry.getSingleMetricAsString("atlaspay_reading_failures_total"))
  })
  const text = await Effect.runPromise(Effect.scoped(counted).pipe(Effect.provide(freshMetrics)))
  expect(text).toContain('atlaspay_reading_failures_total{reading="test"} 2')
})

describe("as OpenMetrics", () => {
  const exposed = async () => {
    const registry = new Registry()
    const { by } = makeDefiner(registry)
    const histogram = by("api").histogram("waits_seconds", 'How long "it" waits', {
      labels: ["route"],
      buckets: [1, 5],
    })
    const counter = by("api").counter("things_total", "Things", ["kind"])
    histogram.observeTraced({ route: "/a" }, 0.5, TRACE)
    histogram.observeTraced({ route: "/a" }, 9, TRACE)
    histogram.observeTraced({ route: "/b" }, 0.5, undefined)
    counter.inc({ kind: "x" }, 2)
    return registry
  }

  it("names families of counters without their suffix, ends with EOF, and has exemplars in their buckets alone", async () => {
    const { text, contentType } = await metricsText(await exposed(), true)
    expect(contentType).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8")
    expect(
      text.replaceAll(/ \d+\.\d{3}$/gm, " AT"),
    ).toBe(`# HELP atlaspay_waits_seconds How long \\"it\\" waits
# TYPE atlaspay_waits_seconds histogram
atlaspay_waits_seconds_bucket{le="1",route="/a"} 1 # {trace_id="${TRACE}"} 0.5 AT
atlaspay_waits_seconds_bucket{le="5",route="/a"} 1
atlaspay_waits_seconds_bucket{le="+Inf",route="/a"} 2 # {trace_id="${TRACE}"} 9 AT
atlaspay_waits_seconds_sum{route="/a"} 9.5
atlaspay_waits_seconds_count{route="/a"} 2
atlaspay_waits_seconds_bucket{le="1",route="/b"} 1
atlaspay_waits_seconds_bucket{le="5",route="/b"} 1
atlaspay_waits_seconds_bucket{le="+Inf",route="/b"} 1
atlaspay_waits_seconds_sum{route="/b"} 0.5
atlaspay_waits_seconds_count{route="/b"} 1
# HELP atlaspay_things Things
# TYPE atlaspay_things counter
atlaspay_things_total{kind="x"} 2
# EOF
`)
  })

  it("changes nothing of the other format, whichever is read first", async () => {
    const registry = await exposed()
    const before = (await metricsText(registry, false)).text
    await metricsText(registry, true)
    expect((await metricsText(registry, false)).text).toBe(before)
    expect(before).toContain("# TYPE atlaspay_things_total counter")
    expect(before).not.toContain("trace_id")
  })
})

it("times accepting with a bound at half a second, which the objective is about", () => {
  expect(callSeconds).toContain(0.5)
})

it("counts failures of work that has gauges, which stay failures, and not its interruption", async () => {
  const counted = Effect.gen(function* () {
    const counting = yield* countingFailures("test")
    expect(Exit.isFailure(yield* Effect.exit(counting(Effect.fail("not today"))))).toBe(true)
    yield* Effect.exit(counting(Effect.interrupt))
    yield* counting(Effect.void)
    const { registry } = yield* Metrics
    return yield* Effect.promise(() => registry.getSingleMetricAsString("atlaspay_reading_failures_total"))
  })
  const text = await Effect.runPromise(Effect.provide(counted, freshMetrics))
  expect(text).toContain('atlaspay_reading_failures_total{reading="test"} 1')
})

it("keeps no gauge of what is read for ever, but for those whose failures are counted and those that tell their own age", async () => {
  const { described } = await fresh()
  const kept = described.filter(({ kind, shownForMs }) => kind === "gauge" && shownForMs === undefined)
  expect(kept.map(({ name }) => name.replace("atlaspay_", "")).sort()).toEqual([
    // Facts of the process itself.
    "active_batches",
    "build_info",
    "intake_pressed",
    "log_level",
    // Set at each check of the stores, also at one that finds nothing out.
    "payments_withheld",
    // What the settings ask for.
    "postgres_standbys_wanted",
    // Rounds of proofs may be a day apart: `reading_failures_total` counts those that fail.
    "proof_contradicted",
    "proof_refusals",
    // A time that is not moved on is old.
    "proof_signed_seconds",
    "provider_breaker",
    "provider_waiting",
    "reconciled_day_seconds",
    "redis_replicas_wanted",
  ])
})
