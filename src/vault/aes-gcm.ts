/** AES-256-GCM (NIST SP 800-38D) for short texts. The result is nonce, ciphertext and tag in one buffer. */
import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from "node:crypto"

const ALGORITHM = "aes-256-gcm"
const NONCE_BYTES = 12
const TAG_BYTES = 16
const tagged = { authTagLength: TAG_BYTES }

/** Encrypts a text under a random nonce. It can only be decrypted with the same `context`. */
export const encrypt = (key: KeyObject, context: string, text: string | Uint8Array): Buffer => {
  const nonce = nextNonce()
  const cipher = createCipheriv(ALGORITHM, key, nonce, tagged)
  cipher.setAAD(Buffer.from(context))
  const ciphertext = typeof text === "string" ? cipher.update(text, "utf8") : cipher.update(text)
  // GCM is a stream cipher: `final` adds no text.
  cipher.final()
  return Buffer.concat([nonce, ciphertext, cipher.getAuthTag()])
}

/** Decrypts. Gives `undefined` if the key or the context is another, or a bit has changed. */
export const decrypt = (key: KeyObject, context: string, box: Buffer): Buffer | undefined => {
  if (box.length < NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv(ALGORITHM, key, box.subarray(0, NONCE_BYTES), tagged)
  decipher.setAAD(Buffer.from(context))
  decipher.setAuthTag(box.subarray(-TAG_BYTES))
  const text = decipher.update(box.subarray(NONCE_BYTES, -TAG_BYTES))
  try {
    decipher.final()
    return text
  } catch {
    return undefined
  }
}

/** Decodes base64url. Gives `undefined` for a text that no encoder writes, so that the same bytes have only one text. */
export const fromBase64Url = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, "base64url")
  // Only the last characters, which encode one or two bytes, could have another spelling.
  const whole = bytes.length - (bytes.length % 3)
  const isCanonical =
    text.length === Math.ceil((bytes.length * 4) / 3) && text.endsWith(bytes.toString("base64url", whole))
  return isCanonical ? bytes : undefined
}

/** Random bytes for many nonces at a time, because generating them once costs as much as an encryption. */
const pool = Buffer.alloc(NONCE_BYTES * 512)
let drawn = pool.length

const nextNonce = (): Buffer => {
  if (drawn === pool.length) {
    randomFillSync(pool)
    drawn = 0
  }
  const nonce = pool.subarray(drawn, drawn + NONCE_BYTES)
  drawn += NONCE_BYTES
  return nonce
}
