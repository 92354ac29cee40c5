/** Findings against an item and the state that follows from them, and how long a clearance is valid. */
import { isUnrouted } from "./attempts.ts"
import { type Batch, type Finding, type Item, mayStart } from "./batch.ts"
import type { ClearanceAnswer, FindingName, Verdict } from "./clearance-answers.ts"
import { type AnswerEffect, meaningOfState } from "./item-state.ts"

/** The cause of a finding by the batch's policy on names that are not the one on the account. */
export const NAME_CHECK = "name-check"

/** The cause of an answer without one: the gravest, so that a release of a milder finding does not cover it. */
const UNNAMED_CAUSE = "sanctions"

/** Findings of one item that may wait for a reviewer. One more rejects the item. */
export const FINDINGS_MAX = 32

const severity = { approved: 0, review: 1, rejected: 2 } as const

/** Whether a decision is stricter than the one before, if there was one. */
export const isStricter = (answer: Verdict, before: Verdict | undefined): boolean =>
  before === undefined || severity[answer] > severity[before]

/** The name of the finding in an answer that was made by a version of the lists. */
export const findingName = ({ cause, reason }: ClearanceAnswer, listVersion: string): FindingName => ({
  cause: cause ?? UNNAMED_CAUSE,
  listVersion,
  ...(reason === undefined ? {} : { reason }),
})

/** The name of a finding, without its decision and release. */
export const nameOfFinding = ({ cause, listVersion, reason }: FindingName): FindingName => ({
  cause,
  listVersion,
  ...(reason === undefined ? {} : { reason }),
})

/** Whether two names are of the same finding. */
export const isSameFinding = (one: FindingName, other: FindingName): boolean =>
  one.cause === other.cause && one.listVersion === other.listVersion && one.reason === other.reason

/** Findings that no reviewer has released yet. */
export const openFindings = ({ findings }: Pick<Item, "findings">): ReadonlyArray<Finding> =>
  findings.filter(({ released }) => !released)

/** Adds a finding, or makes a known one stricter. Beyond the limit, the oldest released one is dropped. */
export const withFinding = (findings: ReadonlyArray<Finding>, found: Finding): ReadonlyArray<Finding> => {
  const known = findings.find((other) => isSameFinding(other, found))
  if (known !== undefined && !isStricter(found.decision, known.decision)) return findings
  const kept = [...findings.filter((other) => other !== known), found]
  const oldest = kept.length > FINDINGS_MAX ? kept.findIndex(({ released }) => released) : -1
  return oldest < 0 ? kept : kept.toSpliced(oldest, 1)
}

/** The state that follows from an item's findings: any rejection rejects it, and any finding that is not released holds it. */
export const rulingOn = (findings: ReadonlyArray<Finding>): Pick<Item, "state" | "reason"> => {
  if (findings.length === 0) return unobjected
  const rejection = findings.find(({ decision }) => decision === "rejected")
  if (rejection !== undefined) return { state: "rejected", reason: rejection.reason }
  const open = openFindings({ findings }).at(-1)
  return open === undefined ? unobjected : { state: "held", reason: open.reason }
}

const unobjected = { state: "screened", reason: undefined } as const

/** The effect of an answer on an item. A parked item that no rule routes has no intent, so the engine still decides. */
export const effectOn = (item: Item): AnswerEffect =>
  isUnrouted(item) ? "decides" : meaningOfState(item.state).answer

/** Whether the answer to a requested clearance can still change the item. */
export const waitsForAnswer = ({ state, clearanceWithdrawn }: Item): boolean =>
  !clearanceWithdrawn && meaningOfState(state).wantsClearance

/**
 * When a clearance is valid for sending. Its lists must be those that the engine announced last. List versions are opaque, so
 * only the order of announcements tells which is newer. While the terms are unknown, nothing is sent.
 */
export type ClearanceTerms =
  | "unknown"
  | {
      /** An item with an older clearance is screened again before it is sent. */
      readonly maxAgeMs: number
      /** The lists announced last, and when. If none were ever announced, any version is valid. */
      readonly lists: AnnouncedList | undefined
      /** The shortest and the longest wait before asking again an engine that answers by other lists than it announced. */
      readonly retryMs: { readonly min: number; readonly max: number }
    }

export interface AnnouncedList {
  readonly version: string
  /** Epoch milliseconds. */
  readonly since: number
}

/** Terms by which every clearance is valid: for plans without lists and ages. */
export const anyClearance: ClearanceTerms = {
  maxAgeMs: Number.POSITIVE_INFINITY,
  lists: undefined,
  retryMs: { min: 0, max: 0 },
}

/** Whether the item may be sent on its last clearance at `now` (epoch milliseconds). */
export const isCurrent = ({ lastAnswer }: Item, terms: ClearanceTerms, now: number): boolean =>
  terms !== "unknown" &&
  lastAnswer !== undefined &&
  now - lastAnswer.at < terms.maxAgeMs &&
  isByLists(lastAnswer.listVersion, terms)

/** Whether these are the lists that were announced last. */
export const isByLists = (listVersion: string | undefined, terms: ClearanceTerms): boolean =>
  terms !== "unknown" && (terms.lists === undefined || terms.lists.version === listVersion)

/**
 * When an item may be screened again, in epoch milliseconds: at once, unless the engine was asked after it had announced its
 * lists and still answered by others. Then the wait is as long as that has lasted so far, within bounds.
 */
export const screenAgainAt = ({ lastAnswer }: Item, terms: ClearanceTerms): number => {
  if (terms === "unknown") return Number.POSITIVE_INFINITY
  const { lists, retryMs } = terms
  if (lastAnswer === undefined || lists === undefined || lastAnswer.at < lists.since) return 0
  if (lastAnswer.listVersion === lists.version) return 0
  const lasted = lastAnswer.at - lists.since
  return lastAnswer.at + Math.min(Math.max(lasted, retryMs.min), retryMs.max)
}

/** Whether a screened item is to be screened again at `now`, before it is sent. */
export const isScreenedAgain = (item: Item, terms: ClearanceTerms, now: number): boolean =>
  item.state === "screened" && !isCurrent(item, terms, now) && screenAgainAt(item, terms) <= now

/** Whether the batch may start to pay at `now` on its clearances: all must be valid in strict mode, else at least one. */
export const mayStartScreened = (batch: Batch, terms: ClearanceTerms, now: number): boolean => {
  if (!mayStart(batch, now)) return false
  let current = 0
  for (const number of batch.tasks.hold) {
    const item = batch.items.get(number)
    if (item !== undefined && isCurrent(item, terms, now)) current += 1
    else if (batch.mode === "strict") return false
  }
  return current > 0
}
