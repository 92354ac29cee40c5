import { describe, expect, it } from "vitest"
import { batchLines, openItems, stateLabel } from "../../src/client/batch-lines.ts"
import type { ShownBatch } from "../../src/client/command-client.ts"
import { BatchId } from "../../src/domain/identifiers.ts"

const batchOf = (...states: ReadonlyArray<string>): ShownBatch => ({
  id: BatchId.make(`pb_${"a".repeat(22)}`),
  state: "settling",
  itemCount: states.length,
  version: 9,
  states: { EUR: Object.fromEntries(states.map((state) => [state, { count: 1, amount: "1.00" }])) },
})

describe("the open items of a batch", () => {
  it("are those that a machine still moves on", () => {
    expect(openItems(batchOf("received", "screening", "cleared", "transferring", "unknown", "pending"))).toBe(
      6,
    )
    expect(openItems(batchOf("settled", "failed", "returned", "rejected", "cancelled"))).toBe(0)
    expect(openItems(batchOf("held", "parked"))).toBe(0)
  })

  it("include those in a state that only a newer service knows", () => {
    expect(openItems(batchOf("settled", "dreaming"))).toBe(1)
  })
})

describe("a batch in lines", () => {
  const firstLine = (batch: ShownBatch) => batchLines(batch)[0]

  it("says so when only a person can move it", () => {
    const batch = batchOf("held")
    expect(firstLine({ ...batch, needsAttention: true })).toContain("settling, needs attention  1 items")
    expect(firstLine({ ...batch, needsAttention: false })).toContain("settling  1 items")
    expect(firstLine(batch), "from a service that does not send it").toContain("settling  1 items")
  })
})

describe("a batch that is scheduled", () => {
  const executeAt = "2026-12-01T06:00:00.000Z"
  const scheduled = { ...batchOf("cleared"), state: "scheduled", executeAt }

  it("says for when, as long as it waits", () => {
    expect(stateLabel(scheduled)).toBe(`scheduled for ${executeAt}`)
    expect(stateLabel({ ...scheduled, state: "settling" })).toBe("settling")
    expect(batchLines(scheduled)).toContain(`nothing is paid before ${executeAt}`)
    expect(batchLines(batchOf("cleared")).join()).not.toContain("before")
  })
})
