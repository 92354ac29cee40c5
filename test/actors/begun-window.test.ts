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

  it("does not count a batch that has less to report for long, because its bank is slow", () => {
    const window = new BegunWindow(10)
    window.rests(one, 50, 0)
    for (let now = 100; now < REST_MS; now += 100) {
      window.leaves(one)
      window.rests(one, 40, now)
      expect(window.isFull(now)).toBe(true)
    }
    for (let now = REST_MS; now < 3 * REST_MS; now += 100) {
      window.leaves(one)
      window.rests(one, 20, now)
      expect(window.isFull(now)).toBe(false)
    }
  })

  it("does not count batches for long that wake again and again for a bank that is closed", () => {
    const window = new BegunWindow(2)
    for (let now = 0; now <= REST_MS; now += 100)
      for (const batch of [one, other, third]) {
        window.leaves(batch)
        window.rests(batch, 0, now)
        expect(window.isFull(now)).toBe(now < REST_MS && (now > 0 || batch !== one))
      }
  })

  it("counts a batch again when it has more to report than ever before", () => {
    const window = new BegunWindow(10)
    window.rests(one, 0, 0)
    window.rests(one, 20, 4_000)
    expect(window.isFull(REST_MS)).toBe(true)
    expect(window.isFull(4_000 + REST_MS)).toBe(false)
    window.rests(one, 21, 20_000)
    expect(window.isFull(20_000)).toBe(true)
  })

  it("does not count a batch that is owned or closed", () => {
    const window = new BegunWindow(10)
    window.rests(one, 20, 0)
    window.rests(other, 20, 0)
    window.leaves(one)
    expect(window.isFull(1)).toBe(true)
    window.closed(other)
    expect(window.isFull(1)).toBe(false)
    window.rests(one, 20, 2)
    expect(window.isFull(2)).toBe(true)
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
