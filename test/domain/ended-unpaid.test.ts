import { expect, it } from "vitest"
import { isEndedUnpaid } from "../../src/domain/batch.ts"
import { type ItemState, itemStates } from "../../src/domain/item-state.ts"
import { failed, failedForNow, returned, Story, settled, storyIn } from "./batch-story.ts"

const unpaid: ReadonlySet<ItemState> = new Set(["rejected", "cancelled", "failed", "returned"])

it.each(itemStates)("an item whose story came to %s has ended unpaid, or not", (state) => {
  const { batch } = storyIn(state)
  expect(isEndedUnpaid(batch, 1)).toBe(unpaid.has(state))
})

it("a failed or returned item has ended unpaid once the ledger has its money back", () => {
  const story = new Story().requested(1)
  story.hears(1, failed)
  expect(isEndedUnpaid(story.batch, 1)).toBe(false)
  story.posted("release")
  expect(isEndedUnpaid(story.batch, 1)).toBe(true)
  const back = new Story().requested(1)
  back.hears(1, settled)
  back.posted("post").hears(1, returned)
  expect(isEndedUnpaid(back.batch, 1)).toBe(false)
  back.posted("reverse")
  expect(isEndedUnpaid(back.batch, 1)).toBe(true)
})

it("one that policy tries again, here or at another bank, has not", () => {
  const policy = { approvalAbove: {}, approvalWithinMs: 1, attemptsMax: 2 }
  const again = new Story().requested(1, { policy })
  again.hears(1, failedForNow)
  again.posted("release")
  expect([...again.batch.retries]).toEqual([1])
  expect(isEndedUnpaid(again.batch, 1)).toBe(false)
  const elsewhere = new Story().refused()
  expect([...elsewhere.batch.reroutes]).toEqual([1])
  expect(isEndedUnpaid(elsewhere.batch, 1)).toBe(false)
})

it("what is not in the batch has not", () => {
  expect(isEndedUnpaid(new Story().batch, 1)).toBe(false)
})
