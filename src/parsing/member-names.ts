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

/**
 * Where a look at a text is: in which member or element of each object and list that is open. It is one object for all of them: a text
 * may have thousands.
 */
export class OpenValues {
  /** For each object that is open, beginning and end of each of its names, in turn: those of inner objects come last. */
  readonly #names: Array<number> = []
  #namesEnd = 0
  #depth = 0
  /** By depth: where the names of the object begin, */
  readonly #firstName: Array<number> = []
  /** its names to look up, once they are too many to compare, */
  readonly #known: Array<Set<string> | undefined> = []
  /** where the name of its last member begins, or the place of the last element of a list, */
  readonly #from: Array<number> = []
  /** and where that name ends, or that it is a list. */
  readonly #to: Array<number> = []

  enterObject(): void {
    this.#enter(0)
  }

  enterList(): void {
    this.#enter(IN_LIST)
  }

  #enter(to: number): void {
    const depth = this.#depth
    this.#firstName[depth] = this.#namesEnd
    this.#known[depth] = undefined
    this.#from[depth] = 0
    this.#to[depth] = to
    this.#depth = depth + 1
  }

  leave(): void {
    this.#depth -= 1
    this.#known[this.#depth] = undefined
    this.#namesEnd = this.#firstName[this.#depth] ?? 0
  }

  nextElement(): void {
    const last = this.#depth - 1
    if (last >= 0 && this.#to[last] === IN_LIST) this.#from[last] = (this.#from[last] ?? 0) + 1
  }

  /** Takes note of the name of a member, from a byte to before another; says whether its object had it before. */
  isRepeated(bytes: Uint8Array, from: number, to: number): boolean {
    const last = this.#depth - 1
    // A colon in a list, or outside of everything, is no JSON; whoever parses the text says so.
    if (last < 0 || this.#to[last] === IN_LIST) return false
    this.#from[last] = from
    this.#to[last] = to
    const first = this.#firstName[last] ?? 0
    const known = this.#known[last]
    if (known === undefined && this.#namesEnd - first < 2 * COMPARED_MAX && !hasEscape(bytes, from, to)) {
      const isKnown = this.#isAmongNames(first, bytes, from, to)
      this.#names[this.#namesEnd] = from
      this.#names[this.#namesEnd + 1] = to
      this.#namesEnd += 2
      return isKnown
    }
    const names = known ?? this.#lookedUp(first, bytes)
    this.#known[last] = names
    const name = nameOf(bytes, from, to)
    if (names.has(name)) return true
    names.add(name)
    return false
  }

  #isAmongNames(first: number, bytes: Uint8Array, from: number, to: number): boolean {
    const names = this.#names
    for (let index = first; index < this.#namesEnd; index += 2) {
      const begin = names[index] ?? 0
      if ((names[index + 1] ?? 0) - begin === to - from && isSame(bytes, begin, from, to - from)) return true
    }
    return false
  }

  #lookedUp(first: number, bytes: Uint8Array): Set<string> {
    const known = new Set<string>()
    for (let index = first; index < this.#namesEnd; index += 2)
      known.add(nameOf(bytes, this.#names[index] ?? 0, this.#names[index + 1] ?? 0))
    return known
  }

  /** The way from the whole to where the look is. */
  path(bytes: Uint8Array): ReadonlyArray<Step> {
    const steps: Array<Step> = []
    for (let depth = 0; depth < this.#depth; depth += 1) {
      const [from = 0, to = 0] = [this.#from[depth], this.#to[depth]]
      if (to === IN_LIST) steps.push(from)
      else if (to > from) steps.push(nameOf(bytes, from, to))
    }
    return steps
  }
}

const IN_LIST = -1
