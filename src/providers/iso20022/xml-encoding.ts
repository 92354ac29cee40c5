/**
 * The encoding of an XML file: by its byte-order mark, else by its declaration, else UTF-8 (XML 1.0, 4.3.3 and appendix F).
 * Others than those of the list are refused by name: no byte is guessed at.
 */
import { UnreadableFile } from "./unreadable-file.ts"

/** The encodings that are read, by the names of the IANA register in upper case. */
const encodings: ReadonlyMap<string, string> = new Map([
  ["UTF-8", "utf-8"],
  ["UTF8", "utf-8"],
  ["US-ASCII", "us-ascii"],
  ["ASCII", "us-ascii"],
  ["ISO-8859-1", "iso-8859-1"],
  ["ISO_8859-1", "iso-8859-1"],
  ["ISO8859-1", "iso-8859-1"],
  ["LATIN1", "iso-8859-1"],
  ["WINDOWS-1252", "windows-1252"],
  ["CP1252", "windows-1252"],
  // Central Europe, Cyrillic, Greek, Turkish, the Baltic states, and Western Europe with the euro sign.
  ...["2", "5", "7", "9", "13", "15"].flatMap((part) => [
    [`ISO-8859-${part}`, `iso-8859-${part}`] as const,
    [`ISO8859-${part}`, `iso-8859-${part}`] as const,
  ]),
  ...["1250", "1251", "1253", "1254", "1257"].map((page) => [`WINDOWS-${page}`, `windows-${page}`] as const),
  ["UTF-16", "utf-16"],
  ["UTF-16LE", "utf-16le"],
  ["UTF-16BE", "utf-16be"],
])

/** The text of a file, without a byte-order mark. Throws an {@link UnreadableFile} for bytes that its encoding does not have. */
export const decodedXml = (file: Uint8Array): string => {
  const unit = unitOf(file)
  const declared = declaredIn(file, unit)
  const encoding = declared === undefined ? unit : encodings.get(declared.toUpperCase())
  if (encoding === undefined) return refused(`the encoding ${plainName(declared)} is not read`)
  const isWide = encoding.startsWith("utf-16")
  if (isWide !== unit.startsWith("utf-16") || (isWide && encoding !== "utf-16" && encoding !== unit))
    return refused(`not in the encoding that it declares, ${plainName(declared)}`)
  // A byte-order mark decides (XML 1.0, appendix F.1): these bytes are UTF-8, whatever else is declared.
  return decoded(file, isWide || hasMark(file) ? unit : encoding)
}

const marks = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
  // Without a mark, the first character is "<".
  [[0x3c, 0x00], "utf-16le"],
  [[0x00, 0x3c], "utf-16be"],
] as const

const unitOf = (file: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" =>
  marks.find(([bytes]) => bytes.every((byte, index) => file[index] === byte))?.[1] ?? "utf-8"

const hasMark = (file: Uint8Array): boolean => file[0] === 0xef && file[1] === 0xbb && file[2] === 0xbf

const DECLARATION_BYTES_MAX = 400

const declaredIn = (file: Uint8Array, unit: string): string | undefined => {
  const start = new TextDecoder(unit === "utf-8" ? "latin1" : unit).decode(
    file.subarray(0, DECLARATION_BYTES_MAX),
  )
  const text = start.replace(/^\u00ef\u00bb\u00bf/, "")
  return /^<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']/.exec(text)?.[1]
}

const decoded = (file: Uint8Array, encoding: string): string => {
  if (encoding === "iso-8859-1") return Buffer.from(file).toString("latin1")
  const name = encoding === "us-ascii" ? "utf-8" : encoding
  try {
    return new TextDecoder(name, { fatal: true }).decode(file)
  } catch {
    return refused(`not ${encoding.toUpperCase()}`)
  }
}

const refused = (problem: string): never => {
  throw new UnreadableFile({ place: "the file", problem })
}

/** A name that is written into a reason: it comes from the file. */
const plainName = (name: string | undefined): string =>
  name !== undefined && /^[A-Za-z][A-Za-z0-9._-]{0,29}$/.test(name) && !/[0-9]{5}/.test(name)
    ? name
    : "of its declaration"
