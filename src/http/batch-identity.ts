import { hash } from "node:crypto"
import { BatchId, LANE_CHARACTERS, type PartnerId } from "../domain/identifiers.ts"
import { base32 } from "./base32.ts"

const KEY_CHARACTERS = 22 - LANE_CHARACTERS

/**
 * The id of the batch that a partner's idempotency key stands for. It is derived, so the log of the batch is itself the
 * record that the key was used: 25 bits of SHA-256 over the partner, its lane, then 85 bits over the partner and the
 * key, each with its length before it.
 */
export const batchIdOf = (partner: PartnerId, idempotencyKey: string): BatchId => {
  const named = `${partner.length}:${partner}`
  const lane = base32(hash("sha256", named, "buffer"), LANE_CHARACTERS)
  const key = `${named}${idempotencyKey.length}:${idempotencyKey}`
  return BatchId.make(`pb_${lane}${base32(hash("sha256", key, "buffer"), KEY_CHARACTERS)}`)
}

/** SHA-256 of a request body as it was received, in hex. */
export const requestDigestOf = (body: Buffer): string => hash("sha256", body, "hex")
