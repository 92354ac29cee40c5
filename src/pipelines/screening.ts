import { Clock, Effect } from "effect"
import type { ComplianceEngine } from "../connectors/compliance-engine.ts"
import type { ProviderUnavailable } from "../connectors/provider-error.ts"
import type { Batch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
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
      const answer = yield* engine.screen(request)
      tell({ _tag: "RecordScreening", at: yield* Clock.currentTimeMillis, clearance, ...answer })
    })
  }
