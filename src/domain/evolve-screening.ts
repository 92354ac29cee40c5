/** How the events of screening and review change an item. */
import type { Batch, Item, OpenClearance } from "./batch.ts"
import { type ChangingItem, enter } from "./change-item.ts"
import { effectOn, findingName, isSameFinding, isStricter, rulingOn, withFinding } from "./clearance.ts"
import type { ClearanceDecision } from "./clearance-answers.ts"
import type { BatchEventOf } from "./events.ts"

export type Answer = BatchEventOf<"ItemsScreened" | "ClearanceWithdrawn">

/** A clearance was requested for an item. One that may be at a bank keeps its state: the answer is needed before a resend. */
export const askAbout = (batch: Batch, item: ChangingItem, clearance: number): void => {
  const { state } = item
  item.firstClearance ??= clearance
  item.clearance = clearance
  item.asked = clearance
  if (state === "received" || state === "screened") enter(batch, item, "screening", undefined)
}

/** What an answer is to all of its items: the version of its lists, and from when its age counts. They share it. */
export const answered = (
  { at, listVersion }: Answer,
  open: OpenClearance | undefined,
): NonNullable<Item["lastAnswer"]> => ({ at: countedFrom(open, at), listVersion })

/** Keeps a decision, of an answer that is {@link answered}. If the item has no intent to pay, its state then follows from all of its findings. */
export const answer = (
  batch: Batch,
  item: ChangingItem,
  decided: ClearanceDecision,
  { at, clearance, listVersion }: Answer,
  lastAnswer: Item["lastAnswer"],
): void => {
  const { decision, payee, reason } = decided
  // Logs of releases that did not number clearances have no request before the answer.
  const isUnasked = item.state === "received"
  const isAnswer = item.asked === clearance || isUnasked
  const decides = effectOn(item) === "decides" || isUnasked
  if (decision !== "approved") {
    const name = findingName(decided, listVersion)
    item.findings = withFinding(item.findings, { ...name, decision, foundAt: at, released: false })
  }
  if (!isStricter(item.verdict ?? "approved", decision)) {
    item.verdict = decision
    item.listVersion = listVersion
  }
  if (payee !== undefined) item.payee = payee
  if (isAnswer) {
    item.asked = undefined
    item.lastAnswer = lastAnswer
  }
  if (!decides) return
  const ruling = rulingOn(item.findings)
  const isApproved = decision === "approved" && ruling.state === "screened"
  enter(batch, item, ruling.state, isApproved ? reason : ruling.reason)
}

/**
 * The age of a clearance counts from its request, as the answer may have waited for us, or from a postponed answer. Intake wrote the
 * request, by a clock that nobody compares: one that is ahead makes no clearance younger than its answer.
 */
const countedFrom = (open: OpenClearance | undefined, answeredAt: number): number =>
  open === undefined || open.deferrals > 0 ? answeredAt : Math.min(open.askedAt, answeredAt)

/** A rejection is final. A release covers the findings that the reviewer saw; any other finding still holds the item. */
export const review = (
  batch: Batch,
  item: ChangingItem,
  { decision, reason, findings: seen }: BatchEventOf<"ItemReviewed">,
): void => {
  if (decision === "rejected") {
    enter(batch, item, "rejected", reason)
    return
  }
  item.findings = item.findings.map((finding) => {
    const isCovered = seen === undefined || seen.some((one) => isSameFinding(one, finding))
    return isCovered ? { ...finding, released: true } : finding
  })
  const ruling = rulingOn(item.findings)
  enter(batch, item, ruling.state, ruling.reason)
}
