/** Seals the secrets that earlier releases stored unsealed, and adds the hosts that older rows lack. */
import { Effect } from "effect"
import { Database } from "../database/database.ts"
import { PartnerKeys } from "../vault/partner-keys.ts"
import { hostOf } from "./endpoint-url.ts"
import { PLAIN_SECRET, type SecretPlace, sealSecret, WEBHOOK_SECRETS } from "./secret-seal.ts"

/** Rows per step. */
const STEP = 200

interface PlainRow extends SecretPlace {
  readonly secret: string
}

/** Works step by step. Any number of processes may do it at once. A row that changes meanwhile is left to the next step. */
export const sealPlainSecrets = Effect.gen(function* () {
  const { query } = yield* Database
  const keys = yield* PartnerKeys
  const plainRows = query(
    "find plain webhook secrets",
    (sql) => sql<Array<PlainRow>>`
      select id as endpoint, partner, url, secret from webhook_endpoints
      where starts_with(secret, ${PLAIN_SECRET}) limit ${STEP}`,
  )
  let sealed = 0
  for (let rows = yield* plainRows; rows.length > 0; rows = yield* plainRows) {
    const key = yield* keys.current(WEBHOOK_SECRETS)
    const resealed = rows.map(({ secret, ...place }) => ({
      endpoint: place.endpoint,
      plain: secret,
      sealed: sealSecret(key, place, secret),
      host: hostOf(new URL(place.url)),
    }))
    yield* query(
      "seal webhook secrets",
      (sql) => sql`
        update webhook_endpoints set secret = resealed.sealed, host = resealed.host
        from jsonb_to_recordset(${JSON.stringify(resealed)}::text::jsonb) as resealed (
          endpoint text, plain text, sealed text, host text)
        where webhook_endpoints.id = resealed.endpoint and webhook_endpoints.secret = resealed.plain`,
    )
    sealed += rows.length
  }
  if (sealed > 0) yield* Effect.logInfo("webhook secrets sealed", { endpoints: sealed })
})
