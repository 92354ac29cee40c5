/** Payouts that no bank of the rules could be sent are refused when they come, with the field and the reason. */
import { Effect } from "effect"
import { visibleBeneficiaryOf } from "../../domain/beneficiary.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import { turn } from "../../parsing/turns.ts"
import { PayoutLimits } from "../../providers/banks/payout-limits.ts"
import { type FieldProblem, fieldProblem, PROBLEMS_MAX } from "../edge/field-problem.ts"
import type { BatchRequest } from "./payout-batch-request.ts"

/** Items that are looked at before other requests get their turn. */
const ITEMS_PER_TURN = 500

/**
 * What keeps items of a request from being paid by any bank, the first of it. Schemes are those of the time at which the
 * batch is to be executed, or of now (epoch milliseconds). At most `problemsMax` are given.
 */
export const unpayableItems = Effect.fnUntraced(function* (
  partner: PartnerId,
  { items, executeAt = 0 }: BatchRequest,
  now: number,
  problemsMax = PROBLEMS_MAX,
) {
  const limits = yield* PayoutLimits
  const at = Math.max(now, executeAt)
  const found: Array<FieldProblem> = []
  for (let index = 0; index < items.length && found.length < problemsMax; index += 1) {
    if (index > 0 && index % ITEMS_PER_TURN === 0) yield* turn
    const item = items[index]
    if (item === undefined) continue
    const { beneficiary, currency, minor, remittance } = item
    const { address } = beneficiary
    const visible = visibleBeneficiaryOf(beneficiary)
    const payout = {
      beneficiary: address === undefined ? visible : { ...visible, address },
      currency,
      minor,
      remittance,
    }
    for (const { path, detail } of limits.problems(payout, partner, at))
      found.push(fieldProblem(["items", index, ...path], detail))
  }
  return found.slice(0, problemsMax)
})
