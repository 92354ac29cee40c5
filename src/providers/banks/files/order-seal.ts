/** The sealing of what an order says of its beneficiary, between the moment it is accepted and the file it goes out in. */
import { createHmac } from "node:crypto"
import { sealedOf } from "../../../domain/beneficiary.ts"
import type { PartnerId } from "../../../domain/identifiers.ts"
import { decrypt, encrypt, fromBase64Url } from "../../../vault/aes-gcm.ts"
import type { DataKey } from "../../../vault/partner-keys.ts"
import type { TransferDetails } from "../../iso20022/credit-transfer.ts"
import type { TransferInstruction } from "../bank.ts"

/**
 * Under this name, which no partner can have, the vault keeps the keys of orders from before they were sealed under their
 * partner's key. Nothing new is sealed under it.
 */
const FILE_ORDERS: PartnerId = "~file-orders"

/** Whose key seals and fingerprints an order. Which one of them, seal and fingerprint say: two processes may make the first at once. */
export const keeperOf = (partner: string | null): string => partner ?? FILE_ORDERS

/** What becomes of an order whose partner's keys were forgotten before it was in a complete file. No bank says this. */
export const KEYS_FORGOTTEN = "KEYS_FORGOTTEN"

export const sealDetails = (
  key: DataKey,
  bank: string,
  reference: string,
  details: TransferDetails,
): string =>
  `${key.id}.${encrypt(key.key, contextOf(bank, reference), JSON.stringify(details)).toString("base64url")}`

/** What was sealed with a key; `undefined` when a bit of it has changed, or it belongs to another order. */
export const openDetails = (
  key: DataKey,
  bank: string,
  reference: string,
  sealed: string,
): TransferDetails | undefined => {
  const box = fromBase64Url(sealed.slice(sealed.indexOf(".") + 1))
  const text = box && decrypt(key.key, contextOf(bank, reference), box)
  // What the seal proves to be ours was validated before it was sealed.
  return text && (JSON.parse(text.toString("utf8")) as TransferDetails)
}

/** The key's id and the HMAC-SHA-256 of all that was ordered, in hex. Keyed, as whoever reads it could else find an account by trying. */
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
