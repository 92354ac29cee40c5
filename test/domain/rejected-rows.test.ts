import { expect, it } from "vitest"
import { linesOf, rejectedRowsOf } from "../../src/domain/rejected-rows.ts"
import { fc } from "../property.ts"

it("records lines as ranges, and gives each of them back", () => {
  expect(rejectedRowsOf([2, 3, 4, 9])).toEqual({
    count: 4,
    lines: [
      [2, 4],
      [9, 9],
    ],
  })
  expect(rejectedRowsOf([])).toEqual({ count: 0, lines: [] })
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 100 })), (lines) => {
      const sorted = lines.toSorted((a, b) => a - b)
      expect([...linesOf(rejectedRowsOf(sorted))]).toEqual(sorted)
    }),
  )
})
