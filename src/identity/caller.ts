/** The caller of a request, by its key, and what the caller may do. */
import type { Credential } from "../domain/credential.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import { type Access, acts, type OperatorAct, type Scope } from "./access.ts"
import type { Administrator } from "./audit-trail.ts"

export interface PartnerCaller {
  readonly kind: "partner"
  readonly credential: Credential
  readonly partner: PartnerId
  readonly scopes: ReadonlySet<Scope>
}

export interface OperatorCaller {
  readonly kind: "operator"
  readonly credential: Credential
  /** The name that an issuer of sign-ins gives for the person: a note. */
  readonly name?: string
  readonly acts: ReadonlySet<OperatorAct>
}

export type Caller = PartnerCaller | OperatorCaller

/** What the caller needs and does not have, in words for the caller; `undefined` if the caller has the access. */
export interface Lack {
  readonly detail: string
  /** The scope that a partner's key would need. */
  readonly scope?: Scope
}

/** Why a caller may not use a route with this access; `undefined` if it may. */
export const lackOf = (caller: Caller, { partner, operator }: Access): Lack | undefined => {
  if (caller.kind === "partner") {
    if (partner === undefined) return { detail: operatorNeeded(operator) }
    if (caller.scopes.has(partner)) return undefined
    return { detail: `Use a key with the scope ${partner}.`, scope: partner }
  }
  if (operator === undefined) return { detail: "Use a partner's key." }
  return mayAct(caller, operator) ? undefined : { detail: operatorNeeded(operator) }
}

/** Whether an operator may do something: who may do something to batches may read them, too. */
export const mayAct = ({ acts: permitted }: Pick<OperatorCaller, "acts">, act: OperatorAct): boolean =>
  permitted.has(act) || (act === "batches:read" && acts.some((other) => permitted.has(other)))

/** What to use in place of a key that does not permit an act. */
export const operatorNeeded = (act: Access["operator"]): string => {
  if (act === undefined) return "Use an operator's key."
  return act.includes(":")
    ? `Use an operator's key with the scope ${act}.`
    : `Use an operator's key that may ${act}.`
}

/** Whose limits and requests count together: all keys of a partner, and each operator alone. */
export const ownerOf = (caller: Caller): string =>
  caller.kind === "partner" ? caller.partner : caller.credential

/** The name for people: that of the issuer of a sign-in, or else that of the key. The credential is what counts. */
export const nameOf = (caller: Caller): string => {
  const { credential } = caller
  return (
    (caller.kind === "operator" ? caller.name : undefined) ?? credential.slice(credential.indexOf(":") + 1)
  )
}

/** Who acts, as the audit trail has it: by credential, from an address. */
export const administratorOf = (caller: Caller, address: string | undefined): Administrator => ({
  who: caller.credential,
  address,
  acts: caller.kind === "operator" ? caller.acts : new Set(),
  ...(caller.kind === "operator" && caller.name !== undefined ? { name: caller.name } : {}),
})
