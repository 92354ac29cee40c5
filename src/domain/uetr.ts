/**
 * The unique end-to-end transaction reference (UETR) of a transfer: a UUID of version 4, as SWIFT and ISO 20022 want it.
 *
 * It is derived from the transfer's own reference, so the same attempt has the same one whoever writes it, however often,
 * and another attempt has another. Of a UUID's 122 free bits, 101 are the last of the batch id (85 of which are a hash of the partner and
 * its idempotency key), 17 the item and 4 the attempt: nothing is hashed again, so no two transfers can meet by chance.
 */
import { type BatchId, parseTransferReference } from "./identifiers.ts"

const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

const BATCH_BITS = 101n
const ITEM_BITS = 17n
const ATTEMPT_BITS = 4n

/** The UETR of the transfer with a reference of ours, in lower case; nothing for a reference that is not ours. */
export const uetrOf = (reference: string): string | undefined => {
  const key = parseTransferReference(reference)
  if (key === undefined) return undefined
  const { beginning, end } = partOf(key.batch)
  const ending = end + (key.item << Number(ATTEMPT_BITS)) + key.attempt
  return `${beginning}${ending.toString(16).padStart(12, "0")}`
}

/** What a UETR has of its batch: all groups of digits but the last, and the value of the last without the item and the attempt. */
interface BatchPart {
  readonly beginning: string
  readonly end: number
}

/** The parts of the batches asked about last. A batch has many transfers, and long arithmetic is slow. */
const parts = new Map<BatchId, BatchPart>()
const PARTS_MAX = 1_024

const partOf = (batch: BatchId): BatchPart => {
  const known = parts.get(batch)
  if (known !== undefined) return known
  if (parts.size >= PARTS_MAX) parts.clear()
  const made = makePart(batch)
  parts.set(batch, made)
  return made
}

const makePart = (id: BatchId): BatchPart => {
  let batch = 0n
  for (const character of id.slice("pb_".length)) batch = (batch << 5n) | BigInt(alphabet.indexOf(character))
  const free = (batch & ones(BATCH_BITS)) << (ITEM_BITS + ATTEMPT_BITS)
  // 48 bits, the version, 12 bits, the variant, 62 bits (RFC 9562, section 5.4).
  const bits =
    ((free >> 74n) << 80n) |
    (4n << 76n) |
    (((free >> 62n) & ones(12n)) << 64n) |
    (2n << 62n) |
    (free & ones(62n))
  const beginning = (bits >> 48n)
    .toString(16)
    .padStart(20, "0")
    .replace(/^(.{8})(.{4})(.{4})(.{4})$/, "$1-$2-$3-$4-")
  return { beginning, end: Number(bits & ones(48n)) }
}

/** ISO 20022's UUIDv4Identifier. */
const uetrPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Whether a text in lower case has the form of a UETR. */
export const isUetr = (text: string): boolean => uetrPattern.test(text)

/**
 * The end of the references of ours that a UETR in lower case may be of: all but their first two characters, of which a UETR
 * has no more than a bit. `undefined` for a UETR that is of none. Not every reference with this end has this UETR: compare
 * {@link uetrOf}. The tables are looked up by it (0019-orders-by-uetr.sql).
 */
export const referenceEndIn = (uetr: string): string | undefined => {
  if (!isUetr(uetr)) return undefined
  const bits = BigInt(`0x${uetr.replaceAll("-", "")}`)
  const free = ((bits >> 80n) << 74n) | (((bits >> 64n) & ones(12n)) << 62n) | (bits & ones(62n))
  const attempt = free & ones(ATTEMPT_BITS)
  const item = (free >> ATTEMPT_BITS) & ones(ITEM_BITS)
  const batch = free >> (ATTEMPT_BITS + ITEM_BITS)
  let characters = ""
  for (let place = 0n; place < 20n; place += 1n)
    characters = `${alphabet[Number((batch >> (5n * place)) & ones(5n))]}${characters}`
  const end = `${characters.toUpperCase()}-${item}-${attempt}`
  return parseTransferReference(`AA${end}`) === undefined ? undefined : end
}

const ones = (count: bigint): bigint => (1n << count) - 1n
