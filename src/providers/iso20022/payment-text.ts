/**
 * Text for payment files, in the characters that a scheme takes. What has a lawful spelling in them is respelled; text that has
 * none is refused, as a name with a letter missing is another name.
 */
import { Result } from "effect"
import { spellings } from "./spellings.ts"

/** The sets, by the name that settings give them. All of them have the characters of the first. */
export const characterSets = ["latin", "extended", "ascii", "german", "iso-8859-1", "swiss"] as const

/**
 * - `latin`: what every bank takes: the Latin set of SEPA (EPC217-08, section 5), which is SWIFT's character set x.
 * - `extended`: names, addresses and remittances of cross-border payments (CBPR+ usage guidelines,
 *   CBPR_RestrictedFINXMax140Text_Extended): the same, and ASCII's other marks.
 * - `ascii`: U+0020 to U+007E, for banks that say no more than that (ANSI X3.4). They are the same characters.
 * - `german`: the Latin set, umlauts, ß, and `& * $ %`, which banks in Germany undertake to take (Deutsche Kreditwirtschaft, Annex 3
 *   of the DFÜ Agreement, section 2.1).
 * - `iso-8859-1`: U+0020 to U+007E and U+00A1 to U+00FF, as banks in the Nordic countries take them (message implementation
 *   guidelines of Danske Bank and Nordea for pain.001). The file itself stays in UTF-8.
 * - `swiss`: Basic Latin, Latin-1 Supplement, Latin Extended-A, Ș ș Ț ț and € (Swiss Payment Standards since 2022, SIX,
 *   implementation guidelines for credit transfers, section 3.1).
 *
 * Of the sets with U+00A0 and U+00AD, a no-break space and a soft hyphen are left out: nobody sees that they are not a space and
 * nothing.
 */
export type CharacterSet = (typeof characterSets)[number]

/** A run of characters that are not in a set. */
const foreign: Readonly<Record<CharacterSet, RegExp>> = {
  latin: /[^A-Za-z0-9/?:().,'+ -]+/gu,
  extended: /[^A-Za-z0-9/?:().,'+ !#$%&*=^_`{|}~";<>@[\\\]-]+/gu,
  ascii: /[^ -~]+/gu,
  german: /[^A-Za-z0-9/?:().,'+ ÄÖÜäöüß&*$%-]+/gu,
  "iso-8859-1": /[^ -~\u00a1-\u00ac\u00ae-\u00ff]+/gu,
  swiss: /[^ -~\u00a1-\u00ac\u00ae-\u017fȘșȚț€]+/gu,
}

/** The text in the characters of a set, or the first character of it that has no spelling there. */
export const spelled = (text: string, set: CharacterSet): Result.Result<string, string> => {
  if (text.search(foreign[set]) < 0) return Result.succeed(text)
  let unspelled: string | undefined
  const written = text.normalize("NFC").replace(foreign[set], (run, offset: number, whole: string) => {
    let spelling = ""
    for (const character of run) {
      if (unspelled !== undefined) break
      const own = spellingOf(character, spelling === "" ? (whole[offset - 1] ?? "") : spelling)
      if (own === undefined) unspelled = character
      else spelling += own
    }
    return spelling
  })
  if (unspelled !== undefined) return Result.fail(unspelled)
  // A text of nothing but joiners and spaces would be no text at all.
  return written.trim() === "" ? Result.fail([...text][0] ?? "") : Result.succeed(written)
}

const isLatin = (text: string): boolean => /^[A-Za-z0-9/?:().,'+ -]*$/.test(text)
const mark = /^\p{Mn}$/u
const space = /^\p{Zs}$/u
/** Joiners of letters (ZWNJ and ZWJ): they decide how a name looks, and not how it is read. */
const joiner = /^[\u200c\u200d]$/
const endsWithLetter = /\p{L}$/u

/** Spellings found before, because a character is taken apart far more slowly than it is looked up. */
const found = new Map<string, string | undefined>()
/** More than the letters of all alphabets that have a spelling. Beyond that, all are found again. */
const FOUND_MAX = 4_096

/** The spelling of a character after what is written `before` it; `undefined` if it has none. */
const spellingOf = (character: string, before: string): string | undefined => {
  if (found.has(character)) return found.get(character)
  // The only characters whose spelling depends on what is before them.
  if (mark.test(character)) return endsWithLetter.test(before) ? "" : undefined
  const spelling = ownSpellingOf(character)
  if (found.size >= FOUND_MAX) found.clear()
  found.set(character, spelling)
  return spelling
}

/** Spelled by itself, or by what Unicode takes it apart into: a letter and its marks, a ligature's letters, a wide digit. */
const ownSpellingOf = (character: string): string | undefined => {
  const own = spellings.get(character)
  if (own !== undefined) return own
  if (space.test(character)) return " "
  if (joiner.test(character)) return ""
  const parts = character.normalize("NFKD")
  if (parts === character) return undefined
  let written = ""
  for (const part of parts) {
    const spelling = isLatin(part) ? part : mark.test(part) ? "" : spellings.get(part)
    if (spelling === undefined) return undefined
    written += spelling
  }
  // Marks that stand alone are nothing without a letter.
  return written.trim() === "" ? undefined : written
}

/**
 * An identifier as files have it: 1 to 35 of the Latin characters. It neither begins nor ends with a slash and has no two
 * slashes in a row (EPC230-15, clarification paper on the use of slashes; the same holds in SWIFT's references). Nor does it begin
 * or end with a space, which readers of files cut off.
 */
export const isIdentifier = (text: string): boolean =>
  text.length >= 1 && text.length <= 35 && isLatin(text) && text === text.trim() && !/^\/|\/\/|\/$/.test(text)
