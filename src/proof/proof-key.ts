/**
 * Keys that sign roots: Ed25519 (RFC 8032). The private key is a text, `prsk_` and the seed of 32 bytes in base64. Its public key is written
 * as verifiers of signed notes take it (https://c2sp.org/signed-note): `<name>+<key id>+<base64 of 0x01 and the 32 bytes>`, where the name
 * is the origin of the tree, and the key id is the beginning of a hash of the name and the key.
 */
import {
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto"

const PREFIX = "prsk_"
const SEED_BYTES = 32
const PUBLIC_BYTES = 32
/** The algorithm of a signed note. */
const ED25519 = Buffer.from([1])
const KEY_ID_BYTES = 4
/** What precedes the seed in PKCS #8, and the public key in SPKI (RFC 8410). */
const PKCS8_OF_SEED = Buffer.from("302e020100300506032b657004220420", "hex")
const SPKI_OF_KEY = Buffer.from("302a300506032b6570032100", "hex")

/** A new private key, as PROOF_SIGNING_KEY has it. */
export const newProofKey = (): string => `${PREFIX}${randomBytes(SEED_BYTES).toString("base64")}`

/** A public key of a tree. */
export interface PublicProofKey {
  /** The origin of the tree that it signs. */
  readonly name: string
  /** Eight hexadecimal digits. */
  readonly keyId: string
  /** As verifiers of signed notes take it. */
  readonly text: string
  /** The 32 bytes in base64url, as a JWK has them (RFC 8037). */
  readonly x: string
}

/** What signs the roots of a tree. */
export interface ProofSigner {
  readonly publicKey: PublicProofKey
  /** The signature of a text in UTF-8: 64 bytes. */
  readonly sign: (text: string) => Buffer
}

/** The signer of a private key, for the tree of an origin. Throws if it is not `prsk_` and 32 bytes in base64. */
export const signerOf = (privateKey: string, origin: string): ProofSigner => {
  const seed = Buffer.from(privateKey.slice(PREFIX.length), "base64")
  if (!privateKey.startsWith(PREFIX) || seed.length !== SEED_BYTES)
    throw new Error(`expected ${PREFIX} and ${SEED_BYTES} bytes in base64`)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_OF_SEED, seed]), format: "der", type: "pkcs8" })
  const { x = "" } = createPublicKey(key).export({ format: "jwk" })
  return {
    publicKey: publicKeyOf(origin, Buffer.from(x, "base64url")),
    sign: (text) => sign(null, Buffer.from(text), key),
  }
}

const publicKeyOf = (name: string, bytes: Buffer): PublicProofKey => {
  const keyId = keyIdOf(name, bytes).toString("hex")
  const encoded = Buffer.concat([ED25519, bytes]).toString("base64")
  return { name, keyId, text: `${name}+${keyId}+${encoded}`, x: bytes.toString("base64url") }
}

const keyIdOf = (name: string, bytes: Buffer): Buffer =>
  hash("sha256", Buffer.concat([Buffer.from(`${name}\n`), ED25519, bytes]), "buffer").subarray(
    0,
    KEY_ID_BYTES,
  )

/** Reads a public key. Nothing if it is none of Ed25519, or its key id is not its own. */
export const readPublicKey = (text: string): PublicProofKey | undefined => {
  const [, name = "", keyId = "", encoded = ""] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? []
  const bytes = Buffer.from(encoded, "base64")
  if (bytes.length !== PUBLIC_BYTES + 1 || bytes[0] !== ED25519[0]) return undefined
  const key = publicKeyOf(name, bytes.subarray(1))
  return key.text === `${name}+${keyId}+${encoded}` ? key : undefined
}

/** Whether a key signed a text. */
export const isSignedBy = ({ x }: PublicProofKey, text: string, signature: Buffer): boolean =>
  verify(null, Buffer.from(text), keyObjectOf(x), signature)

const keyObjectOf = (x: string): KeyObject =>
  createPublicKey({
    key: Buffer.concat([SPKI_OF_KEY, Buffer.from(x, "base64url")]),
    format: "der",
    type: "spki",
  })
