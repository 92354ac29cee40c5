/**
 * The sealing of endpoints' secrets at rest. Whoever reads the table cannot sign in our name, and whoever writes to it
 * cannot have another endpoint's secret used, nor an endpoint's own for another URL: the seal is bound to all three.
 */
import { Redacted } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import { decrypt, encrypt, fromBase64Url } from "../vault/aes-gcm.ts"
import type { DataKey } from "../vault/partner-keys.ts"

/**
 * Under this name, which no partner can have, the vault keeps the keys of secrets. They are not the partner's own: a
 * partner whose keys are forgotten still has to be told what became of its payouts.
 */
export const WEBHOOK_SECRETS: PartnerId = "~webhook-secrets"

/** What a secret belongs to. */
export interface SecretPlace {
  readonly endpoint: string
  readonly partner: string
  readonly url: string
}

/** How secrets begin that are not sealed, as they were stored once. */
export const PLAIN_SECRET = "whsec_"

/** "<key id>.<base64url>". */
export const sealSecret = ({ id, key }: DataKey, place: SecretPlace, secret: string): string =>
  `${id}.${encrypt(key, contextOf(place), secret).toString("base64url")}`

/** The secret; `undefined` when the seal is another key's or another place's, or a bit of it has changed. */
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
