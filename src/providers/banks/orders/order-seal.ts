/** Seals the beneficiary's data of an order from when it is accepted until its file is released. */
import { createHmac } from "node:crypto"
import { sealedOf } from "../../../domain/beneficiary.ts"
import type { PartnerId } from "../../../domain/identifiers.ts"
import { decrypt, encrypt, fromBase64Url } from "../../../vault/aes-gcm.ts"
import type { DataKey } from "../../../vault/partner-keys.ts"
import type { TransferInstruction } from "../bank.ts"
import type { HeldDetails } from "./held-transfer.ts"

/**
 * The vault's name for the keys of orders from before these were sealed under their partner's key. No partner can have this
 * name, and nothing new is sealed under it.
 */
const FILE_ORDERS: PartnerId = "~file-orders"

/**
 * The owner of the keys that seal and fingerprint an order. Seal and fingerprint name the key itself, because two processes may
 * create a partner's first key at once.
 */
export const keeperOf = (partner: string | null): string => partner ?? FILE_ORDERS

/** The code of an order whose partner's keys were forgotten before its file was complete. It is ours; no bank reports it. */
export const KEYS_FORGOTTEN = "KEYS_FORGOTTEN"

export const sealDetails = (key: DataKey, bank: string, reference: string, details: HeldDetails): string =>
  `${key.id}.${encrypt(key.key, contextOf(bank, reference), JSON.stringify(details)).toString("base64url")}`

/** Opens a seal; `undefined` if it was changed, or belongs to another order. */
export const openDetails = (
  key: DataKey,
  bank: string,
  reference: string,
  sealed: string,
): HeldDetails | undefined => {
  const box = fromBase64Url(sealed.slice(sealed.indexOf(".") + 1))
  const text = box && decrypt(key.key, contextOf(bank, reference), box)
  // The data was validated before it was sealed, and the seal proves that it is ours.
  return text && (JSON.parse(text.toString("utf8")) as HeldDetails)
}

/**
 * The key's id, and the HMAC-SHA-256 of the whole order in hex. It is keyed, because a reader of a plain hash could find the
 * account by trying.
 */
export const fingerprintOf = (key: DataKey, instruction: TransferInstruction): string => {
  const { bank, reference, beneficiary, currency, minor, remittance = null } = instruction
  const account = Object.entries(sealedOf(beneficiary)).toSorted(([one], [other]) => (one < other ? -1 : 1))
  const ordered = [
    "fingerprint",
    bank,
    reference,
    currency,
    String(minor),
    beneficiary.name,
    account,
    remittance,
  ]
  return `${key.id}.${createHmac("sha256", key.key).update(JSON.stringify(ordered)).digest("hex")}`
}

const contextOf = (bank: string, reference: string): string => JSON.stringify(["file order", bank, reference])
