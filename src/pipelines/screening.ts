import { Array as Arr, Clock, Effect } from "effect"
import type { Batch } from "../domain/batch.ts"
import { heardWord } from "../domain/clearance-words.ts"
import type { RecordScreening } from "../domain/commands.ts"
import { type BatchId, clearanceKey } from "../domain/identifiers.ts"
import type { ProviderUnavailable } from "../providers/calling/provider-error.ts"
import type { Clearance, ComplianceEngine } from "../providers/compliance/compliance-engine.ts"
import { itemsOf } from "./batch-items.ts"
import type { Call, Tell } from "./call.ts"

/** Has items cleared in one request, under the name of its clearance: asked again, it is the same request. */
export const screening =
  (services: {
    readonly engine: ComplianceEngine["Service"]
    /** How long the engine may take over what it decides later, each time that it says so; at least one. */
    readonly clearanceDelaysMs: ReadonlyArray<number>
  }) =>
  (
    id: BatchId,
    batch: Batch,
    { clearance, items: numbers }: Call & { readonly _tag: "Screen" },
    tell: Tell,
  ): Effect.Effect<void, ProviderUnavailable> => {
    const request = {
      clearanceId: clearanceKey(id, clearance),
      partner: batch.partner,
      batch: id,
      items: itemsOf(batch, numbers),
    }
    const deferrals = batch.clearances.get(clearance)?.deferrals ?? 0
    return Effect.gen(function* () {
      const answer = yield* services.engine.screen(request)
      const at = yield* Clock.currentTimeMillis
      const delayMs = services.clearanceDelaysMs[deferrals] ?? services.clearanceDelaysMs.at(-1) ?? 0
      tell(recordAnswer(clearance, answer, at, at + delayMs))
    })
  }

/** What is recorded of an answer at `at`: the decisions, and that those to come are asked for again at `decideBy`. */
const recordAnswer = (
  clearance: number,
  { clearanceId, listVersion, decisions }: Clearance,
  at: number,
  decideBy: number,
): RecordScreening => {
  const items = decisions.flatMap(({ item, decision }) => (decision === "pending" ? [item] : []))
  const pending = Arr.isReadonlyArrayNonEmpty(items) ? { pending: { items, decideBy } } : {}
  const made = decisions.flatMap((word) => (word.decision === "pending" ? [] : [heardWord(word)]))
  return { _tag: "RecordScreening", at, clearance, clearanceId, listVersion, decisions: made, ...pending }
}
