/**
 * Stable stand-ins for texts: within one export, the same text has the same one. They are keyed by a secret that nobody keeps, so that
 * names cannot be tried out against them, and two exports cannot be joined.
 */
import { createHmac, randomBytes } from "node:crypto"
import type { BatchId } from "../domain/identifiers.ts"

/** Makes stand-ins. None of them looks like an account number, or would be cleaned as a text of others. */
export interface Pseudonyms {
  /** `x` and 20 letters: a partner's name, a text, a code. */
  readonly text: (original: string) => string
  readonly batch: (original: BatchId) => BatchId
  /** Four capital letters in place of the last four characters of an account. */
  readonly lastFour: (original: string) => string
  /** 32 hex digits. */
  readonly trace: (original: string) => string
  /** 16 hex digits. */
  readonly span: (original: string) => string
  /** An amount from 1 to a million minor units; zero stays zero. */
  readonly minor: (original: bigint) => bigint
}

const LETTERS = "abcdefghijklmnop"
const BASE_32 = "abcdefghijklmnopqrstuvwxyz234567"
const MINOR_MAX = 1_000_000n

/** Stand-ins under a key, by default a new one. */
export const pseudonyms = (key: Uint8Array = randomBytes(32)): Pseudonyms => {
  /** Digests are by kind, so that one stand-in says nothing of another. */
  const digest = (kind: string, original: string) =>
    createHmac("sha256", key).update(`${kind}\n${original}`).digest()
  const letters = (kind: string, original: string, length: number) =>
    [...digest(kind, original).subarray(0, length)].map((byte) => LETTERS[byte & 15]).join("")
  return {
    text: (original) => `x${letters("text", original, 20)}`,
    batch: (original) =>
      `pb_${[...digest("batch", original).subarray(0, 22)].map((byte) => BASE_32[byte & 31]).join("")}` as BatchId,
    lastFour: (original) => (original === "" ? "" : letters("last four", original, 4).toUpperCase()),
    trace: (original) => digest("trace", original).toString("hex", 0, 16),
    span: (original) => digest("span", original).toString("hex", 0, 8),
    minor: (original) =>
      original === 0n ? 0n : 1n + (digest("minor", String(original)).readBigUInt64BE() % MINOR_MAX),
  }
}
