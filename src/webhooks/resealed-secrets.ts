/** Secrets of an endpoint whose URL changes: they stay the same, and are sealed for the new URL. */
import { Effect, Redacted } from "effect"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { keyIdOf, type PartnerKeys } from "../vault/partner-keys.ts"
import type { EndpointRow } from "./endpoint-rows.ts"
import { openSecret, sealSecret, WEBHOOK_SECRETS } from "./secret-seal.ts"

type Sealed = Pick<EndpointRow, "id" | "partner" | "previous_secret" | "secret" | "url">

/** `undefined` if the secret cannot be opened. A previous one that cannot be opened signs nothing, and is removed. */
export const resealedSecrets = Effect.fnUntraced(function* (
  keys: PartnerKeys["Service"],
  { id, partner, previous_secret, secret, url }: Sealed,
  nextUrl: string,
) {
  const place = { endpoint: id, partner, url }
  const reseal = Effect.fnUntraced(function* (sealed: string) {
    const key = yield* keys.find(WEBHOOK_SECRETS, keyIdOf(sealed)).pipe(Effect.mapError(withoutKey))
    const opened = key && openSecret(key, place, sealed)
    if (opened === undefined) return undefined
    const current = yield* keys.current(WEBHOOK_SECRETS).pipe(Effect.mapError(withoutKey))
    return sealSecret(current, { ...place, url: nextUrl }, Redacted.value(opened))
  })
  const next = yield* reseal(secret)
  if (next === undefined) return undefined
  const previous = previous_secret === null ? undefined : yield* reseal(previous_secret)
  return { secret: next, previous_secret: previous ?? null }
})

const withoutKey = () =>
  new StoreUnavailable({ store: "redis", step: "seal a webhook secret", reason: "the key is unavailable" })
