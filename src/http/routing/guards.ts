/** Who may call a route, and at which rate: what the edge checks before a handler runs, and what the document says of it. */
import type { Effect } from "effect"
import type { Credential } from "../../domain/credential.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import type { Access, OperatorAct, Scope } from "../../identity/access.ts"
import type { Administrator } from "../../identity/audit-trail.ts"
import { type Caller, ownerOf } from "../../identity/caller.ts"
import type { Credentials } from "../../identity/credentials.ts"
import type { Call, Edge, EdgeContext, EdgeHandler } from "../edge/edge.ts"
import type { Failure } from "../edge/problems.ts"

/** What a guard does with a handler that needs to know `Who` calls. */
export interface Guard<Who extends { readonly c: Call }> {
  /** `open` for everybody, `signed` for providers who sign what they send. */
  readonly access: Access | "open" | "signed"
  /** The failures of the check itself. */
  readonly failures: ReadonlyArray<Failure["_tag"]>
  /** Whose bodies count together. */
  readonly ownerOf: (who: Who) => string
  readonly mount: <R>(edge: Edge<R>, handle: (who: Who) => Effect.Effect<Response, Failure, R>) => EdgeHandler
}

/** The failures of a check of keys, with a limit on reads or acts. */
const keyFailures = [
  "Forbidden",
  "IssuerUnavailable",
  "KeyLookupsFull",
  "PartnerSuspended",
  "StoreUnavailable",
  "TooManyRequests",
  "Unauthorized",
  "VaultUnavailable",
] as const satisfies ReadonlyArray<KeyFailure | "Forbidden" | "TooManyRequests">

type KeyFailure = Effect.Error<ReturnType<Credentials["Service"]["callerOf"]>>["_tag"]
type Unnamed = Exclude<KeyFailure, (typeof keyFailures)[number]>
/** Does not compile if a check of keys can fail in a way that is not in the list. */
const all: [Unnamed] extends [never] ? ReadonlyArray<Failure["_tag"]> : Unnamed = keyFailures

/** For everybody. */
export const open: Guard<{ readonly c: EdgeContext }> = {
  access: "open",
  failures: [],
  ownerOf: ({ c }) => c.req.path,
  mount: (edge, handle) => edge.open((c) => handle({ c })),
}

/** For providers. The handler verifies the signature, because it covers the body. */
export const signed: Guard<{ readonly c: Call }> = {
  access: "signed",
  failures: ["InvalidSignature"],
  ownerOf: ({ c }) => c.req.path,
  mount: (edge, handle) => edge.open((c) => handle({ c })),
}

/** A request of a partner. */
export interface OfPartner {
  readonly c: EdgeContext
  readonly partner: PartnerId
  readonly credential: Credential
  readonly address: string | undefined
}

/** For partners whose keys have a scope. */
export const partner = (scope: Scope): Guard<OfPartner> => ({
  access: { partner: scope },
  failures: all,
  ownerOf: ({ partner }) => partner,
  mount: (edge, handle) =>
    edge.partner(scope, (c, partner, credential, address) => handle({ c, partner, credential, address })),
})

/** The same, at the limited rate of acts. */
export const partnerAct = (scope: Scope): Guard<OfPartner> => ({
  ...partner(scope),
  mount: (edge, handle) =>
    edge.partnerAct(scope, (c, partner, credential, address) => handle({ c, partner, credential, address })),
})

/** A request of a partner or an operator. */
export interface OfCaller {
  readonly c: EdgeContext
  readonly caller: Caller
  readonly address: string | undefined
}

/** For partners and operators whose keys permit it. */
export const caller = (access: Access): Guard<OfCaller> => ({
  access,
  failures: all,
  ownerOf: ({ caller }) => ownerOf(caller),
  mount: (edge, handle) => edge.caller(access, (c, caller, address) => handle({ c, caller, address })),
})

/** The same, at the limited rate of acts. */
export const act = (access: Access): Guard<OfCaller> => ({
  ...caller(access),
  mount: (edge, handle) => edge.act(access, (c, caller, address) => handle({ c, caller, address })),
})

/** A request of an operator who administers the service. */
export interface OfOperator {
  readonly c: EdgeContext
  readonly by: Administrator
}

/** For operators who may do an act, at the limited rate of acts. */
export const operator = (permitted: OperatorAct): Guard<OfOperator> => ({
  access: { operator: permitted },
  failures: all,
  ownerOf: ({ by }) => by.who,
  mount: (edge, handle) => edge.operator(permitted, (c, by) => handle({ c, by })),
})
