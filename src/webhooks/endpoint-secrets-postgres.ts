/**
 * The secrets of endpoints in Postgres. What is replaced is read, sealed anew and stored in steps, because the keys that seal lie
 * elsewhere: a step begins again if the row has changed meanwhile. Postgres' clock decides what has expired.
 */
import { randomBytes } from "node:crypto"
import { Effect, Layer, Redacted } from "effect"
import type { Sql, TransactionSql } from "postgres"
import { type Actor, writeAudit } from "../database/audit-entry.ts"
import { Database } from "../database/database.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { newSigningKey, publicKeyOf } from "../platform/webhook-signing-key.ts"
import { PartnerKeys } from "../vault/partner-keys.ts"
import {
  type EndpointOf,
  EndpointSecrets,
  type LivePublicKey,
  NoSigningKey,
  type Rotation,
  RotationUnderWay,
  type Signer,
} from "./endpoint-secrets.ts"
import { NoSuchEndpoint } from "./endpoints.ts"
import { openedSecret, PLAIN_SECRET, type SealedSecrets, sealingKey, sealSecret } from "./secret-seal.ts"

const SECRET_BYTES = 32
/** How often a change begins again because others change the same endpoint. */
const TRIES_MAX = 5

/** A new text of `whsec_` and 32 random bytes. */
export const newSecret = (): string => `${PLAIN_SECRET}${randomBytes(SECRET_BYTES).toString("base64")}`

export const layer = Layer.effect(
  EndpointSecrets,
  Effect.gen(function* () {
    const { query } = yield* Database
    const keys = yield* PartnerKeys
    const change = changeWith(query)
    const find = findWith(query)
    return EndpointSecrets.of({
      rotateSecret: Effect.fn("EndpointSecrets.rotateSecret")(function* (of, rotation, by) {
        const secret = newSecret()
        const { row } = yield* change(of, by, "rotate-secret", rotated(keys, "secret", rotation, secret))
        return { secret, previousUntil: row.previous_secret_until ?? undefined }
      }),
      endPrevious: Effect.fn("EndpointSecrets.endPrevious")(function* (signer, of, by) {
        const { previous, until, act } = columnsOf[signer]
        yield* change(of, by, `end-previous-${act}`, (row) =>
          Effect.succeed(row[until] === null ? undefined : { [previous]: null, until: { [until]: null } }),
        )
      }),
      addSigningKey: Effect.fn("EndpointSecrets.addSigningKey")(function* (of, by) {
        yield* change(of, by, "add-signing-key", (row) =>
          row.signing_key === null
            ? Effect.map(sealingKey(keys), (key) => ({
                signing_key: sealSecret(key, placeOf(row), newSigningKey(), "signing_key"),
              }))
            : Effect.succeed(undefined),
        )
      }),
      rotateSigningKey: Effect.fn("EndpointSecrets.rotateSigningKey")(function* (of, rotation, by) {
        const text = newSigningKey()
        const { row } = yield* change(
          of,
          by,
          "rotate-signing-key",
          (row): ReturnType<Changed<NoSigningKey | RotationUnderWay>> =>
            row.signing_key === null
              ? new NoSigningKey({ endpoint: row.id })
              : rotated(keys, "signing key", rotation, text)(row),
        )
        return { previousUntil: row.previous_signing_key_until ?? undefined }
      }),
      removeSigningKey: Effect.fn("EndpointSecrets.removeSigningKey")(function* (of, by) {
        yield* change(of, by, "remove-signing-key", (row) =>
          Effect.succeed(
            row.signing_key === null
              ? undefined
              : {
                  signing_key: null,
                  previous_signing_key: null,
                  until: { previous_signing_key_until: null },
                },
          ),
        )
      }),
      signatures: Effect.fn("EndpointSecrets.signatures")(function* (of) {
        const row = yield* find(of)
        return {
          previousSecretUntil: row.previous_secret_until ?? undefined,
          publicKeys: yield* publicKeysOf(keys, row),
        }
      }),
      publicKeys: Effect.fn("EndpointSecrets.publicKeys")(function* (endpoint) {
        const [row] = yield* query("read a webhook endpoint's keys", (sql) => rowOf(sql, { endpoint }))
        return row === undefined ? [] : yield* publicKeysOf(keys, row)
      }),
      partnerOf: Effect.fn("EndpointSecrets.partnerOf")(function* (endpoint) {
        const [row] = yield* query("read a webhook endpoint's partner", (sql) => rowOf(sql, { endpoint }))
        return row === undefined ? yield* new NoSuchEndpoint({ endpoint }) : row.partner
      }),
      forgetExpired: query("forget expired webhook secrets", forgetExpired).pipe(
        Effect.map(({ count }) => count),
        Effect.withSpan("EndpointSecrets.forgetExpired"),
      ),
    })
  }),
)

type Query = Database["Service"]["query"]

const columnsOf = {
  secret: {
    current: "secret",
    previous: "previous_secret",
    until: "previous_secret_until",
    act: "secret",
  },
  "signing key": {
    current: "signing_key",
    previous: "previous_signing_key",
    until: "previous_signing_key_until",
    act: "signing-key",
  },
} as const satisfies Record<Signer, object>

/** An endpoint's row. What has expired is null. */
interface Row extends SealedSecrets {
  readonly id: string
  readonly partner: string
  readonly url: string
  readonly version: number
  readonly previous_secret_until: Date | null
  readonly previous_signing_key_until: Date | null
}

const columns = (sql: Sql | TransactionSql) => sql`
  id, partner, url, version, secret, signing_key,
  case when previous_secret_until > now() then previous_secret end as previous_secret,
  case when previous_secret_until > now() then previous_secret_until end as previous_secret_until,
  case when previous_signing_key_until > now() then previous_signing_key end as previous_signing_key,
  case when previous_signing_key_until > now() then previous_signing_key_until end as previous_signing_key_until`

const rowOf = (sql: Sql, { partner, endpoint }: { readonly partner?: string; readonly endpoint: string }) =>
  sql<Array<Row>>`
    select ${columns(sql)} from webhook_endpoints
    where id = ${endpoint} and (${partner ?? null}::text is null or partner = ${partner ?? null})`

const placeOf = ({ id, partner, url }: Row) => ({ endpoint: id, partner, url })

/** What becomes of a row's columns. */
interface Change extends Partial<SealedSecrets> {
  /** Ends in so many milliseconds from now, by Postgres' clock; null: there is no previous one. */
  readonly until?: {
    readonly [Column in "previous_secret_until" | "previous_signing_key_until"]?: number | null
  }
  /** The previous one stays, if it has not expired meanwhile. */
  readonly keeps?: "previous_secret_until"
}

/** How a row changes; `undefined`: not at all. */
type Changed<E> = (row: Row) => Effect.Effect<Change | undefined, E | StoreUnavailable>

const findWith = (query: Query) =>
  Effect.fnUntraced(function* (of: EndpointOf) {
    const [row] = yield* query("read a webhook endpoint's secrets", (sql) => rowOf(sql, of))
    return row === undefined ? yield* new NoSuchEndpoint({ endpoint: of.endpoint }) : row
  })

const changeWith = (query: Query) => {
  const find = findWith(query)
  return Effect.fnUntraced(function* <E>(
    of: EndpointOf,
    by: Actor = { who: `partner:${of.partner}` },
    act: string,
    changed: Changed<E>,
  ) {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const before = yield* find(of)
      const change = yield* changed(before)
      if (change === undefined) return { row: before }
      const [row] = yield* query("change a webhook endpoint's secrets", (sql) =>
        store(sql, by, act, before, change),
      )
      if (row !== undefined) return { row }
    }
    return yield* new StoreUnavailable({
      store: "postgres",
      step: "change a webhook endpoint's secrets",
      reason: "others change it at the same time",
    })
  })
}

/** The other one signs for a while besides the new one, unless there is no overlap. There are never three. */
const rotated = (
  keys: PartnerKeys["Service"],
  signer: Signer,
  { overlapMs, restart = false }: Rotation,
  text: string,
): Changed<RotationUnderWay> =>
  Effect.fnUntraced(function* (row) {
    const { current, previous, until } = columnsOf[signer]
    const [place, key, ends] = [placeOf(row), yield* sealingKey(keys), row[until]]
    const renewed = { [current]: sealSecret(key, place, text, current) }
    const alone = { ...renewed, [previous]: null, until: { [until]: null } }
    if (overlapMs === 0) return alone
    if (ends !== null && !restart) return yield* new RotationUnderWay({ until: ends })
    const overlap = { until: { [until]: overlapMs } }
    if (ends !== null && until === "previous_secret_until") return { ...renewed, ...overlap, keeps: until }
    const replaced = yield* openedSecret(keys, place, row[current] ?? "", current)
    // One that cannot be opened signs nothing: nobody has to verify by it for a while.
    if (replaced === undefined) return alone
    return { ...renewed, [previous]: sealSecret(key, place, Redacted.value(replaced), previous), ...overlap }
  })

/** Changes the row if nobody else has, with an entry in the audit trail. A new version shows others that they read an older row. */
const store = (sql: Sql, by: Actor, act: string, before: Row, { until = {}, keeps, ...texts }: Change) =>
  transaction(sql, "default", async (sql) => {
    const sets = [
      ...Object.entries(texts).map(([column, text]) => sql`, ${sql(column)} = ${text}`),
      ...Object.entries(until).map(
        ([column, ms]) => sql`, ${sql(column)} = now() + ${ms}::float8 * interval '1 millisecond'`,
      ),
    ]
    const rows = await sql<Array<Row>>`
      update webhook_endpoints set version = version + 1 ${sets}
      where id = ${before.id} and partner = ${before.partner} and url = ${before.url}
        and (version, secret) = (${before.version}, ${before.secret})
        and ${keeps === undefined ? sql`true` : sql`${sql(keeps)} > now()`}
      returning ${columns(sql)}`
    for (const row of rows)
      await writeAudit(sql, by, {
        act: `webhook-endpoint.${act}`,
        subject: `webhook-endpoint:${row.id}`,
        before: audited(before),
        after: audited(row),
      })
    return rows
  })

/** What the trail keeps: no secret, and the host alone of the URL, because a path or a query may be a secret. */
const audited = (row: Row) => ({
  partner: row.partner,
  host: new URL(row.url).host,
  previousSecretUntil: row.previous_secret_until,
  hasSigningKey: row.signing_key !== null,
  previousSigningKeyUntil: row.previous_signing_key_until,
})

/** A key that cannot be opened is left out: it signs nothing. */
const publicKeysOf = Effect.fnUntraced(function* (keys: PartnerKeys["Service"], row: Row) {
  const found: Array<LivePublicKey> = []
  for (const use of ["signing_key", "previous_signing_key"] as const) {
    const text = row[use]
    const opened = text === null ? undefined : yield* openedSecret(keys, placeOf(row), text, use)
    const until = use === "signing_key" ? undefined : (row.previous_signing_key_until ?? undefined)
    if (opened !== undefined) found.push({ ...publicKeyOf(opened), until })
  }
  return found
})

const forgetExpired = (sql: Sql) => sql`
  update webhook_endpoints set
    previous_secret = case when previous_secret_until > now() then previous_secret end,
    previous_secret_until = case when previous_secret_until > now() then previous_secret_until end,
    previous_signing_key = case when previous_signing_key_until > now() then previous_signing_key end,
    previous_signing_key_until = case when previous_signing_key_until > now() then previous_signing_key_until end
  where previous_secret_until <= now() or previous_signing_key_until <= now()`
