/**
 * Seals endpoints' secrets at rest. A reader of the table cannot sign in our name. The seal is bound to endpoint, partner,
 * URL and use, so a writer to the table cannot make us use a secret for another endpoint or another URL, nor put one that is
 * being replaced in the place of its successor.
 */
import { Effect, Redacted } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { decrypt, encrypt, fromBase64Url } from "../vault/aes-gcm.ts"
import { type DataKey, keyIdOf, type PartnerKeys } from "../vault/partner-keys.ts"

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

/** What a seal is bound to as well: each column of an endpoint's row that has a sealed text has a use of its own. */
const uses = {
  secret: "webhook secret",
  previous_secret: "previous webhook secret",
  signing_key: "webhook signing key",
  previous_signing_key: "previous webhook signing key",
} as const
export type SecretUse = keyof typeof uses

/** The sealed texts of an endpoint, as they are in its row. */
export type SealedSecrets = { readonly secret: string } & {
  readonly [Use in Exclude<SecretUse, "secret">]: string | null
}

/** How unsealed secrets begin. Earlier releases stored them so. */
export const PLAIN_SECRET = "whsec_"

/** "<key id>.<base64url>". */
export const sealSecret = (
  { id, key }: DataKey,
  place: SecretPlace,
  secret: string,
  use: SecretUse = "secret",
): string => `${id}.${encrypt(key, contextOf(place, use), secret).toString("base64url")}`

/** Opens a sealed secret. `undefined` if the key, the place or the use is another, or a bit has changed. */
export const openSecret = (
  { key }: DataKey,
  place: SecretPlace,
  sealed: string,
  use: SecretUse = "secret",
): Redacted.Redacted | undefined => {
  const box = fromBase64Url(sealed.slice(sealed.indexOf(".") + 1))
  const secret = box && decrypt(key, contextOf(place, use), box)
  return secret && Redacted.make(secret.toString("utf8"))
}

const contextOf = ({ endpoint, partner, url }: SecretPlace, use: SecretUse): string =>
  JSON.stringify([uses[use], endpoint, partner, url])

/** Opens a sealed secret with its key of the vault. `undefined` also if that key was destroyed. */
export const openedSecret = (
  keys: PartnerKeys["Service"],
  place: SecretPlace,
  sealed: string,
  use: SecretUse,
): Effect.Effect<Redacted.Redacted | undefined, StoreUnavailable> =>
  keys.find(WEBHOOK_SECRETS, keyIdOf(sealed)).pipe(
    Effect.map((key) => key && openSecret(key, place, sealed, use)),
    Effect.mapError(() => withoutKey("open a webhook secret")),
  )

/** The key of the vault that seals. */
export const sealingKey = (keys: PartnerKeys["Service"]): Effect.Effect<DataKey, StoreUnavailable> =>
  keys.current(WEBHOOK_SECRETS).pipe(Effect.mapError(() => withoutKey("seal a webhook secret")))

/**
 * The secrets of an endpoint for another place, as when its URL changes. `undefined` if its secret cannot be opened. A text that
 * cannot be opened besides stays as it is: it opens nowhere, and nothing is signed.
 */
export const resealed = Effect.fnUntraced(function* (
  keys: PartnerKeys["Service"],
  from: SecretPlace,
  to: SecretPlace,
  sealed: SealedSecrets,
): Effect.fn.Return<SealedSecrets | undefined, StoreUnavailable> {
  const key = yield* sealingKey(keys)
  const moved = Effect.fnUntraced(function* (use: SecretUse) {
    const text = sealed[use]
    if (text === null) return null
    const opened = yield* openedSecret(keys, from, text, use)
    return opened === undefined ? undefined : sealSecret(key, to, Redacted.value(opened), use)
  })
  const secret = yield* moved("secret")
  if (typeof secret !== "string") return undefined
  const others = yield* Effect.all({
    previous_secret: moved("previous_secret"),
    signing_key: moved("signing_key"),
    previous_signing_key: moved("previous_signing_key"),
  })
  return {
    secret,
    previous_secret: others.previous_secret ?? sealed.previous_secret,
    signing_key: others.signing_key ?? sealed.signing_key,
    previous_signing_key: others.previous_signing_key ?? sealed.previous_signing_key,
  }
})

const withoutKey = (step: string) =>
  new StoreUnavailable({ store: "redis", step, reason: "the key is unavailable" })
