import { Option } from "effect"
import { expect, it } from "vitest"
import { warningLines, withDuplicates } from "../../src/cli/submitted-duplicates.ts"

it("a reason becomes the permission in the request; without one the file is sent as it is", () => {
  const body = '{"items":[], "duplicates":{"allowed":true,"reason":"old"}}'
  expect(withDuplicates(body, Option.none())).toBe(body)
  expect(JSON.parse(withDuplicates(body, Option.some("ordered twice")))).toEqual({
    items: [],
    duplicates: { allowed: true, reason: "ordered twice" },
  })
})

it("warnings are lines, with their first items", () => {
  const duplicateOf = { batch: "pb_a", item: 7 }
  expect(
    warningLines([
      { type: "duplicate-payouts", detail: "2 items …", items: [{ item: 1, duplicateOf }, { item: 2 }] },
      { type: "duplicates-unchecked", detail: "It could not be found out." },
    ]),
  ).toEqual([
    "Warning: 2 items …",
    "  item 1: as item 7 of pb_a",
    "  item 2",
    "Warning: It could not be found out.",
  ])
  const many = Array.from({ length: 30 }, (_, index) => ({ item: index + 1 }))
  const lines = warningLines([{ type: "t", detail: "d", items: many }])
  expect(lines).toHaveLength(22)
  expect(lines.at(-1)).toBe("  …")
})
