/** The secrets of an endpoint that sign at this moment: the current ones, and those that are being replaced. */
import { Effect, type Redacted } from "effect"
import type { Sql } from "postgres"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PartnerKeys } from "../vault/partner-keys.ts"
import { openedSecret, type SealedSecrets, type SecretPlace, type SecretUse } from "./secret-seal.ts"

/** The columns of `webhook_endpoints` with sealed secrets. One that has expired, by Postgres' clock, is null. */
export const liveSecrets = (sql: Sql) => sql`
  webhook_endpoints.secret, webhook_endpoints.signing_key,
  case when previous_secret_until > now() then previous_secret end as previous_secret,
  case when previous_signing_key_until > now() then previous_signing_key end as previous_signing_key`

export interface LiveSecrets {
  readonly secret: Redacted.Redacted
  /** What signs besides: the secret that is being replaced, and the keys for asymmetric signatures. */
  readonly besides: ReadonlyArray<Redacted.Redacted>
}

const BESIDES = [
  "previous_secret",
  "signing_key",
  "previous_signing_key",
] as const satisfies ReadonlyArray<SecretUse>

/**
 * Opens them. `undefined` if one of them cannot be opened. Nothing is signed then: some receivers of the endpoint would refuse
 * what the others alone sign, and nobody would see why.
 */
export const openedLiveSecrets = Effect.fnUntraced(function* (
  keys: PartnerKeys["Service"],
  place: SecretPlace,
  sealed: SealedSecrets,
): Effect.fn.Return<LiveSecrets | undefined, StoreUnavailable> {
  const secret = yield* openedSecret(keys, place, sealed.secret, "secret")
  if (secret === undefined) return undefined
  const besides: Array<Redacted.Redacted> = []
  for (const use of BESIDES) {
    const text = sealed[use]
    if (text === null) continue
    const opened = yield* openedSecret(keys, place, text, use)
    if (opened === undefined) return undefined
    besides.push(opened)
  }
  return { secret, besides }
})
