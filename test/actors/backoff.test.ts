import { describe, expect, it } from "vitest"
import { Backoff } from "../../src/actors/backoff.ts"
import { ProviderUnavailable } from "../../src/providers/calling/provider-error.ts"

const NOW = 1_000_000
const failed = new ProviderUnavailable({ provider: "ledger", reason: "hold: timed out", kind: "timed-out" })
const asking = (retryAfterMs: number) =>
  new ProviderUnavailable({ provider: "ledger", reason: "hold: busy", kind: "busy", retryAfterMs })
const notCalled = (retryAfterMs?: number) =>
  new ProviderUnavailable({
    provider: "ledger",
    reason: "hold: not sent, because it takes no calls now",
    kind: "not-called",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })

/** How long postings wait after each of these, which come one after the other, each when the wait is over. */
const waits = (reasons: ReadonlyArray<ProviderUnavailable>, jitter = 1): ReadonlyArray<number> => {
  const backoff = new Backoff()
  let now = NOW
  return reasons.map((reason) => {
    const before = now
    backoff.stalled("Book", reason, now, jitter)
    now = backoff.until("Book")
    return now - before
  })
}

describe("after calls that stalled", () => {
  it("waits twice as long each time, a minute at most, and at least half of it by lot", () => {
    expect(waits(Array(9).fill(failed))).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
    ])
    expect(waits([failed, failed], 0)).toEqual([250, 500])
  })

  it("waits as long as the provider asks", () => {
    expect(waits([asking(7_000), asking(10)])).toEqual([7_000, 1_000])
  })

  it("waits until calls are taken again, however often there was none", () => {
    expect(waits([notCalled(3_000), notCalled(3_000), notCalled(3_000)])).toEqual([3_000, 3_000, 3_000])
    expect(waits([notCalled(), notCalled(50), notCalled()])).toEqual([500, 500, 500])
    expect(waits([notCalled(), notCalled(0)], 0)).toEqual([250, 250])
  })

  it("counts the failures before and after a call that was not made, and not that one", () => {
    expect(waits([failed, notCalled(), failed, notCalled(100), failed])).toEqual([
      500, 500, 1_000, 500, 2_000,
    ])
  })

  it("lets no call shorten the wait of another one that ended with it", () => {
    const backoff = new Backoff()
    backoff.stalled("Book", asking(7_000), NOW, 0)
    backoff.stalled("Book", notCalled(), NOW, 0)
    expect(backoff.until("Book")).toBe(NOW + 7_000)
    expect(backoff.until("Screen")).toBe(0)
    backoff.succeeded("Book")
    expect(backoff.until("Book")).toBe(0)
  })
})
