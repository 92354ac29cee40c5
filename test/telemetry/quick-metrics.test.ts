/** Counters and histograms that keep their own counts show what prom-client's show. */
import { Counter, Histogram, Registry } from "prom-client"
import { describe, expect, it } from "vitest"
import { QuickCounter } from "../../src/telemetry/quick-counter.ts"
import { TracedHistogram } from "../../src/telemetry/traced-histogram.ts"
import { fc } from "../property.ts"

const counters = [
  { name: "a_total", help: "No labels" },
  { name: "b_total", help: "One label", labelNames: ["bank"] },
  { name: "c_total", help: "Two labels", labelNames: ["bank", "currency"] },
]
const histograms = [
  { name: "d_seconds", help: "No labels", buckets: [0.5, 1, 5] },
  { name: "e_seconds", help: "Two labels", labelNames: ["bank", "currency"], buckets: [0.5, 1, 5] },
]

const theirs = () => {
  const registers = [new Registry()]
  return {
    registry: registers[0] as Registry,
    counters: counters.map((definition) => new Counter<string>({ ...definition, registers })),
    histograms: histograms.map((definition) => new Histogram<string>({ ...definition, registers })),
  }
}

const ours = () => {
  const registers = [new Registry()]
  return {
    registry: registers[0] as Registry,
    counters: counters.map((definition) => new QuickCounter<string>({ ...definition, registers })),
    histograms: histograms.map((definition) => new TracedHistogram<string>({ ...definition, registers })),
  }
}

const step = fc.record({
  metric: fc.nat(4),
  bank: fc.constantFrom("north", "south", undefined),
  currency: fc.constantFrom("EUR", "SEK"),
  value: fc.oneof(fc.constantFrom(0, 0.5, 1, 5), fc.double({ min: 0, max: 9, noNaN: true })),
  isChild: fc.boolean(),
})

const does = (
  { counters, histograms }: ReturnType<typeof theirs>,
  { metric, bank, currency, value, isChild }: typeof step extends fc.Arbitrary<infer Step> ? Step : never,
) => {
  const named = { ...(bank === undefined ? {} : { bank }), ...(metric % 2 === 0 ? { currency } : {}) }
  const counter = counters[metric]
  const histogram = histograms[metric - counters.length]
  if (metric === 0) counter?.inc(value)
  else if (metric === 3) histogram?.observe(value)
  else if (isChild) {
    counter?.labels(named).inc(value)
    histogram?.labels(named).observe(value)
  } else {
    counter?.inc(named, value)
    histogram?.observe(named, value)
  }
}

/** Exemplars are written by ourselves. */
const withoutExemplars = (name: string, value: unknown): unknown => (name === "exemplar" ? undefined : value)

const shown = async ({ registry }: { readonly registry: Registry }) => ({
  text: await registry.metrics(),
  values: JSON.parse(JSON.stringify(await registry.getMetricsAsJSON(), withoutExemplars)) as unknown,
})

describe("counts of our own", () => {
  it("are shown as prom-client shows its own, at each read", async () => {
    const steps = fc.array(fc.array(step, { maxLength: 20 }), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(steps, async (reads) => {
        const [own, other] = [ours(), theirs()]
        for (const steps of reads) {
          for (const each of steps) {
            does(own, each)
            does(other, each)
          }
          expect(await shown(own)).toEqual(await shown(other))
        }
      }),
      { numRuns: 100 },
    )
  })

  it("count one if nothing says how many", async () => {
    const { counters, registry } = ours()
    counters[0]?.inc()
    counters[1]?.inc({ bank: "north" })
    expect(await registry.metrics()).toMatch(/^a_total 1$[\s\S]*^b_total\{bank="north"\} 1$/m)
  })

  it("are as exact as prom-client's, however often they are read", async () => {
    const [own, other] = [ours(), theirs()]
    // (0.1 + 0.2) + 0.3 is not 0.1 + (0.2 + 0.3).
    for (const values of [[0.1], [0.2, 0.3]]) {
      for (const { counters } of [own, other])
        for (const value of values) counters[1]?.inc({ bank: "north" }, value)
      expect(await shown(own)).toEqual(await shown(other))
    }
  })

  it("show no series before its first count, also if its labels are known or its count is refused", async () => {
    const registries = [ours(), theirs()].map(({ counters, histograms, registry }) => {
      const labels = { bank: "north", currency: "EUR" }
      counters[2]?.labels(labels)
      histograms[1]?.labels(labels)
      expect(() => counters[2]?.inc(labels, -1)).toThrow()
      expect(() => histograms[1]?.observe(labels, Number.NaN)).toThrow()
      return registry
    })
    const [own, other] = await Promise.all(registries.map((registry) => registry.metrics()))
    expect(own).toBe(other)
  })

  it("are of one series for a number and its text, because they are shown alike", async () => {
    const texts = [ours(), theirs()].map(({ counters, histograms, registry }) => {
      for (const currency of [752, "752", 752]) {
        counters[2]?.inc({ bank: "north", currency })
        histograms[1]?.observe({ bank: "north", currency }, 1)
      }
      return registry.metrics()
    })
    const [own, other] = await Promise.all(texts)
    expect(own).toContain('c_total{bank="north",currency="752"} 3')
    expect(own).toBe(other)
  })

  it("go on under labels that were kept, after a reset", async () => {
    const texts = [ours(), theirs()].map(({ counters, histograms, registry }) => {
      const labels = { bank: "north", currency: "EUR" }
      const [counter, histogram] = [counters[2]?.labels(labels), histograms[1]?.labels(labels)]
      counter?.inc(2)
      histogram?.observe(2)
      registry.resetMetrics()
      counter?.inc(3)
      histogram?.observe(3)
      return registry.metrics()
    })
    const [own, other] = await Promise.all(texts)
    expect(own).toContain('c_total{bank="north",currency="EUR"} 3')
    expect(own).toBe(other)
  })

  it("name traces for the series that came first, and go on to when there are too many", () => {
    const histogram = ours().histograms[1]
    const labelsOf = (nth: number) => ({ bank: `bank-${nth}`, currency: "EUR" })
    for (let nth = 1; nth <= 2_001; nth++) histogram?.observeTraced(labelsOf(nth), 1, "a".repeat(32))
    histogram?.observeTraced(labelsOf(2_000), 1, "b".repeat(32))
    expect(histogram?.exemplarOf(labelsOf(2_000), 1)?.traceId).toBe("b".repeat(32))
    expect(histogram?.exemplarOf(labelsOf(2_001), 1)).toBeUndefined()
  })

  it("refuse what is no number, a decrease, and labels of other metrics", () => {
    const { counters, histograms } = ours()
    for (const value of [-1, Number.POSITIVE_INFINITY])
      expect(() => counters[1]?.inc({ bank: "north" }, value)).toThrow()
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => histograms[1]?.observe({ bank: "north", currency: "EUR" }, value)).toThrow()
    expect(() => counters[1]?.inc({ partner: "acme" })).toThrow()
    expect(() => histograms[1]?.observe({ partner: "acme" }, 1)).toThrow()
  })

  it("begin again after a reset", async () => {
    const { counters, histograms, registry } = ours()
    counters[1]?.inc({ bank: "north" }, 2)
    histograms[1]?.observe({ bank: "north", currency: "EUR" }, 2)
    registry.resetMetrics()
    counters[1]?.inc({ bank: "north" }, 3)
    const text = await registry.metrics()
    expect(text).toContain('b_total{bank="north"} 3')
    expect(text).not.toContain("e_seconds_count")
  })
})
