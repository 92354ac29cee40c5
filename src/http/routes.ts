/** All routes, by listener. The order is that of the OpenAPI document. */
import { administrationRoutes } from "./administration/administration.ts"
import { setPartnerContract } from "./administration/partner-contract.ts"
import { partnerSettingsRoutes } from "./administration/partner-settings.ts"
import { signOutPerson } from "./administration/sign-out.ts"
import { reportTransfer } from "./callbacks/bank-callbacks.ts"
import { announceLists, reportDecisions } from "./callbacks/compliance-callbacks.ts"
import { reportFunding } from "./callbacks/ledger-callbacks.ts"
import { documentationRoutes } from "./documentation/documentation.ts"
import { setLogLevel, showLogLevel } from "./operations/log-level.ts"
import { isAlive, isReady, showMetrics } from "./operations/operations.ts"
import { showProviders } from "./operations/providers.ts"
import { draftRoutes } from "./payout-batch-drafts/draft-routes.ts"
import { payoutBatchRoutes } from "./payout-batches/payout-batches.ts"
import { acceptPayoutBatch } from "./payout-uploads/post-batch.ts"
import { proofRoutes } from "./proofs/proofs.ts"
import { listActs } from "./reports/acts.ts"
import { listDailyTotals } from "./reports/daily-totals.ts"
import { countFailures } from "./reports/failures.ts"
import { openApiOf } from "./routing/openapi.ts"
import { webhookDeliveryRoutes } from "./webhook-deliveries.ts"
import { webhookEndpointRoutes } from "./webhook-endpoints.ts"
import { showWebhookPublicKeys } from "./webhook-public-keys.ts"
import { webhookReplayRoutes } from "./webhook-replays.ts"
import { webhookSecretRoutes } from "./webhook-secrets.ts"

/** The routes of partners, operators and providers. */
export const apiRoutes = [
  acceptPayoutBatch,
  ...payoutBatchRoutes,
  ...draftRoutes,
  listDailyTotals,
  countFailures,
  listActs,
  ...proofRoutes,
  ...webhookEndpointRoutes,
  ...webhookDeliveryRoutes,
  ...webhookReplayRoutes,
  ...webhookSecretRoutes,
  showWebhookPublicKeys,
  ...administrationRoutes,
  setPartnerContract,
  signOutPerson,
  ...partnerSettingsRoutes,
  reportTransfer,
  reportDecisions,
  announceLists,
  reportFunding,
  isAlive,
  ...documentationRoutes,
]

/** The routes of those who run the service. */
export const operationsRoutes = [isAlive, isReady, showMetrics, showProviders, showLogLevel, setLogLevel]

/** The definitions of all routes, each once. */
export const definitions = [...new Set([...apiRoutes, ...operationsRoutes])].map(
  ({ definition }) => definition,
)

/** The OpenAPI document of all routes. */
export const openApiDocument = openApiOf(definitions)
