/**
 * Seals messages between our processes on a server where others may write, too. A seal is an HMAC-SHA-256 (RFC 2104) under a
 * key that is derived from a master key (HKDF, RFC 5869) for one purpose. It hides nothing.
 */
import {
  createHmac,
  createSecretKey,
  type Hmac,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto"
import { Array as Arr, Redacted } from "effect"
import type { MasterKeys } from "../settings/keys.ts"
import { fromBase64Url } from "./aes-gcm.ts"

const KEY_BYTES = 32

/** `unknown-key`: the master key is not, or no longer, or not yet in the settings, so the seal cannot be checked. */
export type SealCheck = "genuine" | "forged" | "unknown-key"

export interface MessageSeal {
  /** Seals these parts, in this order, under the first master key: "<master key id>.<base64url>". */
  readonly seal: (parts: ReadonlyArray<string>) => string
  /** Whether a seal is that of the same parts, under any of the master keys. All wrong seals take the same time. */
  readonly check: (parts: ReadonlyArray<string>, seal: string) => SealCheck
}

/** Makes seals for a purpose. A seal for one purpose does not verify for another. */
export const messageSeal = (masterKeys: MasterKeys, purpose: string): MessageSeal => {
  const keys = Arr.map(masterKeys, ([id, master]) => ({ id, key: derived(Redacted.value(master), purpose) }))
  const [first] = keys
  return {
    seal: (parts) => `${first.id}.${macOf(first.key, parts).digest("base64url")}`,
    check: (parts, seal) => {
      const [id = "", text = ""] = seal.split(".", 2)
      const found = keys.find((candidate) => candidate.id === id)
      if (found === undefined) return "unknown-key"
      const expected = macOf(found.key, parts).digest()
      const given = fromBase64Url(text)
      const isSame = given?.length === expected.length && timingSafeEqual(given, expected)
      return isSame && seal === `${id}.${text}` ? "genuine" : "forged"
    },
  }
}

const derived = (master: string, purpose: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync("sha256", Buffer.from(master, "base64"), "", purpose, KEY_BYTES)))

/** JSON separates the parts, whatever they contain. */
const macOf = (key: KeyObject, parts: ReadonlyArray<string>): Hmac =>
  createHmac("sha256", key).update(JSON.stringify(parts))
