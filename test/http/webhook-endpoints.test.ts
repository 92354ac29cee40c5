import { afterAll, beforeAll, expect, it } from "vitest"
import { ApiUnderTest, acme, globex } from "./api-under-test.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

const create = (body: unknown, apiKey = acme) =>
  api.call("/webhook-endpoints", {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  })

const remove = (id: unknown, apiKey: string) =>
  api.call(`/webhook-endpoints/${id}`, { method: "DELETE", headers: { authorization: `Bearer ${apiKey}` } })

it("shows the secret of an endpoint once", async () => {
  const url = "https://acme.example/hooks"
  const created = await create({ url, eventTypes: ["com.atlaspay.payout.settled.v1"] })
  expect(created.status).toBe(201)
  expect(created.json).toMatchObject({ url, enabled: true, secret: expect.stringMatching(/^whsec_/) })
  const listed = await api.get("/webhook-endpoints")
  expect(listed.json.webhookEndpoints).toMatchObject([{ id: created.json.id, url }])
  expect(listed.text).not.toContain("whsec_")
})

it("says where the public keys of an endpoint are, if it has any", async () => {
  const url = "https://acme.example/signed"
  const { json } = await create({ url, description: "with a signing key" })
  expect((await api.get(`/webhook-endpoints/${json.id}`)).json).toMatchObject({
    publicKeysAt: `/.well-known/webhook-keys/${json.id}`,
  })
  const other = await create({ url: "https://acme.example/unsigned" })
  expect(other.json).not.toHaveProperty("publicKeysAt")
})

it("keeps partners apart", async () => {
  const { json } = await create({ url: "https://globex.example/hooks" }, globex)
  expect((await api.get("/webhook-endpoints")).text).not.toContain("globex")
  expect((await remove(json.id, acme)).status).toBe(404)
  expect((await remove(json.id, globex)).status).toBe(204)
  expect((await api.get("/webhook-endpoints", globex)).json).toEqual({ webhookEndpoints: [] })
})

it.each([
  ["a URL that is refused", { url: "http://acme.example" }, "/url"],
  ["an unknown event type", { url: "https://acme.example", eventTypes: ["gossip"] }, "/eventTypes/0"],
  ["an unknown field", { url: "https://acme.example", secret: "mine" }, "/secret"],
])("names the field: %s", async (_, body, pointer) => {
  const answer = await create(body)
  expect(answer.status).toBe(400)
  expect(answer.json.errors).toMatchObject([{ pointer }])
})

it.each(["a\u0000", "\u001b[2J", "\ud800", "of DE89370400440532013000"])(
  "refuses a description that cannot be kept, would steer a terminal, or has an account number: %j",
  async (description) => {
    const answer = await create({ url: "https://acme.example/described", description })
    expect(answer.status).toBe(400)
    expect(answer.json.errors).toContainEqual(expect.objectContaining({ pointer: "/description" }))
  },
)

it("needs an API key", async () => {
  expect((await create({ url: "https://acme.example" }, "nobody")).status).toBe(401)
})

it("changes them so often, because every change stays in the audit trail", async () => {
  await using slow = await ApiUnderTest.open({ environment: { ACTS_PER_SECOND: "1" } })
  const ask = (method: string, apiKey = acme) =>
    slow.call("/webhook-endpoints/we_none", { method, headers: { authorization: `Bearer ${apiKey}` } })
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask("DELETE")))
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThanOrEqual(4)
  expect(Number(refused[0]?.headers.get("retry-after"))).toBeGreaterThan(0)
  expect((await ask("DELETE", globex)).status).toBe(404)
  expect((await slow.get("/webhook-endpoints")).status).toBe(200)
})

const act = (path: string, method: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
  api.call(path, {
    method,
    headers: {
      authorization: `Bearer ${acme}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

it("changes an endpoint by the version that was looked at, and takes settings back", async () => {
  const { json, headers } = await create({ url: "https://acme.example/changing", rateLimit: 5 })
  expect(headers.get("etag")).toBe('"1"')
  const path = `/webhook-endpoints/${json.id}`
  const changed = await act(path, "PATCH", { rateLimit: null, ordered: true }, { "if-match": '"1"' })
  expect(changed.status).toBe(200)
  expect(changed.json).not.toHaveProperty("rateLimit")
  expect(changed.headers.get("etag")).toBe('"2"')
  const late = await act(path, "PATCH", { rateLimit: 1 }, { "if-match": '"1"' })
  expect(late).toMatchObject({ status: 412, json: { version: 2 } })
  expect((await act(path, "PATCH", { rateLimit: 1 }, { "if-match": "1" })).status).toBe(400)
  expect((await act(path, "PATCH", { rateLimit: 0 })).json.errors).toMatchObject([{ pointer: "/rateLimit" }])
  const shown = await api.get(path)
  expect(shown.json).toEqual(changed.json)
  expect(shown.text).not.toContain("whsec_")
})

it("names the endpoint that has the URL", async () => {
  const { json } = await create({ url: "https://acme.example/once" })
  const again = await create({ url: "https://acme.example/once" })
  expect(again).toMatchObject({ status: 409, json: { webhookEndpoint: json.id } })
})

it("pauses, resumes and tests an endpoint of the partner alone", async () => {
  const { json } = await create({ url: "https://acme.example/pausing" })
  const path = `/webhook-endpoints/${json.id}`
  expect((await act(`${path}/pause`, "POST")).json).toMatchObject({ state: "paused", enabled: true })
  expect((await act(`${path}/resume`, "POST")).json).toMatchObject({ state: "active" })
  expect(await act(`${path}/test`, "POST")).toMatchObject({
    status: 202,
    json: { event: expect.any(String) },
  })
  for (const verb of ["pause", "resume", "test"]) {
    const foreign = await api.call(`${path}/${verb}`, {
      method: "POST",
      headers: { authorization: `Bearer ${globex}` },
    })
    expect(foreign.status).toBe(404)
  }
})

it("takes the events about endpoints as event types, and not the test, which nobody subscribes to", async () => {
  const type = (name: string) => `com.atlaspay.webhook-endpoint.${name}.v1`
  const url = "https://acme.example/watching"
  expect((await create({ url, eventTypes: [type("failing"), type("disabled")] })).status).toBe(201)
  expect((await create({ url: `${url}/test`, eventTypes: [type("test")] })).status).toBe(400)
})
