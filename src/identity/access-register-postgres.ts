/** Partners and keys in Postgres. Each change and its entry in the audit trail are one transaction. */
import { Effect, Layer, Result } from "effect"
import type { ISql, TransactionSql } from "postgres"
import { writeAudit } from "../database/audit-entry.ts"
import { Database } from "../database/database.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { isOperates, type Operates } from "./access.ts"
import { SIGN_OUTS_KEPT_MS } from "./access-marks.ts"
import {
  AccessConflict,
  AccessRegister,
  KEYS_PER_OWNER_MAX,
  type KeyQuestion,
  type NewKey,
  NoSuchSubject,
  PARTNERS_MAX,
  type SignOut,
  type Successor,
} from "./access-register.ts"
import type { Administrator } from "./audit-trail.ts"
import { ownerOf } from "./key-records-postgres.ts"
import { readableSettings, type SettingsRow, settingsIn } from "./settings-records-postgres.ts"
import { updateSettings } from "./settings-register-postgres.ts"
import { type KeyOwner, type Partner, type StoredKey, stateOf, textOfTerms } from "./stored-key.ts"

/** What a transaction gives: a value, or why it was left without a change. */
type Outcome<A> = Result.Result<A, AccessConflict | NoSuchSubject>

export const layer = Layer.effect(
  AccessRegister,
  Effect.map(Database, ({ query }) => {
    /** Runs a change as one transaction. Administrators take turns, so that what a change looked at is still so. */
    const change = <A>(step: string, run: (sql: TransactionSql) => Promise<Outcome<A>>) =>
      query(step, (sql) =>
        transaction(sql, "isolation level read committed", async (sql) => {
          await sql`select pg_advisory_xact_lock(hashtext('partners and API keys'))`
          return run(sql)
        }),
      ).pipe(Effect.flatMap((outcome) => Effect.fromResult(outcome)))
    return AccessRegister.of({
      createPartner: Effect.fn("AccessRegister.createPartner")((by, partner) =>
        change("create a partner", (sql) => insertPartner(sql, by, partner)),
      ),
      partners: Effect.fn("AccessRegister.partners")(function* (after, limit) {
        const rows = yield* query(
          "list partners",
          (sql) => sql<Array<PartnerRow>>`
            select ${partnerColumns(sql)} from partners
            where id > ${after ?? ""} order by id limit ${limit}`,
        )
        return rows.map(partnerOf)
      }),
      setPartnerState: Effect.fn("AccessRegister.setPartnerState")((by, id, state, reason) =>
        change("set a partner's state", (sql) => updatePartner(sql, by, id, state, reason)),
      ),
      setOperates: Effect.fn("AccessRegister.setOperates")((by, id, operates) =>
        change("set a partner's contract", (sql) => updateOperates(sql, by, id, operates)),
      ),
      signOut: Effect.fn("AccessRegister.signOut")((by, operator, reason) =>
        change("sign an operator out", (sql) => noteSignOut(sql, by, operator, reason)),
      ),
      settings: Effect.fn("AccessRegister.settings")(function* (id) {
        const [row] = yield* query(
          "show a partner's settings",
          (sql) => sql<Array<SettingsRow>>`select settings, settings_ms::text from partners where id = ${id}`,
        )
        return row === undefined ? yield* noSuchPartner : yield* readableSettings(id, settingsIn(row))
      }),
      changeSettings: Effect.fn("AccessRegister.changeSettings")((by, id, asked) =>
        change("change a partner's settings", (sql) => updateSettings(sql, by, id, asked)).pipe(
          Effect.flatMap((stored) => readableSettings(id, stored)),
        ),
      ),
      createKey: Effect.fn("AccessRegister.createKey")((by, key) =>
        change("create an API key", (sql) => insertKey(sql, by, key)),
      ),
      keys: Effect.fn("AccessRegister.keys")(function* (question) {
        const rows = yield* query("list API keys", (sql) => selectKeys(sql, question))
        return rows.map(keyOf)
      }),
      key: Effect.fn("AccessRegister.key")(function* (id) {
        const [row] = yield* query(
          "show an API key",
          (sql) => sql<Array<KeyRow>>`select ${keyColumns(sql)} from api_keys where id = ${id}`,
        )
        return row === undefined ? yield* noSuchKey : keyOf(row)
      }),
      rotateKey: Effect.fn("AccessRegister.rotateKey")((by, id, successor) =>
        change("rotate an API key", (sql) => replaceKey(sql, by, id, successor)),
      ),
      revokeKey: Effect.fn("AccessRegister.revokeKey")((by, id, reason) =>
        change("revoke an API key", (sql) => endKey(sql, by, id, reason)),
      ),
    })
  }),
)

const noSuchKey = new NoSuchSubject({ what: "API key" })
const noSuchPartner = new NoSuchSubject({ what: "partner" })
const conflict = (reason: AccessConflict["reason"]) => Result.fail(new AccessConflict({ reason }))

const insertPartner = async (
  sql: TransactionSql,
  by: Administrator,
  { id, name }: Pick<Partner, "id" | "name">,
): Promise<Outcome<Partner>> => {
  const [counted] = await sql<Array<{ readonly count: number }>>`select count(*)::int as count from partners`
  if ((counted?.count ?? 0) >= PARTNERS_MAX) return conflict("too-many-partners")
  const [row] = await sql<Array<PartnerRow>>`
    insert into partners (id, name, changed_ms, created_by) values (${id}, ${name}, ${Date.now()}, ${by.who})
    on conflict (id) do nothing returning ${partnerColumns(sql)}`
  if (row === undefined) return conflict("partner-exists")
  const partner = partnerOf(row)
  await writeAudit(sql, by, {
    act: "partner.create",
    subject: `partner:${id}`,
    before: null,
    after: auditedPartner(partner),
  })
  return Result.succeed(partner)
}

/** Each change has a later time than the one before, whatever the clocks: of two marks in Redis the later one counts. */
const updatePartner = async (
  sql: TransactionSql,
  by: Administrator,
  id: string,
  state: Partner["state"],
  reason: string | undefined,
) => {
  const [known] = await sql<Array<PartnerRow>>`
    select ${partnerColumns(sql)} from partners where id = ${id} for update`
  if (known === undefined) return Result.fail(noSuchPartner)
  const before = partnerOf(known)
  const [row] = await sql<Array<PartnerRow>>`
    update partners set state = ${state}, changed_ms = greatest(changed_ms + 1, ${Date.now()})
    where id = ${id} returning ${partnerColumns(sql)}`
  if (row === undefined) return Result.fail(noSuchPartner)
  const partner = partnerOf(row)
  if (before.state !== state)
    await writeAudit(sql, by, {
      act: state === "suspended" ? "partner.suspend" : "partner.resume",
      subject: `partner:${id}`,
      before: auditedPartner(before),
      after: { ...auditedPartner(partner), ...(reason === undefined ? {} : { reason }) },
    })
  return Result.succeed({ partner, changedMs: Number(row.changed_ms) })
}

const updateOperates = async (
  sql: TransactionSql,
  by: Administrator,
  id: string,
  asked: ReadonlyArray<Operates>,
): Promise<Outcome<Partner>> => {
  const [known] = await sql<Array<PartnerRow>>`
    select ${partnerColumns(sql)} from partners where id = ${id} for update`
  if (known === undefined) return Result.fail(noSuchPartner)
  const operates = [...new Set(asked)].sort()
  const [row] = await sql<Array<PartnerRow>>`
    update partners set operates = ${operates}::text[] where id = ${id} returning ${partnerColumns(sql)}`
  if (row === undefined) return Result.fail(noSuchPartner)
  const [before, after] = [partnerOf(known), partnerOf(row)]
  if (`${before.operates}` !== `${after.operates}`)
    await writeAudit(sql, by, {
      act: "partner.contract",
      subject: `partner:${id}`,
      before: auditedPartner(before),
      after: auditedPartner(after),
    })
  return Result.succeed(after)
}

/**
 * Signs out by the clock of Postgres: that of an administrator's machine may be behind, and would leave tokens that were issued
 * meanwhile, or ahead, and would end the sign-outs of others. A clock that was set back makes none earlier. Forgets sign-outs that no
 * token is older than.
 */
const noteSignOut = async (
  sql: TransactionSql,
  by: Administrator,
  operator: string,
  reason: string | undefined,
): Promise<Outcome<SignOut>> => {
  const now = sql`floor(extract(epoch from clock_timestamp()) * 1000)::bigint`
  await sql`delete from sign_outs where at_ms < ${now} - ${SIGN_OUTS_KEPT_MS}::bigint`
  const [row] = await sql<[{ readonly at: string }]>`
    insert into sign_outs (operator, at_ms, signed_out_by) values (${operator}, ${now}, ${by.who})
    on conflict (operator) do update
      set at_ms = greatest(sign_outs.at_ms, excluded.at_ms), signed_out_by = excluded.signed_out_by
    returning at_ms::text as at`
  const atMs = Number(row.at)
  await writeAudit(sql, by, {
    act: "person.sign-out",
    subject: `operator:${operator}`,
    before: null,
    after: { at: new Date(atMs).toISOString(), ...(reason === undefined ? {} : { reason }) },
  })
  return Result.succeed({ operator, atMs })
}

const insertKey = async (
  sql: TransactionSql,
  by: Administrator,
  key: NewKey,
): Promise<Outcome<StoredKey>> => {
  const { owner } = key
  if (owner.kind === "partner") {
    const known = await sql`select from partners where id = ${owner.partner}`
    if (known.length === 0) return Result.fail(noSuchPartner)
  }
  const names = await namesOfWorking(sql, owner)
  if (names.length >= KEYS_PER_OWNER_MAX) return conflict("too-many-keys")
  if (names.includes(owner.name)) return conflict("name-in-use")
  const stored = await store(sql, by, key, null)
  await writeAudit(sql, by, {
    act: "api-key.create",
    subject: `api-key:${key.id}`,
    before: null,
    after: auditedKey(stored),
  })
  return Result.succeed(stored)
}

const store = async (
  sql: TransactionSql,
  by: Administrator,
  { id, hash, owner, scopes, networks, expiresAt }: NewKey,
  replaces: string | null,
): Promise<StoredKey> => {
  const partner = owner.kind === "partner" ? owner.partner : null
  const rows = await sql<Array<KeyRow>>`
    insert into api_keys (id, owner, partner, name, hash, scopes, networks, created_by, expires_at, replaces)
    values (${id}, ${owner.kind}, ${partner}, ${owner.name}, ${hash}, ${[...scopes]}::text[], ${[...networks]}::text[],
      ${by.who}, ${expiresAt ?? null}, ${replaces})
    returning ${keyColumns(sql)}`
  return keyOf(rows[0] as KeyRow)
}

const replaceKey = async (sql: TransactionSql, by: Administrator, id: string, successor: Successor) => {
  const before = await lockedKey(sql, id)
  if (before === undefined) return Result.fail(noSuchKey)
  if (before.endsAt !== undefined) return conflict("key-already-replaced")
  const now = Date.now()
  if (stateOf(before, now) !== "active") return conflict("key-not-active")
  const names = await namesOfWorking(sql, before.owner)
  if (names.length >= WITH_SUCCESSORS_MAX) return conflict("too-many-keys")
  const lifetimeMs = before.expiresAt && before.expiresAt.getTime() - before.createdAt.getTime()
  const expiresAt = successor.expiresAt ?? (lifetimeMs === undefined ? undefined : new Date(now + lifetimeMs))
  const { id: next, hashOf } = successor
  const terms = { ...before, expiresAt }
  const key = await store(sql, by, { ...terms, id: next, hash: hashOf(textOfTerms(terms)) }, id)
  const [row] = await sql<Array<KeyRow>>`
    update api_keys set ends_at = ${new Date(now + successor.overlapMs)} where id = ${id} returning ${keyColumns(sql)}`
  if (row === undefined) return Result.fail(noSuchKey)
  const replaced = keyOf(row)
  await writeAudit(sql, by, {
    act: "api-key.rotate",
    subject: `api-key:${id}`,
    before: auditedKey(before),
    after: auditedKey(replaced),
  })
  await writeAudit(sql, by, {
    act: "api-key.create",
    subject: `api-key:${next}`,
    before: null,
    after: auditedKey(key),
  })
  return Result.succeed({ replaced, key })
}

const endKey = async (
  sql: TransactionSql,
  by: Administrator,
  id: string,
  reason: string | undefined,
): Promise<Outcome<StoredKey>> => {
  const before = await lockedKey(sql, id)
  if (before === undefined) return Result.fail(noSuchKey)
  if (before.revokedAt !== undefined) return Result.succeed(before)
  const [row] = await sql<Array<KeyRow>>`
    update api_keys set revoked_at = ${new Date()} where id = ${id} returning ${keyColumns(sql)}`
  if (row === undefined) return Result.fail(noSuchKey)
  const key = keyOf(row)
  await writeAudit(sql, by, {
    act: "api-key.revoke",
    subject: `api-key:${id}`,
    before: auditedKey(before),
    after: { ...auditedKey(key), ...(reason === undefined ? {} : { reason }) },
  })
  return Result.succeed(key)
}

const lockedKey = async (sql: TransactionSql, id: string): Promise<StoredKey | undefined> => {
  const [row] = await sql<Array<KeyRow>>`
    select ${keyColumns(sql)} from api_keys where id = ${id} for update`
  return row && keyOf(row)
}

const selectKeys = (sql: ISql, { of, after, limit }: KeyQuestion) => sql<Array<KeyRow>>`
  select ${keyColumns(sql)} from api_keys
  where id > ${after ?? ""}
    ${of === undefined ? sql`` : of === "operators" ? sql`and owner = 'operator'` : sql`and partner = ${of}`}
  order by id limit ${limit}`

/** With each key its successor, if all are rotated at once. */
const WITH_SUCCESSORS_MAX = 2 * KEYS_PER_OWNER_MAX

/** The names of an owner's keys that work: a name comes twice while a key and its successor do. */
const namesOfWorking = async (sql: TransactionSql, owner: KeyOwner): Promise<ReadonlyArray<string>> => {
  const rows = await sql<Array<{ readonly name: string }>>`
    select name from api_keys where ${ownedBy(sql, owner)} and ${works(sql)} limit ${WITH_SUCCESSORS_MAX}`
  return rows.map(({ name }) => name)
}

const ownedBy = (sql: TransactionSql, owner: KeyOwner) =>
  owner.kind === "partner" ? sql`partner = ${owner.partner}` : sql`owner = 'operator'`

const works = (sql: TransactionSql) =>
  sql`revoked_at is null and coalesce(expires_at, 'infinity') > now() and coalesce(ends_at, 'infinity') > now()`

interface PartnerRow {
  readonly id: string
  readonly name: string
  readonly state: Partner["state"]
  readonly operates: ReadonlyArray<string>
  readonly changed_ms: string
  readonly created_at: Date
  readonly created_by: string
}

const partnerColumns = (sql: ISql) => sql`id, name, state, operates, changed_ms::text, created_at, created_by`

const partnerOf = ({ id, name, state, operates, created_at, created_by }: PartnerRow): Partner => ({
  id,
  name,
  state,
  operates: operates.filter(isOperates),
  createdAt: created_at,
  createdBy: created_by,
})

interface KeyRow {
  readonly id: string
  readonly owner: KeyOwner["kind"]
  readonly partner: string | null
  readonly name: string
  readonly scopes: ReadonlyArray<string>
  readonly networks: ReadonlyArray<string>
  readonly created_at: Date
  readonly created_by: string
  readonly expires_at: Date | null
  readonly ends_at: Date | null
  readonly revoked_at: Date | null
  readonly last_used_at: Date | null
  readonly replaces: string | null
}

/** All columns but the hash, which nobody is shown. */
const keyColumns = (sql: ISql) => sql`
  id, owner, partner, name, scopes, networks, created_at, created_by, expires_at, ends_at, revoked_at, last_used_at, replaces`

const keyOf = (row: KeyRow): StoredKey => ({
  id: row.id,
  owner: ownerOf(row),
  scopes: row.scopes,
  networks: row.networks,
  createdAt: row.created_at,
  createdBy: row.created_by,
  expiresAt: row.expires_at ?? undefined,
  endsAt: row.ends_at ?? undefined,
  revokedAt: row.revoked_at ?? undefined,
  lastUsedAt: row.last_used_at ?? undefined,
  replaces: row.replaces ?? undefined,
})

const auditedPartner = ({ name, state, operates }: Partner) => ({
  name,
  state,
  ...(operates.length === 0 ? {} : { operates }),
})

/** What the trail keeps of a key: whose it is, what it permits, and its times. */
const auditedKey = ({ owner, scopes, networks, expiresAt, endsAt, revokedAt, replaces }: StoredKey) => ({
  owner,
  scopes,
  networks,
  expiresAt: expiresAt?.toISOString(),
  endsAt: endsAt?.toISOString(),
  revokedAt: revokedAt?.toISOString(),
  replaces,
})
