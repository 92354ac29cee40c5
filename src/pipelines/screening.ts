import { Clock, Effect, Stream } from "effect"
import type { ComplianceEngine } from "../connectors/compliance-engine.ts"
import type { ProviderUnavailable } from "../connectors/provider-error.ts"
import type { Batch } from "../domain/batch.ts"
import type { BatchCommand } from "../domain/commands.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { itemsOf } from "./batch-items.ts"

/** Has items cleared in one request. Its key holds the first item, because chunks of one version are cleared at once. */
export const screening =
  (engine: ComplianceEngine["Service"]) =>
  (
    id: BatchId,
    batch: Batch,
    numbers: ReadonlyArray<number>,
  ): Stream.Stream<BatchCommand, ProviderUnavailable> => {
    const request = {
      clearanceId: `${id}-S${batch.version}-${numbers[0]}`,
      partner: batch.partner,
      batch: id,
      items: itemsOf(batch, numbers),
    }
    return Stream.fromEffect(
      Effect.gen(function* () {
        const clearance = yield* engine.screen(request)
        return { _tag: "RecordScreening", at: yield* Clock.currentTimeMillis, ...clearance }
      }),
    )
  }
