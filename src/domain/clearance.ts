/** What was found against an item, what that makes of it, and for how long a clearance is good. */
import { isUnrouted } from "./attempts.ts"
import { type Batch, type Finding, type Item, mayStart } from "./batch.ts"
import type { ClearanceAnswer, FindingName, Verdict } from "./clearance-answers.ts"
import { type AnswerEffect, meaningOfState } from "./item-state.ts"

/** The cause of what the batch's policy makes of a name that is not the one on the account. */
export const NAME_CHECK = "name-check"

/** The cause of what the engine says without naming one: a release of anything milder must not cover it. */
const UNNAMED_CAUSE = "sanctions"

/** Findings of one item that may wait for a reviewer: what comes on top of them is rejected. */
export const FINDINGS_MAX = 32

const severity = { approved: 0, review: 1, rejected: 2 } as const

export const isStricter = (answer: Verdict, before: Verdict | undefined): boolean =>
  before === undefined || severity[answer] > severity[before]

/** The name of what a answer of a clearance by a version of the lists finds. */
export const findingName = ({ cause, reason }: ClearanceAnswer, listVersion: string): FindingName => ({
  cause: cause ?? UNNAMED_CAUSE,
  listVersion,
  ...(reason === undefined ? {} : { reason }),
})

/** A finding without what became of it. */
export const nameOfFinding = ({ cause, listVersion, reason }: FindingName): FindingName => ({
  cause,
  listVersion,
  ...(reason === undefined ? {} : { reason }),
})

export const isSameFinding = (one: FindingName, other: FindingName): boolean =>
  one.cause === other.cause && one.listVersion === other.listVersion && one.reason === other.reason

/** What a reviewer has yet to see and release. */
export const openFindings = ({ findings }: Pick<Item, "findings">): ReadonlyArray<Finding> =>
  findings.filter(({ released }) => !released)

/** Adds a finding, or makes a known one stricter. The oldest that was released is forgotten first: said again, it is new. */
export const withFinding = (findings: ReadonlyArray<Finding>, found: Finding): ReadonlyArray<Finding> => {
  const known = findings.find((other) => isSameFinding(other, found))
  if (known !== undefined && !isStricter(found.decision, known.decision)) return findings
  const kept = [...findings.filter((other) => other !== known), found]
  const oldest = kept.length > FINDINGS_MAX ? kept.findIndex(({ released }) => released) : -1
  return oldest < 0 ? kept : kept.toSpliced(oldest, 1)
}

/** What its findings make of an item: any rejection rejects it, and whatever nobody has released holds it. */
export const rulingOn = (findings: ReadonlyArray<Finding>): Pick<Item, "state" | "reason"> => {
  const rejection = findings.find(({ decision }) => decision === "rejected")
  if (rejection !== undefined) return { state: "rejected", reason: rejection.reason }
  const open = openFindings({ findings }).at(-1)
  return open === undefined
    ? { state: "screened", reason: undefined }
    : { state: "held", reason: open.reason }
}

/** What is parked because no rule led it to a bank has no intent under way: there the engine still decides. */
export const effectOn = (item: Item): AnswerEffect =>
  isUnrouted(item) ? "decides" : meaningOfState(item.state).answer

/**
 * What a clearance has to be for anything to be sent on it. The engine's lists are the ones that it announced last; versions
 * are opaque, so one is later than another only by having been announced later. Unknown, nothing is sent.
 */
export type ClearanceTerms =
  | "unknown"
  | {
      /** Older than this, an item is screened again before it is sent. */
      readonly maxAgeMs: number
      /** The lists announced last and since when; absent where none ever were, and then any version will do. */
      readonly lists: AnnouncedList | undefined
      /** The shortest and the longest wait before an engine that answers by other lists than it announced is asked again. */
      readonly retryMs: { readonly min: number; readonly max: number }
    }

export interface AnnouncedList {
  readonly version: string
  /** Epoch milliseconds. */
  readonly since: number
}

/** For whoever plans without knowing of lists or ages: every clearance is good. */
export const anyClearance: ClearanceTerms = {
  maxAgeMs: Number.POSITIVE_INFINITY,
  lists: undefined,
  retryMs: { min: 0, max: 0 },
}

/** Whether the item's last clearance is one on which it may be sent at `now` (epoch milliseconds). */
export const isCurrent = ({ lastAnswer }: Item, terms: ClearanceTerms, now: number): boolean =>
  terms !== "unknown" &&
  lastAnswer !== undefined &&
  now - lastAnswer.at < terms.maxAgeMs &&
  isByLists(lastAnswer.listVersion, terms)

/** Whether the lists are those that were announced last. */
export const isByLists = (listVersion: string | undefined, terms: ClearanceTerms): boolean =>
  terms !== "unknown" && (terms.lists === undefined || terms.lists.version === listVersion)

/**
 * When an item may be screened again, in epoch milliseconds: at once, unless the engine answered by other lists although it
 * was asked after it had announced these. Then the wait is as long as that has lasted, within bounds.
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

/** Whether the batch may start to pay at `now` on the clearances that it has: a strict one on all, any other on some. */
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
