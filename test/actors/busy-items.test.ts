import { expect, it } from "vitest"
import { BusyItems } from "../../src/actors/busy-items.ts"
import { fc } from "../property.ts"

/** What it stands for: the call that each item is in. */
class Model {
  readonly #calls = new Map<number, number>()

  has(item: number): boolean {
    return this.#calls.has(item)
  }

  begin(call: number, items: ReadonlyArray<number>): void {
    for (const item of items) this.#calls.set(item, call)
  }

  delete(item: number): void {
    this.#calls.delete(item)
  }

  end(call: number): void {
    for (const [item, own] of this.#calls) if (own === call) this.#calls.delete(item)
  }
}

const item = fc.integer({ min: 1, max: 200 })
const numbers = Array.from({ length: 300 }, (_, number) => number)

it("has the items of calls under way, but those whose part is over", () => {
  const step = fc.oneof(
    fc.record({ does: fc.constant("begin" as const), items: fc.uniqueArray(item, { maxLength: 8 }) }),
    fc.record({ does: fc.constant("delete" as const), item }),
    fc.record({ does: fc.constant("end" as const), call: fc.integer({ min: 1, max: 12 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 24 }), (steps) => {
      const [busy, model] = [new BusyItems(), new Model()]
      let calls = 0
      for (const step of steps) {
        if (step.does === "begin") calls += 1
        for (const one of [busy, model])
          if (step.does === "begin") one.begin(calls, step.items)
          else if (step.does === "delete") one.delete(step.item)
          else one.end(step.call)
        expect(numbers.filter((item) => busy.has(item))).toEqual(numbers.filter((item) => model.has(item)))
      }
    }),
    { numRuns: 50 },
  )
})

it("holds the highest item of the largest batch", () => {
  const busy = new BusyItems()
  busy.begin(1, [100_000])
  expect(busy.has(100_000)).toBe(true)
  expect(busy.has(99_999)).toBe(false)
  busy.end(1)
  expect(busy.has(100_000)).toBe(false)
})
