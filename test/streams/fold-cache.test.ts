import { describe, expect, it } from "vitest"
import { advance, emptyFold } from "../../src/streams/batch-fold.ts"
import { FoldCache } from "../../src/streams/fold-cache.ts"
import { Story } from "../domain/batch-story.ts"
import { newBatchId } from "../publisher/story.ts"

const foldOf = (itemCount: number) => {
  const fold = emptyFold(newBatchId())
  for (const [index, event] of new Story().received(itemCount).events.entries())
    advance(fold, { version: index + 1, event, hash: `#${index + 1}` })
  return fold
}

const itemsOf = (cache: FoldCache<ReturnType<typeof foldOf>>, id: ReturnType<typeof newBatchId>) =>
  cache.take(id).batch.items.size

describe("a fold", () => {
  it("goes on with the next event only, and knows the hash of the last", () => {
    const fold = foldOf(1)
    expect(fold.head).toBe(`#${fold.batch.version}`)
    const event = { _tag: "BatchClosed", at: 7, state: "settled" } as const
    const { version } = fold.batch
    for (const other of [version, version + 2])
      expect(() => advance(fold, { version: other, event, hash: "" })).toThrow(`version ${other}`)
    advance(fold, { version: version + 1, event, hash: "#closed" })
    expect([fold.batch.closedAt, fold.head]).toEqual([7, "#closed"])
  })
})

describe("the fold cache", () => {
  it("forgets what was used longest ago when it holds too many items", () => {
    const cache = new FoldCache(emptyFold, { itemsMax: 20 })
    const [old, used, recent] = [newBatchId(), newBatchId(), newBatchId()]
    cache.put(used, foldOf(8))
    cache.put(old, foldOf(8))
    const again = cache.take(used)
    cache.put(used, again)
    cache.put(recent, foldOf(8))
    expect(itemsOf(cache, old)).toBe(0)
    expect(cache.take(used)).toBe(again)
    expect(itemsOf(cache, recent)).toBe(8)
  })

  it("forgets what was used longest ago when it holds too many batches", () => {
    const cache = new FoldCache(emptyFold, { itemsMax: 20, batchesMax: 2 })
    const ids = [newBatchId(), newBatchId(), newBatchId()]
    for (const id of ids) cache.put(id, foldOf(1))
    expect(ids.map((id) => itemsOf(cache, id))).toEqual([0, 1, 1])
  })

  it("counts a batch without items as one item", () => {
    const cache = new FoldCache(emptyFold, { itemsMax: 2 })
    const ids = [newBatchId(), newBatchId(), newBatchId()]
    const empty = ids.map((id) => emptyFold(id))
    for (const [index, id] of ids.entries()) cache.put(id, empty[index] ?? emptyFold(id))
    expect(ids.map((id, index) => cache.take(id) === empty[index])).toEqual([false, true, true])
  })

  it("gives a fold to one user at a time, and makes room when it is taken", () => {
    const cache = new FoldCache(emptyFold, { itemsMax: 10 })
    const [one, other] = [newBatchId(), newBatchId()]
    cache.put(one, foldOf(8))
    expect(itemsOf(cache, one)).toBe(8)
    expect(itemsOf(cache, one), "until it is put back").toBe(0)
    cache.put(other, foldOf(8))
    cache.put(other, foldOf(9))
    expect(itemsOf(cache, other)).toBe(9)
  })

  it("begins anew where what it knows is beyond the version that is asked for", () => {
    const cache = new FoldCache(emptyFold, { itemsMax: 10 })
    const id = newBatchId()
    const fold = foldOf(1)
    const { version } = fold.batch
    cache.put(id, fold)
    expect(cache.take(id, version)).toBe(fold)
    cache.put(id, fold)
    expect(cache.take(id, version - 1).batch.version).toBe(0)
    expect(itemsOf(cache, id), "and forgets it").toBe(0)
  })
})
