/**
 * Which transfers of banks were accepted for more than one payout, in all of history and in bounded memory. A bank names each transfer
 * that it accepts; one name for two payouts, in whatever batches, means that one of the two was never paid, or that a log tells of
 * another log's transfer. Names are kept as digests, in memory as long as they are few and in files of a temporary folder beyond
 * that: a file for each of 256 parts, of which one at a time is looked at in the end.
 */
import { hash } from "node:crypto"
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { attemptsOf, type Batch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { entryOf, type Finding } from "./finding.ts"

/** Of the digest of a bank and its name for a transfer. Of a thousand million, no two have the same by chance: 2^-37. */
const DIGEST_BYTES = 12
const BATCH_BYTES = 22
/** Then the item, the attempt, and the version that last changed the item. */
const RECORD_BYTES = DIGEST_BYTES + BATCH_BYTES + 4 + 2 + 4
const PARTS = 256
/** Records of one part in memory: some 90 MB if all parts are full. */
const PART_RECORDS_MAX = 8_192

/** A payout whose transfer a bank accepted. */
interface Place {
  readonly batch: string
  readonly item: number
  readonly attempt: number
  readonly since: number
}

export class AcceptedTransfers implements Disposable {
  readonly #parts: Array<Array<Buffer>> = Array.from({ length: PARTS }, () => [])
  #folder: string | undefined

  /** Takes the accepted transfers of a batch. A batch may come again: then it says the same. */
  add(id: BatchId, batch: Batch): void {
    for (const item of batch.items.values())
      for (const { attempt, bank, transferId } of attemptsOf(item))
        if (transferId !== undefined)
          this.#keep(recordOf(bank, transferId, { batch: id, item: item.item, attempt, since: item.since }))
  }

  /** Each payout that has the transfer of an earlier one. */
  *shared(): Generator<Finding> {
    for (const part of this.#parts.keys()) {
      const seen = new Map<string, Place>()
      for (const record of this.#recordsOf(part)) {
        const digest = record.toString("latin1", 0, DIGEST_BYTES)
        const place = placeOf(record)
        const first = seen.get(digest)
        if (first === undefined) seen.set(digest, place)
        else if (nameOf(first) !== nameOf(place)) yield sharedBy(first, place)
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
  }

  #keep(record: Buffer): void {
    const number = record[0] ?? 0
    const part = this.#parts[number]
    if (part === undefined) throw new Error("no such part")
    part.push(record)
    if (part.length < PART_RECORDS_MAX) return
    appendFileSync(this.#fileOf(number), Buffer.concat(part))
    part.length = 0
  }

  #fileOf(part: number): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), "atlaspay-verify-"))
    return join(this.#folder, String(part))
  }

  *#recordsOf(part: number): Generator<Buffer> {
    if (this.#folder !== undefined) {
      const stored = storedIn(this.#fileOf(part))
      for (let at = 0; at < stored.length; at += RECORD_BYTES) yield stored.subarray(at, at + RECORD_BYTES)
    }
    yield* this.#parts[part] ?? []
  }
}

const storedIn = (file: string): Buffer => {
  try {
    return readFileSync(file)
  } catch (error) {
    // A part that was never full has no file.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Buffer.alloc(0)
    throw error
  }
}

const recordOf = (bank: string, transferId: string, { batch, item, attempt, since }: Place): Buffer => {
  const record = Buffer.allocUnsafe(RECORD_BYTES)
  hash("sha256", `${bank.length}:${bank}${transferId}`, "buffer").copy(record, 0, 0, DIGEST_BYTES)
  record.write(batch.slice(3), DIGEST_BYTES, BATCH_BYTES, "latin1")
  record.writeUInt32BE(item, DIGEST_BYTES + BATCH_BYTES)
  record.writeUInt16BE(attempt, DIGEST_BYTES + BATCH_BYTES + 4)
  record.writeUInt32BE(since, DIGEST_BYTES + BATCH_BYTES + 6)
  return record
}

const placeOf = (record: Buffer): Place => ({
  batch: `pb_${record.toString("latin1", DIGEST_BYTES, DIGEST_BYTES + BATCH_BYTES)}`,
  item: record.readUInt32BE(DIGEST_BYTES + BATCH_BYTES),
  attempt: record.readUInt16BE(DIGEST_BYTES + BATCH_BYTES + 4),
  since: record.readUInt32BE(DIGEST_BYTES + BATCH_BYTES + 6),
})

const nameOf = ({ batch, item, attempt }: Place): string => `${batch} item ${item} attempt ${attempt}`

const sharedBy = (first: Place, other: Place): Finding => ({
  kind: "transfer-shared",
  batch: other.batch,
  entry: entryOf(other.since),
  item: other.item,
  expected: "a transfer of its own",
  found: `that of ${nameOf(first)}, for attempt ${other.attempt}`,
  store: "logs",
  wrong: undefined,
})
