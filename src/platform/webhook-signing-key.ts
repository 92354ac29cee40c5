/**
 * Keys for asymmetric signatures of Standard Webhooks: Ed25519 (RFC 8032). The private key is a text `whsk_` and the seed of 32 bytes
 * in base64, the public one `whpk_` and its 32 bytes in base64. The public key is also shown as a JWK (RFC 7517, RFC 8037).
 */
import { createPrivateKey, createPublicKey, hash, type KeyObject, randomBytes } from "node:crypto"
import { Redacted } from "effect"

/** `whsk_` and the seed in base64. It never leaves the service. */
export type SigningKey = Redacted.Redacted<string>

const PRIVATE_PREFIX = "whsk_"
const PUBLIC_PREFIX = "whpk_"
const SEED_BYTES = 32
/** What precedes the seed in PKCS #8 (RFC 8410, section 7). */
const PKCS8_OF_SEED = Buffer.from("302e020100300506032b657004220420", "hex")

/** A public key in the forms in which receivers take it. */
export interface PublicKey {
  /** `whpk_…`. */
  readonly text: string
  /** The thumbprint of the JWK (RFC 7638). */
  readonly kid: string
  /** The 32 bytes in base64url, as a JWK has them. */
  readonly x: string
}

export const newSigningKey = (): string => `${PRIVATE_PREFIX}${randomBytes(SEED_BYTES).toString("base64")}`

/** Tells signing keys from secrets. */
export const isSigningKey = (key: Redacted.Redacted<string>): key is SigningKey =>
  Redacted.value(key).startsWith(PRIVATE_PREFIX)

const prepared = new WeakMap<SigningKey, KeyObject>()

/** The private key, prepared once for each `SigningKey`. Throws if the seed has not 32 bytes. */
export const signingKeyObject = (signingKey: SigningKey): KeyObject => {
  const known = prepared.get(signingKey)
  if (known !== undefined) return known
  const seed = Buffer.from(Redacted.value(signingKey).slice(PRIVATE_PREFIX.length), "base64")
  if (seed.length !== SEED_BYTES) throw new Error(`a seed of ${SEED_BYTES} bytes was expected`)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_OF_SEED, seed]), format: "der", type: "pkcs8" })
  prepared.set(signingKey, key)
  return key
}

/** The public key that verifies what a key signs. */
export const publicKeyOf = (signingKey: SigningKey): PublicKey => {
  const { x = "" } = createPublicKey(signingKeyObject(signingKey)).export({ format: "jwk" })
  return {
    text: `${PUBLIC_PREFIX}${Buffer.from(x, "base64url").toString("base64")}`,
    kid: hash("sha256", JSON.stringify({ crv: "Ed25519", kty: "OKP", x }), "base64url"),
    x,
  }
}
