import { randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import type { Sql, TransactionSql } from "postgres"
import { AppConfig } from "../config.ts"
import { type Actor, writeAudit } from "../database/audit-entry.ts"
import { Database } from "../database/database.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { PartnerKeys } from "../vault/partner-keys.ts"
import { auditedEndpoint, type EndpointRow, endpointColumns, endpointOf } from "./endpoint-rows.ts"
import { newSecret } from "./endpoint-secrets-postgres.ts"
import { changeState } from "./endpoint-states-postgres.ts"
import { sendTest, TEST_EVERY_S } from "./endpoint-tests-postgres.ts"
import { endpointUrlProblem, hostOf, sameUrl } from "./endpoint-url.ts"
import {
  ENDPOINTS_PER_PARTNER_MAX,
  EndpointChanged,
  type EndpointChanges,
  EndpointExists,
  EndpointRefused,
  type NewEndpoint,
  NoSuchEndpoint,
  TestedTooOften,
  WebhookEndpoints,
} from "./endpoints.ts"
import { sealPlainSecrets } from "./plain-secrets-postgres.ts"
import { resealed, type SealedSecrets, sealSecret, WEBHOOK_SECRETS } from "./secret-seal.ts"

/** How often a change is tried again, because something else changed the endpoint meanwhile. */
const CHANGE_TRIES_MAX = 5
/** Deliveries that are removed with their endpoint in one statement. */
const REMOVED_PER_STEP_MAX = 2_000
/** Why an endpoint is disabled whose removal has begun. */
const REMOVED = "removed"

export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const { webhooks } = yield* AppConfig
    yield* sealPlainSecrets
    return layerWith(webhooks)
  }),
)

/** The same for who has no settings of a service, such as the command line. */
export const layerWith = ({ allowPrivate }: { readonly allowPrivate: boolean }) =>
  Layer.effect(
    WebhookEndpoints,
    Effect.gen(function* () {
      const { query } = yield* Database
      const keys = yield* PartnerKeys
      const find = Effect.fnUntraced(function* (partner: PartnerId, endpoint: string) {
        const [row] = yield* query(
          "find webhook endpoint",
          (sql) => sql<Array<EndpointRow>>`
          select ${endpointColumns(sql)} from webhook_endpoints where partner = ${partner} and id = ${endpoint}`,
        )
        return row ?? (yield* new NoSuchEndpoint({ endpoint }))
      })
      const check = ({ url, eventTypes }: EndpointChanges) => {
        const problem = url === undefined ? undefined : endpointUrlProblem(url, allowPrivate)
        if (problem !== undefined) return Effect.fail(new EndpointRefused({ field: "url", reason: problem }))
        return eventTypes?.length === 0
          ? Effect.fail(new EndpointRefused({ field: "eventTypes", reason: "expected at least one type" }))
          : Effect.void
      }

      return WebhookEndpoints.of({
        create: Effect.fn("WebhookEndpoints.create")(function* (wanted, by = partnerItself(wanted.partner)) {
          yield* check(wanted)
          const secret = newSecret()
          const endpoint = newId()
          const key = yield* keys.current(WEBHOOK_SECRETS).pipe(Effect.mapError(notSealed))
          const sealed = sealSecret(key, { endpoint, partner: wanted.partner, url: wanted.url }, secret)
          const outcome = yield* query("create webhook endpoint", (sql) =>
            insert(sql, by, endpoint, sealed, wanted),
          )
          if (outcome === undefined)
            return yield* new EndpointRefused({
              field: "url",
              reason: `a partner has at most ${ENDPOINTS_PER_PARTNER_MAX} endpoints`,
            })
          if ("exists" in outcome) return yield* new EndpointExists({ endpoint: outcome.exists })
          return { endpoint: endpointOf(outcome.row), secret }
        }),

        list: Effect.fn("WebhookEndpoints.list")(function* (partner) {
          const rows = yield* query(
            "list webhook endpoints",
            (sql) => sql<Array<EndpointRow>>`
              select ${endpointColumns(sql)} from webhook_endpoints
              where partner = ${partner} order by created_at, id limit ${ENDPOINTS_PER_PARTNER_MAX}`,
          )
          return rows.map(endpointOf)
        }),

        find: (partner, endpoint) => Effect.map(find(partner, endpoint), endpointOf),

        update: Effect.fn("WebhookEndpoints.update")(function* (partner, id, changes, { by, version } = {}) {
          yield* check(changes)
          for (let tries = 1; ; tries += 1) {
            const row = yield* find(partner, id)
            if ((version ?? row.version) !== row.version)
              return yield* new EndpointChanged({ version: row.version })
            if (tries > CHANGE_TRIES_MAX) return yield* busy
            const next = changed(row, changes)
            if (isSame(row, next)) return endpointOf(row)
            const secrets =
              next.url === row.url
                ? secretsOf(row)
                : yield* resealed(keys, placeOf(row), { ...placeOf(row), url: next.url }, row)
            if (secrets === undefined) return yield* secretLost
            const outcome = yield* query("change webhook endpoint", (sql) =>
              transaction(sql, "default", (sql) =>
                change(sql, by ?? partnerItself(partner), row, { ...next, ...secrets }),
              ),
            )
            if (outcome === undefined) continue
            if ("exists" in outcome) return yield* new EndpointExists({ endpoint: outcome.exists })
            return endpointOf(outcome.row)
          }
        }),

        setState: Effect.fn("WebhookEndpoints.setState")(function* (
          partner,
          id,
          state,
          { by, version } = {},
        ) {
          const outcome = yield* query("change the state of a webhook endpoint", (sql) =>
            transaction(sql, "default", (sql) =>
              changeState(sql, by ?? partnerItself(partner), { partner, id, version }, state),
            ),
          )
          if (outcome === undefined) return yield* new NoSuchEndpoint({ endpoint: id })
          if (!outcome.isExpected) return yield* new EndpointChanged({ version: outcome.row.version })
          return endpointOf(outcome.row)
        }),

        test: Effect.fn("WebhookEndpoints.test")(function* (partner, id, by = partnerItself(partner)) {
          const row = yield* find(partner, id)
          const event = yield* query("store a test event", (sql) =>
            transaction(sql, "default", (sql) => sendTest(sql, by, row)),
          )
          if (event === undefined) return yield* new TestedTooOften({ retryAfterSeconds: TEST_EVERY_S })
          return { event }
        }),

        remove: Effect.fn("WebhookEndpoints.remove")(function* (
          partner,
          endpoint,
          by = partnerItself(partner),
        ) {
          const of = { partner, endpoint }
          const begun = yield* query("begin to remove webhook endpoint", (sql) =>
            transaction(sql, "default", (sql) => beginRemoval(sql, by, of)),
          )
          if (!begun) return yield* new NoSuchEndpoint({ endpoint })
          const removeSome = query("remove deliveries of webhook endpoint", (sql) =>
            removeDeliveries(sql, endpoint),
          )
          while ((yield* removeSome) === REMOVED_PER_STEP_MAX) yield* Effect.yieldNow
          yield* query("remove webhook endpoint", (sql) => removeEmptied(sql, of))
        }),
      })
    }),
  )

type Outcome = { readonly exists: string } | { readonly row: EndpointRow } | undefined

/** The lock makes new URLs of one partner take turns, so that the limit of its endpoints holds and no URL is there twice. */
const takeTurns = (sql: TransactionSql, partner: PartnerId) =>
  sql`select pg_advisory_xact_lock(hashtext(${`webhook endpoints of ${partner}`}))`

/** The partner's endpoints, and the first of them that has this URL, or one that leads to the same place. */
const othersWith = async (sql: TransactionSql, partner: PartnerId, url: string, but: string) => {
  const rows = await sql<Array<{ readonly id: string; readonly url: string }>>`
    select id, url from webhook_endpoints where partner = ${partner} and id <> ${but} order by created_at, id`
  return { count: rows.length, first: rows.find((row) => sameUrl(row.url) === sameUrl(url))?.id }
}

/** `undefined` if the partner has as many endpoints as it may. */
const insert = (sql: Sql, by: Actor, id: string, sealed: string, wanted: NewEndpoint): Promise<Outcome> =>
  transaction(sql, "default", async (sql): Promise<Outcome> => {
    const { partner, url, eventTypes, description, rateLimit, ordered } = wanted
    await takeTurns(sql, partner)
    const { count, first } = await othersWith(sql, partner, url, id)
    if (first !== undefined) return { exists: first }
    if (count >= ENDPOINTS_PER_PARTNER_MAX) return undefined
    const [row] = await sql<Array<EndpointRow>>`
      insert into webhook_endpoints (id, partner, url, host, secret, event_types, description, rate_limit, ordered)
      values (${id}, ${partner}, ${url}, ${hostOf(new URL(url))}, ${sealed}, ${typesColumn(eventTypes)}::text[],
        ${description ?? null}, ${rateLimit ?? null}, ${ordered ?? false})
      returning ${endpointColumns(sql)}`
    if (row === undefined) return undefined
    await writeAudit(sql, by, {
      act: "webhook-endpoint.create",
      subject: `webhook-endpoint:${id}`,
      before: null,
      after: auditedEndpoint(row),
    })
    return { row }
  })

const placeOf = ({ id, partner, url }: EndpointRow) => ({ endpoint: id, partner, url })

const secretsOf = ({
  secret,
  previous_secret,
  signing_key,
  previous_signing_key,
}: EndpointRow): SealedSecrets => ({ secret, previous_secret, signing_key, previous_signing_key })

type Settings = Pick<EndpointRow, "description" | "event_types" | "ordered" | "rate_limit" | "url">

const changed = (
  row: EndpointRow,
  { url = row.url, eventTypes, description, rateLimit, ordered = row.ordered }: EndpointChanges,
): Settings => ({
  url,
  event_types: eventTypes === undefined ? row.event_types : eventTypes,
  description: description === undefined ? row.description : description,
  rate_limit: rateLimit === undefined ? row.rate_limit : rateLimit,
  ordered,
})

const isSame = (row: EndpointRow, next: Settings): boolean =>
  row.url === next.url &&
  JSON.stringify(row.event_types) === JSON.stringify(next.event_types) &&
  row.description === next.description &&
  row.rate_limit === next.rate_limit &&
  row.ordered === next.ordered

/** `undefined` if something else changed the endpoint since `before` was read. With a new URL nothing is known of its health. */
const change = async (
  sql: TransactionSql,
  by: Actor,
  before: EndpointRow,
  next: Settings & SealedSecrets,
): Promise<Outcome> => {
  const { id, partner } = before
  const isMoved = next.url !== before.url
  if (isMoved) {
    await takeTurns(sql, partner)
    const { first } = await othersWith(sql, partner, next.url, id)
    if (first !== undefined) return { exists: first }
  }
  const [row] = await sql<Array<EndpointRow>>`
    update webhook_endpoints set url = ${next.url}, host = ${hostOf(new URL(next.url))},
      secret = ${next.secret}, previous_secret = ${next.previous_secret},
      signing_key = ${next.signing_key}, previous_signing_key = ${next.previous_signing_key},
      event_types = ${typesColumn(next.event_types)}::text[], description = ${next.description},
      rate_limit = ${next.rate_limit}, ordered = ${next.ordered}, version = version + 1,
      failing_since = case when ${isMoved} then null else failing_since end,
      failing_notified_at = case when ${isMoved} then null else failing_notified_at end
    where id = ${id} and partner = ${partner} and version = ${before.version} and secret = ${before.secret}
      and previous_secret is not distinct from ${before.previous_secret}
      and signing_key is not distinct from ${before.signing_key}
      and previous_signing_key is not distinct from ${before.previous_signing_key}
    returning ${endpointColumns(sql)}`
  if (row === undefined) return undefined
  await writeAudit(sql, by, {
    act: "webhook-endpoint.update",
    subject: `webhook-endpoint:${id}`,
    before: auditedEndpoint(before),
    // The host may be the same.
    after: { ...auditedEndpoint(row), ...(isMoved ? { urlChanged: true } : {}) },
  })
  return { row }
}

const typesColumn = (types: ReadonlyArray<string> | null | undefined) => (types == null ? null : [...types])

interface Removal {
  readonly partner: string
  readonly endpoint: string
}

/**
 * From here on the endpoint is disabled, and nothing more is stored for it. Its deliveries may be too many for one statement. If the
 * removal is cut off, the partner sees the endpoint as disabled, and asks again. `false`: there is none.
 */
const beginRemoval = async (sql: TransactionSql, by: Actor, { partner, endpoint }: Removal) => {
  const [before] = await sql<Array<EndpointRow>>`
    select ${endpointColumns(sql)} from webhook_endpoints where partner = ${partner} and id = ${endpoint} for no key update`
  if (before === undefined) return false
  await sql`
    update webhook_endpoints set state = 'disabled', enabled = false, state_reason = ${REMOVED}, state_since = now(),
      version = version + 1
    where id = ${endpoint} and state_reason is distinct from ${REMOVED}`
  if (before.state_reason === REMOVED) return true
  await writeAudit(sql, by, {
    act: "webhook-endpoint.remove",
    subject: `webhook-endpoint:${endpoint}`,
    before: auditedEndpoint(before),
    after: null,
  })
  return true
}

/** Gives how many were removed. Those that others have locked are left: they go with the endpoint. */
const removeDeliveries = async (sql: Sql, endpoint: string): Promise<number> => {
  const { count } = await sql`
    delete from webhook_deliveries using (
      select event_id as id from webhook_deliveries where endpoint = ${endpoint}
      limit ${REMOVED_PER_STEP_MAX} for update skip locked
    ) as found
    where endpoint = ${endpoint} and event_id = found.id`
  return count
}

/** One that the partner has resumed meanwhile stays. */
const removeEmptied = (sql: Sql, { partner, endpoint }: Removal) => sql`
  delete from webhook_endpoints
  where partner = ${partner} and id = ${endpoint} and state_reason = ${REMOVED}`

/** Who acts if nobody says which of the partner's keys it was. */
const partnerItself = (partner: string): Actor => ({ who: `partner:${partner}` })

const newId = (): string => `we_${randomBytes(16).toString("hex")}`

const secretLost = new EndpointRefused({
  field: "url",
  reason: "the endpoint's secret cannot be opened any more; add a new endpoint for this URL",
})

const busy = new StoreUnavailable({
  store: "postgres",
  step: "change webhook endpoint",
  reason: "others change it at the same time",
})

const notSealed = () =>
  new StoreUnavailable({ store: "redis", step: "seal a webhook secret", reason: "the key is unavailable" })
