/**
 * What an administrator may give to a key, or to the contract or the settings of a partner: what it may do itself. Only the role `admin` gives more,
 * by the act `keys:grant`. Otherwise `keys:manage` would be every other act as well: who has it could make a key for it.
 */
import { Effect, Schema } from "effect"
import { access, isOperatorAct, isScope, type OperatorAct, type Scope } from "./access.ts"
import type { Administrator } from "./audit-trail.ts"
import { mayAct } from "./caller.ts"
import { actsIn, isOperatorRole } from "./roles.ts"

/**
 * The settings of a partner, among what can be given: which totals nobody has to approve, and how much is paid in a day. No act of an
 * operator permits as much, so they need `keys:grant`.
 */
export const SETTINGS = "settings"

/** The administrator may not give `grant`: it does not have it itself. */
export class GrantRefused extends Schema.TaggedError<GrantRefused>()("GrantRefused", {
  grant: Schema.String,
}) {}

/** Fails with the first scope, act, role or other grant that the administrator may not give. At the command line it may give all. */
export const requireGrants = Effect.fnUntraced(function* (
  { acts }: Administrator,
  list: ReadonlyArray<string>,
) {
  if (acts === undefined || acts.has("keys:grant")) return
  const grant = list.find((one) => !actsFor(one).every((act) => act !== undefined && mayAct({ acts }, act)))
  if (grant !== undefined) return yield* new GrantRefused({ grant })
})

/** What an operator has to be permitted to give something; `undefined` if no act permits it. */
const actsFor = (one: string): ReadonlyArray<OperatorAct | undefined> => {
  if (isOperatorRole(one)) return [...actsIn([one])]
  // `batches:read` is both: a scope of partners, and the act of operators that goes further.
  if (isOperatorAct(one)) return [one]
  return [isScope(one) ? actOf(one) : undefined]
}

/** The act of operators that does what a scope lets a partner do: some do only what partners do. */
const actOf = (scope: Scope): OperatorAct | undefined =>
  Object.values(access).flatMap((of: { readonly partner?: Scope; readonly operator?: OperatorAct }) =>
    of.partner === scope ? [of.operator] : [],
  )[0]
