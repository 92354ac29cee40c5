/** Whatever `decide` makes is legal, in any order of commands; and events that it never makes are not. */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import type { Batch } from "../../src/domain/batch.ts"
import type { BatchEvent, BatchEventOf } from "../../src/domain/events.ts"
import { fold } from "../../src/domain/evolve.ts"
import { transferReference } from "../../src/domain/identifiers.ts"
import { illegality } from "../../src/verification/legal-step.ts"
import { SumCheck } from "../../src/verification/sum-check.ts"
import { liveThrough, step, terms } from "../domain/batch-sequences.ts"
import { batchId, type CommandWithoutTime, Story, storyIn } from "../domain/batch-story.ts"
import { lengthOf } from "../length.ts"
import { fc } from "../property.ts"

const SEQUENCES = lengthOf({ full: 10_000, short: 400 })

/** Stories name their transfers in their own way; a log has the references that follow from batch, item and attempt. */
const withReferences = (event: BatchEvent): BatchEvent => {
  if (event._tag !== "TransfersRequested") return event
  const transfers = event.transfers.map((transfer) => ({
    ...transfer,
    reference: transferReference({ batch: batchId, ...transfer }),
  }))
  return { ...event, transfers: transfers as unknown as BatchEventOf<"TransfersRequested">["transfers"] }
}

const legal = (batch: Batch, event: BatchEvent) => illegality(batchId, batch, withReferences(event))

describe("what is legal", () => {
  it(`is all that is decided in ${SEQUENCES} sequences of commands`, { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(terms, fc.array(step, { minLength: 20, maxLength: 60 }), (terms, steps) => {
        const story = new Story()
        const sums = new SumCheck()
        const live = (command: CommandWithoutTime): void => {
          const decided = story.decide(command)
          if (Result.isFailure(decided)) return
          for (const event of decided.success) {
            const fault = legal(story.batch, event)
            if (fault !== undefined) throw new Error(`${event._tag}: ${fault}`)
            fold([event], story.batch)
            if (sums.after(story.batch, event) !== undefined) throw new Error("the sum is not conserved")
          }
        }
        liveThrough(story, terms, steps, live)
        if (sums.ofItems(story.batch) !== undefined) throw new Error("the items are not what the sums say")
      }),
      { numRuns: SEQUENCES },
    )
  })

  const at = 1
  it.each<readonly [string, Story, BatchEvent]>([
    [
      "a payment of what is settled",
      storyIn("settled"),
      { _tag: "TransferSettled", at, item: 1, attempt: 1, evidence: "callback" },
    ],
    [
      "a return of what was not paid",
      storyIn("failed"),
      { _tag: "TransferReturned", at, item: 1, attempt: 1, evidence: "callback", code: "MS03" as never },
    ],
    [
      "a second transfer of what is settled",
      storyIn("settled"),
      { _tag: "TransfersRequested", at, transfers: [{ item: 1, attempt: 2, bank: "north", reference: "" }] },
    ],
    [
      "a transfer before its money is held",
      new Story().started(1),
      { _tag: "TransfersRequested", at, transfers: [{ item: 1, attempt: 1, bank: "north", reference: "" }] },
    ],
    ["a second receipt", storyIn("received"), { ...storyIn("received").events[0] } as BatchEvent],
    ["the end of an unfinished batch", storyIn("pending"), { _tag: "BatchClosed", at, state: "settled" }],
    [
      "a posting that skips a number",
      new Story().started(1),
      { _tag: "PostingRequested", at, posting: 7, kind: "hold", items: [1] },
    ],
    [
      "a release of what nobody held",
      storyIn("screened"),
      { _tag: "ItemReviewed", at, item: 1, decision: "released", by: "x" as never, reason: "y" as never },
    ],
    [
      "a resolution of what is not parked",
      storyIn("pending"),
      {
        _tag: "ParkedResolved",
        at,
        item: 1,
        attempt: 1,
        outcome: "settled",
        by: "x" as never,
        reason: "y" as never,
      },
    ],
    [
      "items beyond those that were announced",
      storyIn("received"),
      { ...storyIn("received").events[1] } as BatchEvent,
    ],
  ])("is not %s", (_, { batch }, event) => {
    expect(legal(batch, event)).toBeTypeOf("string")
  })

  it("is no transfer under another batch's reference", () => {
    const { batch } = new Story().started(1).posted("hold")
    const event = {
      _tag: "TransfersRequested",
      at,
      transfers: [{ item: 1, attempt: 1, bank: "north", reference: `${"B".repeat(22)}-1-1` }],
    } as const
    expect(illegality(batchId, batch, event)).toContain("reference")
    expect(legal(batch, event)).toBeUndefined()
  })
})
