/**
 * Answers as the pages show them, compared with what a server answered. The notation is JSON, and what makes it short:
 *
 * - `…` among members or elements: there are more, which are not shown;
 * - `"pb_…"`: a text that begins so. `"HASH…"`, in capitals: any text. What came is remembered under this name;
 * - `"code"` without a value: any value; `"code"?`: the member may be missing; `"a"|"b"`: one of them;
 * - a time or a day stands for any time or day;
 * - a list with one element of which a member has no value: any number of such elements.
 */

export type Shown =
  | { readonly kind: "any" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "literal"; readonly value: number | boolean | null }
  | { readonly kind: "either"; readonly of: ReadonlyArray<Shown> }
  | { readonly kind: "list"; readonly elements: ReadonlyArray<Shown>; readonly isOpen: boolean }
  | { readonly kind: "object"; readonly members: ReadonlyArray<Member>; readonly isOpen: boolean }

interface Member {
  readonly name: string
  readonly shown: Shown
  readonly isOptional: boolean
}

/** Reads a shown answer at the start of a text. Gives it and the rest of the text; throws if there is none. */
export const readShown = (text: string): { readonly shown: Shown; readonly rest: string } => {
  const reader = new Reader(text)
  const shown = reader.value()
  return { shown, rest: reader.rest() }
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  rest(): string {
    return this.#text.slice(this.#at)
  }

  value(): Shown {
    const first = this.#one()
    if (!this.#takes("|")) return first
    const of = [first, this.#one()]
    while (this.#takes("|")) of.push(this.#one())
    return { kind: "either", of }
  }

  #one(): Shown {
    if (this.#takes("{"))
      return { kind: "object", ...this.#untilClosed("}", () => this.#member(), "members") }
    if (this.#takes("[")) return { kind: "list", ...this.#untilClosed("]", () => this.value(), "elements") }
    const text = this.#match(/"(?:[^"\\]|\\.)*"/y)
    if (text !== undefined) return { kind: "text", text: JSON.parse(text) }
    const literal = this.#match(/-?\d+(?:\.\d+)?|true|false|null/y)
    if (literal !== undefined) return { kind: "literal", value: JSON.parse(literal) }
    throw new Error(`no answer is shown at ${JSON.stringify(this.rest().slice(0, 40))}`)
  }

  #member(): Member {
    const name = this.#match(/"(?:[^"\\]|\\.)*"/y)
    if (name === undefined)
      throw new Error(`no member is shown at ${JSON.stringify(this.rest().slice(0, 40))}`)
    const isOptional = this.#takes("?")
    const shown: Shown = this.#takes(":") ? this.value() : { kind: "any" }
    return { name: JSON.parse(name), shown, isOptional }
  }

  #untilClosed<Of extends "members" | "elements", A>(close: string, next: () => A, of: Of) {
    const found: Array<A> = []
    let isOpen = false
    while (!this.#takes(close)) {
      if (this.#takes("…")) isOpen = true
      else found.push(next())
      if (!this.#takes(",") && !this.#sees(close))
        throw new Error(`${close} is missing before ${this.rest()}`)
    }
    return { [of]: found, isOpen } as Record<Of, ReadonlyArray<A>> & { isOpen: boolean }
  }

  #sees(sign: string): boolean {
    this.#match(/\s*/y)
    return this.#text.startsWith(sign, this.#at)
  }

  #takes(sign: string): boolean {
    if (!this.#sees(sign)) return false
    this.#at += sign.length
    return true
  }

  #match(pattern: RegExp): string | undefined {
    const white = /\s*/y
    white.lastIndex = this.#at
    this.#at += white.exec(this.#text)?.[0].length ?? 0
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    this.#at += found?.length ?? 0
    return found
  }
}

/** What placeholders such as `pb_…` stand for. */
export type Placeholders = Map<string, string>

/** How a value differs from what is shown, as sentences. Empty if it does not; then `found` has what placeholders stand for. */
export const differencesOf = (
  shown: Shown,
  value: unknown,
  found: Placeholders = new Map(),
  path = "",
): ReadonlyArray<string> => {
  const here = path === "" ? "the answer" : path
  switch (shown.kind) {
    case "any":
      return []
    case "literal":
      return value === shown.value ? [] : [`${here} is ${JSON.stringify(value)}, shown is ${shown.value}`]
    case "text": {
      const isSame = typeof value === "string" && patternOf(shown.text).test(value)
      if (!isSame) return [`${here} is ${JSON.stringify(value)}, shown is ${JSON.stringify(shown.text)}`]
      if (/^[\w-]+…$/.test(shown.text)) found.set(shown.text, value)
      return []
    }
    case "either": {
      const tried = shown.of.map((one) => differencesOf(one, value, found, path))
      return tried.some((differences) => differences.length === 0) ? [] : tried.flat()
    }
    case "list":
      return Array.isArray(value) ? differencesOfList(shown, value, found, path) : [`${here} is not a list`]
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value)
        ? differencesOfObject(shown, { ...value }, found, path)
        : [`${here} is not an object`]
  }
}

const differencesOfList = (
  { elements, isOpen }: Extract<Shown, { kind: "list" }>,
  value: ReadonlyArray<unknown>,
  found: Placeholders,
  path: string,
): ReadonlyArray<string> => {
  const [only] = elements
  if (only !== undefined && elements.length === 1 && isForm(only))
    return value.flatMap((element, index) => differencesOf(only, element, found, `${path}/${index}`))
  const isCounted = isOpen ? value.length >= elements.length : value.length === elements.length
  if (!isCounted) return [`${path} has ${value.length} elements, shown are ${elements.length}`]
  return elements.flatMap((element, index) => differencesOf(element, value[index], found, `${path}/${index}`))
}

/** Whether it shows which members there are, and not what is in all of them. */
const isForm = (shown: Shown): boolean =>
  shown.kind === "object" && shown.members.some(({ shown }) => shown.kind === "any")

const differencesOfObject = (
  { members, isOpen }: Extract<Shown, { kind: "object" }>,
  value: Readonly<Record<string, unknown>>,
  found: Placeholders,
  path: string,
): ReadonlyArray<string> => {
  const names = members.map(({ name }) => name)
  const unknown = isOpen ? [] : Object.keys(value).filter((name) => !names.includes(name))
  return [
    ...unknown.map((name) => `${path}/${name} is not shown`),
    ...members.flatMap(({ name, shown, isOptional }) => {
      if (Object.hasOwn(value, name)) return differencesOf(shown, value[name], found, `${path}/${name}`)
      return isOptional ? [] : [`${path}/${name} is missing`]
    }),
  ]
}

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/
const day = /^\d{4}-\d\d-\d\d$/

const patternOf = (shown: string): RegExp => {
  if (time.test(shown)) return time
  if (day.test(shown)) return day
  if (/^[A-Z_]+…$/.test(shown)) return /^.+$/s
  return new RegExp(`^${shown.split("…").map(RegExp.escape).join(".*")}$`, "s")
}

/** How a text differs from the lines that are shown of it, a byte-order mark aside. After a last line `…` it may have more. */
export const differencesOfText = (shown: string, text: string): ReadonlyArray<string> => {
  const lines = text
    .replace(/^\uFEFF/, "")
    .trimEnd()
    .split(/\r?\n/)
  const all = shown.trimEnd().split("\n")
  const isOpen = all.at(-1) === "…"
  const expected = isOpen ? all.slice(0, -1) : all
  if (isOpen ? lines.length < expected.length : lines.length !== expected.length)
    return [`the answer has ${lines.length} lines, shown are ${expected.length}`]
  return expected.flatMap((line, index) => differencesOfLine(line, lines[index] ?? "", index + 1))
}

const differencesOfLine = (shown: string, line: string, number: number): ReadonlyArray<string> => {
  const [, field = "", json] = /^(data: )?(\{.*)$/.exec(shown) ?? []
  if (json !== undefined && line.startsWith(`${field}{`))
    return differencesOf(
      readShown(json).shown,
      JSON.parse(line.slice(field.length)),
      new Map(),
      `line ${number}`,
    )
  return patternOf(shown).test(line) ? [] : [`line ${number} is ${line}, shown is ${shown}`]
}
