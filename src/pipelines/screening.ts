import { Clock, Effect } from "effect"
import type { ComplianceEngine } from "../connectors/compliance-engine.ts"
import type { ProviderUnavailable } from "../connectors/provider-error.ts"
import type { Batch } from "../domain/batch.ts"
import type { ClearanceDecision } from "../domain/events.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { redactText } from "../telemetry/redaction.ts"
import { itemsOf } from "./batch-items.ts"
import type { Call, Tell } from "./pipelines.ts"

/** Has items cleared in one request, under the number of its clearance: asked again, it is the same request. */
export const screening =
  (engine: ComplianceEngine["Service"]) =>
  (
    id: BatchId,
    batch: Batch,
    { clearance, items: numbers }: Call & { readonly _tag: "Screen" },
    tell: Tell,
  ): Effect.Effect<void, ProviderUnavailable> => {
    const request = {
      clearanceId: `${id}-S${clearance}`,
      partner: batch.partner,
      batch: id,
      items: itemsOf(batch, numbers),
    }
    return Effect.gen(function* () {
      const { decisions, ...answer } = yield* engine.screen(request)
      const at = yield* Clock.currentTimeMillis
      tell({ _tag: "RecordScreening", at, clearance, ...answer, decisions: decisions.map(withoutQuotes) })
    })
  }

/** The engine is not told the account, and its lists may hold it all the same. */
const withoutQuotes = (decision: ClearanceDecision): ClearanceDecision =>
  decision.reason === undefined ? decision : { ...decision, reason: redactText(decision.reason) }
