/** Seals accounts before they are logged, and opens them to pay. Pure except for the nonce. */
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

/** An item of a chunk, with the visible part of its account and of its beneficiary's address. */
export interface VisibleItem {
  readonly item: ItemNumber
  readonly account: VisibleAccount
  readonly addressCountry?: string | undefined
}

/**
 * Seals the accounts of a chunk of items together under a partner's key: encrypting each account alone would cost as much as
 * all other work for a payout. The seal is bound to the partner, the batch, each item and the visible part of its account and address.
 */
export const sealAccounts = (
  key: DataKey,
  place: Place,
  items: ReadonlyArray<VisibleItem>,
  accounts: ReadonlyArray<SealedAccount>,
): string =>
  `${key.id}.${encrypt(key.key, contextOf(place, items), JSON.stringify(accounts)).toString("base64url")}`

/**
 * Opens the accounts of a chunk, in the order of its items. Fails if the seal is for another key, batch or items, if a bit of it has
 * changed, or if the visible part of an account, which was screened, is not the one that was sealed.
 */
export const openAccounts = (
  { key }: DataKey,
  place: Place,
  items: ReadonlyArray<VisibleItem>,
  sealed: string,
): Result.Result<ReadonlyArray<SealedAccount>, "seal-broken"> => {
  const box = fromBase64Url(sealed.slice(sealed.indexOf(".") + 1))
  const text = box && decrypt(key, contextOf(place, items), box)
  if (text === undefined) return Result.fail("seal-broken")
  // The seal proves that we wrote this. It was validated before it was sealed.
  return Result.succeed(JSON.parse(text.toString("utf8")) as ReadonlyArray<SealedAccount>)
}

/** JSON separates the parts, whatever they contain. An item without an address has the form from before addresses. */
const contextOf = ({ partner, batch }: Place, items: ReadonlyArray<VisibleItem>): string =>
  JSON.stringify([
    "accounts",
    partner,
    batch,
    items.map(({ item, account: { scheme, country = "", lastFour }, addressCountry }) =>
      addressCountry === undefined
        ? [item, scheme, country, lastFour]
        : [item, scheme, country, lastFour, addressCountry],
    ),
  ])
