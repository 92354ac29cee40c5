/**
 * Reads XML from outside: in a known encoding, well-formed, of bounded size and depth, without a document type and so without its own
 * entities. The functions that look into a document (element.ts) throw an `UnreadableFile` with the place of the problem;
 * `readXml` returns it as its failure.
 */
import type { Result } from "effect"
import { XMLParser, XMLValidator } from "fast-xml-parser"
import { readable, UnreadableFile } from "./unreadable-file.ts"
import { decodedXml } from "./xml-encoding.ts"

export const FILE_BYTES_MAX = 16 * 1024 * 1024
const DEPTH_MAX = 40
/** 10,000 transfers with some 50 elements each, opened and closed. Reading a file of nothing but tags would take a gigabyte. */
const TAGS_MAX = 1_000_000
/** For a tag, or the text between two: no field of a bank's message is nearly as long. */
const RUN_LENGTH_MAX = 16 * 1024
/** Only amounts and the namespace have attributes. Attributes and references take longest to read. */
const ATTRIBUTES_MAX = 200_000
const REFERENCES_MAX = 200_000

export interface Element {
  /** Without its namespace prefix. */
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: ReadonlyArray<Element>
  readonly text: string
}

/** Reads a document, and returns what `read` makes of its root element. */
export const readXml = <A>(
  source: Uint8Array | string,
  read: (root: Element) => A,
): Result.Result<A, UnreadableFile> => readable(() => read(rootOf(textOf(source))))

export const unreadable = (place: string, problem: string): never => {
  throw new UnreadableFile({ place, problem })
}

const textOf = (source: Uint8Array | string): string => {
  if (source.length > FILE_BYTES_MAX) return unreadable("the file", `longer than ${FILE_BYTES_MAX} bytes`)
  return typeof source === "string" ? source : decodedXml(source)
}

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  parseTagValue: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  trimValues: false,
  // References are resolved below: only those that every XML document may use.
  processEntities: false,
  cdataPropName: "#cdata",
  maxNestedTags: DEPTH_MAX,
})

const rootOf = (text: string): Element => {
  if (forbidden.test(text)) return unreadable("the file", "a character that XML does not have")
  const beyond = boundBroken(text)
  if (beyond !== undefined) return unreadable("the file", beyond)
  if (/<!(?!--|\[CDATA\[)/.test(text)) return unreadable("the file", "a document type is not accepted")
  const valid = wellFormed(text)
  if (valid !== true) return unreadable(`line ${valid}`, "not well-formed XML")
  const [root, ...others] = nodes(parse(text), 1)
  if (root === undefined || others.length > 0) return unreadable("the file", "not one root element")
  return root
}

/** Control characters: the parser accepts them, but the database does not. */
const forbidden = /[^\t\n\r\u0020-\ufffd]/

/** Checks the bounds in one pass over the tags, before a parser that may take long sees the text. */
const boundBroken = (text: string): string | undefined => {
  let tags = 0
  let attributes = 0
  let references = 0
  for (let at = 0; at < text.length; ) {
    const tag = indexOr(text, "<", at)
    const end = indexOr(text, ">", tag)
    if (tag - at > RUN_LENGTH_MAX || end - tag > RUN_LENGTH_MAX)
      return `a tag or a text of more than ${RUN_LENGTH_MAX} characters`
    tags += 1
    attributes += occurrences(text, "=", tag, end)
    references += occurrences(text, "&", at, end)
    if (tags > TAGS_MAX) return `more than ${TAGS_MAX} tags`
    if (attributes > ATTRIBUTES_MAX) return `more than ${ATTRIBUTES_MAX} attributes`
    if (references > REFERENCES_MAX) return `more than ${REFERENCES_MAX} references`
    at = end + 1
  }
  return undefined
}

const indexOr = (text: string, what: string, from: number): number => {
  const at = text.indexOf(what, from)
  return at < 0 ? text.length : at
}

/** How often a character occurs between two positions. The slice keeps each search from running to the end of the text. */
const occurrences = (text: string, what: string, from: number, to: number): number => {
  const part = text.slice(from, to)
  let count = 0
  for (let at = part.indexOf(what); at >= 0; at = part.indexOf(what, at + 1)) count += 1
  return count
}

/** True, or the first line that is not well-formed. */
const wellFormed = (text: string): true | number => {
  const valid = XMLValidator.validate(text)
  return valid === true || valid.err.line
}

const parse = (text: string): unknown => {
  try {
    return parser.parse(text)
  } catch {
    return unreadable("the file", "nested too deeply, or with names that are not accepted")
  }
}

/** The parser's nodes: one object each, with the name as a key and the attributes under ":@". */
const nodes = (parsed: unknown, depth: number): ReadonlyArray<Element> => {
  if (!Array.isArray(parsed)) return []
  if (depth > DEPTH_MAX) return unreadable("the file", `nested deeper than ${DEPTH_MAX} elements`)
  return parsed.flatMap((node: Readonly<Record<string, unknown>>) => {
    const tag = Object.keys(node).find((key) => key !== ":@" && !key.startsWith("#"))
    if (tag === undefined) return []
    const content = node[tag]
    return [
      {
        name: tag.slice(tag.indexOf(":") + 1),
        attributes: attributesOf(node[":@"]),
        children: nodes(content, depth + 1),
        text: textIn(content).trim(),
      },
    ]
  })
}

const attributesOf = (given: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(given ?? {}).map(([name, value]) => [name, resolved(String(value))]))

const textIn = (content: unknown): string => (Array.isArray(content) ? content.map(pieceOf).join("") : "")

/** References in a literal section (CDATA) are not resolved. */
const pieceOf = (node: Readonly<Record<string, unknown>>): string => {
  if ("#text" in node) return resolved(String(node["#text"]))
  const [literal] = Array.isArray(node["#cdata"]) ? node["#cdata"] : []
  return literal === undefined ? "" : String(literal["#text"])
}

const characters: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" }

const resolved = (text: string): string =>
  text.includes("&")
    ? text.replace(/&(?:#([0-9]{1,7})|#x([0-9a-fA-F]{1,6})|([a-z]{2,4}));|&/g, (_, decimal, hex, name) => {
        const character = name === undefined ? numbered(decimal, hex) : characters[name]
        return character ?? unreadable("the file", "a reference that XML does not know by itself")
      })
    : text

const numbered = (decimal: string | undefined, hex: string | undefined): string | undefined => {
  const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal)
  const isCharacter =
    (code >= 0x20 || code === 0x09 || code === 0x0a || code === 0x0d) &&
    code <= 0x10ffff &&
    (code < 0xd800 || code > 0xdfff)
  return isCharacter ? String.fromCodePoint(code) : undefined
}
