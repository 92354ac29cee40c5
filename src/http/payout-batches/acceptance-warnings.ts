/** What the answer to an accepted batch warns of: each by its type, with a sentence, so that others can be added. */
import type { Duplicates } from "../../domain/duplicates.ts"
import { fieldProblem } from "../edge/field-problem.ts"
import type { ModulusFailures } from "./payout-batch-request.ts"

/** What there is to warn of: by what the log keeps, and by the request. */
interface Found {
  readonly duplicates: Duplicates | undefined
  readonly modulusFailures?: ModulusFailures | undefined
}

/** The warnings of a batch; nothing where there are none. */
export const warningsOf = ({ duplicates, modulusFailures }: Found) => {
  const warnings = [
    ...(duplicates === undefined || duplicates.count === 0 ? [] : [duplicatesFound(duplicates)]),
    ...(duplicates?.unchecked === undefined ? [] : [duplicatesUnchecked]),
    ...(modulusFailures === undefined || modulusFailures.count === 0 ? [] : [modulusFailed(modulusFailures)]),
  ]
  return warnings.length === 0 ? {} : { warnings }
}

const duplicatesFound = ({ count, items }: Duplicates) => ({
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

const modulusFailed = ({ count, places }: ModulusFailures) => ({
  type: "uk-modulus-check",
  detail: `${count === 1 ? "1 account number" : `${count} account numbers`} cannot belong to the sort code (UK modulus check).`,
  count,
  items: places.map(({ pointer, item }) => ({ pointer, item })),
})
