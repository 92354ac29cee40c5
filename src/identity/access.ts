/**
 * What keys permit. A partner's key has scopes, an operator's key has acts. Each route declares which of them it needs, and
 * the edge checks it once the caller is authenticated and before a body is read.
 */

/** Scopes that only work for partners whose contract lets them decide what is otherwise left to operators. */
export const contractScopes = ["batches:review", "batches:resolve"] as const

/** What a partner's contract may let it decide about its own batches, and the scope that its keys need for it. */
export const operates = ["review", "resolve"] as const
export type Operates = (typeof operates)[number]

export const isOperates = (text: string): text is Operates => operates.some((one) => one === text)

/** What a partner's key may permit, on the partner's own batches and endpoints. */
export const scopes = [
  "batches:read",
  "batches:write",
  "batches:approve",
  "batches:cancel",
  "batches:retry",
  "webhooks:manage",
  ...contractScopes,
] as const
export type Scope = (typeof scopes)[number]

/** What the keys of the settings may do: all that does not depend on a partner's contract. */
export const scopesWithoutContract: ReadonlyArray<Scope> = scopes.filter(
  (scope) => !contractScopes.some((other) => other === scope),
)

/** What people can do to a batch that is under way. */
export const acts = ["approve", "cancel", "review", "retry", "resolve"] as const
export type Act = (typeof acts)[number]

/**
 * What an operator's key may permit on the batches of all partners, and on the service itself. Who may do something to batches may
 * read them, too. `keys:grant` is for who manages keys, and may give what it does not have itself.
 */
export const operatorActs = [...acts, "batches:read", "keys:manage", "keys:grant", "audit:read"] as const
export type OperatorAct = (typeof operatorActs)[number]

export const isScope = (text: string): text is Scope => scopes.some((scope) => scope === text)
export const isOperatorAct = (text: string): text is OperatorAct => operatorActs.some((act) => act === text)

/** What a route needs of a partner's key, and of an operator's. A kind of caller that is missing may not use the route. */
export interface Access {
  readonly partner?: Scope
  readonly operator?: OperatorAct
}

/** Every access that routes declare, by what the route does. */
export const access = {
  readBatches: { partner: "batches:read", operator: "batches:read" },
  postBatches: { partner: "batches:write" },
  readDrafts: { partner: "batches:read" },
  approve: { partner: "batches:approve", operator: "approve" },
  cancel: { partner: "batches:cancel", operator: "cancel" },
  review: { partner: "batches:review", operator: "review" },
  /** Who may submit a batch with an `executeAt` may change it. */
  reschedule: { partner: "batches:write" },
  retry: { partner: "batches:retry", operator: "retry" },
  resolve: { partner: "batches:resolve", operator: "resolve" },
  manageWebhooks: { partner: "webhooks:manage" },
  manageKeys: { operator: "keys:manage" },
  readAudit: { operator: "audit:read" },
} as const satisfies Readonly<Record<string, Access>>
