/**
 * The names of the members of each object that is open while a text of JSON is looked at, to find one that stands twice.
 * Names are compared as bytes where they are written without escapes, which nearly all are, and nothing is copied then.
 */

/** Part of a text, from a byte to before another. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** Names of one object that are compared with each other one by one; beyond, they are looked up. */
const COMPARED_MAX = 16

const BACKSLASH = 0x5c

/** The names of one object, in a form that is quick to compare. */
class NamesOfObject {
  /** Beginning and end of each name, in turn. */
  readonly #spans: Array<number> = []
  #known: Set<string> | undefined

  /** Takes note of a name, and says whether it was there before. */
  isRepeated(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.#known === undefined && this.#spans.length < 2 * COMPARED_MAX && !hasEscape(bytes, from, to)) {
      const isKnown = this.#isAmongSpans(bytes, from, to)
      this.#spans.push(from, to)
      return isKnown
    }
    this.#known ??= this.#lookedUp(bytes)
    const name = nameOf(bytes, from, to)
    if (this.#known.has(name)) return true
    this.#known.add(name)
    return false
  }

  #isAmongSpans(bytes: Uint8Array, from: number, to: number): boolean {
    const spans = this.#spans
    for (let index = 0; index < spans.length; index += 2) {
      const [begin = 0, end = 0] = [spans[index], spans[index + 1]]
      if (end - begin === to - from && isSame(bytes, begin, from, to - from)) return true
    }
    return false
  }

  #lookedUp(bytes: Uint8Array): Set<string> {
    const known = new Set<string>()
    for (let index = 0; index < this.#spans.length; index += 2)
      known.add(nameOf(bytes, this.#spans[index] ?? 0, this.#spans[index + 1] ?? 0))
    return known
  }
}

const isSame = (bytes: Uint8Array, one: number, other: number, length: number): boolean => {
  for (let at = 0; at < length; at += 1) if (bytes[one + at] !== bytes[other + at]) return false
  return true
}

const hasEscape = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at += 1) if (bytes[at] === BACKSLASH) return true
  return false
}

/** The name as JSON reads it; one that is no string of JSON stays as it stands there. */
const nameOf = (bytes: Uint8Array, from: number, to: number): string => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("utf8")
  if (!text.includes("\\")) return text.slice(1, -1)
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}

/** A step on the way to a value: the name of a member, or the place of an element from 0. */
export type Step = string | number

/** Where a look at a text is: in which member or element of each object and list that is open. */
export class OpenValues {
  readonly #names: Array<NamesOfObject | undefined> = []
  /** For an object where the name of its last member begins and ends; for a list the place of its last element, and -1. */
  readonly #at: Array<number> = []

  enterObject(): void {
    this.#names.push(undefined)
    this.#at.push(0, 0)
  }

  enterList(): void {
    this.#names.push(undefined)
    this.#at.push(0, IN_LIST)
  }

  leave(): void {
    this.#names.pop()
    this.#at.length -= 2
  }

  nextElement(): void {
    const at = this.#at
    const last = at.length - 2
    if (at[last + 1] === IN_LIST) at[last] = (at[last] ?? 0) + 1
  }

  /** Takes note of the name of a member; says whether its object had it before. */
  isRepeated(bytes: Uint8Array, { from, to }: Span): boolean {
    const at = this.#at
    const last = at.length - 2
    // A colon in a list, or outside of everything, is no JSON; whoever parses the text says so.
    if (last < 0 || at[last + 1] === IN_LIST) return false
    at[last] = from
    at[last + 1] = to
    const depth = this.#names.length - 1
    const names = this.#names[depth] ?? new NamesOfObject()
    this.#names[depth] = names
    return names.isRepeated(bytes, from, to)
  }

  /** The way from the whole to where the look is. */
  path(bytes: Uint8Array): ReadonlyArray<Step> {
    const steps: Array<Step> = []
    for (let index = 0; index < this.#at.length; index += 2) {
      const [from = 0, to = 0] = [this.#at[index], this.#at[index + 1]]
      if (to === IN_LIST) steps.push(from)
      else if (to > from) steps.push(nameOf(bytes, from, to))
    }
    return steps
  }
}

const IN_LIST = -1
