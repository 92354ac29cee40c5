/** Wraps data keys for storage: encrypted under a master key, as "<master key id>.<base64url>". */
import { createSecretKey, type KeyObject, randomBytes } from "node:crypto"
import { Array as Arr, Redacted } from "effect"
import type { MasterKeys } from "../settings/keys.ts"
import { decrypt, encrypt, fromBase64Url } from "./aes-gcm.ts"

const DATA_KEY_BYTES = 32

/** Wraps with the first master key, and unwraps with all. */
export interface KeyWrapping {
  /** The id of the first master key. */
  readonly master: string
  /** Makes a data key with an id for a partner, and gives it wrapped. */
  readonly make: (partner: string, id: string) => string
  /** The data key, or why it cannot be unwrapped. The right master keys in the settings resolve both. */
  readonly unwrap: (
    partner: string,
    id: string,
    wrapped: string,
  ) => KeyObject | "no-such-master-key" | "broken"
  /** Wraps a data key with the first master key. */
  readonly rewrap: (partner: string, id: string, key: KeyObject) => string
}

export const keyWrapping = (settings: MasterKeys): KeyWrapping => {
  const masters = Arr.map(settings, ([id, key]) => {
    return { id, key: createSecretKey(Redacted.value(key), "base64") }
  })
  const [first] = masters
  const wrap = (partner: string, id: string, bytes: Uint8Array): string =>
    `${first.id}.${encrypt(first.key, contextOf(partner, id), bytes).toString("base64url")}`
  return {
    master: first.id,
    make: (partner, id) => wrap(partner, id, randomBytes(DATA_KEY_BYTES)),
    rewrap: (partner, id, key) => wrap(partner, id, key.export()),
    unwrap: (partner, id, wrapped) => {
      const master = masters.find((candidate) => candidate.id === masterOf(wrapped))
      if (master === undefined) return "no-such-master-key"
      const box = fromBase64Url(wrapped.slice(master.id.length + 1))
      const bytes = box && decrypt(master.key, contextOf(partner, id), box)
      return bytes === undefined ? "broken" : createSecretKey(bytes)
    },
  }
}

/** The id of the master key that a data key is wrapped with. */
export const masterOf = (wrapped: string): string => wrapped.slice(0, wrapped.indexOf("."))

const contextOf = (partner: string, id: string): string => JSON.stringify(["data key", partner, id])
