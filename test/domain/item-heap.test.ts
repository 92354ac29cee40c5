import { expect, it } from "vitest"
import { ItemHeap } from "../../src/domain/item-heap.ts"
import { fc } from "../property.ts"

const step = fc.record({
  add: fc.boolean(),
  item: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100_000 })),
  key: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 1_700_000_000_000 })),
})

it("an item heap gives its items by their keys, and equal keys by their numbers", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const items = new ItemHeap()
      const model = new Map<number, number>()
      for (const { add, item, key } of steps) {
        expect(items.has(item)).toBe(model.has(item))
        if (add) {
          items.set(item, key)
          model.set(item, key)
          expect(items.keyOf(item)).toBe(key)
        } else {
          items.delete(item)
          model.delete(item)
        }
        expect(items.size).toBe(model.size)
        expect(items.least).toBe(Math.min(...model.values()))
      }
      const inOrder = [...model].sort(([a, one], [b, other]) => one - other || a - b).map(([item]) => item)
      expect([...items]).toEqual(inOrder)
      expect([...items], "to read changes nothing").toEqual(inOrder)
    }),
    { numRuns: 500 },
  )
})
