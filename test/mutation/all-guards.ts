/** All guards that `npm run test:mutation` takes away: those of the domain, and those around it that need servers. */
import { accessGuards } from "./access-guards.ts"
import { adyenGuards } from "./adyen-guards.ts"
import { alertGuards } from "./alert-guards.ts"
import { archiveGuards } from "./archive-guards.ts"
import { archivedLogGuards } from "./archived-log-guards.ts"
import { authorityGuards, edgeGuards as authorityStepGuards } from "./authority-guards.ts"
import { bankBookingGuards } from "./bank-booking-guards.ts"
import { bankIdGuards } from "./bank-id-guards.ts"
import { bankReportGuards } from "./bank-report-guards.ts"
import { bankStatementGuards } from "./bank-statement-guards.ts"
import { bankWordGuards } from "./bank-word-guards.ts"
import { beneficiaryGuards } from "./beneficiary-guards.ts"
import { clientGuards } from "./client-guards.ts"
import { clearanceGuards, clearanceStepGuards } from "./compliance-guards.ts"
import { databaseGuards } from "./database-guards.ts"
import { deliveryGuards } from "./delivery-guards.ts"
import { deliveryLogGuards } from "./delivery-log-guards.ts"
import { domainGuards, type Guard } from "./domain-guards.ts"
import { draftGuards } from "./draft-guards.ts"
import { duplicateGuards } from "./duplicate-guards.ts"
import { edgeGuards } from "./edge-guards.ts"
import { endpointGuards } from "./endpoint-guards.ts"
import { eventStreamGuards } from "./event-stream-guards.ts"
import { failoverGuards } from "./failover-guards.ts"
import { fileStoreGuards } from "./file-store-guards.ts"
import { formanceGuards } from "./formance-guards.ts"
import { gatheringGuards } from "./gathering-guards.ts"
import { intakeGuards } from "./intake-guards.ts"
import { keyGuards } from "./key-guards.ts"
import { logReplayGuards } from "./log-replay-guards.ts"
import { metricGuards } from "./metric-guards.ts"
import { nachaGuards } from "./nacha-guards.ts"
import { paceGuards } from "./pace-guards.ts"
import { partnerSettingsGuards } from "./partner-settings-guards.ts"
import { pastGuards } from "./past-guards.ts"
import { paymentVariantGuards } from "./payment-variant-guards.ts"
import { payoutFileGuards } from "./payout-file-guards.ts"
import { payPalGuards } from "./paypal-guards.ts"
import { planningGuards, planningStepGuards } from "./planning-guards.ts"
import { proofGuards } from "./proof-guards.ts"
import { readingGuards } from "./reading-guards.ts"
import { rebuildGuards } from "./rebuild-guards.ts"
import { replayGuards } from "./replay-guards.ts"
import { reportGuards } from "./report-guards.ts"
import { screeningGuards } from "./screening-guards.ts"
import { settingsGuards } from "./settings-guards.ts"
import { type StepGuard, stepGuards } from "./step-guards.ts"
import { stoppingGuards } from "./stopping-guards.ts"
import { storeGuards } from "./store-guards.ts"
import { textGuards } from "./text-guards.ts"
import { traceGuards } from "./trace-guards.ts"
import { transferGuards } from "./transfer-guards.ts"
import { uploadGuards } from "./upload-guards.ts"
import { verificationGuards } from "./verification-guards.ts"
import { webhookSecretGuards } from "./webhook-secret-guards.ts"
import { writtenGuards } from "./written-guards.ts"

/** Missed by the domain's tests. */
export const guardsOfDomain: ReadonlyArray<Guard> = [
  ...domainGuards,
  ...transferGuards,
  ...bankWordGuards,
  ...clearanceGuards,
  ...authorityGuards,
]

/** Missed by the domain's tests of planning. */
export const guardsOfPlanning: ReadonlyArray<Guard> = planningGuards

/** Each missed by the test that it names. */
export const guardsOfSteps: ReadonlyArray<StepGuard> = [
  ...stepGuards,
  ...archivedLogGuards,
  ...bankReportGuards,
  ...bankBookingGuards,
  ...bankIdGuards,
  ...bankStatementGuards,
  ...clearanceStepGuards,
  ...archiveGuards,
  ...storeGuards,
  ...fileStoreGuards,
  ...paymentVariantGuards,
  ...authorityStepGuards,
  ...accessGuards,
  ...keyGuards,
  ...pastGuards,
  ...partnerSettingsGuards,
  ...payoutFileGuards,
  ...deliveryGuards,
  ...deliveryLogGuards,
  ...endpointGuards,
  ...webhookSecretGuards,
  ...paceGuards,
  ...edgeGuards,
  ...intakeGuards,
  ...beneficiaryGuards,
  ...textGuards,
  ...databaseGuards,
  ...failoverGuards,
  ...duplicateGuards,
  ...draftGuards,
  ...reportGuards,
  ...screeningGuards,
  ...settingsGuards,
  ...planningStepGuards,
  ...gatheringGuards,
  ...uploadGuards,
  ...writtenGuards,
  ...payPalGuards,
  ...readingGuards,
  ...clientGuards,
  ...rebuildGuards,
  ...replayGuards,
  ...logReplayGuards,
  ...eventStreamGuards,
  ...proofGuards,
  ...verificationGuards,
  ...metricGuards,
  ...nachaGuards,
  ...alertGuards,
  ...traceGuards,
  ...stoppingGuards,
  ...adyenGuards,
  ...formanceGuards,
]
