/** Route × verb × identity: what each route answers to each kind of caller, all of it from one table. */
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { acts, contractScopes, operates, operatorActs, scopes } from "../../src/identity/access.ts"
import { newApiKey } from "../../src/identity/api-key.ts"
import { operatorRoles, type Role } from "../../src/identity/roles.ts"
import { ownDatabase } from "../database.ts"
import { AccessUnderTest, accessLayer, anna } from "../identity/access-under-test.ts"
import { AUDIENCE, IssuerUnderTest, type SigningKey, signingKey } from "../identity/issuer-under-test.ts"
import { ownPrefix } from "../settings.ts"
import { type Guarded, type Keyless, matrix, type Objects, roleMay } from "./access-matrix.ts"
import { type Answer, ApiUnderTest } from "./api-under-test.ts"
import { draftsLayer } from "./payout-batch-drafts/drafts-under-test.ts"
import { payout } from "./payout-batches/payout-batch-body.ts"
import { readModels } from "./read-models.ts"
import { routesOfApp } from "./routes-of-app.ts"

/** A caller: the key that it sends, and what a route answers to it. */
interface Identity {
  readonly name: string
  readonly key: string | undefined
  readonly answer: (route: Guarded) => number
}

const environment = {
  DATABASE_URL: "",
  STREAM_PREFIX: ownPrefix(),
  ACTS_PER_SECOND: "100000",
  REQUESTS_PER_SECOND: "1000000",
  OIDC_ISSUER: "",
  OIDC_AUDIENCE: AUDIENCE,
  OIDC_ROLES: operatorRoles.map((role) => `payouts-${role}=${role}`).join(","),
  LEDGER_CALLBACK_SECRET: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWxlZGdlcg==",
}
let issuer: IssuerUnderTest
let signing: SigningKey
let database: Awaited<ReturnType<typeof ownDatabase>>
let office: AccessUnderTest
let api: ApiUnderTest
let identities: ReadonlyArray<Identity>
let objects: Omit<Objects, "endpoint">

beforeAll(async () => {
  database = await ownDatabase()
  environment.DATABASE_URL = database.url
  signing = await signingKey("one", "ES256")
  issuer = await IssuerUnderTest.open([signing])
  environment.OIDC_ISSUER = issuer.url
  office = new AccessUnderTest(environment)
  for (const id of ["acme", "globex", "closed", "plain"])
    await office.administer(({ createPartner }) => createPartner(anna, { id, name: id }))
  for (const id of ["acme", "globex"])
    await office.administer(({ setOperates }) => setOperates(anna, id, operates))
  identities = await allIdentities()
  api = await ApiUnderTest.open({
    environment,
    access: accessLayer,
    queries: shownToAcme,
    drafts: draftsLayer,
  })
  const { json } = await api.post("the-batch", { items: [payout("a")] })
  const { id: key } = await office.key("acme")
  const { json: draft } = await api.call("/payout-batch-drafts", {
    method: "POST",
    headers: { authorization: "Bearer acme-key", "content-type": "application/json" },
    body: "{}",
  })
  objects = { batch: String(json.id), draft: String(draft.id), partner: "acme", key }
}, 60_000)
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await office[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
  await database.drop()
})

/** Read models with an item, for its partner. */
const shownToAcme = readModels({
  items: (partner) =>
    Effect.succeed(partner === "acme" ? { entries: [], next: undefined, version: 1 } : undefined),
  item: (partner) =>
    Effect.succeed(
      partner === "acme"
        ? {
            item: {
              item: 1,
              reference: "a",
              state: "screening",
              beneficiaryName: "Ada",
              account: { scheme: "iban", lastFour: "3000" },
              currency: "EUR",
              amount: "1.00",
              updatedAt: 0,
            } as never,
            remarks: [],
          }
        : undefined,
    ),
})

const forbidden = 403
const unauthorized = 401

const allIdentities = async (): Promise<ReadonlyArray<Identity>> => {
  const expiring = await office.key("acme", { expiresAt: new Date(Date.now() + 500) })
  const revoked = await office.key("acme")
  await office.administer(({ revokeKey }) => revokeKey(anna, revoked.id))
  const suspended = await office.key("closed")
  await office.administer(({ suspendPartner }) => suspendPartner(anna, "closed"))
  const elsewhere = await office.key("acme", { networks: ["203.0.113.0/24"] })
  while ((await office.accepts(expiring.text)) !== "Unauthorized") await sleep(50)
  const refused = (name: string, key: string | undefined): Identity => ({
    name,
    key,
    answer: () => unauthorized,
  })
  return [
    {
      name: "the owner",
      key: (await office.key("acme")).text,
      answer: ({ owner = forbidden, access }) => (access.partner === undefined ? forbidden : owner),
    },
    {
      name: "another partner",
      key: (await office.key("globex")).text,
      answer: ({ other = forbidden, access }) => (access.partner === undefined ? forbidden : other),
    },
    {
      name: "a key of the settings",
      key: "acme-key",
      answer: ({ owner = forbidden, access }) =>
        access.partner === undefined || needsContract(access) ? forbidden : owner,
    },
    {
      name: "a partner whose contract lets it decide nothing",
      key: (await office.key("plain")).text,
      answer: ({ other = forbidden, access }) =>
        access.partner === undefined || needsContract(access) ? forbidden : other,
    },
    refused("nobody", undefined),
    refused("a malformed key", `${newApiKey().text}x`),
    refused("an unknown key", newApiKey().text),
    refused("an expired key", expiring.text),
    refused("a revoked key", revoked.text),
    refused("a key of another network", elsewhere.text),
    refused("an expired sign-in", await token({ exp: Math.floor(Date.now() / 1_000) - 60 })),
    refused("a sign-in at another service", await token({ aud: "another-service" })),
    { name: "a sign-in without a role", key: await token({ roles: ["reviewer"] }), answer: () => forbidden },
    { name: "a suspended partner", key: suspended.text, answer: () => forbidden },
    ...(await Promise.all(scopes.flatMap((scope) => [withoutScope(scope), withScope(scope)]))),
    ...(await Promise.all(operatorActs.flatMap((act) => [withoutAct(act), withAct(act)]))),
    ...(await Promise.all(operatorRoles.flatMap((role) => [withRole(role), signedInWith(role)]))),
    {
      name: "a sign-in with two roles",
      key: await token({ roles: ["payouts-reviewer", "payouts-admin"] }),
      answer: may([...roleMay.reviewer, ...roleMay.admin]),
    },
  ]
}

const needsContract = ({ partner }: Guarded["access"]) => contractScopes.some((scope) => scope === partner)

const token = (claims: Readonly<Record<string, unknown>>) => issuer.token(signing, claims)

/** The answers to an operator who may do some acts. */
const may =
  (permitted: ReadonlyArray<string>): Identity["answer"] =>
  ({ access: { operator: needed }, operator = forbidden }) =>
    needed !== undefined && permitted.includes(needed) ? operator : forbidden

const withRole = async (role: Role): Promise<Identity> => ({
  name: `an operator's key with the role ${role}`,
  key: await operatorKey(`role-${role}`, [role]),
  answer: may(roleMay[role]),
})

const signedInWith = async (role: Role): Promise<Identity> => ({
  name: `an operator who signed in with the role ${role}`,
  key: await token({ sub: `00u-${role}`, roles: [`payouts-${role}`] }),
  answer: may(roleMay[role]),
})

const withoutScope = async (scope: (typeof scopes)[number]): Promise<Identity> => ({
  name: `the owner without ${scope}`,
  key: (await office.key("acme", { scopes: scopes.filter((other) => other !== scope) })).text,
  answer: ({ access: { partner }, owner = forbidden }) =>
    partner === undefined || partner === scope ? forbidden : owner,
})

const withScope = async (scope: (typeof scopes)[number]): Promise<Identity> => ({
  name: `the owner with only ${scope}`,
  key: (await office.key("acme", { scopes: [scope] })).text,
  answer: ({ access: { partner }, owner = forbidden }) => (partner === scope ? owner : forbidden),
})

const operatorKey = async (name: string, permitted: ReadonlyArray<string>) => {
  const asked = { owner: { kind: "operator", name }, scopes: permitted, networks: [] } as const
  const { text } = await office.administer(({ createKey }) =>
    createKey(anna, { ...asked, expiresAt: undefined }),
  )
  return text
}

const withoutAct = async (act: (typeof operatorActs)[number]): Promise<Identity> => ({
  name: `an operator without ${act}`,
  key: await operatorKey(
    `not-${act.replace(":", "-")}`,
    operatorActs.filter((other) => other !== act),
  ),
  answer: ({ access: { operator: needed }, operator = forbidden }) =>
    // All others together permit reading, also without the act for it alone.
    needed === undefined || (needed === act && act !== "batches:read") ? forbidden : operator,
})

const withAct = async (act: (typeof operatorActs)[number]): Promise<Identity> => ({
  name: `an operator with only ${act}`,
  key: await operatorKey(`only-${act.replace(":", "-")}`, [act]),
  answer: ({ access: { operator: needed }, operator = forbidden }) =>
    needed === act || (needed === "batches:read" && acts.some((other) => other === act))
      ? operator
      : forbidden,
})

/** Sends a request with a body that no route accepts, if its method has one. */
const request = (method: string, path: string, key: string | undefined): Promise<Answer> =>
  api.call(path, {
    method,
    headers: {
      "content-type": "application/json",
      "idempotency-key": "matrix",
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    ...(["GET", "HEAD", "DELETE"].includes(method) ? {} : { body: '{"nonsense":true}' }),
  })

/** An endpoint of acme's: a new one if the last was removed. */
const endpoint = async (): Promise<string> => {
  const { json } = await api.get("/webhook-endpoints")
  const [known] = json.webhookEndpoints as ReadonlyArray<{ readonly id: string }>
  if (known !== undefined) return known.id
  const { json: created } = await api.call("/webhook-endpoints", {
    method: "POST",
    headers: { authorization: "Bearer acme-key", "content-type": "application/json" },
    body: JSON.stringify({ url: "https://partner.example/hooks" }),
  })
  return String(created.id)
}

const rows = Object.entries(matrix).map(([route, row]) => {
  const [method = "", path = ""] = route.split(" ")
  return { route, method, path, row }
})
const guarded = rows.flatMap(({ row, ...rest }) => (row.kind === "guarded" ? [{ ...rest, row }] : []))
const keyless = rows.flatMap(({ row, ...rest }) => (row.kind === "guarded" ? [] : [{ ...rest, row }]))

/** The answers to all identities, and what they should be. */
const answersTo = async (method: string, row: Guarded) => {
  const [seen, wanted]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}]
  for (const { name, key, answer } of identities) {
    const { status } = await request(method, row.path({ ...objects, endpoint: await endpoint() }), key)
    seen[name] = status
    wanted[name] = answer(row)
  }
  return { seen, wanted }
}

it("has every route of the app, and no other", async () => {
  expect(Object.keys(matrix).sort()).toEqual([...(await routesOfApp())].sort())
})

describe("a route that needs a key answers each caller as the table says", { timeout: 60_000 }, () => {
  it.each(guarded)("$route", async ({ method, row }) => {
    const { seen, wanted } = await answersTo(method, row)
    expect(Object.keys(seen)).toHaveLength(
      15 + 2 * scopes.length + 2 * operatorActs.length + 2 * operatorRoles.length,
    )
    expect(seen).toEqual(wanted)
  })

  it.each(guarded.filter(({ method }) => method === "GET"))("HEAD as $route", async ({ row }) => {
    const { seen, wanted } = await answersTo("HEAD", row)
    expect(seen).toEqual(wanted)
  })
})

describe("a refusal", () => {
  const partnerRoutes = guarded.filter(({ row }) => row.access.partner !== undefined)

  it.each(partnerRoutes)("of a key without the scope names it: $route", async ({ method, row }) => {
    const { partner } = row.access
    const without = identities.find(({ name }) => name === `the owner without ${partner}`)
    const { json } = await request(method, row.path({ ...objects, endpoint: await endpoint() }), without?.key)
    expect(json).toMatchObject({ type: "/problems/forbidden", scope: partner })
    expect(json.detail).toContain(partner)
  })

  it("is the same for every key that does not work, except for its id", async () => {
    const refused = identities.filter(({ answer }) => answer(guarded[0]?.row as Guarded) === unauthorized)
    const answers = await Promise.all(refused.map(({ key }) => request("GET", "/payout-batches", key)))
    const shown = answers.map(({ status, headers, json: { instance: _, ...problem } }) => ({
      status,
      problem,
      challenge: headers.get("www-authenticate"),
    }))
    expect(shown).toHaveLength(8)
    for (const one of shown) expect(one).toEqual(shown[0])
    expect(shown[0]).toMatchObject({ status: 401, challenge: "Bearer" })
  })

  it("of a suspended partner says so", async () => {
    const suspended = identities.find(({ name }) => name === "a suspended partner")
    const { json } = await request("GET", "/payout-batches", suspended?.key)
    expect(json).toMatchObject({ type: "/problems/partner-suspended" })
  })

  it("and no log line has a key", () => {
    const logged = api.lines.join("\n")
    expect(logged).toContain("API key refused")
    for (const { key } of identities)
      if (key !== undefined && key.length > 60) expect(logged).not.toContain(key.slice(20, 63))
  })
})

describe("a parameter that a route does not have", () => {
  it.each(guarded)("is refused by name, and nothing is done: $route", async ({ method, row }) => {
    const permitted = identities.find(({ answer }) => ![401, 403, 404].includes(answer(row)))
    const known = row.path({ ...objects, endpoint: await endpoint() })
    const path = `${known}${known.includes("?") ? "&" : "?"}sate=failed`
    const { status, json } = await request(method, path, permitted?.key)
    expect([status, json.type]).toEqual([400, "/problems/invalid-request"])
    expect(json.detail).toContain('not known here: "sate"')
  })
})

describe("a route without a key answers all callers alike, whatever is in the query", () => {
  it.each(keyless)("$route", async ({ method, row }: { method: string; row: Keyless }) => {
    for (const { key } of identities.slice(0, 6))
      for (const path of [row.path, `${row.path}?sate=failed`])
        expect((await request(method, path, key)).status).toBe(row.status)
  })
})

describe("a verb that a path does not have is no route, whoever asks", () => {
  const paths = [...Map.groupBy(rows, ({ path }) => path)]
  it.each(paths)("%s", async (_, routes) => {
    const [first] = routes
    const row = first?.row as Guarded | Keyless
    const path = row.kind === "guarded" ? row.path({ ...objects, endpoint: await endpoint() }) : row.path
    const own = routes.map(({ method }) => method)
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"].filter((one) => !own.includes(one)))
      for (const { key } of identities.slice(0, 4))
        expect([404, 405]).toContain((await request(method, path, key)).status)
  })
})
