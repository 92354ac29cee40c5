/**
 * Every route of the API, and what it answers to whom. A new route does not pass `access-matrix.test.ts` until it has a row here.
 *
 * The requests of the matrix change nothing: their bodies are invalid, so that a caller who is permitted gets 400, after the
 * body was read. A caller who is not gets 401, 403 or 404, without anything being read.
 */
import type { Access, OperatorAct, Scope } from "../../src/identity/access.ts"
import type { Role } from "../../src/identity/roles.ts"

/** What exists: a batch, a draft and an endpoint of the owner's, a partner and a key. */
export interface Objects {
  readonly batch: string
  readonly endpoint: string
  readonly draft: string
  readonly partner: string
  readonly key: string
}

/** A route that needs a key. */
export interface Guarded {
  readonly kind: "guarded"
  readonly access: Access
  readonly path: (objects: Objects) => string
  /** The answer to a key of the partner whose objects they are, that has the scope. */
  readonly owner?: number
  /** The answer to a key of another partner, that has the scope. */
  readonly other?: number
  /** The answer to an operator who may. */
  readonly operator?: number
}

/** A route that needs none, or a signature; all callers without one get the same answer. */
export interface Keyless {
  readonly kind: "open" | "signed"
  readonly path: string
  readonly status: number
}

const read = (path: Guarded["path"], other: number): Guarded => ({
  kind: "guarded",
  access: { partner: "batches:read", operator: "batches:read" },
  path,
  owner: 200,
  other,
  operator: 200,
})

const act = (access: Access, path: string): Guarded => ({
  kind: "guarded",
  access,
  path: ({ batch }) => `/payout-batches/${batch}/${path}`,
  owner: 400,
  other: 404,
  operator: 400,
})

const webhooks = (path: Guarded["path"], owner: number, other = owner): Guarded => ({
  kind: "guarded",
  access: { partner: "webhooks:manage" },
  path,
  owner,
  other,
})

/** What signs the webhooks of an endpoint. */
const signer = (path: string, owner: number, other = 404): Guarded =>
  webhooks(({ endpoint }) => `/webhook-endpoints/${endpoint}/${path}`, owner, other)

/** Changes name the version that they change: without it, only the owner gets to know that the draft is there. */
const draft = (scope: Scope, path: string, owner: number): Guarded => ({
  kind: "guarded",
  access: { partner: scope },
  path: ({ draft }) => `/payout-batch-drafts/${draft}${path}`,
  owner,
  other: 404,
})

const drafts = (scope: Scope, answer: number): Guarded => ({
  ...draft(scope, "", answer),
  path: () => "/payout-batch-drafts",
  other: answer,
})

const admin = (path: Guarded["path"], operator: number): Guarded => ({
  kind: "guarded",
  access: { operator: "keys:manage" },
  path,
  operator,
})

/** What each role may do, written down a second time. */
export const roleMay: Readonly<Record<Role, ReadonlyArray<OperatorAct>>> = {
  viewer: ["batches:read"],
  reviewer: ["batches:read", "review", "cancel"],
  approver: ["batches:read", "approve", "cancel"],
  resolver: ["batches:read", "resolve", "retry", "cancel"],
  admin: ["keys:manage", "keys:grant", "audit:read"],
  auditor: ["batches:read", "audit:read"],
}

const open = (path: string): Keyless => ({ kind: "open", path, status: 200 })
const signed = (path: string): Keyless => ({ kind: "signed", path, status: 401 })

export const matrix: Readonly<Record<string, Guarded | Keyless>> = {
  "POST /payout-batches": {
    kind: "guarded",
    access: { partner: "batches:write" },
    path: () => "/payout-batches",
    owner: 400,
    other: 400,
  },
  "GET /payout-batches": read(() => "/payout-batches?partner=acme", 200),
  "GET /payout-batches/:id": read(({ batch }) => `/payout-batches/${batch}`, 404),
  "GET /payout-batches/:id/items": read(({ batch }) => `/payout-batches/${batch}/items`, 404),
  "GET /payout-batches/:id/items/:item": read(({ batch }) => `/payout-batches/${batch}/items/1`, 404),
  "GET /payout-batches/:id/items/:item/matches": {
    kind: "guarded",
    access: { operator: "review" },
    path: ({ batch }) => `/payout-batches/${batch}/items/1/matches`,
    operator: 200,
  },
  "GET /payout-batches/:id/events": read(({ batch }) => `/payout-batches/${batch}/events`, 404),
  "GET /payout-batches/:id/acts": read(({ batch }) => `/payout-batches/${batch}/acts`, 404),
  "GET /reports/daily-totals": read(() => "/reports/daily-totals?from=2026-11-01&to=2026-11-30", 200),
  "GET /reports/failures": read(() => "/reports/failures?from=2026-11-01&to=2026-11-30", 200),
  "GET /reports/acts": {
    kind: "guarded",
    access: { operator: "audit:read" },
    path: () => "/reports/acts?from=2026-11-01&to=2026-11-30",
    operator: 200,
  },
  "GET /payout-batches/:id/items/:item/proof": {
    ...read(({ batch }) => `/payout-batches/${batch}/items/1/proof`, 404),
    owner: 409,
    operator: 409,
  },
  "GET /proofs/root": read(() => "/proofs/root", 200),
  "GET /proofs/consistency": read(() => "/proofs/consistency?from=1&to=5", 200),
  "GET /.well-known/atlaspay-proof-keys.json": open("/.well-known/atlaspay-proof-keys.json"),
  "GET /payout-items": read(() => "/payout-items?partner=acme", 200),
  "POST /payout-batches/:id/approval": act({ partner: "batches:approve", operator: "approve" }, "approval"),
  "POST /payout-batches/:id/cancellation": act(
    { partner: "batches:cancel", operator: "cancel" },
    "cancellation",
  ),
  "POST /payout-batches/:id/decline": act({ partner: "batches:approve", operator: "approve" }, "decline"),
  "POST /payout-batches/:id/schedule": act({ partner: "batches:write" }, "schedule"),
  "POST /payout-batches/:id/items/:item/review": act(
    { partner: "batches:review", operator: "review" },
    "items/1/review",
  ),
  "POST /payout-batches/:id/items/:item/retry": act(
    { partner: "batches:retry", operator: "retry" },
    "items/1/retry",
  ),
  "POST /payout-batches/:id/items/:item/resolution": act(
    { partner: "batches:resolve", operator: "resolve" },
    "items/1/resolution",
  ),
  "POST /payout-batch-drafts": drafts("batches:write", 400),
  "GET /payout-batch-drafts": drafts("batches:read", 200),
  "GET /payout-batch-drafts/:draft": draft("batches:read", "", 200),
  "PUT /payout-batch-drafts/:draft": draft("batches:write", "", 428),
  "DELETE /payout-batch-drafts/:draft": draft("batches:write", "", 428),
  "POST /payout-batch-drafts/:draft/items": draft("batches:write", "/items", 428),
  "GET /payout-batch-drafts/:draft/items": draft("batches:read", "/items", 200),
  "DELETE /payout-batch-drafts/:draft/items/:item": draft("batches:write", "/items/1", 428),
  "DELETE /payout-batch-drafts/:draft/pages/:page": draft("batches:write", "/pages/1", 428),
  "POST /payout-batch-drafts/:draft/submission": draft("batches:write", "/submission", 428),
  "POST /webhook-endpoints": webhooks(() => "/webhook-endpoints", 400),
  "GET /webhook-endpoints": webhooks(() => "/webhook-endpoints", 200),
  "GET /webhook-endpoints/:id": webhooks(({ endpoint }) => `/webhook-endpoints/${endpoint}`, 200, 404),
  "PATCH /webhook-endpoints/:id": webhooks(({ endpoint }) => `/webhook-endpoints/${endpoint}`, 400, 400),
  "POST /webhook-endpoints/:id/pause": webhooks(
    ({ endpoint }) => `/webhook-endpoints/${endpoint}/pause`,
    200,
    404,
  ),
  "POST /webhook-endpoints/:id/resume": webhooks(
    ({ endpoint }) => `/webhook-endpoints/${endpoint}/resume`,
    200,
    404,
  ),
  "POST /webhook-endpoints/:id/test": webhooks(
    ({ endpoint }) => `/webhook-endpoints/${endpoint}/test`,
    202,
    404,
  ),
  "DELETE /webhook-endpoints/:id": webhooks(({ endpoint }) => `/webhook-endpoints/${endpoint}`, 204, 404),
  "GET /webhook-endpoints/:id/signatures": signer("signatures", 200),
  "POST /webhook-endpoints/:id/secret/rotation": signer("secret/rotation", 400, 400),
  "DELETE /webhook-endpoints/:id/secret/previous": signer("secret/previous", 204),
  "PUT /webhook-endpoints/:id/signing-key": signer("signing-key", 200),
  "POST /webhook-endpoints/:id/signing-key/rotation": signer("signing-key/rotation", 400, 400),
  "DELETE /webhook-endpoints/:id/signing-key/previous": signer("signing-key/previous", 204),
  "DELETE /webhook-endpoints/:id/signing-key": signer("signing-key", 204),
  "GET /.well-known/webhook-keys/:endpoint": {
    kind: "open",
    path: "/.well-known/webhook-keys/we_none",
    status: 404,
  },
  "GET /webhook-deliveries": webhooks(() => "/webhook-deliveries", 200),
  "GET /webhook-endpoints/:id/deliveries/:event": webhooks(
    ({ endpoint }) => `/webhook-endpoints/${endpoint}/deliveries/pb_7qfdkz5nhm2rj3wtxay4ebgc6u.41`,
    200,
    404,
  ),
  "POST /webhook-endpoints/:id/deliveries/:event/resend": webhooks(
    ({ endpoint }) => `/webhook-endpoints/${endpoint}/deliveries/pb_7qfdkz5nhm2rj3wtxay4ebgc6u.41/resend`,
    202,
    404,
  ),
  "POST /webhook-endpoints/:id/redrive": webhooks(
    ({ endpoint }) => `/webhook-endpoints/${endpoint}/redrive`,
    400,
  ),
  "POST /webhook-endpoints/:id/replays": webhooks(
    ({ endpoint }) => `/webhook-endpoints/${endpoint}/replays`,
    400,
  ),
  "GET /webhook-endpoints/:id/replays": webhooks(
    ({ endpoint }) => `/webhook-endpoints/${endpoint}/replays`,
    200,
    404,
  ),
  "GET /webhook-endpoints/:id/replays/:replay": webhooks(
    ({ endpoint }) => `/webhook-endpoints/${endpoint}/replays/wr_done`,
    200,
    404,
  ),
  "POST /admin/partners": admin(() => "/admin/partners", 400),
  "GET /admin/partners": admin(() => "/admin/partners", 200),
  "POST /admin/partners/:partner/suspension": admin(
    ({ partner }) => `/admin/partners/${partner}/suspension`,
    400,
  ),
  "POST /admin/partners/:partner/resumption": admin(
    ({ partner }) => `/admin/partners/${partner}/resumption`,
    400,
  ),
  "GET /admin/partners/:partner/settings": admin(({ partner }) => `/admin/partners/${partner}/settings`, 200),
  "POST /admin/partners/:partner/settings": admin(
    ({ partner }) => `/admin/partners/${partner}/settings`,
    400,
  ),
  "POST /admin/partners/:partner/contract": admin(
    ({ partner }) => `/admin/partners/${partner}/contract`,
    400,
  ),
  "POST /admin/people/:operator/sign-out": admin(() => "/admin/people/sso-nobody/sign-out", 400),
  "POST /admin/api-keys": admin(() => "/admin/api-keys", 400),
  "GET /admin/api-keys": admin(() => "/admin/api-keys", 200),
  "GET /admin/api-keys/:key": admin(({ key }) => `/admin/api-keys/${key}`, 200),
  "POST /admin/api-keys/:key/rotation": admin(({ key }) => `/admin/api-keys/${key}/rotation`, 400),
  "POST /admin/api-keys/:key/revocation": admin(({ key }) => `/admin/api-keys/${key}/revocation`, 400),
  "GET /admin/audit": {
    kind: "guarded",
    access: { operator: "audit:read" },
    path: () => "/admin/audit",
    operator: 200,
  },
  "POST /bank-callbacks/:bank": signed("/bank-callbacks/north"),
  "POST /compliance-callbacks": signed("/compliance-callbacks"),
  "POST /compliance-callbacks/lists": signed("/compliance-callbacks/lists"),
  "POST /ledger-callbacks/funded": signed("/ledger-callbacks/funded"),
  "GET /healthz": open("/healthz"),
  "GET /openapi.json": open("/openapi.json"),
  "GET /asyncapi.json": open("/asyncapi.json"),
  "GET /events/:file": open("/events/PayoutSettled.json"),
  "GET /docs": open("/docs"),
  "GET /": open("/"),
}
