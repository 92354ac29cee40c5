/** What the compliance engine found on its lists, as the log keeps it for reviewers. It is never shown to partners. */
import { Schema } from "effect"
import { cleanTextWithin, OutsideText } from "./outside-text.ts"

/** Matches of one answer that are kept: the highest scores. */
export const MATCHES_MAX = 5
/** Lists and programs of one match that are kept. */
const NAMED_MAX = 4

/** Code points that are kept. */
const NAME_LENGTH_MAX = 140
const ID_LENGTH_MAX = 100
const WORD_LENGTH_MAX = 60

/** An entry of a list that resembles a beneficiary. */
export const ListMatch = Schema.Struct({
  /** The name as the list has it. */
  name: OutsideText,
  /** The lists or data sets that have the entry, and its id there. */
  lists: Schema.Array(OutsideText),
  id: OutsideText,
  /** How much the two resemble each other: from 0 to 1, the same. */
  score: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
  /** The programs of sanctions, or the topics, under which the entry is listed. */
  programs: Schema.optionalKey(Schema.Array(OutsideText)),
})
export type ListMatch = typeof ListMatch.Type

/** A match as an engine reports it, with whatever texts. The score is from 0 to 1. */
export interface FoundMatch {
  readonly name: string
  readonly lists: ReadonlyArray<string>
  readonly id: string
  readonly score: number
  readonly programs: ReadonlyArray<string>
}

/** The highest of some matches, at most {@link MATCHES_MAX}, in an order that does not depend on theirs, with clean and bounded texts. */
export const keptMatches = (found: ReadonlyArray<FoundMatch>): ReadonlyArray<ListMatch> =>
  onceEach(found)
    .toSorted((one, other) => other.score - one.score || order(placeOf(one), placeOf(other)))
    .slice(0, MATCHES_MAX)
    .map(({ name, lists, id, score, programs }) => {
      const kept = words(programs)
      return {
        name: cleanTextWithin(name, NAME_LENGTH_MAX),
        lists: words(lists),
        id: cleanTextWithin(id, ID_LENGTH_MAX),
        score,
        ...(kept.length === 0 ? {} : { programs: kept }),
      }
    })

/** Each entry once, with its highest score: an engine may have been asked for it in several ways. */
const onceEach = (found: ReadonlyArray<FoundMatch>): ReadonlyArray<FoundMatch> => {
  const best = new Map<string, FoundMatch>()
  for (const match of found) {
    const known = best.get(placeOf(match))
    if (known === undefined || known.score < match.score) best.set(placeOf(match), match)
  }
  return [...best.values()]
}

const placeOf = ({ lists, id }: FoundMatch): string => JSON.stringify([lists, id])
const order = (one: string, other: string): number => (one < other ? -1 : Number(one > other))

const words = (texts: ReadonlyArray<string>): ReadonlyArray<OutsideText> =>
  [...new Set(texts)]
    .slice(0, NAMED_MAX)
    .map((text) => cleanTextWithin(text, WORD_LENGTH_MAX))
    .filter((text) => text !== "")
