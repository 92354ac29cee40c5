import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { emptyBatch } from "../../src/domain/batch.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { decideOpening } from "../../src/domain/opening.ts"
import { CHUNK_MAX } from "../../src/domain/plan.ts"
import { illegality } from "../../src/verification/legal-step.ts"
import { batchId, clerk, payoutItem, receiveBatch, STORY_BEGINS, Story } from "./batch-story.ts"
import { workDue } from "./planned.ts"

const opening = (count: number) =>
  decideOpening({ ...receiveBatch(count), credential: clerk, at: STORY_BEGINS + 1 })

/** What the log has once the worker decided what is due first, and nothing else was. */
const decidedByWorker = (count: number): ReadonlyArray<BatchEvent> => {
  const story = new Story().received(count)
  story.now = STORY_BEGINS
  for (const work of workDue(story.batch, STORY_BEGINS))
    if (work._tag === "RequestScreening") story.tell(work)
  return story.events
}

describe("the opening of a batch", () => {
  it.each([1, 2, 50, CHUNK_MAX])("has what a worker would decide first of %d items", (count) => {
    expect(Result.getOrThrow(opening(count))).toEqual(decidedByWorker(count))
  })

  it("leaves the clearances of a batch that needs several to its worker", () => {
    const events = Result.getOrThrow(opening(CHUNK_MAX + 1))
    expect(events).toEqual(new Story().received(CHUNK_MAX + 1).events)
  })

  it("is a legal log, after which the engine is to be asked about all items at once, and nothing else is due", () => {
    const batch = emptyBatch()
    for (const event of Result.getOrThrow(opening(3))) {
      expect(illegality(batchId, batch, event)).toBeUndefined()
      evolve(batch, event)
    }
    expect(workDue(batch, STORY_BEGINS + 1)).toEqual([{ _tag: "Screen", clearance: 1, items: [1, 2, 3] }])
  })

  it("is refused as the receipt is", () => {
    const command = { ...receiveBatch(1, { items: [payoutItem(2)] }), at: STORY_BEGINS }
    expect(Result.getOrThrow(Result.flip(decideOpening(command))).reason).toBe("items-misnumbered")
  })
})
