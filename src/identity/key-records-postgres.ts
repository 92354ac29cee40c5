/** The stored keys in Postgres, as the service reads them. */
import { Effect, Layer } from "effect"
import { Database } from "../database/database.ts"
import { type PartnerMark, SIGN_OUTS_KEPT_MS } from "./access-marks.ts"
import { type KeyRecord, KeyRecords } from "./key-records.ts"
import { callerOf, endOf, type KeyOwner, textOfTerms } from "./stored-key.ts"

/** How long after a noted use another one is noted. */
const USE_NOTED_EVERY = "60 seconds"
/** Marks that one look at the record gives. */
const MARKS_MAX = 10_000

interface Row {
  readonly id: string
  readonly owner: "partner" | "operator"
  readonly partner: string | null
  readonly name: string
  readonly hash: string
  readonly scopes: ReadonlyArray<string>
  readonly networks: ReadonlyArray<string>
  readonly expires_at: Date | null
  readonly ends_at: Date | null
  readonly revoked_at: Date | null
  readonly suspended: boolean | null
}

export const layer = Layer.effect(
  KeyRecords,
  Effect.map(Database, ({ query }) =>
    KeyRecords.of({
      find: Effect.fn("KeyRecords.find")(function* (ids) {
        const rows = yield* query(
          "find API keys",
          (sql) => sql<Array<Row>>`
            select api_keys.*, partners.state = 'suspended' as suspended
            from api_keys left join partners on partners.id = api_keys.partner
            where api_keys.id = any(${[...ids]}::text[])`,
        )
        return rows.flatMap(recordOf)
      }),
      recent: Effect.fn("KeyRecords.recent")(function* (limit) {
        const rows = yield* query(
          "read recent API keys",
          (sql) => sql<Array<Row>>`
            select api_keys.*, partners.state = 'suspended' as suspended
            from api_keys left join partners on partners.id = api_keys.partner
            where revoked_at is null and coalesce(expires_at, 'infinity') > now() and coalesce(ends_at, 'infinity') > now()
            order by last_used_at desc nulls last, api_keys.created_at desc limit ${limit}`,
        )
        return rows.flatMap(recordOf)
      }),
      noteUses: Effect.fn("KeyRecords.noteUses")(function* (uses) {
        const times = [...uses.values()].map((at) => new Date(at).toISOString())
        yield* query(
          "note uses of API keys",
          (sql) => sql`
            update api_keys set last_used_at = used.at
            from unnest(${[...uses.keys()]}::text[], ${times}::timestamptz[]) as used (id, at)
            where api_keys.id = used.id
              and (last_used_at is null or last_used_at <= used.at - ${USE_NOTED_EVERY}::interval)`,
        )
      }),
      lastSignOut: Effect.fn("KeyRecords.lastSignOut")(function* (operators) {
        const [row] = yield* query(
          "read sign-outs",
          (sql) => sql<Array<{ readonly at: string | null }>>`
            select max(at_ms)::text as at from sign_outs where operator = any(${[...operators]}::text[])`,
        )
        return row === undefined || row.at === null ? undefined : Number(row.at)
      }),
      marksSince: Effect.fn("KeyRecords.marksSince")(function* (sinceMs) {
        const since = new Date(sinceMs)
        const keys = yield* query(
          "read ended API keys",
          (sql) => sql<Array<Pick<Row, "id" | "ends_at" | "revoked_at">>>`
            select id, ends_at, revoked_at from api_keys
            where least(ends_at, revoked_at) >= ${since}
            order by least(ends_at, revoked_at) desc limit ${MARKS_MAX}`,
        )
        const partners = yield* query(
          "read suspended partners",
          (sql) => sql<Array<{ readonly id: string; readonly suspended: boolean; readonly changed: string }>>`
            select id, state = 'suspended' as suspended, changed_ms::text as changed from partners
            where state = 'suspended' or changed_ms >= ${sinceMs}
            order by changed_ms desc limit ${MARKS_MAX}`,
        )
        const settings = yield* query(
          "read changed settings",
          (sql) => sql<Array<{ readonly id: string; readonly version: string }>>`
            select id, settings_ms::text as version from partners where settings_ms > 0 and settings_ms >= ${sinceMs}
            order by settings_ms desc limit ${MARKS_MAX}`,
        )
        const outs = yield* query(
          "read sign-outs",
          (sql) => sql<Array<{ readonly operator: string; readonly at: string }>>`
            select operator, at_ms::text as at from sign_outs
            where at_ms >= ${Math.max(sinceMs, Date.now() - SIGN_OUTS_KEPT_MS)}
            order by at_ms desc limit ${MARKS_MAX}`,
        )
        return {
          settings: new Map(settings.map(({ id, version }) => [id, Number(version)])),
          signedOut: new Map(outs.map(({ operator, at }) => [operator, Number(at)])),
          ended: new Map(keys.map(({ id, ends_at, revoked_at }) => [id, endIn(null, ends_at, revoked_at)])),
          partners: new Map(
            partners.map(({ id, suspended, changed }): readonly [string, PartnerMark] => [
              id,
              { suspended, changedMs: Number(changed) },
            ]),
          ),
        }
      }),
    }),
  ),
)

const recordOf = (row: Row): ReadonlyArray<KeyRecord> => {
  const owner = ownerOf(row)
  const caller = callerOf(owner, row.scopes)
  if (caller === undefined) return []
  const { id, hash, scopes, networks } = row
  const expiresAt = row.expires_at ?? undefined
  const endsMs = endIn(row.expires_at, row.ends_at, row.revoked_at)
  const terms = textOfTerms({ owner, scopes, networks, expiresAt })
  return [{ id, hash, terms, caller, networks, endsMs, partnerSuspended: row.suspended === true }]
}

const endIn = (expires: Date | null, ends: Date | null, revoked: Date | null): number =>
  endOf({ expiresAt: expires ?? undefined, endsAt: ends ?? undefined, revokedAt: revoked ?? undefined })

/** The owner that two columns name. */
export const ownerOf = ({
  owner,
  partner,
  name,
}: {
  readonly owner: "partner" | "operator"
  readonly partner: string | null
  readonly name: string
}): KeyOwner =>
  owner === "partner" ? { kind: "partner", partner: partner ?? "", name } : { kind: "operator", name }
