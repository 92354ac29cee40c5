import { describe, expect, it } from "vitest"
import { batchLines, openItems, stateOf, warningLines } from "../../src/client/batch-lines.ts"
import type { ShownBatch } from "../../src/client/service-client.ts"
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

describe("a batch that is scheduled", () => {
  const executeAt = "2026-12-01T06:00:00.000Z"
  const scheduled = { ...batchOf("cleared"), state: "scheduled", executeAt }

  it("says for when, as long as it waits", () => {
    expect(stateOf(scheduled)).toBe(`scheduled for ${executeAt}`)
    expect(stateOf({ ...scheduled, state: "settling" })).toBe("settling")
    expect(batchLines(scheduled)).toContain(`nothing is paid before ${executeAt}`)
    expect(batchLines(batchOf("cleared")).join()).not.toContain("before")
  })
})

it("warnings are printed with their places, and counted where they are many", () => {
  const warning = { item: 3, field: "beneficiary.account.iban", detail: "looks odd" }
  expect(warningLines([warning, { detail: "late" }])).toEqual([
    "warning: item 3: beneficiary.account.iban: looks odd",
    "warning: late",
  ])
  expect(warningLines(Array(25).fill(warning))).toHaveLength(21)
  expect(warningLines(Array(25).fill(warning)).at(-1)).toBe("… and 5 more warnings")
})
