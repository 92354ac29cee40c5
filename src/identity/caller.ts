/** Who calls, by the key that the request carries, and what that key is for. */
import type { Credential } from "../domain/credential.ts"
import type { PartnerId } from "../domain/identifiers.ts"

/** What people do to batches under way. */
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

/** What a partner decides about its own batches; the batch knows which items it may not try again. */
const actsOfPartners: ReadonlySet<Act> = new Set(["approve", "cancel", "retry"])

export const mayDo = (caller: Caller, act: Act): boolean =>
  caller.kind === "partner" ? actsOfPartners.has(act) : caller.acts.has(act)

/** Who shares a room with whom: all keys of a partner count together, and each operator counts alone. */
export const ownerOf = (caller: Caller): string =>
  caller.kind === "partner" ? caller.partner : caller.credential

/** The name of the key, where somebody gives none of their own. */
export const nameOf = ({ credential }: Caller): string => credential.slice(credential.indexOf(":") + 1)
