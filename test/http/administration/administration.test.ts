/** The life of a partner and its keys over HTTP, under an administrator's key. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ownDatabase } from "../../database.ts"
import { accessLayer } from "../../identity/access-under-test.ts"
import { ownPrefix } from "../../settings.ts"
import { ApiUnderTest } from "../api-under-test.ts"
import { RawClient } from "../edge/raw-client.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"

let database: Awaited<ReturnType<typeof ownDatabase>>
let api: ApiUnderTest
beforeAll(async () => {
  database = await ownDatabase()
  api = await ApiUnderTest.open({
    environment: {
      DATABASE_URL: database.url,
      STREAM_PREFIX: ownPrefix(),
      OPERATOR_KEYS: "carol:admin=carol-key,kim:keys:manage+approve=kim-key,olga=olga-key",
      TRUSTED_PROXIES: "127.0.0.0/8",
    },
    access: accessLayer,
  })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await database.drop()
})

const carol = "carol-key"
const post = (path: string, body: unknown, key = carol, headers: Readonly<Record<string, string>> = {}) =>
  api.call(path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  })

const partnerWithKey = async (id: string, terms: object = {}) => {
  await post("/admin/partners", { id })
  const { json } = await post("/admin/api-keys", {
    partner: id,
    name: "payroll",
    scopes: ["batches:read", "batches:write"],
    ...terms,
  })
  return { id: String(json.id), key: String(json.key) }
}

const batches = (key: string, headers: Readonly<Record<string, string>> = {}) =>
  api.call("/payout-batches", { headers: { authorization: `Bearer ${key}`, ...headers } })

describe("an administrator", () => {
  it("sets what new batches of a partner are held to, within five seconds", async () => {
    const { key } = await partnerWithKey("vandelay")
    const settings = "/admin/partners/vandelay/settings"
    const asked = { itemMax: { EUR: "1.00" }, modes: ["strict"] }
    const shown = { partner: "vandelay", settings: asked, setAt: expect.stringMatching(/Z$/) }
    expect(await post(settings, asked)).toMatchObject({ status: 200, json: shown })
    const headers = { authorization: `Bearer ${carol}` }
    expect((await api.call(settings, { headers })).json).toEqual(shown)
    let attempts = 0
    const posted = async () =>
      (await api.post(`vandelay-${attempts++}`, { items: [payout("a")] }, key)).status
    await expect.poll(posted, { timeout: 5_000 }).toBe(400)
    const wrong = await post(settings, { itemMax: { EUR: "1.001" } })
    expect(wrong).toMatchObject({ status: 400, json: { errors: [{ pointer: "/itemMax" }] } })
    expect((await post("/admin/partners/nobody/settings", {})).status).toBe(404)
    await post(settings, {})
    await expect.poll(posted, { timeout: 5_000 }).toBe(202)
  })

  it("creates a partner and a key, with which the partner posts a batch", async () => {
    expect(await post("/admin/partners", { id: "initech", name: "Initech Ltd" })).toMatchObject({
      status: 201,
      json: { id: "initech", name: "Initech Ltd", state: "active", createdBy: "operator:carol" },
    })
    const created = await post("/admin/api-keys", {
      partner: "initech",
      name: "payroll",
      scopes: ["batches:read", "batches:write"],
      networks: ["127.0.0.0/8"],
      expiresAt: "2099-01-01T00:00:00Z",
    })
    expect(created.status).toBe(201)
    expect(created.headers.get("cache-control")).toBe("no-store")
    expect(created.headers.get("location")).toBe(`/admin/api-keys/${created.json.id}`)
    expect(created.json).toMatchObject({
      credential: "partner:initech/payroll",
      partner: "initech",
      state: "active",
      expiresAt: "2099-01-01T00:00:00.000Z",
      lastUsedAt: null,
      key: expect.stringMatching(/^ap_/),
    })
    const accepted = await api.post("first", { items: [payout("a")] }, String(created.json.key))
    expect(accepted.status).toBe(202)
    const { json } = await api.get(`/payout-batches/${accepted.json.id}/events`, String(created.json.key))
    expect(json).toHaveProperty("events[0].credential", "partner:initech/payroll")
    const shown = await api.get(`/admin/api-keys/${created.json.id}`, carol)
    expect(shown.json).not.toHaveProperty("key")
  })

  it("rotates and revokes a key, and sees it in the list", async () => {
    const { id, key } = await partnerWithKey("hooli")
    const rotated = await post(`/admin/api-keys/${id}/rotation`, { overlapSeconds: 3_600 })
    expect(rotated).toMatchObject({ status: 201, json: { replaces: id, replaced: { id, state: "active" } } })
    const successor = String(rotated.json.key)
    expect([(await batches(key)).status, (await batches(successor)).status]).toEqual([200, 200])
    expect(await post(`/admin/api-keys/${id}/rotation`, { overlapSeconds: 0 })).toMatchObject({
      status: 409,
      json: { type: "/problems/conflict", reason: "key-already-replaced" },
    })
    expect(await post(`/admin/api-keys/${id}/revocation`, { reason: "left" })).toMatchObject({
      status: 200,
      json: { state: "revoked" },
    })
    await expect.poll(async () => (await batches(key)).status, { timeout: 5_000 }).toBe(401)
    expect((await batches(successor)).status).toBe(200)
    const { json } = await api.get("/admin/api-keys?partner=hooli&limit=1", carol)
    expect(json).toMatchObject({ apiKeys: [{ partner: "hooli" }], next: expect.any(String) })
    const second = await api.get(`/admin/api-keys?partner=hooli&limit=1&after=${json.next}`, carol)
    expect([json.apiKeys, second.json.apiKeys].flat()).toHaveLength(2)
  })

  it("suspends and resumes a partner", async () => {
    const { key } = await partnerWithKey("umbrella")
    await post("/admin/partners/umbrella/suspension", { reason: "investigation" })
    await expect
      .poll(async () => (await batches(key)).json.type, { timeout: 5_000 })
      .toBe("/problems/partner-suspended")
    await post("/admin/partners/umbrella/resumption", {})
    await expect.poll(async () => (await batches(key)).status, { timeout: 5_000 }).toBe(200)
    expect((await post("/admin/partners/nobody/suspension", {})).status).toBe(404)
    expect((await post("/admin/partners/No%20body/suspension", {})).status).toBe(400)
    const { json } = await api.get("/admin/partners?limit=500", carol)
    expect(json.partners).toContainEqual(expect.objectContaining({ id: "umbrella", state: "active" }))
  })

  it("sees every act in the audit trail, page by page, with who and from where", async () => {
    const { id } = await partnerWithKey("stark")
    await post(`/admin/api-keys/${id}/revocation`, {}, carol, { "x-forwarded-for": "1.2.3.4, 198.51.100.7" })
    const first = await api.get(`/admin/audit?subject=api-key:${id}&limit=1`, carol)
    expect(first.json).toMatchObject({
      entries: [
        {
          who: "operator:carol",
          address: "198.51.100.7",
          act: "api-key.revoke",
          before: { owner: { partner: "stark", name: "payroll" } },
          after: { revokedAt: expect.any(String) },
        },
      ],
      next: expect.any(Number),
    })
    const rest = await api.get(`/admin/audit?subject=api-key:${id}&before=${first.json.next}`, carol)
    expect(rest.json).toMatchObject({ entries: [{ act: "api-key.create", before: null }], next: null })
    expect(rest.json).toHaveProperty("entries.length", 1)
  })

  it.each([
    ["a term that is none", { partner: "acme", name: "a", scopes: ["batches:read"], admin: true }, "/admin"],
    ["no owner", { scopes: ["batches:read"] }, ""],
    ["a scope that there is not", { operator: "dora", scopes: ["batches:write"] }, "/scopes"],
    ["a day without a time", { operator: "dora", scopes: ["review"], expiresAt: "2099-01-01" }, "/expiresAt"],
    [
      "an end in the past",
      { operator: "dora", scopes: ["review"], expiresAt: "1999-01-01T00:00:00Z" },
      "/expiresAt",
    ],
  ])("gets the field that is wrong with %s", async (_, body, pointer) => {
    const { status, json } = await post("/admin/api-keys", body)
    expect([status, json.type]).toEqual([400, "/problems/invalid-body"])
    expect(JSON.stringify(json.errors)).toContain(`"pointer":"${pointer}`)
  })

  it.each([
    "partners?after=%00",
    "partners?after=Acme",
    "api-keys?after=%00",
    "api-keys?after=ap",
    "api-keys?partner=acme&partner=globex",
    "audit?subject=%00",
    "audit?who=operator:carol%00",
    "audit?who=operator:carol&who=operator:dora",
    `audit?subject=${"a".repeat(257)}`,
  ])("gets no list for %s", async (query) => {
    expect(await api.get(`/admin/${query}`, carol)).toMatchObject({
      status: 400,
      json: { type: "/problems/invalid-request" },
    })
  })

  it("without the act is refused", async () => {
    expect(await api.get("/admin/partners", "olga-key")).toMatchObject({
      status: 403,
      json: { detail: "Use an operator's key with the scope keys:manage." },
    })
  })
})

it("a key works from its networks, as a trusted proxy names the address", async () => {
  const { key } = await partnerWithKey("wayne", { networks: ["203.0.113.0/24"] })
  expect((await batches(key)).status).toBe(401)
  expect((await batches(key, { "x-forwarded-for": "203.0.113.9" })).status).toBe(200)
  expect((await batches(key, { "x-forwarded-for": "203.0.113.9, 198.51.100.7" })).status).toBe(401)
})

describe("a header that comes twice", () => {
  const statusWith = async (...lines: ReadonlyArray<string>) => {
    using client = await RawClient.open(api.url)
    await client.send(["GET /payout-batches HTTP/1.1", "Host: a", ...lines, "", ""].join("\r\n"))
    return (await client.answered()).status
  }

  it("names no caller: neither of two keys counts", async () => {
    const { key } = await partnerWithKey("stark")
    const [good, bad] = [`Authorization: Bearer ${key}`, "Authorization: Bearer nobody"]
    expect(await statusWith(good)).toBe(200)
    for (const both of [
      [good, bad],
      [bad, good],
      [good, good],
    ])
      expect(await statusWith(...both)).toBe(401)
  })

  it("names the address that the trusted proxy added last", async () => {
    const { key } = await partnerWithKey("oscorp", { networks: ["203.0.113.0/24"] })
    const [inside, outside] = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.7"]
    const authorization = `Authorization: Bearer ${key}`
    expect(await statusWith(authorization, outside, inside)).toBe(200)
    expect(await statusWith(authorization, inside, outside)).toBe(401)
  })
})

describe("who manages keys and is no admin", () => {
  const kim = "kim-key"
  const refused = (grant: string) => ({ status: 403, json: { type: "/problems/grant-refused", grant } })

  it.each([
    [{ roles: ["admin"] }, "admin"],
    [{ scopes: ["keys:grant"] }, "keys:grant"],
    [{ roles: ["approver"] }, "approver"],
    [{ scopes: ["approve", "resolve"] }, "resolve"],
    [{ roles: ["auditor"] }, "auditor"],
  ])("cannot create an operator's key with %j", async (terms, grant) => {
    expect(await post("/admin/api-keys", { operator: "eve", ...terms }, kim)).toMatchObject(refused(grant))
  })

  it.each(["batches:write", "webhooks:manage", "batches:resolve", "batches:cancel"])(
    "cannot create a partner's key with %s",
    async (scope) => {
      await post("/admin/partners", { id: "grants" })
      const asked = { partner: "grants", name: "eve", scopes: ["batches:approve", scope] }
      expect(await post("/admin/api-keys", asked, kim)).toMatchObject(refused(scope))
    },
  )

  it("gives what its own key permits", async () => {
    await post("/admin/partners", { id: "grants" })
    const terms = { partner: "grants", name: "kim", scopes: ["batches:approve", "batches:read"] }
    expect((await post("/admin/api-keys", terms, kim)).status).toBe(201)
    const own = { operator: "lee", scopes: ["keys:manage", "approve", "batches:read"] }
    const { status, json } = await post("/admin/api-keys", own, kim)
    expect(status).toBe(201)
    const rotated = await post(`/admin/api-keys/${json.id}/rotation`, { overlapSeconds: 0 }, kim)
    expect(rotated.status).toBe(201)
  })

  it("cannot get a key that permits more by rotating it, but can end it", async () => {
    const { json } = await post("/admin/api-keys", { operator: "ada", roles: ["admin"] })
    const path = `/admin/api-keys/${json.id}`
    expect(await post(`${path}/rotation`, { overlapSeconds: 0 }, kim)).toMatchObject(refused("admin"))
    expect((await api.get(path, carol)).json.state).toBe("active")
    expect((await post(`${path}/revocation`, {}, kim)).status).toBe(200)
  })

  it("cannot let a partner decide what it may not decide itself", async () => {
    await post("/admin/partners", { id: "grants" })
    const contract = (operates: ReadonlyArray<string>, key: string) =>
      post("/admin/partners/grants/contract", { operates }, key)
    expect(await contract(["review"], kim)).toMatchObject(refused("review"))
    expect((await contract(["review"], carol)).status).toBe(200)
    expect((await contract([], kim)).status).toBe(200)
  })

  it("cannot change what a partner is held to, but sees it", async () => {
    await post("/admin/partners", { id: "grants" })
    const path = "/admin/partners/grants/settings"
    const settings = { approvalAbove: { EUR: "1000.00" } }
    expect((await post(path, settings, carol)).status).toBe(200)
    expect(await post(path, { approvalAbove: {} }, kim)).toMatchObject(refused("settings"))
    expect((await api.get(path, kim)).json).toMatchObject({ settings })
  })
})
