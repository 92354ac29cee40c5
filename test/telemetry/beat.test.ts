import { expect, it } from "vitest"
import { untilBeatMs } from "../../src/telemetry/beat.ts"

/** The beat that is waited for. A wait ends up to two milliseconds behind it. */
const beatAfter = (everyMs: number, now: number) => Math.floor((now + untilBeatMs(everyMs, now)) / 10) * 10

it("loops with one interval, or a multiple of it, wake together whenever they began to wait", () => {
  expect([0, 1, 250.5, 998.5].map((now) => beatAfter(1_000, now))).toEqual([1_000, 1_000, 1_000, 1_000])
  expect(beatAfter(2_000, 1_200.7)).toBe(beatAfter(1_000, 1_200.7))
})

it("a beat is waited for once, also if its timer is early", () => {
  const earlyAt = 250.5 + untilBeatMs(1_000, 250.5) - 1
  expect(beatAfter(1_000, earlyAt)).toBe(2_000)
})
