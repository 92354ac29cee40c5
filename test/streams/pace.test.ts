import { describe, expect, it } from "vitest"
import { REST_MS_MAX } from "../../src/platform/intake-pressure.ts"
import { Pace } from "../../src/streams/pace.ts"

const now = 1_790_000_000_000

describe("a follower's pace while intake is pressed", () => {
  it("rests after each step, so that steps have their share of the time", () => {
    const pace = new Pace()
    pace.count(10, now, now + 20)
    expect(pace.waitMs(now + 20, 1)).toBe(0)
    expect(pace.waitMs(now + 20, 0.2)).toBeCloseTo(80)
    expect(pace.waitMs(now + 60, 0.2)).toBeCloseTo(40)
    expect(pace.waitMs(now + 100, 0.2)).toBe(0)
  })

  it("does not rest after a step that found nothing", () => {
    const pace = new Pace()
    pace.count(0, now, now + 20)
    expect(pace.waitMs(now + 20, 0.2)).toBe(0)
  })

  it("rests for a bounded time, after steps of any length and with a clock that was set back", () => {
    const pace = new Pace()
    pace.count(1_024, now, now + 60_000)
    expect(pace.waitMs(now + 60_000, 0.05)).toBe(REST_MS_MAX)
    expect(pace.waitMs(now - 3_600_000, 0.05)).toBe(REST_MS_MAX)
    pace.count(1_024, now, now - 5)
    expect(pace.waitMs(now, 0.2)).toBeLessThanOrEqual(100)
  })
})
