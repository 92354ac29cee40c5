import { describe, expect, it } from "vitest"
import { PRESSED_REQUESTS, PRESSURE_MS, PressureSigns } from "../../src/platform/intake-pressure.ts"

/** Signs of a process with so many requests under way since 0. */
const withRequests = (count: number) => {
  const signs = new PressureSigns()
  for (let begun = 0; begun < count; begun++) signs.began(0)
  return signs
}

describe("pressure on intake", () => {
  it("is off while few requests are under way, for as long as they take", () => {
    const signs = withRequests(PRESSED_REQUESTS - 1)
    expect([0, 10, 60_000].map((now) => signs.isOn(now))).toEqual([false, false, false])
  })

  it("is on while many are under way, and ends a while after them", () => {
    const signs = withRequests(PRESSED_REQUESTS)
    expect(signs.isOn(60_000)).toBe(true)
    for (let ended = 0; ended < PRESSED_REQUESTS; ended++) signs.ended(60_000)
    expect(signs.isOwn(60_000 + PRESSURE_MS - 1)).toBe(true)
    expect(signs.isOn(60_000 + PRESSURE_MS)).toBe(false)
  })

  it("is on while marks of other processes change, whatever they are", () => {
    const signs = new PressureSigns()
    for (const [index, mark] of ["a", "", "\u0000", "999999999999"].entries()) {
      signs.sawMark(mark, index * 900)
      expect(signs.isOn(index * 900 + 899)).toBe(true)
    }
    expect(signs.isOwn(3_000)).toBe(false)
  })

  it("ends soon when a mark stays the same, or is gone", () => {
    const signs = new PressureSigns()
    for (let now = 0; now < 10_000; now += 100) signs.sawMark("left by mistake", now)
    expect(signs.isOn(10_000)).toBe(false)
    signs.sawMark(undefined, 10_000)
    expect(signs.isOn(10_000)).toBe(false)
  })
})
