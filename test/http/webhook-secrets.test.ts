import { createLocalJWKSet, type JSONWebKeySet } from "jose"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type Answer, ApiUnderTest, acme, globex } from "./api-under-test.ts"

let api: ApiUnderTest
let endpoint: string
beforeAll(async () => {
  api = await ApiUnderTest.open()
  const { json } = await ask("POST", "", { url: "https://acme.example/hooks" })
  endpoint = String(json.id)
})
afterAll(() => api[Symbol.asyncDispose]())

/** The type of a key that can be exported, which has no name of its own here. */
type Exported = Parameters<typeof crypto.subtle.exportKey>[1]

interface Shown {
  readonly previousSecretUntil: string
  readonly publicKeys: ReadonlyArray<{ readonly publicKey: string; readonly kid: string }>
  readonly errors?: ReadonlyArray<{ readonly pointer: string }>
}
const shownIn = ({ json }: Answer) => json as unknown as Shown

const ask = (method: string, path: string, body?: unknown, apiKey = acme) =>
  api.call(`/webhook-endpoints${path}`, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

it("replaces a secret, says until when both sign, and refuses a third", async () => {
  const rotated = await ask("POST", `/${endpoint}/secret/rotation`, {})
  expect([rotated.status, rotated.headers.get("cache-control")]).toEqual([200, "no-store"])
  expect(rotated.json).toEqual({
    secret: expect.stringMatching(/^whsec_/),
    previousSecretUntil: expect.any(String),
  })
  const until = shownIn(rotated).previousSecretUntil
  expect(Math.abs(Date.parse(until) - Date.now() - 86_400_000)).toBeLessThan(60_000)
  const again = await ask("POST", `/${endpoint}/secret/rotation`, { overlapSeconds: 60 })
  expect([again.status, again.json]).toMatchObject([409, { type: "/problems/rotation-under-way", until }])
  const shown = await ask("GET", `/${endpoint}/signatures`)
  expect(shown.json).toEqual({
    signatures: ["v1"],
    previousSecretUntil: until,
    publicKeys: [],
    publicKeysAt: `/.well-known/webhook-keys/${endpoint}`,
  })
  const restarted = await ask("POST", `/${endpoint}/secret/rotation`, { overlapSeconds: 60, restart: true })
  expect(Date.parse(shownIn(restarted).previousSecretUntil)).toBeLessThan(Date.now() + 61_000)
  expect((await ask("DELETE", `/${endpoint}/secret/previous`)).status).toBe(204)
  expect((await ask("GET", `/${endpoint}/signatures`)).json).not.toHaveProperty("previousSecretUntil")
})

it.each([-1, 604_801, 0.5, "86400"])("refuses an overlap of %j", async (overlapSeconds) => {
  for (const what of ["secret", "signing-key"]) {
    const answer = await ask("POST", `/${endpoint}/${what}/rotation`, { overlapSeconds })
    expect([answer.status, shownIn(answer).errors?.[0]?.pointer]).toEqual([400, "/overlapSeconds"])
  }
})

it("publishes the keys of an endpoint to everybody, as a JWK set and as Standard Webhooks writes them", async () => {
  const keysAt = `/.well-known/webhook-keys/${endpoint}`
  expect((await api.call(keysAt)).status).toBe(404)
  expect((await ask("POST", `/${endpoint}/signing-key/rotation`, {})).status).toBe(404)
  const added = await ask("PUT", `/${endpoint}/signing-key`)
  expect(added.json).toMatchObject({ signatures: ["v1", "v1a"], publicKeysAt: keysAt })
  const rotated = await ask("POST", `/${endpoint}/signing-key/rotation`, {})
  const [current, previous] = shownIn(rotated).publicKeys
  expect(previous).toMatchObject({ ...shownIn(added).publicKeys[0], until: expect.any(String) })
  const published = await api.call(keysAt)
  expect(published.headers.get("cache-control")).toBe("public, max-age=300")
  const { keys } = JSON.parse(published.text)
  expect(keys.map(({ kid, whpk }: Record<string, string>) => ({ kid, publicKey: whpk }))).toEqual(
    [current, previous].map((key) => ({ kid: key?.kid, publicKey: key?.publicKey })),
  )
  const find = createLocalJWKSet(JSON.parse(published.text) as JSONWebKeySet)
  for (const { kid, whpk } of keys) {
    const key = await find({ alg: "EdDSA", kid })
    const raw = Buffer.from(await crypto.subtle.exportKey("raw", key as Exported))
    expect(`whpk_${raw.toString("base64")}`).toBe(whpk)
  }
  expect(published.text).not.toMatch(/whsk_|"d":/)
  expect((await ask("DELETE", `/${endpoint}/signing-key/previous`)).status).toBe(204)
  expect(JSON.parse((await api.call(keysAt)).text).keys).toHaveLength(1)
  expect((await ask("DELETE", `/${endpoint}/signing-key`)).status).toBe(204)
  expect((await api.call(keysAt)).status).toBe(404)
})

it("is the partner's own affair, and logs have no secret", async () => {
  for (const [method, path] of [
    ["GET", "signatures"],
    ["POST", "secret/rotation"],
    ["DELETE", "secret/previous"],
    ["PUT", "signing-key"],
    ["POST", "signing-key/rotation"],
    ["DELETE", "signing-key/previous"],
    ["DELETE", "signing-key"],
  ] as const) {
    const body = method === "POST" ? {} : undefined
    const answer = await ask(method, `/${endpoint}/${path}`, body, globex)
    expect([path, answer.status]).toEqual([path, 404])
  }
  expect(api.lines.join("\n")).not.toMatch(/whs(?:ec|k)_/)
})

it("answers so many requests for public keys at a time", async () => {
  // On a busy machine the requests of a burst may come one after the other.
  const burst = async () => {
    const calls = Array.from({ length: 40 }, () => api.call("/.well-known/webhook-keys/we_none"))
    return new Set((await Promise.all(calls)).map(({ status }) => status))
  }
  await expect.poll(burst).toEqual(new Set([404, 429]))
  expect((await api.call("/.well-known/webhook-keys/we_none")).status).toBe(404)
})
