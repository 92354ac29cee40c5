import { expect, it } from "vitest"
import { disjointSets, ItemSet } from "../../src/domain/item-set.ts"
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

const names = ["paid", "open", "parked"] as const
const move = fc.record({ item: step.map(({ item }) => item), to: fc.constantFrom(...names) })

it("disjoint sets are sets between which items move", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 200 }), (moves) => {
      const sets = disjointSets(names)
      const models = { paid: new Set<number>(), open: new Set<number>(), parked: new Set<number>() }
      for (const { item, to } of moves) {
        const from = names.find((name) => models[name].has(item))
        if (from !== undefined && from !== to) {
          expect(() => sets[to].add(item)).toThrow("another set")
          sets[from].delete(item)
          models[from].delete(item)
        }
        sets[to].add(item)
        models[to].add(item)
      }
      for (const name of names) {
        expect(sets[name].size).toBe(models[name].size)
        expect([...sets[name]]).toEqual([...models[name]])
        expect([...sets[name].backwards()]).toEqual([...models[name]].reverse())
        const isEven = (item: number) => item % 2 === 0
        expect(sets[name].take(3, isEven)).toEqual([...models[name]].filter(isEven).slice(0, 3))
      }
    }),
    { numRuns: 200 },
  )
})
