import { expect, it } from "vitest"
import { PAUSE_MS_MAX, Pauses } from "../../src/webhooks/pauses.ts"

it("leaves an endpoint alone for a while, and no other", () => {
  const pauses = new Pauses()
  pauses.pause("one", 1_000, 500)
  pauses.pause("one", 1_000, 100)
  expect(pauses.has("one", 1_499)).toBe(true)
  expect(pauses.has("other", 1_499)).toBe(false)
  expect(pauses.endpointsAt(1_499)).toEqual(["one"])
  expect(pauses.nextEndInMs(1_400, 1_000)).toBe(100)
  expect(pauses.nextEndInMs(1_400, 50)).toBe(50)
  expect(pauses.has("one", 1_500)).toBe(false)
  expect(pauses.nextEndInMs(1_500, 1_000)).toBe(1_000)
  expect(pauses.endpointsAt(1_500)).toEqual([])
})

it("ends early when asked to, after its longest, and when the clock is set back", () => {
  const pauses = new Pauses()
  pauses.pause("one", 1_000, 500)
  pauses.end("one")
  expect(pauses.has("one", 1_001)).toBe(false)
  pauses.pause("one", 1_000, 3_600_000)
  expect(pauses.has("one", 999 + PAUSE_MS_MAX)).toBe(true)
  expect(pauses.has("one", 1_000 + PAUSE_MS_MAX)).toBe(false)
  expect(pauses.has("one", 999)).toBe(false)
})
