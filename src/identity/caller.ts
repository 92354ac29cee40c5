/** The caller of a request, by its key, and what the caller may do. */
import type { Credential } from "../domain/credential.ts"
import type { PartnerId } from "../domain/identifiers.ts"

/** What people can do to a batch that is under way. */
export const acts = ["approve", "cancel", "review", "retry", "resolve"] as const
export type Act = (typeof acts)[number]

export interface PartnerCaller {
  readonly kind: "partner"
  readonly credential: Credential
  readonly partner: PartnerId
}

export interface OperatorCaller {
  readonly kind: "operator"
  readonly credential: Credential
  readonly acts: ReadonlySet<Act>
}

export type Caller = PartnerCaller | OperatorCaller

/** What a partner may do to its own batches. The batch decides which items the partner may not retry. */
const actsOfPartners: ReadonlySet<Act> = new Set(["approve", "cancel", "retry"])

export const mayDo = (caller: Caller, act: Act): boolean =>
  caller.kind === "partner" ? actsOfPartners.has(act) : caller.acts.has(act)

/** Whose limits and requests count together: all keys of a partner, and each operator alone. */
export const ownerOf = (caller: Caller): string =>
  caller.kind === "partner" ? caller.partner : caller.credential

/** The name of the key, for callers that give no name of their own. */
export const nameOf = ({ credential }: Caller): string => credential.slice(credential.indexOf(":") + 1)
