import { createHmac, hash } from "node:crypto"
import { BatchId, PARTNER_SHARD_CHARACTERS, type PartnerId } from "../../domain/identifiers.ts"
import { atOnce } from "../../parsing/turns.ts"
import type { DataKey } from "../../vault/partner-keys.ts"
import { base32 } from "../edge/base32.ts"

const KEY_CHARACTERS = 22 - PARTNER_SHARD_CHARACTERS

/**
 * The id of the batch that a partner's idempotency key stands for. It is derived, so the log of the batch is itself the
 * record that the key was used: 25 bits of SHA-256 over the partner, its partner shard, then 85 bits over the partner
 * and the key, each with its length before it.
 */
export const batchIdOf = (partner: PartnerId, idempotencyKey: string): BatchId => {
  const named = `${partner.length}:${partner}`
  const partnerShard = base32(hash("sha256", named, "buffer"), PARTNER_SHARD_CHARACTERS)
  const key = `${named}${idempotencyKey.length}:${idempotencyKey}`
  return BatchId.make(`pb_${partnerShard}${base32(hash("sha256", key, "buffer"), KEY_CHARACTERS)}`)
}

/** Bytes in one slice: two milliseconds or so. */
const DIGESTED_AT_ONCE = 512 * 1024

/** Under this name, which no partner can have, the vault keeps the key of request digests; it is never rotated. */
export const REQUESTS = "~requests"

/**
 * HMAC-SHA-256 of a request body as it was received, in hex. Keyed, because the log holds it beside nearly all of a small
 * request: a plain hash would let whoever reads the log find an account by trying.
 */
export function* requestDigest({ key }: DataKey, body: Buffer): Generator<void, string> {
  const hmac = createHmac("sha256", key)
  for (let at = 0; at < body.length; at += DIGESTED_AT_ONCE) {
    if (at > 0) yield
    hmac.update(body.subarray(at, at + DIGESTED_AT_ONCE))
  }
  return hmac.digest("hex")
}

/** The same at once. */
export const requestDigestOf = (key: DataKey, body: Buffer): string => atOnce(requestDigest(key, body))
