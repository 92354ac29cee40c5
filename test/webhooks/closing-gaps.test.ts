import { expect, it } from "vitest"
import { GAP_MS, Gaps } from "../../src/webhooks/closing-gaps.ts"

const gap = { batch: "pb_x", end: 8 }
const consumer = (delivered: number, acknowledged: number, created = "first") => ({
  created,
  delivered,
  acknowledged,
})

it("closes a gap when all is acknowledged that was delivered when it was found, and not before its time", () => {
  const gaps = new Gaps()
  expect(gaps.closable([gap], consumer(100, 100), 0)).toEqual([])
  expect(gaps.closable([gap], consumer(100, 100), GAP_MS - 1)).toEqual([])
  expect(gaps.closable([gap], consumer(100, 100), GAP_MS)).toEqual([gap])
})

it("leaves a gap open, however old, while a message before it is not acknowledged", () => {
  const gaps = new Gaps()
  gaps.closable([gap], consumer(100, 60), 0)
  expect(gaps.closable([gap], consumer(900, 99), 10 * GAP_MS)).toEqual([])
  expect(gaps.closable([gap], consumer(900, 100), 10 * GAP_MS)).toEqual([gap])
})

it("closes a gap only up to where it reached when it was found", () => {
  const gaps = new Gaps()
  gaps.closable([gap], consumer(100, 100), 0)
  expect(gaps.closable([{ ...gap, end: 20 }], consumer(200, 200), GAP_MS)).toEqual([gap])
  expect(gaps.closable([{ ...gap, end: 20 }], consumer(200, 200), GAP_MS)).toEqual([])
})

it("begins again with a gap that was closed meanwhile, with a consumer that was made anew, and a clock that was set back", () => {
  const gaps = new Gaps()
  gaps.closable([gap], consumer(100, 100), 0)
  gaps.closable([], consumer(100, 100), 1)
  expect(gaps.closable([gap], consumer(100, 100), GAP_MS)).toEqual([])
  expect(gaps.closable([gap], consumer(5, 5, "second"), 2 * GAP_MS)).toEqual([])
  expect(gaps.closable([gap], consumer(5, 5, "second"), 2 * GAP_MS - 1)).toEqual([])
  expect(gaps.closable([gap], consumer(5, 5, "second"), 3 * GAP_MS - 1)).toEqual([gap])
})
