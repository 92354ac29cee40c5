import { expect, it } from "vitest"
import { ItemSet } from "../../src/domain/item-set.ts"
import { fc } from "../property.ts"

const step = fc.record({
  add: fc.boolean(),
  item: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 100_000 })),
})

it("an item set is a set, in the order in which items were added", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const items = new ItemSet()
      const model = new Set<number>()
      for (const { add, item } of steps) {
        expect(items.has(item)).toBe(model.has(item))
        if (add) {
          items.add(item)
          model.add(item)
        } else {
          items.delete(item)
          model.delete(item)
        }
        expect(items.size).toBe(model.size)
      }
      expect([...items]).toEqual([...model])
      expect([...items.backwards()]).toEqual([...model].reverse())
      const isEven = (item: number) => item % 2 === 0
      expect(items.take(3, isEven)).toEqual([...model].filter(isEven).slice(0, 3))
    }),
    { numRuns: 500 },
  )
})
