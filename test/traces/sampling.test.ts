import { describe, expect, it } from "vitest"
import { Allowance, batchTrace, isSampled, KnownTraces } from "../../src/traces/sampling.ts"
import { newSpanId, newTraceId, ownTraceIdOf, spanIds } from "../../src/traces/span.ts"
import { recordingWith } from "../../src/traces/tracing.ts"

const batch = (nth: number) => `pb_${String(nth).padStart(22, "a")}` as Parameters<typeof ownTraceIdOf>[0]
const ids = Array.from({ length: 20_000 }, (_, nth) => ownTraceIdOf(batch(nth)))

describe("sampling", () => {
  it.each([0, 1, 25, 100])("records %d of 100 traces, and each always or never", (percent) => {
    const recorded = ids.filter((id) => isSampled(id, percent))
    expect(Math.abs(recorded.length / ids.length - percent / 100)).toBeLessThan(0.01)
    expect(recorded.every((id) => isSampled(id, Math.min(percent + 1, 100)))).toBe(true)
  })

  it("does as the log says if the partner named a trace", () => {
    const named = { id: "f".repeat(32), parent: "b7ad6b7169203331", sampled: true }
    expect(batchTrace(batch(1), named, 0)).toEqual({ id: named.id, parentId: named.parent, isRecorded: true })
    expect(batchTrace(batch(1), { ...named, sampled: false }, 100).isRecorded).toBe(false)
  })

  it("knows ids that W3C and OTLP permit", () => {
    expect(ids.every((id) => /^(?!0{32})[0-9a-f]{32}$/.test(id))).toBe(true)
    expect(spanIds.attempt(batch(1), 1, 1)).toMatch(/^[0-9a-f]{16}$/)
    expect(spanIds.attempt(batch(1), 1, 12)).not.toBe(spanIds.attempt(batch(1), 11, 2))
  })
})

describe("ids that follow from nothing", () => {
  it("are as W3C wants them, and no two are the same", () => {
    const spans = Array.from({ length: 2_000 }, newSpanId)
    const traces = Array.from({ length: 2_000 }, newTraceId)
    expect(spans.every((id) => /^(?!0{16})[0-9a-f]{16}$/.test(id))).toBe(true)
    expect(traces.every((id) => /^(?!0{32})[0-9a-f]{32}$/.test(id))).toBe(true)
    expect(new Set([...spans, ...traces]).size).toBe(4_000)
    const sampled = traces.filter((id) => isSampled(id, 25)).length
    expect(sampled).toBeGreaterThan(300)
    expect(sampled).toBeLessThan(700)
  })
})

describe("traces that are known", () => {
  it("are what a batch and its log say, also once more batches came than are remembered", () => {
    const known = new KnownTraces(25)
    const named = { id: "f".repeat(32), sampled: true }
    for (let round = 0; round < 2; round++)
      for (let nth = 0; nth < 5_000; nth++)
        expect(known.of(batch(nth), undefined)).toEqual(batchTrace(batch(nth), undefined, 25))
    expect(known.of(batch(1), named)).toEqual(batchTrace(batch(1), named, 25))
    expect(known.of(batch(1), undefined).id).toBe(ownTraceIdOf(batch(1)))
  })
})

describe("a recording", () => {
  it("leaves batches their share, whatever is asked of requests or goes wrong with them", () => {
    const nothing = () => {}
    const recording = recordingWith(
      { percent: 0, slowMs: 1 },
      { record: nothing, dropped: nothing, broke: nothing },
      0,
      () => 0.5,
    )
    const times = Array.from({ length: 100 })
    expect(times.filter(() => recording.admits("request", true, 0)).length).toBe(20)
    expect(times.filter(() => recording.mayKeep("request", 0)).length).toBe(10)
    expect(times.filter(() => recording.admits("batch", true, 0)).length).toBe(20)
    expect(times.filter(() => recording.mayKeep("batch", 0)).length).toBe(10)
  })
})

describe("an allowance", () => {
  it("gives so many a second, and none for a clock that was set back", () => {
    const allowance = new Allowance(2, 1_000)
    const take = (now: number) => allowance.take(now)
    expect([take(1_000), take(1_000), take(1_000)]).toEqual([true, true, false])
    expect([take(1_500), take(1_500)]).toEqual([true, false])
    expect(take(0)).toBe(false)
    expect([take(60_000), take(60_000), take(60_000)]).toEqual([true, true, false])
  })
})
