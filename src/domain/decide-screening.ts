/** Screening: what the compliance engine is asked, and what its answer means. Without an approval nobody is paid. */
import { Array as Arr } from "effect"
import type { Batch } from "./batch.ts"
import type { BatchCommandOf } from "./commands.ts"
import { cancelTheRest } from "./decide-intervention.ts"
import type { ClearanceDecision } from "./events.ts"
import { type Decision, events, nothing, refuse } from "./rejection.ts"

export const decideScreeningRequest = (
  batch: Batch,
  command: BatchCommandOf<"RequestScreening">,
): Decision => {
  const { at, items } = command
  const stranger = items.find((item) => batch.items.get(item)?.task !== "submit")
  if (stranger !== undefined) return refuse(command, "not-due", stranger)
  return events({ _tag: "ScreeningRequested", at, clearance: batch.clearanceCount + 1, items })
}

/** Only what was asked in this clearance and still waits for it hears the answer. */
export const decideScreening = (batch: Batch, command: BatchCommandOf<"RecordScreening">): Decision => {
  const { _tag, decisions, ...answer } = command
  const heard = strictest(decisions).filter(({ item }) => {
    const asked = batch.items.get(item)
    return asked?.state === "screening" && asked.clearance === command.clearance
  })
  if (!Arr.isReadonlyArrayNonEmpty(heard)) return nothing
  const rejected = heard.find(({ decision }) => decision === "rejected")
  const screened = { _tag: "ItemsScreened" as const, ...answer, decisions: heard }
  if (batch.mode === "partial" || rejected === undefined) return events(screened)
  const refused = new Set(heard.flatMap(({ item, decision }) => (decision === "rejected" ? [item] : [])))
  return events(screened, ...cancelTheRest(batch, command.at, `item ${rejected.item} was rejected`, refused))
}

const severity = { approved: 0, review: 1, rejected: 2 } as const

/** One decision per item: of an engine that contradicts itself the stricter word counts. */
const strictest = (decisions: ReadonlyArray<ClearanceDecision>): ReadonlyArray<ClearanceDecision> => {
  const byItem = new Map<number, ClearanceDecision>()
  for (const decision of decisions) {
    const other = byItem.get(decision.item)
    if (other === undefined || severity[decision.decision] > severity[other.decision])
      byItem.set(decision.item, decision)
  }
  return [...byItem.values()]
}
