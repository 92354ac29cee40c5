import { randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import type { Sql, TransactionSql } from "postgres"
import { AppConfig } from "../config.ts"
import { type Actor, writeAudit } from "../database/audit-entry.ts"
import { Database } from "../database/database.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublicEventType } from "../publisher/public-event.ts"
import { PartnerKeys } from "../vault/partner-keys.ts"
import { newSecret } from "./endpoint-secrets-postgres.ts"
import { endpointUrlProblem, hostOf } from "./endpoint-url.ts"
import {
  ENDPOINTS_PER_PARTNER_MAX,
  type Endpoint,
  EndpointRefused,
  type NewEndpoint,
  NoSuchEndpoint,
  WebhookEndpoints,
} from "./endpoints.ts"
import { sealPlainSecrets } from "./plain-secrets-postgres.ts"
import { sealSecret, WEBHOOK_SECRETS } from "./secret-seal.ts"

export const layer = Layer.effect(
  WebhookEndpoints,
  Effect.gen(function* () {
    const { allowPrivate } = (yield* AppConfig).webhooks
    const { query } = yield* Database
    const keys = yield* PartnerKeys
    yield* sealPlainSecrets
    return WebhookEndpoints.of({
      create: Effect.fn("WebhookEndpoints.create")(function* (wanted, by = partnerItself(wanted.partner)) {
        const problem = endpointUrlProblem(wanted.url, allowPrivate)
        if (problem !== undefined) return yield* new EndpointRefused({ field: "url", reason: problem })
        if (wanted.eventTypes?.length === 0)
          return yield* new EndpointRefused({ field: "eventTypes", reason: "expected at least one type" })
        const secret = newSecret()
        const endpoint = newId()
        const key = yield* keys.current(WEBHOOK_SECRETS).pipe(Effect.mapError(notSealed))
        const sealed = sealSecret(key, { endpoint, partner: wanted.partner, url: wanted.url }, secret)
        const [row] = yield* query("create webhook endpoint", (sql) =>
          insert(sql, by, endpoint, sealed, wanted),
        )
        if (row === undefined)
          return yield* new EndpointRefused({
            field: "url",
            reason: `a partner has at most ${ENDPOINTS_PER_PARTNER_MAX} endpoints`,
          })
        return { endpoint: endpointOf(row), secret }
      }),

      list: Effect.fn("WebhookEndpoints.list")(function* (partner) {
        const rows = yield* query(
          "list webhook endpoints",
          (sql) => sql<Array<Row>>`
              select id, partner, url, event_types, enabled, created_at from webhook_endpoints
              where partner = ${partner} order by created_at, id limit ${ENDPOINTS_PER_PARTNER_MAX}`,
        )
        return rows.map(endpointOf)
      }),

      remove: Effect.fn("WebhookEndpoints.remove")(function* (
        partner,
        endpoint,
        by = partnerItself(partner),
      ) {
        const removed = yield* query("remove webhook endpoint", (sql) =>
          sql.begin((sql) => deleteOne(sql, by, partner, endpoint)),
        )
        if (!removed) return yield* new NoSuchEndpoint({ endpoint })
      }),
    })
  }),
)

/** The lock makes the inserts of one partner take turns, so that the limit of its endpoints holds. */
const insert = (sql: Sql, by: Actor, id: string, sealed: string, { partner, url, eventTypes }: NewEndpoint) =>
  sql.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock(hashtext(${`webhook endpoints of ${partner}`}))`
    const rows = await sql<Array<Row>>`
      insert into webhook_endpoints (id, partner, url, host, secret, event_types)
      select ${id}, ${partner}, ${url}, ${hostOf(new URL(url))}, ${sealed}, ${eventTypes === undefined ? null : [...eventTypes]}::text[]
      where (select count(*) from webhook_endpoints where partner = ${partner}) < ${ENDPOINTS_PER_PARTNER_MAX}
      returning id, partner, url, event_types, enabled, created_at`
    for (const row of rows)
      await writeAudit(sql, by, {
        act: "webhook-endpoint.create",
        subject: `webhook-endpoint:${id}`,
        before: null,
        after: audited(row),
      })
    return rows
  })

const deleteOne = async (
  sql: TransactionSql,
  by: Actor,
  partner: string,
  endpoint: string,
): Promise<boolean> => {
  const [row] = await sql<Array<Row>>`
    delete from webhook_endpoints where partner = ${partner} and id = ${endpoint}
    returning id, partner, url, event_types, enabled, created_at`
  if (row === undefined) return false
  const subject = `webhook-endpoint:${endpoint}`
  await writeAudit(sql, by, { act: "webhook-endpoint.remove", subject, before: audited(row), after: null })
  return true
}

/** Who acts if nobody says which of the partner's keys it was. */
const partnerItself = (partner: string): Actor => ({ who: `partner:${partner}` })

/** What the trail keeps of an endpoint: the host that its events go to, because a path or a query may be a secret. */
const audited = ({ partner, url, event_types }: Row) => ({
  partner,
  host: new URL(url).host,
  eventTypes: event_types,
})

const newId = (): string => `we_${randomBytes(16).toString("hex")}`

interface Row {
  readonly id: string
  readonly partner: string
  readonly url: string
  readonly event_types: ReadonlyArray<PublicEventType> | null
  readonly enabled: boolean
  readonly created_at: Date
}

const endpointOf = ({ id, partner, url, event_types, enabled, created_at }: Row): Endpoint => ({
  id,
  partner,
  url,
  ...(event_types === null ? {} : { eventTypes: event_types }),
  enabled,
  createdAt: created_at,
})

const notSealed = () =>
  new StoreUnavailable({ store: "redis", step: "seal a webhook secret", reason: "the key is unavailable" })
