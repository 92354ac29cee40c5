/** What administrators do with partners and keys, and what the audit trail keeps of it. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { AccessMarks, MARKS_KEPT_MS, NO_MARKS } from "../../src/identity/access-marks.ts"
import { KEYS_PER_OWNER_MAX } from "../../src/identity/access-register.ts"
import { ownDatabase } from "../database.ts"
import { ownPrefix } from "../settings.ts"
import { AccessUnderTest, anna } from "./access-under-test.ts"

const HOUR = 3_600_000

let database: Awaited<ReturnType<typeof ownDatabase>>
let access: AccessUnderTest
beforeAll(async () => {
  database = await ownDatabase()
  access = new AccessUnderTest({ DATABASE_URL: database.url, STREAM_PREFIX: ownPrefix() })
})
afterAll(async () => {
  await access[Symbol.asyncDispose]()
  await database.drop()
})

const key = (id: string) => access.administer((administration) => administration.key(id))
const owner = (partner: string, name = "payroll") => ({ kind: "partner", partner, name }) as const
const terms = { scopes: ["batches:read"], networks: [], expiresAt: undefined }

describe("a key", () => {
  it("is stored as a keyed hash, and nowhere as itself", async () => {
    const { id, text } = await access.key(await access.partner())
    const stored = JSON.stringify(await access.sql((sql) => sql`select * from api_keys where id = ${id}`))
    expect(stored).toMatch(/"hash":"1\.[\w-]{43}"/)
    expect(stored).not.toContain(text.slice(20, 60))
    expect(JSON.stringify(await key(id))).not.toContain("hash")
  })

  it("has a successor with the same terms, and ends with the overlap", async () => {
    const partner = await access.partner()
    const expiresAt = new Date(Date.now() + 48 * HOUR)
    const { id } = await access.key(partner, {
      scopes: ["batches:read"],
      networks: ["203.0.113.0/24"],
      expiresAt,
    })
    const { key: successor, replaced } = await access.administer(({ rotateKey }) =>
      rotateKey(anna, id, { overlapMs: HOUR }),
    )
    expect(successor).toMatchObject({
      owner: replaced.owner,
      scopes: ["batches:read"],
      networks: ["203.0.113.0/24"],
      replaces: id,
    })
    expect(Number(successor.expiresAt) - Date.now()).toBeGreaterThan(47.9 * HOUR)
    expect(Number(replaced.endsAt) - Date.now()).toBeGreaterThan(0.9 * HOUR)
    expect(Number(replaced.endsAt) - Date.now()).toBeLessThanOrEqual(HOUR)
    expect(await access.refusal(({ rotateKey }) => rotateKey(anna, id, { overlapMs: 0 }))).toMatchObject({
      _tag: "AccessConflict",
      reason: "key-already-replaced",
    })
  })

  it("that was revoked has no successor", async () => {
    const { id } = await access.key(await access.partner())
    await access.administer(({ revokeKey }) => revokeKey(anna, id))
    expect(await access.refusal(({ rotateKey }) => rotateKey(anna, id, { overlapMs: 0 }))).toMatchObject({
      reason: "key-not-active",
    })
  })

  it("is revoked once, however often it is asked for", async () => {
    const { id } = await access.key(await access.partner())
    const first = await access.administer(({ revokeKey }) => revokeKey(anna, id, "leaked"))
    const again = await access.administer(({ revokeKey }) => revokeKey(anna, id))
    expect(again.revokedAt).toEqual(first.revokedAt)
    expect(await access.trail(`api-key:${id}`)).toMatchObject([
      { act: "api-key.revoke", who: "operator:anna", address: "198.51.100.7", after: { reason: "leaked" } },
      { act: "api-key.create", before: null },
    ])
  })

  it("has a name that no other working key of the partner has", async () => {
    const [partner, other] = [await access.partner(), await access.partner()]
    const { key: first } = await access.administer(({ createKey }) =>
      createKey(anna, { ...terms, owner: owner(partner) }),
    )
    expect(
      await access.refusal(({ createKey }) => createKey(anna, { ...terms, owner: owner(partner) })),
    ).toMatchObject({ reason: "name-in-use" })
    await access.administer(({ createKey }) => createKey(anna, { ...terms, owner: owner(other) }))
    await access.administer(({ revokeKey }) => revokeKey(anna, first.id))
    await access.administer(({ createKey }) => createKey(anna, { ...terms, owner: owner(partner) }))
  })

  it("is one of so many of its owner that work, of which each can have a successor", async () => {
    const partner = await access.partner()
    const fill = (letter: string, count: number) =>
      access.sql(
        (sql) => sql`
          insert into api_keys (id, owner, partner, name, hash, scopes, created_by)
          select translate(lpad(n::text, 16, '0'), '0123456789', ${`${letter}bcdefghij`}), 'partner', ${partner},
            ${letter} || n, '1.x', '{batches:read}', 'test' from generate_series(1, ${count}::int) as n`,
      )
    const first = await access.key(partner)
    await fill("x", KEYS_PER_OWNER_MAX - 2)
    const last = await access.key(partner)
    expect(
      await access.refusal(({ createKey }) => createKey(anna, { ...terms, owner: owner(partner) })),
    ).toMatchObject({ reason: "too-many-keys" })
    const rotate = (id: string) =>
      access.administer(({ rotateKey }) => rotateKey(anna, id, { overlapMs: HOUR }))
    const { key: successor } = await rotate(first.id)
    await fill("y", KEYS_PER_OWNER_MAX - 1)
    for (const { id } of [successor, last])
      expect(await access.refusal(({ rotateKey }) => rotateKey(anna, id, { overlapMs: HOUR }))).toMatchObject(
        {
          reason: "too-many-keys",
        },
      )
    await access.administer(({ revokeKey }) => revokeKey(anna, first.id))
    expect((await rotate(last.id)).key.replaces).toBe(last.id)
  })

  it("is for a partner that exists", async () => {
    expect(
      await access.refusal(({ createKey }) => createKey(anna, { ...terms, owner: owner("nobody") })),
    ).toMatchObject({ _tag: "NoSuchSubject", what: "partner" })
  })

  it.each([
    ["a scope that there is not", { scopes: ["batches:pay"] }, "scopes"],
    ["an operator's act", { scopes: ["review"] }, "scopes"],
    ["no scope", { scopes: [] }, "scopes"],
    ["a scope twice", { scopes: ["batches:read", "batches:read"] }, "scopes"],
    ["a network that is none", { networks: ["10.0.0.0/40"] }, "networks"],
    ["an end in the past", { expiresAt: new Date(0) }, "expiresAt"],
    ["an end that is no time", { expiresAt: new Date(Number.NaN) }, "expiresAt"],
    ["a name that is none", { owner: owner("acme", "Pay Roll") }, "name"],
  ])("is not created with %s", async (_, wrong, field) => {
    const asked = { ...terms, owner: owner(await access.partner()), ...wrong }
    expect(await access.refusal(({ createKey }) => createKey(anna, asked))).toMatchObject({
      _tag: "InvalidKeyTerms",
      field,
    })
  })

  it.each([-1, 31 * 24 * HOUR, Number.NaN])("is not rotated with an overlap of %s", async (overlapMs) => {
    const { id } = await access.key(await access.partner())
    expect(await access.refusal(({ rotateKey }) => rotateKey(anna, id, { overlapMs }))).toMatchObject({
      field: "overlapSeconds",
    })
    expect((await key(id)).endsAt).toBeUndefined()
  })
})

describe("a partner", () => {
  it("is created once", async () => {
    const id = await access.partner()
    expect(await access.refusal(({ createPartner }) => createPartner(anna, { id, name: id }))).toMatchObject({
      reason: "partner-exists",
    })
  })

  it("is suspended and resumed, and the trail shows both", async () => {
    const id = await access.partner()
    await access.administer(({ suspendPartner }) => suspendPartner(anna, id, "fraud"))
    await access.administer(({ suspendPartner }) => suspendPartner(anna, id))
    await access.administer(({ resumePartner }) => resumePartner(anna, id))
    expect(await access.trail(`partner:${id}`)).toMatchObject([
      { act: "partner.resume", before: { state: "suspended" }, after: { state: "active" } },
      { act: "partner.suspend", before: { state: "active" }, after: { state: "suspended", reason: "fraud" } },
      { act: "partner.create", before: null, after: { name: id, state: "active" } },
    ])
  })

  it("is suspended by the later of two marks, in whatever order they come", async () => {
    const mark = (suspended: boolean, changedMs: number) =>
      access.run(
        Effect.flatMap(AccessMarks, ({ write }) =>
          write({ ...NO_MARKS, partners: new Map([["late", { suspended, changedMs }]]) }),
        ),
      )
    const seen = () => access.run(Effect.flatMap(AccessMarks, ({ read }) => read()))
    await mark(true, 2_000)
    await mark(false, 1_000)
    expect((await seen()).partners.get("late")).toEqual({ suspended: true, changedMs: 2_000 })
    await mark(false, 2_001)
    expect((await seen()).partners.get("late")).toEqual({ suspended: false, changedMs: 2_001 })
  })
})

describe("a mark", () => {
  it("of a key's end only becomes earlier", async () => {
    const now = Date.now()
    const end = (at: number) =>
      access.run(
        Effect.flatMap(AccessMarks, ({ write }) => write({ ...NO_MARKS, ended: new Map([["k", at]]) })),
      )
    const read = () => access.run(Effect.flatMap(AccessMarks, ({ read }) => read()))
    await end(now + 5_000)
    await end(now + 9_000)
    expect((await read()).ended.get("k")).toBe(now + 5_000)
    await end(now)
    expect((await read()).ended.get("k")).toBe(now)
  })

  it("of a revoked key ends it by every clock, and an old one is forgotten", async () => {
    const { id } = await access.key(await access.partner())
    const before = Date.now()
    await access.administer(({ revokeKey }) => revokeKey(anna, id))
    const read = () => access.run(Effect.flatMap(AccessMarks, ({ read }) => read()))
    expect((await read()).ended.get(id)).toBeLessThanOrEqual(-before)
    const old = Date.now() - MARKS_KEPT_MS - 1_000
    const young = Date.now() - MARKS_KEPT_MS + 60_000
    const ended = new Map([
      ["old", old],
      ["old-revoked", -old],
      ["young", young],
      ["young-revoked", -young],
    ])
    await access.run(Effect.flatMap(AccessMarks, ({ write }) => write({ ...NO_MARKS, ended })))
    expect([...(await read()).ended.keys()]).toEqual(expect.arrayContaining([id, "young", "young-revoked"]))
    expect((await read()).ended.has("old")).toBe(false)
    expect((await read()).ended.has("old-revoked")).toBe(false)
  })

  it("is read again only if there are others", async () => {
    const { run } = access
    const seen = await run.call(
      access,
      Effect.flatMap(AccessMarks, ({ read }) => read()),
    )
    const same = await access.run(Effect.flatMap(AccessMarks, ({ read }) => read(seen as never)))
    expect(same).toBe(seen)
    const { id } = await access.key(await access.partner())
    await access.administer(({ revokeKey }) => revokeKey(anna, id))
    const other = await access.run(Effect.flatMap(AccessMarks, ({ read }) => read(seen as never)))
    expect(other.ended.has(id)).toBe(true)
  })
})

describe("the audit trail", () => {
  it.each([
    "update audit_trail set who = 'operator:nobody'",
    "delete from audit_trail",
    "truncate audit_trail",
    "delete from audit_trail where sequence = -1",
  ])("refuses: %s", async (statement) => {
    await access.partner()
    await expect(access.sql((sql) => sql.unsafe(statement))).rejects.toMatchObject({ reason: "23001" })
  })

  it("has an entry for each act that changed something, and none for an act that was refused", async () => {
    const partner = await access.partner()
    const count = async () =>
      (
        await access.sql<ReadonlyArray<{ n: number }>>(
          (sql) => sql`select count(*)::int as n from audit_trail`,
        )
      )[0]?.n
    const before = Number(await count())
    await access.refusal(({ createPartner }) => createPartner(anna, { id: partner, name: partner }))
    await access.refusal(({ rotateKey }) => rotateKey(anna, "a".repeat(16), { overlapMs: 0 }))
    expect(await count()).toBe(before)
    const { id } = await access.key(partner)
    await access.administer(({ rotateKey }) => rotateKey(anna, id, { overlapMs: 0 }))
    expect(await count()).toBe(before + 3)
  })

  it("has no key and no hash", async () => {
    const { id, text } = await access.key(await access.partner())
    const rotated = await access.administer(({ rotateKey }) => rotateKey(anna, id, { overlapMs: 0 }))
    const [row] = await access.sql<ReadonlyArray<{ hash: string }>>(
      (sql) => sql`select hash from api_keys where id = ${id}`,
    )
    const all = JSON.stringify(await access.sql((sql) => sql`select * from audit_trail`))
    for (const secret of [text.slice(20, 60), rotated.text.slice(20, 60), row?.hash ?? text])
      expect(all).not.toContain(secret)
    expect(access.lines.join("\n")).not.toContain(text.slice(20, 60))
  })
})
