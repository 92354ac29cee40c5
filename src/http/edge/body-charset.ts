/**
 * The charset of a JSON body. JSON between systems is UTF-8 (RFC 8259, 8.1), and a `charset` that says so is read. What says
 * otherwise is never taken for UTF-8: partners' bodies are refused, and callbacks are decoded, as a bank that reports how a
 * transfer ended is better understood than refused. A body of ASCII alone is the same in all charsets of bytes: old clients
 * declare Latin-1 whatever they send.
 */
import { isAscii } from "node:buffer"
import { Schema } from "effect"

/** The body is in a charset that is not read here. */
export class UnsupportedCharset extends Schema.TaggedError<UnsupportedCharset>()("UnsupportedCharset", {}) {}

const charsetParameter = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;"]*))/i

/** The charset that a content type declares, in lower case; empty if it declares none. */
export const charsetOf = (contentType: string): string => {
  const [, quoted, plain] = charsetParameter.exec(contentType) ?? []
  return (quoted ?? plain ?? "").trim().toLowerCase()
}

/** US-ASCII is a part of UTF-8. */
const utf8: ReadonlySet<string> = new Set(["", "utf-8", "utf8", "us-ascii", "ascii"])

/** Charsets in which the bytes of ASCII mean what they mean in ASCII. */
const withAscii = /^(?:iso-8859-\d{1,2}|latin1|windows-125\d)$/

const isUtf8 = (body: Buffer, charset: string): boolean =>
  utf8.has(charset) || (withAscii.test(charset) && isAscii(body))

/** Byte-order marks of UTF-16 and UTF-32; that of UTF-32LE begins as that of UTF-16LE does. */
const marks: ReadonlyArray<readonly [charset: string | undefined, mark: Buffer]> = [
  [undefined, Buffer.from([0xff, 0xfe, 0, 0])],
  [undefined, Buffer.from([0, 0, 0xfe, 0xff])],
  ["utf-16le", Buffer.from([0xff, 0xfe])],
  ["utf-16be", Buffer.from([0xfe, 0xff])],
]

/** No JSON begins with a byte of a mark, so most bodies are not compared with any. */
const markOf = (body: Buffer) =>
  firstBytes.has(body[0]) ? marks.find(([, mark]) => body.subarray(0, mark.length).equals(mark)) : undefined

const firstBytes: ReadonlySet<number | undefined> = new Set(marks.map(([, mark]) => mark[0]))

/** Whether a body may be read as UTF-8, by its byte-order mark and the charset that its content type declares. */
export const isReadAsUtf8 = (body: Buffer, contentType: string): boolean =>
  markOf(body) === undefined && isUtf8(body, charsetOf(contentType))

/** What callbacks may be in besides UTF-8, by the labels of the WHATWG Encoding Standard. */
const decodable: ReadonlySet<string> = new Set([
  ...["iso-8859-1", "latin1", "iso-8859-15", "windows-1252"],
  ...["utf-16le", "utf-16be"],
])

const jsonType = /^\s*(?:application\/(?:[\w.+-]+\+)?json|text\/json)\s*(?:;|$)/i

/**
 * A body of JSON in UTF-8, decoded by its byte-order mark, or else by the charset that its content type declares. Of "utf-16"
 * only a mark says which. A body of another type is returned as it is: it may declare its encoding itself.
 */
export const utf8Of = (body: Buffer, contentType: string): Buffer | UnsupportedCharset => {
  if (contentType !== "" && !jsonType.test(contentType)) return body
  const mark = markOf(body)
  const declared = charsetOf(contentType)
  if (mark === undefined && isUtf8(body, declared)) return body
  const charset = mark === undefined ? declared : mark[0]
  if (charset === undefined || !decodable.has(charset)) return new UnsupportedCharset()
  try {
    return Buffer.from(new TextDecoder(charset, { fatal: true }).decode(body))
  } catch {
    return new UnsupportedCharset()
  }
}
