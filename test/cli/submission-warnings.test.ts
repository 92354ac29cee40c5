import { expect, it } from "vitest"
import { warningLines } from "../../src/cli/submission-warnings.ts"

const placeOf = (item: number | undefined, field: string | undefined) =>
  ["pay.csv", item === undefined ? [] : `line ${item + 1}`, field ?? []].flat().join(", ")

it("warnings are lines that name the places in the file, with their first items", () => {
  const duplicateOf = { batch: "pb_a", item: 7 }
  expect(
    warningLines(
      [
        { type: "duplicate-payouts", detail: "2 items …", items: [{ item: 1, duplicateOf }, { item: 2 }] },
        { item: 3, field: "account", detail: "fails the check" },
        { type: "duplicates-unchecked", detail: "It could not be found out." },
      ],
      placeOf,
    ),
  ).toEqual([
    "warning: pay.csv: 2 items …",
    "  pay.csv, line 2: as item 7 of pb_a",
    "  pay.csv, line 3",
    "warning: pay.csv, line 4, account: fails the check",
    "warning: pay.csv: It could not be found out.",
  ])
})

it("says how many more items and warnings there are", () => {
  const many = Array.from({ length: 30 }, (_, index) => ({ item: index + 1 }))
  const lines = warningLines([{ detail: "d", items: many }], placeOf)
  expect([lines.length, lines.at(-1)]).toEqual([22, "  … and 10 more"])
  const warnings = Array.from({ length: 25 }, () => ({ detail: "d" }))
  expect(warningLines(warnings, placeOf).at(-1)).toBe("… and 5 more warnings")
})
