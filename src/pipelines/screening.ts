import { Clock, Effect, Stream } from "effect"
import type { ComplianceEngine } from "../connectors/compliance-engine.ts"
import type { ProviderUnavailable } from "../connectors/provider-error.ts"
import type { Batch } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { itemsOf } from "./batch-items.ts"
import type { Call } from "./pipelines.ts"

/** Has items cleared in one request, under the number of its clearance: asked again, it is the same request. */
export const screening =
  (engine: ComplianceEngine["Service"]) =>
  (
    id: BatchId,
    batch: Batch,
    { clearance, items: numbers }: Call & { readonly _tag: "Screen" },
  ): Stream.Stream<BatchCommand, ProviderUnavailable> => {
    const request = {
      clearanceId: `${id}-S${clearance}`,
      partner: batch.partner,
      batch: id,
      items: itemsOf(batch, numbers),
    }
    return Stream.fromEffect(
      Effect.gen(function* () {
        const answer = yield* engine.screen(request)
        return { _tag: "RecordScreening", at: yield* Clock.currentTimeMillis, clearance, ...answer }
      }),
    )
  }
