/** `atlaspay/client`: what partners import. docs/CLIENT.md explains it. */
import { type AtlasPay, type ClientOptions, partnerClient } from "./partner-client.ts"

export type {
  Approval,
  BatchDryRun,
  BatchEvent,
  BatchState,
  Cancellation,
  Decline,
  FoundItem,
  ItemState,
  NewPayoutBatch,
  NewPayoutItem,
  PayoutBatch,
  PayoutItem,
  PayoutItemDetail,
  Resolution,
  Retry,
  Review,
  Schedule,
  Warning,
} from "./api-types.ts"
export type { ActOptions, FileOptions, FileTerms, PayoutFile, PostedBatch } from "./batch-posting.ts"
export type { Acknowledged } from "./calls.ts"
export type { DraftItem, PayoutBatchDraft, PayoutBatchTerms } from "./draft-types.ts"
export type { AddedPage, DraftFileOptions, SubmittedDraft } from "./drafts.ts"
export {
  Aborted,
  AtlasPayError,
  type CallDetails,
  IncompleteExport,
  KeyReused,
  NoAnswer,
  type PlaceProblem,
  Problem,
  type ProblemDocument,
  Timeout,
  UnusableAnswer,
} from "./errors.ts"
export type { EventStreamOptions } from "./event-stream.ts"
export type { ExportedItem, ExportedItems } from "./exports.ts"
export type { AtlasPay, ClientOptions } from "./partner-client.ts"
export type { ConsistencyProof, ItemProof, SignedRoot } from "./report-types.ts"
export type { SettlingOptions } from "./settling.ts"
export type { CallOptions, Limits } from "./transport.ts"
export type { WebhookEvent } from "./webhook-events.ts"
export type {
  CreatedWebhookEndpoint,
  NewWebhookEndpoint,
  WebhookDelivery,
  WebhookDeliveryDetail,
  WebhookEndpoint,
  WebhookEndpointChanges,
  WebhookReplay,
} from "./webhook-types.ts"
export { type VerifyOptions, verifyWebhook, WebhookRefused } from "./webhooks.ts"

/**
 * A client of the service at `url`. Throws a `TypeError` if the address or the key can be none; the error shows neither. What is wrong
 * with a call rejects its promise with an `AtlasPayError`.
 */
export const atlasPay = (options: ClientOptions): AtlasPay => partnerClient(options)
