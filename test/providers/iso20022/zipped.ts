/** Containers for tests, written by PKWARE's APPNOTE.TXT. Each of their fields can be a lie. */
import { crc32, deflateRawSync } from "node:zlib"

export interface Zipped {
  readonly name: string
  readonly content: string | Uint8Array
  readonly method?: number
  readonly flags?: number
  readonly checksum?: number
  readonly length?: number
  /** Where the directory says that it begins. */
  readonly from?: number
}

/** A container of these files. */
export const zipOf = (...files: ReadonlyArray<Zipped>): Buffer => {
  const parts: Array<Buffer> = []
  const directory: Array<Buffer> = []
  let at = 0
  for (const { name, content, method = 8, flags = 0, checksum, length, from = at } of files) {
    const plain = Buffer.from(content)
    const data = method === 8 ? deflateRawSync(plain) : plain
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(flags, 2)
    common.writeUInt16LE(method, 4)
    common.writeUInt32LE(checksum ?? crc32(plain), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(length ?? plain.length, 18)
    common.writeUInt16LE(Buffer.byteLength(name), 22)
    parts.push(Buffer.from("PK\u0003\u0004"), common, Buffer.from(name), data)
    const more = Buffer.alloc(14)
    more.writeUInt32LE(from, 10)
    directory.push(Buffer.from("PK\u0001\u0002"), Buffer.from([20, 0]), common, more, Buffer.from(name))
    at += 30 + Buffer.byteLength(name) + data.length
  }
  const entries = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(files.length, 4)
  end.writeUInt16LE(files.length, 6)
  end.writeUInt32LE(entries.length, 8)
  end.writeUInt32LE(at, 12)
  return Buffer.concat([...parts, entries, Buffer.from("PK\u0005\u0006"), end])
}
