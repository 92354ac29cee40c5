import { hash } from "node:crypto"
import { BatchId, type PartnerId } from "../domain/identifiers.ts"
import { base32 } from "./base32.ts"

const ID_CHARACTERS = 22

/**
 * The id of the batch that a partner's idempotency key stands for. It is derived, so the log of the batch is itself the
 * record that the key was used: the first 110 bits of SHA-256 over both, each with its length before it.
 */
export const batchIdOf = (partner: PartnerId, idempotencyKey: string): BatchId => {
  const named = `${partner.length}:${partner}${idempotencyKey.length}:${idempotencyKey}`
  return BatchId.make(`pb_${base32(hash("sha256", named, "buffer"), ID_CHARACTERS)}`)
}

/** SHA-256 of a request body as it was received, in hex. */
export const requestDigestOf = (body: Buffer): string => hash("sha256", body, "hex")
