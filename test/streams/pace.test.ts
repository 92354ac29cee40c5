import { expect, it } from "vitest"
import { Pace } from "../../src/streams/pace.ts"

const started = 1_790_000_000_000

/** A pace after two seconds of steps, each of which took all that had come by then, and the time of the last. */
const after = (eventsPerSecond: number, stepEveryMsMax?: number) => {
  const pace = new Pace(stepEveryMsMax)
  const stepMs = 50
  let now = started
  for (let at = 0; at < 2_000; at += stepMs) {
    now = started + at
    pace.count({ events: (eventsPerSecond * stepMs) / 1_000, isFull: false }, now)
  }
  return { pace, now }
}

it("lets nothing wait in a quiet service", () => {
  const pace = new Pace()
  expect(pace.waitMs(started)).toBe(0)
  pace.count({ events: 50, isFull: false }, started)
  expect(pace.waitMs(started)).toBe(0)
})

it.each([
  [100, 0],
  [500, 0],
  [800, 100],
  [2_000, 250],
  [20_000, 250],
])("at %i events a second begins the next step after %i ms", (perSecond, waitMs) => {
  const { pace, now } = after(perSecond)
  expect(pace.waitMs(now)).toBe(waitMs)
  expect(pace.waitMs(now + 40)).toBe(Math.max(0, waitMs - 40))
  expect(pace.waitMs(now + 10_000)).toBe(0)
})

it.each([
  [500, 0],
  [800, 100],
  [2_000, 500],
])("of a reader that waits longer, at %i events a second after %i ms", (perSecond, waitMs) => {
  const { pace, now } = after(perSecond, 500)
  expect(pace.waitMs(now)).toBe(waitMs)
  expect(pace.waitMs(now - 3_600_000)).toBeLessThanOrEqual(500)
})

it("does not wait with what a step had no room for", () => {
  const { pace, now } = after(20_000)
  pace.count({ events: 1_000, isFull: true }, now)
  expect(pace.waitMs(now)).toBe(0)
})

it("stays within its limits when the clock is set back", () => {
  const { pace, now } = after(20_000)
  expect(pace.waitMs(now - 3_600_000)).toBeLessThanOrEqual(250)
})
