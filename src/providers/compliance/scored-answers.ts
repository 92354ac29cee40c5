/** What a score means: engines that search lists give evidence, and the thresholds of the settings decide. */
import { Schema } from "effect"
import type { AnswerWithMatches } from "../../domain/clearance-answers.ts"
import { type FoundMatch, keptMatches } from "../../domain/list-match.ts"

/** How much an entry of a list resembles a beneficiary, as engines say it: from 0 to 1, the same. */
export const Score = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

const Threshold = Score.check(Schema.isGreaterThan(0))

/** From which score on somebody has to look, and from which one nobody needs to. */
export const Thresholds = Schema.Struct({ review: Threshold, reject: Threshold }).check(
  Schema.makeFilter(({ review, reject }) =>
    review <= reject ? undefined : { path: ["review"], issue: "expected no more than reject" },
  ),
)
export type Thresholds = typeof Thresholds.Type

/** How old the lists may be: two days by default, as sanctions lists change on any working day. */
export const ListsAge = Schema.optionalKey(
  Schema.Int.check(Schema.isBetween({ minimum: 60_000, maximum: 366 * 86_400_000 })),
)
export const LISTS_AGE_MS_MAX = 2 * 86_400_000

/** Whether the country of the address, where there is one, is a part of the question. */
export const CountryUse = Schema.optionalKey(Schema.Literals(["omitted", "sent"]))

/**
 * The decision about an item on all that was found of it: the highest score decides. Partners see the reason, so it says nothing of what
 * was found; that is in the matches, which only reviewers see.
 */
export const answerOn = (
  item: number,
  found: ReadonlyArray<FoundMatch>,
  { review, reject }: Thresholds,
): AnswerWithMatches => {
  const telling = found.filter(({ score }) => score >= review)
  if (telling.length === 0) return { item, decision: "approved" }
  const isRejected = telling.some(({ score }) => score >= reject)
  return {
    item,
    cause: "sanctions",
    matches: keptMatches(telling),
    ...(isRejected
      ? { decision: "rejected", reason: "matches an entry of a list" }
      : { decision: "review", reason: "resembles an entry of a list" }),
  }
}

/** Whether lists can be searched for a name. Engines compare letters, and find nobody under a name without any: that clears nobody. */
export const isSearchable = (name: string): boolean => /\p{L}/u.test(name)

/** The decision about an item whose name is not searchable: somebody has to look. */
export const unsearchable = (item: number): AnswerWithMatches => ({
  item,
  decision: "review",
  cause: "sanctions",
  reason: "its name has no letters to search lists for",
})

/** Whether an answer repeats the name that was asked for. Engines clean names, so only letters and digits without marks count. */
export const isSameName = (one: string, other: string): boolean => lettersOf(one) === lettersOf(other)

const lettersOf = (name: string): string =>
  name
    .normalize("NFKD")
    .replaceAll(/[^\p{L}\p{N}]/gu, "")
    .toLowerCase()
