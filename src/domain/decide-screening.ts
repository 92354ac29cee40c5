/** Screening: what the compliance engine is asked, and what its answers mean. Without an approval nobody is paid. */
import { Array as Arr } from "effect"
import { isUnrouted } from "./attempts.ts"
import type { Batch, Item, ItemState } from "./batch.ts"
import type { BatchCommandOf, RecordScreening } from "./commands.ts"
import { cancelTheRest } from "./decide-intervention.ts"
import { takenBack } from "./decide-withdrawal.ts"
import type { BatchEvent, ClearanceDecision, PayeePolicy } from "./events.ts"
import { type Decision, events, refuse } from "./rejection.ts"

export const decideScreeningRequest = (
  batch: Batch,
  command: BatchCommandOf<"RequestScreening">,
): Decision => {
  const { at, items } = command
  const stranger = items.find((item) => batch.items.get(item)?.task !== "submit")
  if (stranger !== undefined) return refuse(command, "not-due", stranger)
  return events({ _tag: "ScreeningRequested", at, clearance: batch.clearanceCount + 1, items })
}

/** What a word of the engine still does: it decides, it comes after an intent to pay, or nobody is paid anyway. */
const effects: Readonly<Record<ItemState, "decides" | "alarms" | "nothing">> = {
  received: "nothing",
  screening: "decides",
  held: "decides",
  cleared: "decides",
  rejected: "nothing",
  cancelled: "nothing",
  transferring: "alarms",
  unknown: "alarms",
  pending: "alarms",
  settled: "alarms",
  failed: "alarms",
  returned: "alarms",
  parked: "alarms",
}

/**
 * Only what was asked in this clearance hears the answer, and only a word stricter than those before it: what is said
 * again, late or in another order changes nothing, and no second opinion clears anybody.
 */
export const decideScreening = (batch: Batch, command: RecordScreening): Decision => {
  const { at, clearance, clearanceId, listVersion, decisions, pending } = command
  const answer = { at, clearance, clearanceId, listVersion }
  const isAsked = (item: number) => batch.items.get(item)?.clearance === clearance
  const deferred = pending?.items.filter(isAsked) ?? []
  const asked = decisions.filter(({ item }) => isAsked(item))
  if (deferred.length + asked.length === 0) return refuse(command, "no-such-clearance")

  const news = strictest(asked.map((word) => underPolicy(word, batch.payeePolicy))).filter((word) =>
    isStricter(word.decision, batch.items.get(word.item)?.verdict),
  )
  const having = (effect: (typeof effects)[ItemState]) =>
    news.filter(({ item }) => effectOn(batch.items.get(item)) === effect)
  const [heard, late] = [having("decides"), having("alarms")]
  const waiting = deferred.filter((item) => batch.items.get(item)?.state === "screening")

  const happened: Array<BatchEvent> = []
  if (Arr.isReadonlyArrayNonEmpty(heard))
    happened.push({ _tag: "ItemsScreened", ...answer, decisions: heard })
  if (pending !== undefined && Arr.isReadonlyArrayNonEmpty(waiting))
    happened.push({ _tag: "ClearancePending", ...answer, items: waiting, decideBy: pending.decideBy })
  if (Arr.isReadonlyArrayNonEmpty(late))
    happened.push({ _tag: "ClearanceWithdrawn", ...answer, decisions: late })
  return events(...happened, ...stopped(batch, at, late), ...othersStopped(batch, at, [...heard, ...late]))
}

/** What is parked because no rule led it to a bank has no intent under way: there the engine still decides. */
const effectOn = (item: Item | undefined) => {
  if (item === undefined) return "nothing"
  return isUnrouted(item) ? "decides" : effects[item.state]
}

/** What may not have gone out yet is held back, and withdrawn where it lies with us. */
const stopped = (batch: Batch, at: number, late: ReadonlyArray<ClearanceDecision>) =>
  late.flatMap(({ item: number }) => {
    const item = batch.items.get(number)
    return item === undefined ? [] : takenBack(item, at, "clearance", "its clearance was withdrawn")
  })

/** In strict mode a rejection stops all others; once the batch has started, whatever says that not all are cleared does. */
const othersStopped = (batch: Batch, at: number, words: ReadonlyArray<ClearanceDecision>) => {
  const started = batch.startedAt !== undefined
  const refused = words.filter(
    ({ decision }) => decision === "rejected" || (started && decision === "review"),
  )
  const [first] = refused
  if (batch.mode === "partial" || first === undefined) return []
  const reason = `item ${first.item} was ${first.decision === "rejected" ? "rejected" : "held for review"}`
  return cancelTheRest(batch, at, reason, new Set(refused.map(({ item }) => item)))
}

const severity = { approved: 0, review: 1, rejected: 2 } as const

const isStricter = (
  word: ClearanceDecision["decision"],
  before: ClearanceDecision["decision"] | undefined,
): boolean => before === undefined || severity[word] > severity[before]

/** One decision per item: of an engine that contradicts itself the stricter word counts. */
const strictest = (decisions: ReadonlyArray<ClearanceDecision>): ReadonlyArray<ClearanceDecision> => {
  const byItem = new Map<number, ClearanceDecision>()
  for (const decision of decisions)
    if (isStricter(decision.decision, byItem.get(decision.item)?.decision))
      byItem.set(decision.item, decision)
  return [...byItem.values()]
}

const payeeVerdicts = { off: "approved", review: "review", reject: "rejected" } as const

/** A name that is not the one on the account is at least what the batch's policy makes of it. */
const underPolicy = (word: ClearanceDecision, policy: PayeePolicy): ClearanceDecision => {
  const verdict = payeeVerdicts[policy]
  return word.payee === "no-match" && isStricter(verdict, word.decision)
    ? { ...word, decision: verdict, reason: "the name is not the one on the account" }
    : word
}
