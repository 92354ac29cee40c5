/**
 * Seals endpoints' secrets at rest. A reader of the table cannot sign in our name. The seal is bound to endpoint, partner
 * and URL, so a writer to the table cannot make us use a secret for another endpoint or another URL.
 */
import { Redacted } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import { decrypt, encrypt, fromBase64Url } from "../vault/aes-gcm.ts"
import type { DataKey } from "../vault/partner-keys.ts"

/**
 * The vault keeps the keys for these secrets under this name, which no partner can have. They are not the partner's own
 * keys: a partner whose keys are forgotten still has to be notified of the outcome of its payouts.
 */
export const WEBHOOK_SECRETS: PartnerId = "~webhook-secrets"

/** What a seal is bound to. */
export interface SecretPlace {
  readonly endpoint: string
  readonly partner: string
  readonly url: string
}

/** How unsealed secrets begin. Earlier releases stored them so. */
export const PLAIN_SECRET = "whsec_"

/** "<key id>.<base64url>". */
export const sealSecret = ({ id, key }: DataKey, place: SecretPlace, secret: string): string =>
  `${id}.${encrypt(key, contextOf(place), secret).toString("base64url")}`

/** Opens a sealed secret. `undefined` if the key or the place is another, or a bit has changed. */
export const openSecret = (
  { key }: DataKey,
  place: SecretPlace,
  sealed: string,
): Redacted.Redacted | undefined => {
  const box = fromBase64Url(sealed.slice(sealed.indexOf(".") + 1))
  const secret = box && decrypt(key, contextOf(place), box)
  return secret && Redacted.make(secret.toString("utf8"))
}

const contextOf = ({ endpoint, partner, url }: SecretPlace): string =>
  JSON.stringify(["webhook secret", endpoint, partner, url])
