/** Rows of `webhook_endpoints`, and what the API and the audit trail have of them. */
import type { Row as AnyRow, PendingQuery, Sql, TransactionSql } from "postgres"
import type { PartnerId } from "../domain/identifiers.ts"
import type { SubscribableType } from "../publisher/endpoint-event.ts"
import type { Endpoint, EndpointState } from "./endpoints.ts"
import type { SealedSecrets } from "./secret-seal.ts"

export interface EndpointRow extends SealedSecrets {
  readonly id: string
  readonly partner: PartnerId
  readonly url: string
  readonly event_types: ReadonlyArray<SubscribableType> | null
  readonly description: string | null
  readonly rate_limit: number | null
  readonly ordered: boolean
  readonly state: EndpointState
  readonly state_reason: string | null
  readonly state_since: Date
  readonly failing_since: Date | null
  readonly missed_from: Date | null
  readonly missed_until: Date | null
  readonly created_at: Date
  readonly version: number
}

/** The columns of an {@link EndpointRow}. */
export const endpointColumns = (sql: Sql | TransactionSql): PendingQuery<Array<AnyRow>> => sql`
  id, partner, url, secret, previous_secret, signing_key, previous_signing_key, event_types, description, rate_limit, ordered, state, state_reason, state_since,
  failing_since, missed_from, missed_until, created_at, version`

export const endpointOf = (row: EndpointRow): Endpoint => ({
  id: row.id,
  partner: row.partner,
  url: row.url,
  ...(row.event_types === null ? {} : { eventTypes: row.event_types }),
  ...(row.description === null ? {} : { description: row.description }),
  ...(row.rate_limit === null ? {} : { rateLimit: row.rate_limit }),
  ordered: row.ordered,
  state: row.state,
  ...(row.state_reason === null ? {} : { reason: row.state_reason }),
  since: row.state_since,
  ...(row.failing_since === null ? {} : { failingSince: row.failing_since }),
  ...(row.missed_from === null || row.missed_until === null
    ? {}
    : { missed: { from: row.missed_from, until: row.missed_until } }),
  createdAt: row.created_at,
  version: row.version,
  hasSigningKey: row.signing_key !== null,
})

/** What the trail keeps of an endpoint: the host that its events go to, because a path or a query may be a secret. */
export const auditedEndpoint = (row: EndpointRow) => ({
  partner: row.partner,
  host: new URL(row.url).host,
  eventTypes: row.event_types,
  rateLimit: row.rate_limit,
  ordered: row.ordered,
  state: row.state,
})
