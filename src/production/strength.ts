/**
 * Estimates how hard a secret is to guess, as an upper bound. Random secrets lose almost nothing. Patterns, repetitions and
 * words count only as many bits as a patient guesser needs for them.
 */

/** The least bits of a key in production: NIST SP 800-57 part 1, table 2, for use beyond 2031. */
export const KEY_BITS_MIN = 128

/** Shorter patterns also occur by chance. */
const PATTERN_LENGTH_MIN = 6
/** Bits per letter of a text of words: a word from a list of 7776 has 12.9 bits and five or six letters. */
const WORD_LETTER_BITS = 2.3
/** A random UUID (RFC 9562, version 4) has six fixed bits. */
const UUID_BITS = 122

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Alphabets of keys, the smallest first. A random key of a mixed alphabet may happen to have no digit. */
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

/** The most bits of a key that is a text. */
export const bitsOf = (key: string): number => {
  if (uuid.test(key)) return UUID_BITS
  const predictable = predictableIn(key)
  const perDigit = Math.log2(alphabetOf(key))
  const perLetter = isOfWords(key) ? Math.min(WORD_LETTER_BITS, perDigit) : perDigit
  return [...key].reduce((bits, character, at) => {
    if (predictable.has(at)) return bits
    return bits + (/\d/.test(character) ? perDigit : perLetter)
  }, 0)
}

/** The size of the alphabet. If a random key would have used many more of its characters, only those that occur count. */
const alphabetOf = (key: string): number => {
  const size = alphabets.find(([form]) => form.test(key))?.[1] ?? PRINTABLE
  const distinct = new Set(key).size
  return isVaried(distinct, key.length, size) ? size : distinct
}

/**
 * Whether `draws` from `size` values plausibly give so many distinct ones. Random draws almost never give less than 0.6
 * of the expected number.
 */
const isVaried = (distinct: number, draws: number, size: number): boolean =>
  distinct >= 0.6 * size * (1 - (1 - 1 / size) ** draws)

/** The places that a guesser can predict: in runs (`abcdef`, `111111`), repetitions and well-known words. */
const predictableIn = (key: string): ReadonlySet<number> => {
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

/** Runs of characters in equal steps. The first two predict the others. */
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

/** Sequences that occur earlier in the key. */
const markRepetitions = (key: string, mark: Mark): void => {
  for (let at = 1; at + PATTERN_LENGTH_MIN <= key.length; at++) {
    const piece = key.slice(at, at + PATTERN_LENGTH_MIN)
    if (key.indexOf(piece) < at) mark(at, at + PATTERN_LENGTH_MIN)
  }
}

/** Words that people often use in keys. */
const wellKnown =
  /password|passwort|passwd|secret|change|default|example|sample|sandbox|staging|testing|test|demo|dummy|admin|operator|partner|customer|atlas|payout|bank|north|south|live|prod|token|qwert[yz]|asdf|letme|welcome|master|acme|globex/g

/** The most common letter pairs in English texts. */
const commonPairs = new Set(
  `th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si ar ve ra ld
   ur ro ic ne ll be ma om us io ce li ch co me la ho`.split(/\s+/),
)
const PAIRS_MIN = 8
/** In English texts about half of the pairs are in that list, in random ones an eleventh. */
const PAIRS_SHARE_MIN = 0.4

const isOfWords = (key: string): boolean => {
  // The six letters of hexadecimal digits do not make words.
  if (/^[0-9a-f]*$/i.test(key)) return false
  const pairs = Array.from({ length: Math.max(key.length - 1, 0) }, (_, at) => key.slice(at, at + 2)).filter(
    (pair) => /^[A-Za-z][a-z]$|^[A-Z]{2}$/.test(pair),
  )
  const common = pairs.filter((pair) => commonPairs.has(pair.toLowerCase())).length
  return pairs.length >= PAIRS_MIN && common >= PAIRS_SHARE_MIN * pairs.length
}

/** Evidence that bytes are not random, as a phrase, or `undefined`. */
export const patternIn = (bytes: Uint8Array): string | undefined => {
  if (bytes.every((byte) => byte === bytes[0])) return "the same byte over and over"
  if (bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) return "a text instead of random bytes"
  if (!isVaried(new Set(bytes).size, bytes.length, 256)) return "few different bytes"
  const steps = bytes.subarray(1).map((byte, at) => byte - (bytes[at] ?? 0))
  return isVaried(new Set(steps).size, steps.length, 256) ? undefined : "bytes in equal steps"
}
