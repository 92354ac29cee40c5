/**
 * Scans the bytes of a JSON text before any of it is parsed, within bounds: how deep it is, how many values and fields it
 * has, whether an object has a member twice, and where the elements of its lists begin and end. RFC 8259 does not say which
 * of two members with one name counts, so such a text is refused.
 *
 * The scan recognises only strings, brackets, commas and colons. In UTF-8, these are single bytes that are part of no
 * other character. `JSON.parse` has to parse the parts later, and checks the rest of the grammar.
 */

import { OpenValues, type Span, type Step } from "./member-names.ts"

export interface JsonLimits {
  readonly depthMax: number
  /** Values and field names in the whole text. */
  readonly tokensMax: number
  /** Elements of a list that is a top-level field. */
  readonly elementsMax: number
  /** Values and field names in one element of such a list, or in everything outside the lists. */
  readonly tokensPerPartMax: number
  /** Bytes of one element of such a list, or of everything outside the lists. */
  readonly partBytesMax: number
}

/** A list that is a top-level field. `pieces` are runs of its elements, without the commas between the runs. */
export interface JsonList extends Span {
  readonly name: Span
  readonly pieces: ReadonlyArray<Span>
}

export interface JsonOutline {
  readonly lists: ReadonlyArray<JsonList>
  /** Number of top-level fields, if the text is an object. */
  readonly fields: number
}

/** Why a text is refused. `list` is the name of the list with the problem, `path` the path to the problem. */
export interface JsonProblem {
  readonly problem: string
  readonly list?: Span
  readonly path?: ReadonlyArray<Step>
}

/** Bytes of elements that are parsed at a time, in about a millisecond. */
const PIECE_BYTES = 64 * 1024
const SLICE_BYTES = 128 * 1024

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const ARRAY = 0x5b
const ARRAY_END = 0x5d
const OBJECT = 0x7b
const OBJECT_END = 0x7d

/** Marks the bytes that end or begin a value. */
const isStep = new Uint8Array(256)
for (const byte of [COMMA, COLON, ARRAY, ARRAY_END, OBJECT, OBJECT_END]) isStep[byte] = 1

const malformed: JsonProblem = { problem: "expected JSON" }

/** Scans a text in slices, and stops at the first broken bound. */
export function* outlineOf(
  bytes: Uint8Array,
  limits: JsonLimits,
): Generator<void, JsonOutline | JsonProblem> {
  const outline = new Outline(bytes, limits)
  for (let to = SLICE_BYTES; ; to += SLICE_BYTES) {
    const problem = outline.advance(Math.min(to, bytes.length))
    if (problem !== undefined) return problem
    if (to >= bytes.length) return outline.end()
    yield
  }
}

export const isProblem = (found: JsonOutline | JsonProblem): found is JsonProblem => "problem" in found

class Outline {
  readonly #bytes: Uint8Array
  readonly #limits: JsonLimits
  readonly #open: Array<number> = []
  readonly #values = new OpenValues()
  readonly #lists: Array<JsonList> = []
  #at = 0
  #isInString = false
  #tokens = 1
  #fields = 0
  /** Tokens of the current element, or outside the lists. */
  #partTokens = 0
  #besideTokens = 0
  #besideBytes = 0
  #besideFrom = 0
  #stringFrom = 0
  #stringTo = 0
  #name: Span = { from: 0, to: 0 }
  #listFrom = 0
  #elements = 0
  #elementFrom = 0
  #pieceFrom = 0
  #pieces: Array<Span> = []

  constructor(bytes: Uint8Array, limits: JsonLimits) {
    this.#bytes = bytes
    this.#limits = limits
  }

  /** Where the scan is, is kept beside the object: it changes at each byte. */
  advance(to: number): JsonProblem | undefined {
    const bytes = this.#bytes
    let at = this.#isInString ? this.#restOfString(this.#at, to) : this.#at
    while (at < to) {
      const byte = bytes[at] ?? 0
      if (byte === QUOTE) {
        this.#stringFrom = at
        at = this.#restOfString(at + 1, to)
        continue
      }
      if (isStep[byte] === 1) {
        this.#at = at
        const problem = this.#step(byte)
        if (problem !== undefined) return problem
      }
      at += 1
    }
    this.#at = at
    return undefined
  }

  /** The byte after a string, or one from which it goes on after `to`. Most of a text is in strings. */
  #restOfString(from: number, to: number): number {
    const bytes = this.#bytes
    let at = from
    while (at < to) {
      const byte = bytes[at]
      if (byte === QUOTE) {
        this.#isInString = false
        this.#stringTo = at + 1
        return at + 1
      }
      at += byte === BACKSLASH ? 2 : 1
    }
    this.#isInString = true
    return at
  }

  #step(byte: number): JsonProblem | undefined {
    switch (byte) {
      case COMMA:
        this.#values.nextElement()
        return this.#isAtList ? (this.#endElement() ?? this.#count()) : this.#count()
      case COLON:
        return this.#nameMember() ?? this.#count()
      case ARRAY:
      case OBJECT:
        return this.#enter(byte)
      case ARRAY_END:
        return this.#leave(ARRAY)
      case OBJECT_END:
        return this.#leave(OBJECT)
      default:
        return undefined
    }
  }

  /** At the colon after the name of a member, which is the last string. */
  #nameMember(): JsonProblem | undefined {
    const from = this.#stringFrom
    const to = this.#stringTo
    if (this.#open.length === 1) {
      this.#fields += 1
      this.#name = { from, to }
    }
    return this.#values.isRepeated(this.#bytes, from, to)
      ? { problem: "expected each member once", path: this.#values.path(this.#bytes) }
      : undefined
  }

  /** Whether the scan is directly in a top-level list, and not inside one of its elements. */
  get #isAtList(): boolean {
    return this.#open.length === 2 && this.#isInList
  }

  get #isInList(): boolean {
    return this.#open[0] === OBJECT && this.#open[1] === ARRAY
  }

  /** Every value except the first follows a comma, a colon or a bracket. */
  #count(): JsonProblem | undefined {
    const { tokensMax, tokensPerPartMax } = this.#limits
    this.#tokens += 1
    this.#partTokens += 1
    if (this.#tokens > tokensMax) return { problem: `expected at most ${tokensMax} values` }
    return this.#partTokens > tokensPerPartMax ? this.#tooLarge(`${tokensPerPartMax} values`) : undefined
  }

  #tooLarge(what: string): JsonProblem {
    return this.#isInList
      ? { problem: `expected at most ${what} in each of its elements`, list: this.#name }
      : { problem: `expected at most ${what} beside lists` }
  }

  #enter(bracket: number): JsonProblem | undefined {
    const { depthMax } = this.#limits
    if (this.#open.length === depthMax) return { problem: `expected at most ${depthMax} levels` }
    this.#open.push(bracket)
    if (bracket === OBJECT) this.#values.enterObject()
    else this.#values.enterList()
    const problem = this.#count()
    if (problem !== undefined || !this.#isAtList) return problem
    this.#listFrom = this.#at
    this.#besideTokens = this.#partTokens
    this.#besideBytes += this.#at - this.#besideFrom
    this.#elements = 0
    this.#pieces = []
    this.#pieceFrom = this.#at + 1
    this.#startElement()
    return undefined
  }

  #startElement(): void {
    this.#elementFrom = this.#at + 1
    this.#partTokens = 0
  }

  #leave(bracket: number): JsonProblem | undefined {
    if (this.#open.at(-1) !== bracket) return malformed
    const problem = this.#isAtList ? this.#endList() : undefined
    this.#open.pop()
    this.#values.leave()
    return problem
  }

  /** Called at the comma after an element, and at the end of the list. */
  #endElement(): JsonProblem | undefined {
    const { elementsMax, partBytesMax } = this.#limits
    this.#elements += 1
    if (this.#at - this.#elementFrom > partBytesMax) return this.#tooLarge(`${partBytesMax} bytes`)
    if (this.#elements > elementsMax)
      return { problem: `expected at most ${elementsMax} elements`, list: this.#name }
    if (this.#at - this.#pieceFrom >= PIECE_BYTES) {
      this.#pieces.push({ from: this.#pieceFrom, to: this.#at })
      this.#pieceFrom = this.#at + 1
    }
    this.#startElement()
    return undefined
  }

  #endList(): JsonProblem | undefined {
    const pieceFrom = this.#pieceFrom
    const problem = this.#endElement()
    if (problem !== undefined) return problem
    if (pieceFrom === this.#pieceFrom) this.#pieces.push({ from: pieceFrom, to: this.#at })
    this.#lists.push({ name: this.#name, from: this.#listFrom, to: this.#at + 1, pieces: this.#pieces })
    this.#partTokens = this.#besideTokens
    this.#besideFrom = this.#at + 1
    return undefined
  }

  end(): JsonOutline | JsonProblem {
    if (this.#isInString || this.#open.length > 0) return malformed
    const { partBytesMax } = this.#limits
    this.#besideBytes += this.#at - this.#besideFrom
    if (this.#besideBytes > partBytesMax) return this.#tooLarge(`${partBytesMax} bytes`)
    return { lists: this.#lists, fields: this.#fields }
  }
}
