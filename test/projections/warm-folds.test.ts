import { describe, expect, it } from "vitest"
import { advance, emptyFold } from "../../src/projections/batch-fold.ts"
import { WarmFolds } from "../../src/projections/warm-folds.ts"
import { Story } from "../domain/batch-story.ts"
import { newBatchId } from "./batch-life.ts"

const foldOf = (itemCount: number) => {
  const fold = emptyFold(newBatchId())
  for (const [index, event] of new Story().received(itemCount).events.entries())
    advance(fold, { version: index + 1, event, hash: "" })
  return fold
}

describe("warm folds", () => {
  it("forget the least recently used when they hold too many items", () => {
    const warm = new WarmFolds(20)
    const [old, used, recent] = [newBatchId(), newBatchId(), newBatchId()]
    warm.put(used, foldOf(8))
    warm.put(old, foldOf(8))
    const again = warm.take(used)
    if (again !== undefined) warm.put(used, again)
    warm.put(recent, foldOf(8))
    expect(warm.take(old)).toBeUndefined()
    expect(warm.take(used)).toBe(again)
    expect(warm.take(recent)).toBeDefined()
  })

  it("give a fold to one user at a time, and make room when it is taken", () => {
    const warm = new WarmFolds(10)
    const [one, other] = [newBatchId(), newBatchId()]
    warm.put(one, foldOf(8))
    expect(warm.take(one)).toBeDefined()
    expect(warm.take(one)).toBeUndefined()
    warm.put(other, foldOf(8))
    warm.put(other, foldOf(9))
    expect(warm.take(other)?.batch.items.size).toBe(9)
  })
})
