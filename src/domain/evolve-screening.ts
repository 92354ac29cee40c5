/** What screening and review change of an item: the folds of their events, one item at a time. */
import type { Item, OpenClearance } from "./batch.ts"
import { effectOn, findingName, isSameFinding, isStricter, rulingOn, withFinding } from "./clearance.ts"
import type { ClearanceDecision } from "./clearance-answers.ts"
import type { BatchEventOf } from "./events.ts"
import { meaningOfState } from "./item-state.ts"

export type Answer = BatchEventOf<"ItemsScreened" | "ClearanceWithdrawn">

/** What may be at a bank stays where it is while it is screened again: the answer is wanted before it goes out again. */
export const askedAbout = ({ state, firstClearance }: Item, clearance: number): Partial<Item> => ({
  firstClearance: firstClearance ?? clearance,
  clearance,
  asked: clearance,
  ...(state === "received" || state === "screened" ? { state: "screening", reason: undefined } : {}),
})

/** Keeps a decided, and follows it where the item has no intent to pay: it stands as all that was found leaves it. */
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
  // Logs from before clearances were numbered tell of no question.
  const isUnasked = item.state === "received"
  const isAnswer = item.asked === clearance || isUnasked
  const decides = effectOn(item) === "decides" || isUnasked
  return {
    findings,
    ...(isStricter(item.verdict ?? "approved", decision) ? {} : { verdict: decision, listVersion }),
    ...(payee === undefined ? {} : { payee }),
    ...(isAnswer ? { asked: undefined, lastAnswer: { at: countedFrom(open, at), listVersion } } : {}),
    ...(decides ? ruling : {}),
    ...(decides && decision === "approved" && ruling.state === "screened" ? { reason } : {}),
  }
}

/** A clearance is as old as its question, since its answer may have waited for us; one that was put off, as its answer. */
const countedFrom = (open: OpenClearance | undefined, answeredAt: number): number =>
  open === undefined || open.deferrals > 0 ? answeredAt : open.askedAt

/** A rejection is final; a release covers what the reviewer saw, and whatever else was found still holds the item. */
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

/** Whether the answer of a clearance that was asked for would still change something. */
export const waitsForAnswer = ({ state, clearanceWithdrawn }: Item): boolean =>
  !clearanceWithdrawn && meaningOfState(state).wantsClearance
