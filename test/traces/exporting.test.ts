import { Effect, Exit, Scope } from "effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { connectCollector } from "../../src/traces/collector.ts"
import { exportSpans } from "../../src/traces/exporting.ts"
import type { Span } from "../../src/traces/span.ts"
import { SPANS_MAX } from "../../src/traces/span-queue.ts"
import { eventually, freePort } from "../platform-under-test.ts"
import { answers, CollectorUnderTest } from "./collector-under-test.ts"

const span = (nth: number): Span => ({
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: nth.toString(16).padStart(16, "0"),
  parentId: undefined,
  name: "one",
  kind: "internal",
  startedAt: 1_700_000_000_000.25,
  endedAt: 1_700_000_000_001,
  attributes: { text: "a", count: 3, share: 0.5, flag: true },
  events: [{ name: "Something", at: 1_700_000_000_000, attributes: {} }],
  failure: nth === 2 ? "timed-out" : undefined,
})

let collector: CollectorUnderTest
let scope: Scope.Closeable
let exporting: {
  readonly record: (span: Span) => void
  readonly counts: () => Promise<Readonly<Record<string, number>>>
}

const open = (url: string) =>
  Effect.gen(function* () {
    const { tracesDropped, tracesExported } = yield* Metrics
    const { record } = yield* exportSpans(yield* connectCollector(url, { "x-tenant": "payouts" }), {
      "service.name": "atlaspay",
    })
    const counts = async () => ({
      exported: (await tracesExported.get()).values[0]?.value ?? 0,
      ...Object.fromEntries(
        (await tracesDropped.get()).values.map(({ labels, value }) => [labels.reason, value]),
      ),
    })
    return { record, counts }
  }).pipe(Effect.provide(freshMetrics), Scope.provide(scope), Effect.runPromise)

beforeEach(async () => {
  collector = await CollectorUnderTest.open()
  scope = Effect.runSync(Scope.make())
  exporting = await open(collector.url)
})
afterEach(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await collector[Symbol.asyncDispose]()
})

describe("spans", () => {
  it("arrive as OTLP has them", async () => {
    exporting.record(span(1))
    exporting.record(span(2))
    await eventually("they are there", async () => collector.spans.length === 2)
    expect(collector.spans).toMatchObject([
      {
        spanId: "0000000000000001",
        startTimeUnixNano: "1700000000000250000",
        endTimeUnixNano: "1700000000001000000",
        attributes: { text: "a", count: 3, share: 0.5, flag: true },
        events: [{ name: "Something" }],
        resource: { "service.name": "atlaspay" },
      },
      { status: { code: 2, message: "timed-out" }, attributes: { "error.type": "timed-out" } },
    ])
    expect(collector.headers[0]).toMatchObject({ "content-type": "application/json", "x-tenant": "payouts" })
    await eventually("they are counted", async () => (await exporting.counts()).exported === 2)
  })

  it("are sent again if the collector fails for a while", async () => {
    collector.answer = answers.failsWith(503)
    exporting.record(span(1))
    await eventually("it has failed once", async () => collector.bodies.length === 1)
    collector.answer = answers.takes
    await eventually("it is there", async () => collector.spans.length === 1)
    await eventually("it is counted", async () => (await exporting.counts()).exported === 1)
    expect(await exporting.counts()).toEqual({ exported: 1 })
  })

  it("are dropped if the collector refuses them, and counted", async () => {
    collector.answer = answers.failsWith(400)
    exporting.record(span(1))
    await eventually("it is counted", async () => (await exporting.counts())["not-taken"] === 1)
    expect(collector.bodies.length).toBe(1)
    collector.answer = answers.rejectsOne
    exporting.record(span(1))
    exporting.record(span(2))
    await eventually("it is counted", async () => (await exporting.counts()).rejected === 1)
    await eventually("so is the other one", async () => (await exporting.counts()).exported === 1)
    expect(await exporting.counts()).toEqual({ exported: 1, "not-taken": 1, rejected: 1 })
  })

  it("wait in a queue with a limit while a collector says nothing, and what has no room is counted", async () => {
    collector.answer = answers.isSilent
    exporting.record(span(1))
    await eventually("one is under way", async () => collector.bodies.length === 1)
    for (let nth = 0; nth < SPANS_MAX + 10; nth++) exporting.record(span(nth))
    expect(await exporting.counts()).toMatchObject({ "queue-full": 10 })
  })

  it("that cannot be written are dropped and counted, and the next ones are sent", async () => {
    exporting.record({ ...span(1), endedAt: Number.NaN })
    await eventually("it is counted", async () => (await exporting.counts()).defect === 1)
    exporting.record(span(2))
    await eventually("the next one is there", async () => collector.spans.length === 1)
  })

  it("that wait at the end are still sent", async () => {
    exporting.record(span(1))
    await Effect.runPromise(Scope.close(scope, Exit.void))
    expect(collector.spans.length).toBe(1)
  })

  it("hold up the end for two seconds at most, and are counted", async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    scope = Effect.runSync(Scope.make())
    const nobody = await open(`http://127.0.0.1:${await freePort()}`)
    nobody.record(span(1))
    await Effect.runPromise(Effect.timeout(Scope.close(scope, Exit.void), 10_000))
    const { exported, ...dropped } = await nobody.counts()
    expect([exported, Object.values(dropped)]).toEqual([0, [1]])
  })
})
