/** What the answer to an accepted batch warns of: each by its type, with a sentence, so that others can be added. */
import type { Duplicates } from "../../domain/duplicates.ts"
import { fieldProblem } from "../edge/field-problem.ts"

/** The warnings of a batch by what its log keeps; nothing where there are none. */
export const warningsOf = ({ count, items, unchecked }: Duplicates) => {
  const warnings = [
    ...(count === 0 ? [] : [duplicatesFound(count, items)]),
    ...(unchecked === undefined ? [] : [duplicatesUnchecked]),
  ]
  return warnings.length === 0 ? {} : { warnings }
}

const duplicatesFound = (count: number, items: Duplicates["items"]) => ({
  type: "duplicate-payouts",
  detail: `${count === 1 ? "1 item pays" : `${count} items pay`} the same as an item that was accepted before.`,
  count,
  items: items.map(({ item, duplicateOf }) => ({
    pointer: fieldProblem(["items", item - 1], "").pointer,
    item,
    duplicateOf,
  })),
})

const duplicatesUnchecked = {
  type: "duplicates-unchecked",
  detail: "It could not be found out whether all of these payouts are new.",
}
