import { createHmac, hash } from "node:crypto"
import { BatchId, PARTNER_SHARD_CHARACTERS, type PartnerId } from "../../domain/identifiers.ts"
import type { RejectedRows } from "../../domain/rejected-rows.ts"
import { atOnce } from "../../parsing/turns.ts"
import type { DataKey } from "../../vault/partner-keys.ts"
import { base32 } from "../edge/base32.ts"

const KEY_CHARACTERS = 22 - PARTNER_SHARD_CHARACTERS

/**
 * The id of the batch for a partner's idempotency key. It is derived, so the log of the batch is itself the record that
 * the key was used: 25 bits of SHA-256 over the partner (the partner shard), then 85 bits over partner and key, each
 * preceded by its length.
 */
export const batchIdOf = (partner: PartnerId, idempotencyKey: string): BatchId => {
  const named = `${partner.length}:${partner}`
  const partnerShard = base32(hash("sha256", named, "buffer"), PARTNER_SHARD_CHARACTERS)
  const key = `${named}${idempotencyKey.length}:${idempotencyKey}`
  return BatchId.make(`pb_${partnerShard}${base32(hash("sha256", key, "buffer"), KEY_CHARACTERS)}`)
}

const structuredString = /^"((?:[^"\\]|\\["\\])*)"$/

/** The text that a quoted key names (RFC 9651, 3.3.3); nothing if it is not quoted in that way, or names none. */
export const unquotedKey = (written: string): string | undefined =>
  structuredString.exec(written)?.[1]?.replace(/\\(.)/g, "$1") || undefined

/** The name that a batch reserved when it was opened: that of its key without the quotes. Nothing for a plain key. */
export const reservedNameOf = (partner: PartnerId, idempotencyKey: string): BatchId | undefined => {
  const plain = unquotedKey(idempotencyKey)
  return plain === undefined ? undefined : batchIdOf(partner, plain)
}

/** Bytes in one slice, which takes about two milliseconds. */
const DIGESTED_AT_ONCE = 512 * 1024

/** The name of the key of request digests in the vault. No partner can have it, and the key is never rotated. */
export const REQUESTS = "~requests"

/**
 * HMAC-SHA-256 of a request body as it was received, in hex; `before` is what a request says outside of its body. It is keyed, because the log contains nearly all of a small
 * request: with a plain hash, a reader of the log could find an account by trying.
 */
export function* requestDigest(
  { key }: DataKey,
  pieces: ReadonlyArray<Buffer>,
  before = "",
): Generator<void, string> {
  const hmac = createHmac("sha256", key).update(before)
  let digested = 0
  for (const piece of pieces)
    for (let at = 0; at < piece.length; at += DIGESTED_AT_ONCE) {
      if (digested >= DIGESTED_AT_ONCE) {
        yield
        digested = 0
      }
      const part = piece.subarray(at, at + DIGESTED_AT_ONCE)
      digested += part.length
      hmac.update(part)
    }
  return hmac.digest("hex")
}

/**
 * What of a request its batch pays, as claims and counts name it: its digest and, if its good rows alone were asked for, those that are
 * not in it. Which rows are good may change between two tries.
 */
export const contentOf = (digest: string, rejectedRows: RejectedRows | undefined): string =>
  rejectedRows === undefined ? digest : `${digest}.${hash("sha256", JSON.stringify(rejectedRows))}`

/** The same digest in one step, without turns. */
export const requestDigestOf = (key: DataKey, body: Buffer): string => atOnce(requestDigest(key, [body]))
