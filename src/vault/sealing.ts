/** Sealing accounts before they enter a log, and opening them where they are paid. Pure but for the nonce. */
import { Result } from "effect"
import type { SealedAccount, VisibleAccount } from "../domain/beneficiary.ts"
import type { BatchId, ItemNumber } from "../domain/identifiers.ts"
import { decrypt, encrypt, fromBase64Url } from "./aes-gcm.ts"
import type { DataKey } from "./partner-keys.ts"

/** The batch that accounts belong to. */
export interface Place {
  readonly partner: string
  readonly batch: BatchId
}

/** An item of a chunk, with what everybody sees of its account and its beneficiary's address. */
export interface VisibleItem {
  readonly item: ItemNumber
  readonly account: VisibleAccount
  readonly addressCountry?: string
}

/**
 * Seals the accounts of a chunk of items under a partner's key, in one go: a cipher for each of them costs as much as all
 * else that is done for a payout. The seal is bound to the partner, the batch, each item and what is seen of its account
 * and address.
 */
export const sealAccounts = (
  key: DataKey,
  place: Place,
  items: ReadonlyArray<VisibleItem>,
  accounts: ReadonlyArray<SealedAccount>,
): string =>
  `${key.id}.${encrypt(key.key, contextOf(place, items), JSON.stringify(accounts)).toString("base64url")}`

/**
 * Opens the accounts of a chunk, by item. It fails when the seal is another key's, another batch's or for other items,
 * when a bit of it has changed, or when what everybody saw of an account (and what was screened) is not what was sealed.
 */
export const openAccounts = (
  { key }: DataKey,
  place: Place,
  items: ReadonlyArray<VisibleItem>,
  sealed: string,
): Result.Result<ReadonlyMap<number, SealedAccount>, "seal-broken"> => {
  const box = fromBase64Url(sealed.slice(sealed.indexOf(".") + 1))
  const text = box && decrypt(key, contextOf(place, items), box)
  if (text === undefined) return Result.fail("seal-broken")
  // What the seal proves to be ours was validated before it was sealed.
  const accounts = JSON.parse(text.toString("utf8")) as ReadonlyArray<SealedAccount>
  return Result.succeed(
    new Map(accounts.map((account, index) => [items[index]?.item ?? Number.NaN, account])),
  )
}

/** JSON keeps its parts apart, whatever is in them. Without an address an item is as it was before there were addresses. */
const contextOf = ({ partner, batch }: Place, items: ReadonlyArray<VisibleItem>): string =>
  JSON.stringify([
    "accounts",
    partner,
    batch,
    items.map(({ item, account: { scheme, country = "", lastFour }, addressCountry }) => [
      item,
      scheme,
      country,
      lastFour,
      ...(addressCountry === undefined ? [] : [addressCountry]),
    ]),
  ])
