import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { batchBodies } from "../../bench/batch-bodies.ts"
import { readBatchRequest } from "../../src/http/payout-batches/payout-batch-request.ts"
import { magicOutcome } from "../../src/sandbox/magic-beneficiaries.ts"

describe("the bodies of a benchmark", () => {
  it("are batches that the service accepts, with as many items as asked for", async () => {
    const batches = await Promise.all(
      batchBodies(18, 50).map((body) => Effect.runPromise(readBatchRequest(body))),
    )
    expect(batches.map(({ items }) => items.length)).toEqual(Array(18).fill(50))
  })

  it("settle all: the sandbox has nothing special in store for any beneficiary", async () => {
    for (const body of batchBodies(18, 50)) {
      const { items } = await Effect.runPromise(readBatchRequest(body))
      expect(items.filter(({ beneficiary }) => magicOutcome(beneficiary.name) !== undefined)).toEqual([])
    }
  })

  it("differ from each other, and are the same in every run", () => {
    const bodies = batchBodies(18, 50).map(String)
    expect(new Set(bodies).size).toBe(18)
    expect(batchBodies(18, 50).map(String)).toEqual(bodies)
  })

  it("repeat no payout within a batch, so there is a limit", () => {
    expect(() => batchBodies(1, 10_000)).toThrow(RangeError)
  })
})
