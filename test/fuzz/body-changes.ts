/** One change of a valid body each: of its JSON, of its text, or of its bytes. */
import type { Chance } from "./chance.ts"

/** What a change did, and the body after it. */
export interface Changed {
  readonly what: string
  readonly body: Buffer
}

/** A value that JSON.stringify cannot write: it is written as it is. */
class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Path = ReadonlyArray<string | number>

/** What takes the place of a value: another type, a bound and one more, or what breaks readers. */
const strangeValues: ReadonlyArray<readonly [string, (value: unknown) => unknown]> = [
  ["null", () => null],
  ["a boolean", () => true],
  ["a number", () => 7],
  ["a text", (value) => (typeof value === "string" ? 12.34 : String(value))],
  ["an empty text", () => ""],
  ["an empty object", () => ({})],
  ["an empty list", () => []],
  ["in a list", (value) => [value]],
  ["in an object", (value) => ({ value })],
  ["one more", (value) => (typeof value === "number" ? value + 1 : `${text(value)}x`)],
  ["one less", (value) => (typeof value === "number" ? value - 1 : text(value).slice(0, -1))],
  ["negative", (value) => (typeof value === "number" ? -value : `-${text(value)}`)],
  ["a fraction", () => 1.5],
  ["a number that is no double", () => new Raw("1e400")],
  ["a number of many digits", () => new Raw("123456789012345678901234567890")],
  ["minus zero", () => new Raw("-0")],
  ["a number with an exponent", () => new Raw("1E2")],
  ["64 characters", () => "x".repeat(64)],
  ["65 characters", () => "x".repeat(65)],
  ["141 characters", () => "x".repeat(141)],
  ["281 characters", () => "x".repeat(281)],
  ["a long text", () => "x".repeat(200_000)],
  ["a lone surrogate", (value) => `${text(value)}\ud800`],
  ["a lone low surrogate", (value) => `\udc00${text(value)}`],
  ["NUL", (value) => `${text(value)}\0`],
  ["a BOM within", (value) => `\ufeff${text(value)}`],
  ["control characters", (value) => `${text(value)}\u0007\u001b[2J\u0085`],
  ["right-to-left marks", (value) => `\u202e${text(value)}\u2066`],
  ["emoji", (value) => `${text(value)} 👩‍👩‍👧`],
  ["a combining character", (value) => `${text(value)}${"\u0301".repeat(20)}`],
  ["a line break", (value) => `${text(value)}\r\nx: y`],
  ["spaces", () => "   "],
  ["a zero amount", () => "0.00"],
  ["an amount of many digits", () => "99999999999999999999999.99"],
  ["a huge amount", () => `${"9".repeat(5_000)}.00`],
  ["an amount with an exponent", () => "1e5"],
  ["an amount of other digits", () => "١٢.٣٤"],
  ["a time that does not exist", () => "2027-02-30T00:00:00Z"],
  ["a time far ahead", () => "+275760-09-13T00:00:00.000Z"],
  ["a name of prototypes", () => "__proto__"],
  ["deep nesting", () => new Raw(`${"[".repeat(5_000)}${"]".repeat(5_000)}`)],
  ["deep objects", () => new Raw(`${'{"a":'.repeat(3_000)}1${"}".repeat(3_000)}`)],
  ["a list of many", (value) => Array.from({ length: 2_000 }, () => value)],
]

const text = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

/** Changes one place of a JSON body. Places that `keeps` names stay as they are. */
export const changedJson = (body: Buffer, chance: Chance, keeps: RegExp | undefined): Changed => {
  const value: unknown = JSON.parse(body.toString())
  const places = placesIn(value).filter((path) => keeps === undefined || !keeps.test(path.join(".")))
  const at = chance.pick(places.length > 1 ? places.slice(1) : [[]])
  const where = at.length === 0 ? "the body" : at.join(".")
  const done = (what: string, changed: unknown): Changed => ({
    what: `${where}: ${what}`,
    body: Buffer.from(written(changed)),
  })
  switch (chance.below(8)) {
    case 0:
      return done("missing", replaced(value, at, undefined))
    case 1:
      return done(
        "an unknown member",
        withMember(value, at.slice(0, -1), "unknown", "DE00000000000000000000"),
      )
    case 2:
      return done("a member of prototypes", withMember(value, at.slice(0, -1), "__proto__", { admin: true }))
    case 3:
      return done("doubled", withMember(value, at.slice(0, -1), at.at(-1) ?? "x", valueAt(value, at)))
    default: {
      const [what, make] = chance.pick(strangeValues)
      return done(what, replaced(value, at, make(valueAt(value, at))))
    }
  }
}

const placesIn = (value: unknown, path: Path = []): ReadonlyArray<Path> => [
  path,
  ...(Array.isArray(value)
    ? value.flatMap((inner, at) => placesIn(inner, [...path, at]))
    : typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([name, inner]) => placesIn(inner, [...path, name]))
      : []),
]

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((inner, part) => Object(inner)[part], value)

/** `undefined` takes a member away. */
const replaced = (value: unknown, [first, ...rest]: Path, by: unknown): unknown => {
  if (first === undefined) return by
  if (Array.isArray(value)) {
    const inner = value.map((one, at) => (at === first ? replaced(one, rest, by) : one))
    return rest.length === 0 && by === undefined ? inner.toSpliced(Number(first), 1) : inner
  }
  return { ...Object(value), [first]: replaced(Object(value)[first], rest, by) }
}

/** Adds a member to an object, also one that it has already; a list gets one more entry. */
const withMember = (value: unknown, path: Path, name: string | number, member: unknown): unknown => {
  const target = valueAt(value, path)
  if (Array.isArray(target)) return replaced(value, path, [...target, member])
  if (typeof target !== "object" || target === null) return [target, member]
  const inside = written(target).slice(1)
  const comma = inside === "}" ? "" : ","
  return replaced(
    value,
    path,
    new Raw(`{${JSON.stringify(String(name))}:${written(member)}${comma}${inside}`),
  )
}

/** JSON, with raw texts as they are. Lone surrogates are written as escapes. */
const written = (value: unknown): string => {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => `${JSON.stringify(name)}:${written(member)}`)
      .join(",")}}`
  return JSON.stringify(value) ?? ""
}

const bom = Buffer.from([0xef, 0xbb, 0xbf])

/** Changes of any body, by what they do to its bytes. */
const byteChanges: ReadonlyArray<readonly [string, (body: Buffer, chance: Chance) => Buffer]> = [
  ["empty", () => Buffer.alloc(0)],
  ["cut short", (body, chance) => body.subarray(0, chance.below(body.length + 1))],
  ["a byte of it changed", (body, chance) => withByte(body, chance.below(body.length), chance.below(256))],
  ["a byte of it missing", (body, chance) => without(body, chance.below(body.length))],
  ["a BOM before it", (body) => Buffer.concat([bom, body])],
  ["two BOMs before it", (body) => Buffer.concat([bom, bom, body])],
  ["twice", (body) => Buffer.concat([body, body])],
  ["in UTF-16", (body) => Buffer.from(`\ufeff${body.toString()}`, "utf16le")],
  ["white space around it", (body) => Buffer.concat([Buffer.from(" \r\n\t"), body, Buffer.from("\n\n ")])],
  ["NUL behind it", (body) => Buffer.concat([body, Buffer.from([0])])],
  [
    "bytes that are no UTF-8",
    (body) => Buffer.concat([body.subarray(0, 20), Buffer.from([0xc3, 0x28, 0xff]), body.subarray(20)]),
  ],
  ["raw bytes", (_, chance) => Buffer.from(Array.from({ length: 200 }, () => chance.below(256)))],
  ["another language", (_, chance) => Buffer.from(chance.pick(otherLanguages))],
  ["a line of many characters", (body) => Buffer.concat([body, Buffer.alloc(300_000, "y")])],
  ["many lines", (body) => Buffer.concat([body, Buffer.alloc(20_000, "\n")])],
  ["quotes that do not end", (body) => Buffer.from(body.toString().replace(/[,>]/, '$&"'))],
  ["a line repeated", (body) => Buffer.from(body.toString().replace(/\n(.+)\n/, "\n$1\n$1\n"))],
]

const otherLanguages = [
  "null",
  "[]",
  "{}",
  "0",
  '"text"',
  "{'items':[]}",
  "items=1&x=2",
  "---\nitems: []\n",
  "<a/>",
  '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
  '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
  "reference,currency\n",
  "=cmd|' /C calc'!A0,+1,-1,@x\n",
  "\u0000\u0001\u0002",
]

export const changedBytes = (body: Buffer, chance: Chance): Changed => {
  const [what, change] = chance.pick(byteChanges)
  return { what: `the body: ${what}`, body: body.length === 0 ? body : change(body, chance) }
}

const withByte = (body: Buffer, at: number, byte: number): Buffer => {
  const changed = Buffer.from(body)
  changed[at] = byte
  return changed
}

const without = (body: Buffer, at: number): Buffer =>
  Buffer.concat([body.subarray(0, at), body.subarray(at + 1)])
