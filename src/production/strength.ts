/**
 * How hard a secret is to guess, at most. Whoever made it by chance loses next to nothing here; what follows a pattern,
 * repeats itself or is made of words counts for what a patient guesser would need.
 */

/** What production wants of a key: NIST SP 800-57 part 1, table 2, for use beyond 2031. */
export const KEY_BITS_MIN = 128

/** Patterns shorter than this also come by chance. */
const PATTERN_LENGTH_MIN = 6
/** A letter of a text in words: a word of a list of 7776 has 12.9 bits, and five or six letters. */
const WORD_LETTER_BITS = 2.3
/** A random UUID (RFC 9562, version 4) has six fixed bits. */
const UUID_BITS = 122

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Alphabets that keys are written in, the smallest first. Chance now and then leaves the digits out of a mixed one. */
const alphabets: ReadonlyArray<readonly [RegExp, number]> = [
  [/^[0-9]*$/, 10],
  [/^[0-9a-f]*$/, 16],
  [/^[0-9A-F]*$/, 16],
  [/^[a-z]*$|^[A-Z]*$/, 26],
  [/^[a-z2-7]*$|^[A-Z2-7]*$/, 32],
  [/^[0-9a-z]*$|^[0-9A-Z]*$/, 36],
  [/^[0-9A-Za-z]*$/, 62],
  [/^[\w+/-]*$/, 64],
]
const PRINTABLE = 94

/** The bits of a key in text, at most. */
export const bitsOf = (key: string): number => {
  if (uuid.test(key)) return UUID_BITS
  const foreseen = foreseenIn(key)
  const perDigit = Math.log2(alphabetOf(key))
  const perLetter = isOfWords(key) ? Math.min(WORD_LETTER_BITS, perDigit) : perDigit
  return [...key].reduce((bits, character, at) => {
    if (foreseen.has(at)) return bits
    return bits + (/\d/.test(character) ? perDigit : perLetter)
  }, 0)
}

/** The size of the alphabet; where chance would have used many more of its characters, only those that are there. */
const alphabetOf = (key: string): number => {
  const size = alphabets.find(([form]) => form.test(key))?.[1] ?? PRINTABLE
  const distinct = new Set(key).size
  return isVaried(distinct, key.length, size) ? size : distinct
}

/** Whether so many different ones of `size` may well come up in `draws`: chance almost never brings fewer than 0.6 of those expected. */
const isVaried = (distinct: number, draws: number, size: number): boolean =>
  distinct >= 0.6 * size * (1 - (1 - 1 / size) ** draws)

/** The places that what came before them tells: of runs (`abcdef`, `111111`), repetitions and well-known words. */
const foreseenIn = (key: string): ReadonlySet<number> => {
  const places = new Set<number>()
  const mark = (from: number, to: number) => {
    for (let at = from; at < to; at++) places.add(at)
  }
  markRuns(key, mark)
  markRepetitions(key, mark)
  for (const { index, 0: word } of key.toLowerCase().matchAll(wellKnown)) mark(index, index + word.length)
  return places
}

type Mark = (from: number, to: number) => void

/** Characters that go on in equal steps; the first two tell the others. */
const markRuns = (key: string, mark: Mark): void => {
  const stepAt = (at: number) => key.charCodeAt(at) - key.charCodeAt(at - 1)
  let start = 0
  for (let at = 1; at <= key.length; at++) {
    const goesOn = at < key.length && (at - start < 2 || stepAt(at) === stepAt(at - 1))
    if (goesOn) continue
    if (at - start >= PATTERN_LENGTH_MIN && Math.abs(stepAt(at - 1)) <= 1) mark(start + 2, at)
    start = at - 1
  }
}

/** Whatever stood before in the same order. */
const markRepetitions = (key: string, mark: Mark): void => {
  for (let at = 1; at + PATTERN_LENGTH_MIN <= key.length; at++) {
    const piece = key.slice(at, at + PATTERN_LENGTH_MIN)
    if (key.indexOf(piece) < at) mark(at, at + PATTERN_LENGTH_MIN)
  }
}

/** Words that people put into keys. */
const wellKnown =
  /password|passwort|passwd|secret|change|default|example|sample|sandbox|staging|testing|test|demo|dummy|admin|operator|partner|customer|atlas|payout|bank|north|south|live|prod|token|qwert[yz]|asdf|letme|welcome|master|acme|globex/g

/** The commonest pairs of letters in English texts. */
const commonPairs = new Set(
  `th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si ar ve ra ld
   ur ro ic ne ll be ma om us io ce li ch co me la ho`.split(/\s+/),
)
const PAIRS_MIN = 8
/** Texts have some half of their pairs from that list, chance has an eleventh. */
const PAIRS_SHARE_MIN = 0.4

const isOfWords = (key: string): boolean => {
  // Six letters make no words.
  if (/^[0-9a-f]*$/i.test(key)) return false
  const pairs = Array.from({ length: Math.max(key.length - 1, 0) }, (_, at) => key.slice(at, at + 2)).filter(
    (pair) => /^[A-Za-z][a-z]$|^[A-Z]{2}$/.test(pair),
  )
  const common = pairs.filter((pair) => commonPairs.has(pair.toLowerCase())).length
  return pairs.length >= PAIRS_MIN && common >= PAIRS_SHARE_MIN * pairs.length
}

/** What shows that bytes were not drawn by chance. */
export const patternIn = (bytes: Uint8Array): string | undefined => {
  if (bytes.every((byte) => byte === bytes[0])) return "the same byte over and over"
  if (bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) return "a text instead of random bytes"
  if (!isVaried(new Set(bytes).size, bytes.length, 256)) return "few different bytes"
  const steps = bytes.subarray(1).map((byte, at) => byte - (bytes[at] ?? 0))
  return isVaried(new Set(steps).size, steps.length, 256) ? undefined : "bytes in equal steps"
}
