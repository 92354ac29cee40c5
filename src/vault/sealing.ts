/** Sealing accounts before they enter a log, and opening them where they are paid. Pure but for the nonce. */
import { Result } from "effect"
import {
  type BeneficiaryAccount,
  type SealedAccount,
  type VisibleAccount,
  visibleOf,
} from "../domain/beneficiary.ts"
import type { BatchId, ItemNumber } from "../domain/identifiers.ts"
import { decrypt, encrypt, fromBase64Url } from "./aes-gcm.ts"
import type { DataKey } from "./partner-keys.ts"

/** The item that an account belongs to: a seal that was moved to another one does not open. */
export interface Place {
  readonly partner: string
  readonly batch: BatchId
  readonly item: ItemNumber
}

/** Seals an account under a partner's key. */
export const sealAccount = (key: DataKey, place: Place, account: BeneficiaryAccount): SealedAccount => {
  const visible = visibleOf(account)
  const box = encrypt(key.key, contextOf(place, visible), JSON.stringify(account))
  return { ...visible, sealed: `${key.id}.${box.toString("base64url")}` }
}

/** The id of the key that an account is sealed under. */
export const keyIdOf = ({ sealed }: SealedAccount): string => sealed.slice(0, sealed.indexOf("."))

/**
 * Opens an account. It fails when the seal is another key's or another item's, when a bit of it has changed, or when
 * what everybody saw of the account (and what was screened) is not what was sealed.
 */
export const openAccount = (
  { key }: DataKey,
  place: Place,
  account: SealedAccount,
): Result.Result<BeneficiaryAccount, "seal-broken"> => {
  const box = fromBase64Url(account.sealed.slice(account.sealed.indexOf(".") + 1))
  const text = box && decrypt(key, contextOf(place, account), box)
  // What the seal proves to be ours was validated before it was sealed.
  return text === undefined
    ? Result.fail("seal-broken")
    : Result.succeed(JSON.parse(text.toString("utf8")) as BeneficiaryAccount)
}

/** JSON keeps its parts apart, whatever is in them. */
const contextOf = (
  { partner, batch, item }: Place,
  { scheme, country = "", lastFour }: VisibleAccount,
): string => JSON.stringify(["account", partner, batch, item, scheme, country, lastFour])
