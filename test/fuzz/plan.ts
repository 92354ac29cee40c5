/** Which request is the n-th of a run: it follows from the document, the seed and the number alone. */
import { Chance } from "./chance.ts"
import type { ApiDocument } from "./document.ts"
import { hostile } from "./hostile-requests.ts"
import { nearlyValid } from "./nearly-valid-requests.ts"
import type { FuzzRequest } from "./request.ts"
import { validRequest } from "./valid-requests.ts"

const VALID_SHARE = 0.3
const NEARLY_VALID_SHARE = 0.5
const SECOND_CHANGE_SHARE = 0.1
/** How much more often an operation is called that takes a body, for each form that it may have. */
const WEIGHT_OF_BODIES = 3

/** The n-th request, from 0. All operations get their turn. */
export const requestAt = (document: ApiDocument, seed: number, number: number): FuzzRequest => {
  const chance = new Chance(seed, number)
  const weighted = document.operations.flatMap((operation) =>
    Array.from({ length: Math.max(operation.bodies.length * WEIGHT_OF_BODIES, 1) }, () => operation),
  )
  const operation = weighted[number % weighted.length]
  if (operation === undefined) throw new Error("the document has no operations")
  const base = validRequest({ document, operation, number, seed, chance })
  const share = chance.below(1_000) / 1_000
  if (share < VALID_SHARE) return base
  if (share >= VALID_SHARE + NEARLY_VALID_SHARE) return hostile(base, chance)
  const once = nearlyValid(base, chance)
  return chance.isTrue(SECOND_CHANGE_SHARE) ? nearlyValid(once, chance) : once
}
