/** The text of a file in SWIFT's form (MT940 and its like), which says nothing of its own encoding. */
import { UnreadableFile } from "../iso20022/unreadable-file.ts"

export const MT_BYTES_MAX = 16 * 1024 * 1024

/** So much of a file shows whether it is one. */
const HEAD_BYTES = 2_048
/** Lines that banks write before the first field: the message's type, their BIC, a number. */
const HEADER_LINES_MAX = 8

/** The blocks of a FIN message, or the first field after some short lines. No XML, and no other file, begins so. */
const beginning = new RegExp(
  `^\\s*(?:\\{1:[A-Z0-9]{3,30}\\}|(?:(?!<)[^\\n]{0,80}\\n){0,${HEADER_LINES_MAX}}:20:)`,
)

/** Whether a file is one of SWIFT's messages, by its beginning. */
export const isMt = (file: Uint8Array): boolean => {
  const { encoding, mark } = markOf(file)
  const head = file.subarray(mark, HEAD_BYTES)
  const text = new TextDecoder(encoding === "utf-8" ? "latin1" : encoding).decode(head)
  return beginning.test(plain(text))
}

/**
 * The text of a file, with lines that end in a line feed. Its encoding is that of its byte-order mark, else UTF-8, else
 * Windows-1252, of which ISO-8859-1 is a part: what is read of money, days and ids is ASCII in all of them. Throws an
 * {@link UnreadableFile} for a file that is too long or has characters of no text.
 */
export const mtText = (file: Uint8Array): string => {
  if (file.length > MT_BYTES_MAX) return refused(`longer than ${MT_BYTES_MAX} bytes`)
  const { encoding, mark } = markOf(file)
  const text = plain(decoded(file.subarray(mark), encoding))
  return forbidden.test(text) ? refused("a character that no text has") : text
}

/** Characters around a message, or at the end of a file, that old systems write: SOH, ETX, SUB. */
const frame = ["\u0001", "\u0003", "\u001a"]
const forbidden = /[^\t\n\u0020-\ufffd]/

const plain = (text: string): string =>
  frame.reduce((text, character) => text.replaceAll(character, ""), text).replace(/\r\n?/g, "\n")

const marks = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
] as const

const markOf = (file: Uint8Array) => {
  const found = marks.find(([bytes]) => bytes.every((byte, index) => file[index] === byte))
  return found === undefined ? { encoding: "utf-8", mark: 0 } : { encoding: found[1], mark: found[0].length }
}

const decoded = (file: Uint8Array, encoding: string): string => {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(file)
  } catch {
    return encoding === "utf-8" ? new TextDecoder("windows-1252").decode(file) : refused(`not ${encoding}`)
  }
}

const refused = (problem: string): never => {
  throw new UnreadableFile({ place: "the file", problem })
}
