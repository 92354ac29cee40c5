/**
 * Bytes of a file to text: by its byte order mark, else by the encoding that the caller names, else UTF-8, else Windows-1252,
 * which is what spreadsheets save as "CSV" in Western Europe. The last one is an assumption, and the caller says so.
 */
import { isUtf8 } from "node:buffer"
import { Result } from "effect"

export interface FileText {
  /** Without a byte order mark. */
  readonly text: string
  /** The name of the encoding in the WHATWG Encoding Standard. */
  readonly encoding: string
  /** Nothing in the file, and nobody, said that this is its encoding. */
  readonly assumed: boolean
}

const marks: ReadonlyArray<readonly [encoding: string, ...bytes: ReadonlyArray<number>]> = [
  ["utf-8", 0xef, 0xbb, 0xbf],
  ["utf-16le", 0xff, 0xfe],
  ["utf-16be", 0xfe, 0xff],
]

/** Bytes that Windows-1252 gives no character. A file with one of them is in another encoding. */
const notWindows1252 = /[\u0081\u008d\u008f\u0090\u009d]/

/** Whether the Encoding Standard knows an encoding by this name: "windows-1250", "iso-8859-2", "macintosh". */
export const isEncoding = (name: string): boolean => {
  try {
    return new TextDecoder(name).encoding !== ""
  } catch {
    return false
  }
}

/** The encoding whose byte order mark stands in front of bytes. */
export const encodingOfMark = (bytes: Uint8Array): string | undefined =>
  marks.find(([, ...mark]) => mark.every((byte, index) => bytes[index] === byte))?.[0]

/** Reads bytes as text, or says why they are none. `named` is the encoding that the caller knows of; a mark outdoes it. */
export const decodeText = (bytes: Uint8Array, named?: string): Result.Result<FileText, string> => {
  const marked = encodingOfMark(bytes)
  const encoding = marked ?? named ?? (isUtf8(bytes) ? "utf-8" : "windows-1252")
  const assumed = marked === undefined && named === undefined && encoding !== "utf-8"
  const text = decoded(bytes, encoding)
  if (text === undefined) return Result.fail(`not ${encoding}; ${advice}`)
  // Windows-1252 has a character for each byte, so only these tell that it is another encoding.
  if (assumed && notWindows1252.test(text)) return Result.fail(`neither UTF-8 nor Windows-1252; ${advice}`)
  // Text in UTF-16 without its mark has a zero byte beside each Latin letter.
  if (text.includes("\0")) return Result.fail(`zero bytes between the characters; ${advice}`)
  return Result.succeed({ text, encoding, assumed })
}

const advice = "save it as CSV UTF-8, or name its encoding with --encoding"

const decoded = (bytes: Uint8Array, encoding: string): string | undefined => {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
