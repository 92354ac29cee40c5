/** What a person asks for, who it is, and what the audit trail keeps of it. */
import { Effect } from "effect"
import type { MailCommand } from "../../domain/commands.ts"
import type { Credential } from "../../domain/credential.ts"
import type { BatchId } from "../../domain/identifiers.ts"
import { type Act, isOperates } from "../../identity/access.ts"
import type { Administrator } from "../../identity/audit-trail.ts"
import { type Caller, nameOf, operatorNeeded } from "../../identity/caller.ts"
import { PartnerContracts } from "../../identity/partner-contracts.ts"
import type { AuditedDecision } from "../../register/decision-register.ts"
import { Forbidden } from "../edge/failures.ts"

/**
 * A request's content for a command, and who made it. Both `by` and `credential` follow from the key or token of the request: a name
 * in the body is kept as a note, for clients that send one.
 */
export type Said<A> = Omit<A, "by"> & {
  readonly by: string
  readonly credential: Credential
  readonly typedBy?: string
  /** The caller is a partner whose contract allows the act. */
  readonly contract?: true
}

/** What a caller says, under the name that the key or token has. */
export const saidBy = <A extends { readonly by?: string }>(
  caller: Caller,
  { by: typed, ...said }: A,
): Said<A> => {
  const by = nameOf(caller)
  return {
    ...said,
    by,
    credential: caller.credential,
    ...(typed === undefined || typed === by ? {} : { typedBy: typed }),
  }
}

/** Partners decide what is otherwise left to operators only if their contract says so at this moment. */
export const contractFor = Effect.fnUntraced(function* (act: Act | "reschedule", caller: Caller) {
  if (caller.kind === "operator" || !isOperates(act)) return {}
  const allowed = yield* (yield* PartnerContracts).operates(caller.partner)
  return allowed.has(act) ? { contract: true as const } : yield* notFor(act)
})

/**
 * What the audit trail keeps of decisions that are otherwise left to operators. Their texts were checked for account numbers. The log has
 * the same decision under the id of its command.
 */
export const auditedAs = (
  by: Administrator,
  batch: BatchId,
  command: MailCommand,
  commandId: string,
  before: { readonly state: string | undefined; readonly version: number },
): AuditedDecision | undefined => {
  if (command._tag !== "Review" && command._tag !== "Resolve") return undefined
  const { _tag, at: _, item, credential: __, ...after } = command
  const act = _tag === "Review" ? "payout-item.review" : "payout-item.resolve"
  return {
    by,
    act,
    subject: `payout-item:${batch}/${item}`,
    before,
    after: { ...shownAct(after), commandId },
  }
}

/** The terms of the policy are in the settings, and amounts in it have no form in JSON. */
const shownAct = ({ policy: _, ...after }: object & { readonly policy?: unknown }): object => after

/** The refusal of a caller who may not do an act. */
export const notFor = (act: Act) => new Forbidden({ detail: operatorNeeded(act) })
