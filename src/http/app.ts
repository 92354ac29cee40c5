/**
 * Two apps with all routes, their metrics, and the answers to requests without a route: the API for partners and
 * providers, and the operational app for those who run the service.
 */
import { Effect } from "effect"
import { Hono, type MiddlewareHandler } from "hono"
import { routePath } from "hono/route"
import { AppConfig } from "../config.ts"
import { asyncApiDocument } from "../contract/asyncapi.ts"
import { eventSchemas } from "../contract/event-schemas.ts"
import type { Drafts } from "../drafts/drafts.ts"
import type { Administration } from "../identity/administration.ts"
import type { AuditTrail } from "../identity/audit-trail.ts"
import type { CallbackSecrets } from "../identity/callback-secrets.ts"
import type { Credentials } from "../identity/credentials.ts"
import type { KeyDirectory } from "../identity/key-directory.ts"
import type { PartnerContracts } from "../identity/partner-contracts.ts"
import type { BatchQueries } from "../projections/batch-queries.ts"
import type { ReportQueries } from "../projections/report-queries.ts"
import type { ProofRoots } from "../proof/proof-roots.ts"
import type { ProofTree } from "../proof/proof-tree.ts"
import type { PayoutLimits } from "../providers/banks/payout-limits.ts"
import type { ProviderReports } from "../providers/calling/provider-reports.ts"
import type { DecisionRegister } from "../register/decision-register.ts"
import type { PayoutClaims } from "../register/payout-claims.ts"
import type { AnnouncedLists } from "../streams/announced-lists.ts"
import type { AppendWatch } from "../streams/append-watch.ts"
import type { ApprovalAllowance } from "../streams/approval-allowance.ts"
import type { ClaimMarks } from "../streams/claim-marks.ts"
import type { DayLimit } from "../streams/day-limit.ts"
import type { EventStore } from "../streams/event-store.ts"
import type { Mailbox } from "../streams/mailbox.ts"
import type { StrayCallbacks } from "../streams/stray-callbacks.ts"
import { Metrics } from "../telemetry/metrics.ts"
import type { PartnerKeys } from "../vault/partner-keys.ts"
import type { DeliveryLog } from "../webhooks/delivery-log.ts"
import type { EndpointSecrets } from "../webhooks/endpoint-secrets.ts"
import type { WebhookEndpoints } from "../webhooks/endpoints.ts"
import type { Replays } from "../webhooks/replays.ts"
import { reportTransfer } from "./callbacks/bank-callbacks.ts"
import { ApiDocument } from "./documentation/documentation.ts"
import { pageOf } from "./documentation/page.ts"
import { allowedMethods } from "./edge/allowed-methods.ts"
import { crossOrigin } from "./edge/cross-origin.ts"
import { directRoute } from "./edge/direct-route.ts"
import { type Call, type Edge, type EdgeEnv, makeEdge, makeOpenEdge } from "./edge/edge.ts"
import { MethodNotAllowed, NotFound } from "./edge/failures.ts"
import type { RequestBodies } from "./edge/request-body.ts"
import { recordedTraceOf } from "./edge/request-spans.ts"
import type { ReadinessChecks } from "./operations/operations.ts"
import type { Intake } from "./payout-batches/intake.ts"
import type { OpenStreams } from "./payout-batches/open-streams.ts"
import { apiRoutes, openApiDocument, operationsRoutes } from "./routes.ts"
import { mounted } from "./routing/route.ts"

/** The services that the API's handlers use. */
export type HttpServices =
  | Administration
  | AnnouncedLists
  | AppConfig
  | AppendWatch
  | ApprovalAllowance
  | AuditTrail
  | BatchQueries
  | CallbackSecrets
  | ClaimMarks
  | Credentials
  | DayLimit
  | DecisionRegister
  | DeliveryLog
  | Drafts
  | EndpointSecrets
  | EventStore
  | Intake
  | KeyDirectory
  | Mailbox
  | OpenStreams
  | PartnerContracts
  | PartnerKeys
  | PayoutClaims
  | PayoutLimits
  | ProofRoots
  | ProofTree
  | Replays
  | ReportQueries
  | RequestBodies
  | StrayCallbacks
  | WebhookEndpoints

/** Builds the API, and what of it is answered without Hono. Both work while the services that they captured are open. */
export const makeApp = Effect.gen(function* () {
  const edge = yield* makeEdge<HttpServices | ApiDocument>()
  const app = new Hono<EdgeEnv>()
  const metrics = yield* Metrics
  app.use(measured(metrics))
  app.use(crossOrigin((yield* AppConfig).http.corsOrigins))
  app.route("/", mounted<HttpServices | ApiDocument>(edge, apiRoutes))
  const { path } = reportTransfer.definition
  const count = (status: number) => metrics.httpRequests.inc({ method: "POST", route: path, status })
  const report = timed(
    metrics,
    path,
    edge.direct(path, (c) => reportTransfer.handle({ c })),
  )
  return { app: answeringTheRest(app, edge), direct: directRoute("bank-callbacks", "bank", report, count) }
}).pipe(
  Effect.provideService(ApiDocument, {
    json: JSON.stringify(openApiDocument),
    page: pageOf(openApiDocument, [...eventSchemas.keys()]),
    asyncApi: JSON.stringify(asyncApiDocument),
    events: new Map([...eventSchemas].map(([name, schema]) => [name, JSON.stringify(schema)])),
  }),
)

/** Builds the app for those who run the service. */
export const makeOperationsApp = Effect.gen(function* () {
  const edge = yield* makeOpenEdge<OperationsServices>()
  const app = new Hono<EdgeEnv>()
  app.use(measured(yield* Metrics))
  app.route("/", mounted<OperationsServices>(edge, operationsRoutes))
  return answeringTheRest(app, edge)
})

type OperationsServices = ProviderReports | ReadinessChecks

const answeringTheRest = <R>(app: Hono<EdgeEnv>, edge: Edge<R>): Hono<EdgeEnv> => {
  const methodsOf = allowedMethods(app)
  app.notFound(
    edge.open((c) => {
      const allowed = methodsOf(c.req.path)
      return Effect.fail(
        allowed.length === 0 ? new NotFound({ what: "resource" }) : new MethodNotAllowed({ allowed }),
      )
    }),
  )
  app.onError((error, c) => edge.open(() => Effect.die(error))(c))
  return app
}

const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE"])

/** What Hono calls a request that no route answered. */
const NO_ROUTE = "/*"

/** Counts and times requests by the route that answered them, never by their path. */
const measured =
  ({ httpRequests, httpRequestSeconds }: Metrics): MiddlewareHandler<EdgeEnv> =>
  async (c, next) => {
    const startedAt = performance.now()
    await next()
    const method = methods.has(c.req.method) ? c.req.method : "OTHER"
    const path = routePath(c, -1)
    const route = path === NO_ROUTE ? "unmatched" : path
    const { status } = c.res
    httpRequests.inc({ method, route, status })
    httpRequestSeconds.observeTraced(
      { method, route, status: classOf(status) },
      (performance.now() - startedAt) / 1_000,
      recordedTraceOf(c),
    )
  }

/** Times the answers to posts that come past Hono. */
const timed =
  ({ httpRequestSeconds }: Metrics, route: string, answer: (call: Call) => Promise<Response>) =>
  async (call: Call): Promise<Response> => {
    const startedAt = performance.now()
    const response = await answer(call)
    httpRequestSeconds.observeTraced(
      { method: "POST", route, status: classOf(response.status) },
      (performance.now() - startedAt) / 1_000,
      recordedTraceOf(call),
    )
    return response
  }

/** "2xx" and so on. */
const classOf = (status: number): string => `${Math.floor(status / 100)}xx`
