import { describe, expect, it } from "vitest"
import { BegunWindow, ONE_MORE_EVERY_MS, REST_MS } from "../../src/actors/begun-window.ts"
import { batchOf } from "../streams/log-under-test.ts"

const [one, other, third] = [batchOf(1, 1), batchOf(1, 2), batchOf(1, 3)]

describe("the window of batches that have begun", () => {
  it("is full while banks have to report so many payouts, and one for each batch", () => {
    const window = new BegunWindow(10)
    window.rests(one, 4, 0)
    window.rests(other, 3, 0)
    expect(window.isFull(1)).toBe(false)
    window.rests(third, 0, 0)
    expect(window.isFull(1)).toBe(true)
    window.leaves(other)
    window.leaves(other)
    expect(window.isFull(1)).toBe(false)
  })

  it("counts a batch as it was released last", () => {
    const window = new BegunWindow(10)
    window.rests(one, 50, 0)
    window.rests(one, 8, 10)
    expect(window.isFull(20)).toBe(false)
    window.rests(one, 9, 30)
    expect(window.isFull(40)).toBe(true)
  })

  it("does not count a batch that rests for long, because its bank is slow", () => {
    const window = new BegunWindow(10)
    window.rests(one, 50, 0)
    window.rests(other, 5, 1_000)
    window.rests(one, 20, 2_000)
    expect(window.isFull(REST_MS + 1_999)).toBe(true)
    expect(window.isFull(REST_MS + 2_000)).toBe(false)
  })

  it("lets one more begin at intervals, however full it is", () => {
    const window = new BegunWindow(10)
    window.rests(one, 50, 0)
    expect(window.begin(1_000)).toBe(true)
    expect(window.begin(1_000 + ONE_MORE_EVERY_MS - 1)).toBe(false)
    expect(window.mayBegin(1_000 + ONE_MORE_EVERY_MS)).toBe(true)
    expect(window.begin(1_000 + ONE_MORE_EVERY_MS)).toBe(true)
  })

  it("lets all begin while it has room", () => {
    const window = new BegunWindow(10)
    expect([0, 0, 0].every((now) => window.begin(now))).toBe(true)
  })
})
