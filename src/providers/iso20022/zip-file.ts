/**
 * Files in a ZIP container, in which EBICS banks send statements of several accounts and days (order types C52, C53, C54, CDZ). The
 * container comes from outside: what it holds is bounded before anything is inflated, names in it are not used, and containers in
 * it are not opened. Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.4.
 */
import { crc32, inflateRawSync } from "node:zlib"
import { UnreadableFile } from "./unreadable-file.ts"

/** More than the accounts of a large company on a day. */
const FILES_MAX = 1_000
/** As long as a file may be that comes by itself, and four times that for all together. */
const FILE_BYTES_MAX = 16 * 1024 * 1024
const BYTES_MAX = 4 * FILE_BYTES_MAX

export interface ContainedFile {
  /** Which of the container's files it is, such as "file 2 of the zip". Names may have account numbers. */
  readonly place: string
  /** Its content. Throws an `UnreadableFile` if it cannot be unpacked. */
  readonly content: () => Uint8Array
}

/** Whether a file is a container: it begins with the header of a file in it, or with that of its end if it is empty. */
export const isZip = (file: Uint8Array): boolean =>
  file[0] === 0x50 && file[1] === 0x4b && [0x0403, 0x0605].includes((file[2] ?? 0) | ((file[3] ?? 0) << 8))

/**
 * The files in a container, without folders and hidden files. Throws an `UnreadableFile` for one that is cut, overlaps itself, is in parts, or holds too
 * much.
 */
export const filesInZip = (zip: Uint8Array): ReadonlyArray<ContainedFile> => {
  const entries = directoryOf(Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength))
  if (entries.reduce((sum, { length }) => sum + length, 0) > BYTES_MAX)
    return refused(`holds more than ${BYTES_MAX} bytes`)
  requireApart(entries)
  const files = entries.filter(({ name }) => !isHidden(name))
  if (files.length === 0) return refused("holds no file")
  return files.map((entry, index) => {
    const place = `file ${index + 1} of the zip`
    return { place, content: () => unpacked(entry, place) }
  })
}

interface Entry {
  readonly name: string
  readonly isEncrypted: boolean
  readonly method: number
  readonly checksum: number
  /** Unpacked, in bytes. */
  readonly length: number
  /** Where its header begins, and its data ends. */
  readonly from: number
  readonly to: number
  readonly data: Buffer
}

const END = 0x06054b50
const END_LENGTH = 22
const COMMENT_LENGTH_MAX = 0xffff
const CENTRAL = 0x02014b50
const CENTRAL_LENGTH = 46
const LOCAL = 0x04034b50
const LOCAL_LENGTH = 30

const directoryOf = (zip: Buffer): ReadonlyArray<Entry> => {
  const end = endOf(zip)
  const [disk, firstDisk] = [zip.readUInt16LE(end + 4), zip.readUInt16LE(end + 6)]
  const [here, count] = [zip.readUInt16LE(end + 8), zip.readUInt16LE(end + 10)]
  if (disk !== 0 || firstDisk !== 0 || here !== count) return refused("is a part of several")
  if (count > FILES_MAX) return refused(`holds more than ${FILES_MAX} files`)
  const entries: Array<Entry> = []
  let at = zip.readUInt32LE(end + 16)
  for (let index = 0; index < count; index += 1) {
    if (at + CENTRAL_LENGTH > end || zip.readUInt32LE(at) !== CENTRAL)
      return refused("has no complete directory")
    entries.push(entryAt(zip, at))
    const [name, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset))
    at += CENTRAL_LENGTH + (name ?? 0) + (extra ?? 0) + (comment ?? 0)
  }
  return entries
}

/** The last record, before a comment of any length. */
const endOf = (zip: Buffer): number => {
  const earliest = Math.max(0, zip.length - END_LENGTH - COMMENT_LENGTH_MAX)
  for (let at = zip.length - END_LENGTH; at >= earliest; at -= 1)
    if (zip.readUInt32LE(at) === END && at + END_LENGTH + zip.readUInt16LE(at + 20) === zip.length) return at
  return refused("has no end")
}

const entryAt = (zip: Buffer, at: number): Entry => {
  const packed = zip.readUInt32LE(at + 20)
  const from = zip.readUInt32LE(at + 42)
  if (from + LOCAL_LENGTH > zip.length || zip.readUInt32LE(from) !== LOCAL)
    return refused("has no complete directory")
  const begin = from + LOCAL_LENGTH + zip.readUInt16LE(from + 26) + zip.readUInt16LE(from + 28)
  // Sizes of 0xffffffff, which are elsewhere in ZIP64, are beyond the end, too.
  if (begin + packed > zip.length) return refused("is cut")
  const name = zip.toString("latin1", at + CENTRAL_LENGTH, at + CENTRAL_LENGTH + zip.readUInt16LE(at + 28))
  return {
    name,
    isEncrypted: (zip.readUInt16LE(at + 8) & 1) === 1,
    method: zip.readUInt16LE(at + 10),
    checksum: zip.readUInt32LE(at + 16),
    length: zip.readUInt32LE(at + 24),
    from,
    to: begin + packed,
    data: zip.subarray(begin, begin + packed),
  }
}

/** No two files share bytes: that is how a small container holds an endless amount. */
const requireApart = (entries: ReadonlyArray<Entry>): void => {
  let end = 0
  for (const { from, to } of entries.toSorted((one, other) => one.from - other.from)) {
    if (from < end) refused("has files that overlap")
    end = to
  }
}

/** Folders, files that systems add for themselves, and statements for people, which banks put beside those for machines. */
const isHidden = (name: string): boolean => /(?:^|[\\/])(?:\.[^\\/]*)?$|\.pdf$/i.test(name)

const STORED = 0
const DEFLATED = 8

const unpacked = ({ isEncrypted, method, checksum, length, data }: Entry, place: string): Uint8Array => {
  if (isEncrypted) return refused("is encrypted", place)
  if (length > FILE_BYTES_MAX) return refused(`longer than ${FILE_BYTES_MAX} bytes`, place)
  if (method !== STORED && method !== DEFLATED) return refused("is packed in a way that is not read", place)
  const content = method === STORED ? data : inflated(data, length, place)
  return content.length === length && crc32(content) === checksum
    ? content
    : refused("is not what the directory says", place)
}

/** Never more than the length that the directory gives, which is bounded. */
const inflated = (data: Buffer, length: number, place: string): Buffer => {
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, length) })
  } catch {
    return refused("cannot be unpacked", place)
  }
}

const refused = (problem: string, place = "the zip"): never => {
  throw new UnreadableFile({ place, problem })
}
