/** Seals the items of a draft at rest, whole: accounts, names and amounts. A seal is bound to its partner, draft and place in it. */
import { decrypt, encrypt, fromBase64Url } from "../vault/aes-gcm.ts"
import type { DataKey } from "../vault/partner-keys.ts"

/** What a seal is bound to. */
export interface ItemsPlace {
  readonly partner: string
  readonly draft: string
  readonly firstItem: number
}

/** "<key id>.<base64url>". */
export const sealItems = ({ id, key }: DataKey, place: ItemsPlace, json: Uint8Array): string =>
  `${id}.${encrypt(key, contextOf(place), json).toString("base64url")}`

/** Opens sealed items. `undefined` if the key or the place is another, or a bit has changed. */
export const openItems = ({ key }: DataKey, place: ItemsPlace, sealed: string): Buffer | undefined => {
  const box = fromBase64Url(sealed.slice(sealed.indexOf(".") + 1))
  return box && decrypt(key, contextOf(place), box)
}

const contextOf = ({ partner, draft, firstItem }: ItemsPlace): string =>
  JSON.stringify(["draft items", partner, draft, firstItem])
