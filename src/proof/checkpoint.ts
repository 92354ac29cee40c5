/**
 * Signed roots as texts: checkpoints of a transparency log (https://c2sp.org/tlog-checkpoint), which are signed notes
 * (https://c2sp.org/signed-note). The text is the origin, the number of leaves, and the root in base64, a line each; then as extensions the
 * number of the root and when it was signed. After an empty line comes the signature of all before that line.
 *
 *     atlaspay
 *     1024
 *     oUqVKOA2rSIWGlz6HsYSpdsjHdTCVYCRkHYAqqHtXmA=
 *     number 17
 *     time 2026-11-28T10:00:00.000Z
 *
 *     — atlaspay rGF7K7…
 */
import type { Hash } from "./merkle-tree.ts"
import { isSignedBy, type ProofSigner, type PublicProofKey } from "./proof-key.ts"

/** What a checkpoint states: the tree of an origin had this root with so many leaves. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Hash
  /** Roots of an origin are numbered upwards. */
  readonly number: number
  /** When it was signed, in epoch milliseconds. */
  readonly at: number
}

const HASH_BYTES = 32
const SIGNATURE_BYTES = 64
const KEY_ID_BYTES = 4

const textOf = ({ origin, size, root, number, at }: Checkpoint): string =>
  [origin, size, root.toString("base64"), `number ${number}`, `time ${new Date(at).toISOString()}`, ""].join(
    "\n",
  )

/** A checkpoint with its signature. The origin is the name of the signer's key. */
export const signedNote = (checkpoint: Checkpoint, { publicKey, sign }: ProofSigner): string => {
  const text = textOf(checkpoint)
  const signature = Buffer.concat([Buffer.from(publicKey.keyId, "hex"), sign(text)]).toString("base64")
  return `${text}\n— ${publicKey.name} ${signature}\n`
}

/** A note that was read: what it states, and who should have signed it. The signature is not verified yet. */
export interface ReadNote {
  readonly checkpoint: Checkpoint
  readonly keyId: string
  readonly text: string
  readonly signature: Buffer
}

const noteLines =
  /^(?<text>(?<origin>[^\s+]+)\n(?<size>0|[1-9]\d{0,15})\n(?<root>[A-Za-z0-9+/]{43}=)\nnumber (?<number>[1-9]\d{0,15})\ntime (?<time>\S{24})\n)\n— (?<name>\S+) (?<signature>[A-Za-z0-9+/]+={0,2})\n$/

/** Reads a note that we wrote, exactly as it was written. Nothing if the text is not one. */
export const readNote = (note: string): ReadNote | undefined => {
  const {
    text = "",
    origin = "",
    size = "",
    root = "",
    number = "",
    time = "",
    name,
    signature = "",
  } = noteLines.exec(note)?.groups ?? {}
  const checkpoint = {
    origin,
    size: Number(size),
    root: Buffer.from(root, "base64"),
    number: Number(number),
    at: Date.parse(time),
  }
  const signed = Buffer.from(signature, "base64")
  // Written again it has to be the same, so that no two texts say one thing.
  const isExact =
    name === origin &&
    !Number.isNaN(checkpoint.at) &&
    checkpoint.root.length === HASH_BYTES &&
    textOf(checkpoint) === text &&
    signed.length === KEY_ID_BYTES + SIGNATURE_BYTES &&
    signed.toString("base64") === signature
  if (!isExact) return undefined
  return {
    checkpoint,
    keyId: signed.subarray(0, KEY_ID_BYTES).toString("hex"),
    text,
    signature: signed.subarray(KEY_ID_BYTES),
  }
}

/** What a note states, if one of these keys signed it. */
export const verifiedNote = (note: string, keys: ReadonlyArray<PublicProofKey>): Checkpoint | undefined => {
  const read = readNote(note)
  if (read === undefined) return undefined
  const { checkpoint, keyId, text, signature } = read
  const key = keys.find((one) => one.keyId === keyId && one.name === checkpoint.origin)
  return key !== undefined && isSignedBy(key, text, signature) ? checkpoint : undefined
}
