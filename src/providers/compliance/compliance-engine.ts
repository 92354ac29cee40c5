import { Context, type Effect } from "effect"
import type { AnswerWithMatches } from "../../domain/clearance-answers.ts"
import type { PayoutItem } from "../../domain/events.ts"
import type { BatchId } from "../../domain/identifiers.ts"
import type { ProviderUnavailable } from "../calling/provider-error.ts"

export interface ClearanceRequest {
  /** The idempotency key of the request. */
  readonly clearanceId: string
  readonly partner: string
  readonly batch: BatchId
  readonly items: ReadonlyArray<PayoutItem>
}

export interface Clearance {
  readonly clearanceId: string
  /** The version of the lists on which the decisions are based. */
  readonly listVersion: string
  /** Exactly one for each item that was asked about: a decision, or that it comes later. */
  readonly decisions: ReadonlyArray<AnswerWithMatches | PendingDecision>
}

export interface PendingDecision {
  readonly item: number
  readonly decision: "pending"
}

/** Screens beneficiaries before money moves. Without an answer there is no clearance (fail closed). */
export class ComplianceEngine extends Context.Service<
  ComplianceEngine,
  { readonly screen: (request: ClearanceRequest) => Effect.Effect<Clearance, ProviderUnavailable> }
>()("atlaspay/providers/ComplianceEngine") {}
