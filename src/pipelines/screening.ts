import { Array as Arr, Clock, Effect } from "effect"
import type { Batch } from "../domain/batch.ts"
import { type ClearanceAnswer, cleanedAnswer } from "../domain/clearance-answers.ts"
import type { RecordScreening } from "../domain/commands.ts"
import { type BatchId, clearanceKey } from "../domain/identifiers.ts"
import type { ProviderUnavailable } from "../providers/calling/provider-error.ts"
import type { Clearance, ComplianceEngine } from "../providers/compliance/compliance-engine.ts"
import { itemsOf } from "./batch-items.ts"
import type { Call, Report } from "./call.ts"

/** Has items screened in one request. Its key is the clearance, so a repeated request is recognised as the same one. */
export const screening =
  (services: {
    readonly engine: ComplianceEngine["Service"]
    /** How long to wait for decisions that the engine postponed, by how often it postponed them; at least one entry. */
    readonly clearanceDelaysMs: ReadonlyArray<number>
  }) =>
  (
    id: BatchId,
    batch: Batch,
    { clearance, items: numbers }: Call & { readonly _tag: "Screen" },
    report: Report,
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
      report(recordAnswer(clearance, answer, at, at + delayMs))
    })
  }

/** The command that records an answer at `at`: its decisions, and when (`decideBy`) to ask for the postponed ones. */
const recordAnswer = (
  clearance: number,
  { clearanceId, listVersion, decisions }: Clearance,
  at: number,
  decideBy: number,
): RecordScreening => {
  const items: Array<number> = []
  const made: Array<ClearanceAnswer> = []
  for (const answer of decisions)
    if (answer.decision === "pending") items.push(answer.item)
    else made.push(cleanedAnswer(answer))
  const pending = Arr.isArrayNonEmpty(items) ? { pending: { items, decideBy } } : {}
  return { _tag: "RecordScreening", at, clearance, clearanceId, listVersion, decisions: made, ...pending }
}
