/**
 * Seals of messages that processes of ours leave for each other on a server where others may write, too: an HMAC-SHA-256
 * (RFC 2104) under a key that is derived from a master key (HKDF, RFC 5869) for this purpose alone. It hides nothing.
 */
import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from "node:crypto"
import { Array as Arr, Redacted } from "effect"
import type { MasterKeys } from "../config.ts"
import { fromBase64Url } from "./aes-gcm.ts"

const KEY_BYTES = 32

/** `unknown-key`: a master key that the settings do not hold (any more, or not yet); nothing can be said of the rest. */
export type SealCheck = "genuine" | "forged" | "unknown-key"

export interface MessageSeal {
  /** "<master key id>.<base64url>" for these parts, in this order, under the first master key. */
  readonly seal: (parts: ReadonlyArray<string>) => string
  /** Whether a seal was made of the very same parts, under any of the master keys. It takes the same time for all that differ. */
  readonly check: (parts: ReadonlyArray<string>, seal: string) => SealCheck
}

/** What is sealed for one purpose does not verify for another. */
export const messageSeal = (masterKeys: MasterKeys, purpose: string): MessageSeal => {
  const keys = Arr.map(masterKeys, ([id, master]) => ({ id, key: derived(Redacted.value(master), purpose) }))
  const [first] = keys
  return {
    seal: (parts) => `${first.id}.${digest(first.key, parts).toString("base64url")}`,
    check: (parts, seal) => {
      const [id = "", text = ""] = seal.split(".", 2)
      const found = keys.find((candidate) => candidate.id === id)
      if (found === undefined) return "unknown-key"
      const expected = digest(found.key, parts)
      const given = fromBase64Url(text)
      const isSame = given?.length === expected.length && timingSafeEqual(given, expected)
      return isSame && seal === `${id}.${text}` ? "genuine" : "forged"
    },
  }
}

const derived = (master: string, purpose: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync("sha256", Buffer.from(master, "base64"), "", purpose, KEY_BYTES)))

/** JSON keeps the parts apart, whatever is in them. */
const digest = (key: KeyObject, parts: ReadonlyArray<string>): Buffer =>
  createHmac("sha256", key).update(JSON.stringify(parts)).digest()
