/** Screening: requests to the compliance engine, and what its answers mean. Nothing is paid without an approval. */
import { Array as Arr } from "effect"
import type { Batch, Item } from "./batch.ts"
import {
  type ClearanceTerms,
  effectOn,
  FINDINGS_MAX,
  findingName,
  isSameFinding,
  isScreenedAgain,
  isStricter,
  NAME_CHECK,
  openFindings,
} from "./clearance.ts"
import type { ClearanceAnswer, ClearanceDecision, PayeePolicy } from "./clearance-answers.ts"
import type { BatchCommandOf, RecordScreening } from "./commands.ts"
import { cancelTheRest } from "./decide-intervention.ts"
import { stopSending } from "./decide-withdrawal.ts"
import type { BatchEvent } from "./events.ts"
import type { AnswerEffect } from "./item-state.ts"
import { cleanText } from "./outside-text.ts"
import { type Decision, events, refuse } from "./rejection.ts"

/** An item is screened once, and again if its clearance is no longer valid before it is sent. */
export const decideScreeningRequest = (
  batch: Batch,
  command: BatchCommandOf<"RequestScreening">,
  terms: ClearanceTerms,
): Decision => {
  const { at, items } = command
  const isDue = (item: Item | undefined) =>
    item !== undefined && (item.task === "submit" || isScreenedAgain(item, terms, at))
  const stranger = items.find((item) => !isDue(batch.items.get(item)))
  if (stranger !== undefined) return refuse(command, "not-due", stranger)
  return events({ _tag: "ScreeningRequested", at, clearance: batch.clearanceCount + 1, items })
}

/**
 * Records the engine's answer about the items that the clearance may have included, also if a later clearance included them:
 * a stricter answer counts however late it comes. A finding that is repeated changes nothing, and a later approval does not
 * remove a finding.
 */
export const decideScreening = (batch: Batch, command: RecordScreening): Decision => {
  const { at, clearance, clearanceId, listVersion, decisions, pending } = command
  const source = { at, clearance, clearanceId, listVersion }
  const isAsked = (number: number) => wasAskedAbout(batch.items.get(number), clearance)
  const deferred = pending?.items.filter(isAsked) ?? []
  const asked = decisions.filter(({ item }) => isAsked(item))
  if (deferred.length + asked.length === 0) return refuse(command, "no-such-clearance")

  const news = newsIn(batch, asked, source)
  const byEffect = Map.groupBy(news, (answer) => effectOf(batch, answer))
  const having = (effect: AnswerEffect): ReadonlyArray<ClearanceDecision> => byEffect.get(effect) ?? []
  const [decided, late] = [having("decides"), having("alarms")]
  const waiting = deferred.filter((item) => batch.items.get(item)?.asked === clearance)

  const happened: Array<BatchEvent> = []
  if (Arr.isReadonlyArrayNonEmpty(decided))
    happened.push({ _tag: "ItemsScreened", ...source, decisions: decided })
  if (pending !== undefined && Arr.isReadonlyArrayNonEmpty(waiting))
    happened.push({ _tag: "ClearancePending", ...source, items: waiting, decideBy: pending.decideBy })
  if (Arr.isReadonlyArrayNonEmpty(late))
    happened.push({ _tag: "ClearanceWithdrawn", ...source, decisions: late })
  return events(...happened, ...stopped(batch, at, late), ...othersStopped(batch, at, [...decided, ...late]))
}

/** Whether a clearance is between the item's first and last one. If it did not include the item, it can only add findings. */
const wasAskedAbout = (item: Item | undefined, clearance: number): boolean =>
  item?.clearance !== undefined &&
  clearance <= item.clearance &&
  clearance >= (item.firstClearance ?? clearance)

interface AnswerSource {
  readonly clearance: number
  readonly listVersion: string
}

/** What is new in the answers: for each item the findings that it lacks, the strictest last. */
const newsIn = (
  batch: Batch,
  answers: ReadonlyArray<ClearanceAnswer>,
  source: AnswerSource,
): ReadonlyArray<ClearanceDecision> => {
  const news: Array<ClearanceDecision> = []
  const { payeePolicy } = batch
  const underPolicy =
    payeePolicy === "off" ? answers : answers.flatMap((answer) => answersUnder(answer, payeePolicy))
  for (const own of byItem(underPolicy)) {
    const item = batch.items.get(own[0]?.item ?? 0)
    if (item !== undefined) news.push(...newsOf(item, own, source))
  }
  return news
}

/** The answers about each item. An engine nearly always gives one for each, in the order of the items. */
const byItem = (answers: ReadonlyArray<ClearanceAnswer>): Iterable<ReadonlyArray<ClearanceAnswer>> =>
  answers.every(({ item }, place) => item > (answers[place - 1]?.item ?? 0))
    ? answers.map((answer) => [answer])
    : Map.groupBy(answers, ({ item }) => item).values()

/** Findings that are new; without any, the answer that the item has been waiting for. */
const newsOf = (
  item: Item,
  answers: ReadonlyArray<ClearanceAnswer>,
  { clearance, listVersion }: AnswerSource,
): ReadonlyArray<ClearanceDecision> => {
  const findings = answers.every(isApproval)
    ? []
    : distinct(answers, listVersion).filter((answer) => isFinding(item, answer, listVersion))
  if (findings.length > 0) return bounded(item, findings)
  if (item.asked !== clearance) return []
  const [answer] = answers
  if (answer === undefined) return []
  return [answer.decision === "approved" ? answer : { ...answer, released: true }]
}

const isApproval = ({ decision }: ClearanceAnswer): boolean => decision === "approved"

const isFinding = (item: Item, answer: ClearanceAnswer, listVersion: string): boolean => {
  if (answer.decision === "approved") return false
  const name = findingName(answer, listVersion)
  return isStricter(answer.decision, item.findings.find((known) => isSameFinding(known, name))?.decision)
}

/** Each finding once, the stricter one if the engine contradicts itself; the strictest last. */
const distinct = (answers: ReadonlyArray<ClearanceAnswer>, listVersion: string): Array<ClearanceAnswer> => {
  const kept: Array<ClearanceAnswer> = []
  for (const answer of answers) {
    const name = findingName(answer, listVersion)
    const known = kept.findIndex((other) => isSameFinding(findingName(other, listVersion), name))
    if (known < 0) kept.push(answer)
    else if (isStricter(answer.decision, kept[known]?.decision)) kept[known] = answer
  }
  const isLast = (answer: ClearanceAnswer, other: ClearanceAnswer) =>
    Number(isStricter(answer.decision, other.decision))
  return kept.toSorted((one, other) => isLast(one, other) - isLast(other, one))
}

/** A person reviews a bounded number of findings: one more than may wait rejects the item. */
const bounded = (item: Item, news: Array<ClearanceAnswer>): ReadonlyArray<ClearanceDecision> => {
  const room = FINDINGS_MAX - openFindings(item).length
  const [beyond] = news.slice(Math.max(room, 0))
  if (beyond === undefined) return news
  if (room < 0) return []
  const reason = cleanText("more was found against it than a person can review")
  return [...news.slice(0, room), { ...beyond, decision: "rejected", reason }]
}

/** The effect of a decision. An approval, or a finding that was released before, is no alarm. */
const effectOf = (batch: Batch, { item: number, decision, released }: ClearanceDecision): AnswerEffect => {
  const item = batch.items.get(number)
  const effect = item === undefined ? "nothing" : effectOn(item)
  return effect === "alarms" && (decision === "approved" || released === true) ? "decides" : effect
}

/** Stops attempts of items whose clearance was withdrawn, if they may not have been sent yet. */
const stopped = (batch: Batch, at: number, late: ReadonlyArray<ClearanceDecision>) =>
  [...new Set(late.map(({ item }) => item))].flatMap((number) => {
    const item = batch.items.get(number)
    return item === undefined ? [] : stopSending(item, at, "clearance", "its clearance was withdrawn")
  })

/** In strict mode a rejection cancels all other items; once the batch has started, so does an item held for review. */
const othersStopped = (batch: Batch, at: number, answers: ReadonlyArray<ClearanceDecision>) => {
  const started = batch.startedAt !== undefined
  const refused = answers.filter(
    ({ decision, released }) =>
      decision === "rejected" || (started && decision === "review" && released !== true),
  )
  const [first] = refused
  if (batch.mode === "partial" || first === undefined) return []
  const reason = `item ${first.item} was ${first.decision === "rejected" ? "rejected" : "held for review"}`
  return cancelTheRest(batch, at, reason, new Set(refused.map(({ item }) => item)))
}

const payeeVerdicts = { off: "approved", review: "review", reject: "rejected" } as const

/**
 * The engine's answer, and if the name is not the one on the account, the finding that the batch's policy makes of that: a
 * separate finding, beside any other.
 */
const answersUnder = (answer: ClearanceAnswer, policy: PayeePolicy): ReadonlyArray<ClearanceAnswer> => {
  const decision = payeeVerdicts[policy]
  if (answer.payee !== "no-match" || decision === "approved") return [answer]
  const reason = cleanText("the name is not the one on the account")
  const named = { item: answer.item, decision, payee: answer.payee, cause: NAME_CHECK, reason }
  return answer.decision === "approved" ? [named] : [answer, named]
}
