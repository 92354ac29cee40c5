/** How the events of screening and review change an item. */
import type { Item, OpenClearance } from "./batch.ts"
import { effectOn, findingName, isSameFinding, isStricter, rulingOn, withFinding } from "./clearance.ts"
import type { ClearanceDecision } from "./clearance-answers.ts"
import type { BatchEventOf } from "./events.ts"
import { meaningOfState } from "./item-state.ts"

export type Answer = BatchEventOf<"ItemsScreened" | "ClearanceWithdrawn">

/** A clearance was requested for an item. One that may be at a bank keeps its state: the answer is needed before a resend. */
export const askedAbout = ({ state, firstClearance }: Item, clearance: number): Partial<Item> => ({
  firstClearance: firstClearance ?? clearance,
  clearance,
  asked: clearance,
  ...(state === "received" || state === "screened" ? { state: "screening", reason: undefined } : {}),
})

/** Keeps a decision. If the item has no intent to pay, its state then follows from all of its findings. */
export const answered = (
  item: Item,
  decided: ClearanceDecision,
  { at, clearance, listVersion }: Answer,
  open: OpenClearance | undefined,
): Partial<Item> => {
  const { decision, payee, reason } = decided
  const findings =
    decision === "approved"
      ? item.findings
      : withFinding(item.findings, {
          ...findingName(decided, listVersion),
          decision,
          foundAt: at,
          released: false,
        })
  const ruling = rulingOn(findings)
  // Logs of releases that did not number clearances have no request before the answer.
  const isUnasked = item.state === "received"
  const isAnswer = item.asked === clearance || isUnasked
  const decides = effectOn(item) === "decides" || isUnasked
  const changed: Partial<Item> = { findings }
  if (!isStricter(item.verdict ?? "approved", decision)) {
    changed.verdict = decision
    changed.listVersion = listVersion
  }
  if (payee !== undefined) changed.payee = payee
  if (isAnswer) {
    changed.asked = undefined
    changed.lastAnswer = { at: countedFrom(open, at), listVersion }
  }
  if (decides) {
    changed.state = ruling.state
    changed.reason = decision === "approved" && ruling.state === "screened" ? reason : ruling.reason
  }
  return changed
}

/** The age of a clearance counts from its request, as the answer may have waited for us, or from a postponed answer. */
const countedFrom = (open: OpenClearance | undefined, answeredAt: number): number =>
  open === undefined || open.deferrals > 0 ? answeredAt : open.askedAt

/** A rejection is final. A release covers the findings that the reviewer saw; any other finding still holds the item. */
export const reviewing = (
  item: Item,
  { decision, reason, findings: seen }: BatchEventOf<"ItemReviewed">,
): Partial<Item> => {
  if (decision === "rejected") return { state: "rejected", reason }
  const findings = item.findings.map((finding) => {
    const isCovered = seen === undefined || seen.some((one) => isSameFinding(one, finding))
    return isCovered ? { ...finding, released: true } : finding
  })
  return { findings, ...rulingOn(findings) }
}

/** Whether the answer to a requested clearance can still change the item. */
export const waitsForAnswer = ({ state, clearanceWithdrawn }: Item): boolean =>
  !clearanceWithdrawn && meaningOfState(state).wantsClearance
