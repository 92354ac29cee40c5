/**
 * Two apps with all routes, their metrics, and the answers to requests without a route: the API for partners and
 * providers, and the operational app for those who run the service.
 */
import { Effect } from "effect"
import { Hono, type MiddlewareHandler } from "hono"
import { routePath } from "hono/route"
import type { AppConfig } from "../config.ts"
import type { Administration } from "../identity/administration.ts"
import type { AuditTrail } from "../identity/audit-trail.ts"
import type { KeyDirectory } from "../identity/key-directory.ts"
import type { PartnerContracts } from "../identity/partner-contracts.ts"
import type { BatchQueries } from "../projections/batch-queries.ts"
import type { PayoutLimits } from "../providers/banks/payout-limits.ts"
import type { ProviderReports } from "../providers/calling/provider-reports.ts"
import type { DecisionRegister } from "../register/decision-register.ts"
import type { PayoutClaims } from "../register/payout-claims.ts"
import type { AnnouncedLists } from "../streams/announced-lists.ts"
import type { ApprovalAllowance } from "../streams/approval-allowance.ts"
import type { ClaimMarks } from "../streams/claim-marks.ts"
import type { DayLimit } from "../streams/day-limit.ts"
import type { EventStore } from "../streams/event-store.ts"
import type { Mailbox } from "../streams/mailbox.ts"
import type { StrayCallbacks } from "../streams/stray-callbacks.ts"
import { Metrics } from "../telemetry/metrics.ts"
import type { PartnerKeys } from "../vault/partner-keys.ts"
import type { WebhookEndpoints } from "../webhooks/endpoints.ts"
import { administration } from "./administration/administration.ts"
import { setPartnerContract } from "./administration/partner-contract.ts"
import { partnerSettingsRoutes } from "./administration/partner-settings.ts"
import { BANK_CALLBACKS, bankCallbacks } from "./callbacks/bank-callbacks.ts"
import { complianceCallbacks } from "./callbacks/compliance-callbacks.ts"
import { ledgerCallbacks } from "./callbacks/ledger-callbacks.ts"
import { directRoute } from "./edge/direct-route.ts"
import { type Edge, type EdgeEnv, makeEdge } from "./edge/edge.ts"
import { NotFound } from "./edge/failures.ts"
import type { RequestBodies } from "./edge/request-body.ts"
import { openApiDocument } from "./openapi.ts"
import { isAlive, operations, type ReadinessChecks } from "./operations/operations.ts"
import { providers } from "./operations/providers.ts"
import type { Intake } from "./payout-batches/intake.ts"
import { payoutBatches } from "./payout-batches/payout-batches.ts"
import { mounted } from "./routing/route.ts"
import { webhookEndpointRoutes } from "./webhook-endpoints.ts"

/** The services that the API's handlers use. */
export type HttpServices =
  | Administration
  | AnnouncedLists
  | AppConfig
  | ApprovalAllowance
  | AuditTrail
  | BatchQueries
  | ClaimMarks
  | DayLimit
  | DecisionRegister
  | EventStore
  | Intake
  | KeyDirectory
  | Mailbox
  | PartnerContracts
  | PartnerKeys
  | PayoutClaims
  | PayoutLimits
  | RequestBodies
  | StrayCallbacks
  | WebhookEndpoints

/** Builds the API, and what of it is answered without Hono. Both work while the services that they captured are open. */
export const makeApp = Effect.gen(function* () {
  const edge = yield* makeEdge<HttpServices>()
  const app = new Hono<EdgeEnv>()
  const metrics = yield* Metrics
  app.use(measured(metrics))
  app.route("/", payoutBatches(edge))
  app.route("/", mounted<HttpServices>(edge, webhookEndpointRoutes))
  app.route("/", mounted<HttpServices>(edge, [setPartnerContract, ...partnerSettingsRoutes]))
  app.route("/", administration(edge))
  const callbacks = yield* bankCallbacks(edge)
  app.route("/", callbacks.routes)
  app.route("/", yield* complianceCallbacks(edge))
  app.route("/", yield* ledgerCallbacks(edge))
  app.get("/healthz", isAlive)
  app.get("/openapi.json", (c) => c.json(openApiDocument))
  app.get("/", (c) => c.json(index))
  const count = (status: number) =>
    metrics.httpRequests.inc({ method: "POST", route: BANK_CALLBACKS, status })
  const direct = directRoute("bank-callbacks", "bank", callbacks.answer, count)
  return { app: answeringTheRest(app, edge), direct }
})

/** Builds the app for those who run the service. */
export const makeOperationsApp = Effect.gen(function* () {
  const edge = yield* makeEdge<ProviderReports | ReadinessChecks>()
  const app = new Hono<EdgeEnv>()
  app.use(measured(yield* Metrics))
  app.get("/healthz", isAlive)
  app.route("/", operations(edge))
  app.route("/", providers(edge))
  return answeringTheRest(app, edge)
})

const answeringTheRest = <R>(app: Hono<EdgeEnv>, edge: Edge<R>): Hono<EdgeEnv> => {
  app.notFound(edge.open(() => Effect.fail(new NotFound({ what: "resource" }))))
  app.onError((error, c) => edge.open(() => Effect.die(error))(c))
  return app
}

const index = {
  service: "atlaspay",
  documentation: "/openapi.json",
  payoutBatches: "/payout-batches",
  webhookEndpoints: "/webhook-endpoints",
}

const methods = new Set(["GET", "HEAD", "POST", "DELETE"])

/** Counts requests by the route that answered them, never by their path. */
const measured =
  ({ httpRequests }: Metrics): MiddlewareHandler<EdgeEnv> =>
  async (c, next) => {
    await next()
    const method = methods.has(c.req.method) ? c.req.method : "OTHER"
    httpRequests.inc({ method, route: routePath(c, -1), status: c.res.status })
  }
