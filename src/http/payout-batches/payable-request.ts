/** What of a request can be paid, by the settings of its partner and the limits of banks. */
import { Effect } from "effect"
import type { PartnerId } from "../../domain/identifiers.ts"
import type { FieldProblem } from "../edge/field-problem.ts"
import { unpayableItems } from "./intake-limits.ts"
import { type PartnerTerms, refusedBySettings } from "./partner-terms.ts"
import type { BatchRequest } from "./payout-batch-request.ts"
import type { SettingAside } from "./set-aside.ts"

/** What can be paid of a request, if it is not to be refused, and the problems that were found. */
export interface PayableNow {
  readonly payable: BatchRequest | undefined
  readonly problems: ReadonlyArray<FieldProblem>
}

/**
 * The request as it can be accepted at `now` (epoch milliseconds): as a whole or, if it sets bad rows aside, without the items that
 * have problems. What is left has to be within the limits of a batch.
 */
export const payableNow = Effect.fnUntraced(function* (
  terms: PartnerTerms,
  partner: PartnerId,
  request: BatchRequest,
  now: number,
  { problemsMax, settingAside }: { readonly problemsMax: number; readonly settingAside?: SettingAside },
): Effect.fn.Return<PayableNow, ProblemFailure, ProblemNeeds> {
  const problems = yield* problemsNow(terms, partner, request, now, problemsMax)
  if (problems.length === 0) return { payable: request, problems }
  const ofItems = problems.filter(({ item }) => item !== undefined)
  const payable = ofItems.length === 0 ? undefined : settingAside?.without(request, ofItems)
  if (payable === undefined) return { payable, problems }
  const left = yield* problemsNow(terms, partner, payable, now, problemsMax)
  return left.length === 0 ? { payable, problems } : { payable: undefined, problems: left }
})

type Problems = ReturnType<typeof problemsNow>
type ProblemFailure = Effect.Error<Problems>
type ProblemNeeds = Effect.Services<Problems>

/** What the partner's settings, and the banks, refuse in a request at `now` (epoch milliseconds): at most `problemsMax`. */
const problemsNow = Effect.fnUntraced(function* (
  terms: PartnerTerms,
  partner: PartnerId,
  request: BatchRequest,
  now: number,
  problemsMax: number,
) {
  const refused = yield* refusedBySettings(terms, request, now, problemsMax)
  return [...refused, ...(yield* unpayableItems(partner, request, now, problemsMax))].slice(0, problemsMax)
})
