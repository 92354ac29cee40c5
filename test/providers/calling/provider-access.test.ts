/** Providers that want to know who calls, each played by the sandbox: a server that checks. */
import { rm } from "node:fs/promises"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { afterEach } from "vitest"
import { policyOf } from "../../../src/providers/calling/call-policy.ts"
import type { HttpFields, ProviderAuth } from "../../../src/providers/calling/provider-access.ts"
import { providerOf } from "../../../src/providers/calling/provider-access-http.ts"
import { callProvider, reading } from "../../../src/providers/calling/provider-http.ts"
import { ProviderSettings } from "../../../src/providers/calling/provider-settings.ts"
import { type Authority, newAuthority } from "../../certificates.ts"
import { providerSettings, settings } from "../../settings.ts"
import { json, MisbehavingServer } from "./misbehaving-server.ts"
import {
  canary,
  closeSandbox,
  file,
  inquire,
  macKey,
  oauth2,
  oauth2Door,
  opened,
  openSandbox,
  place,
  withFolder,
} from "./provider-access-under-test.ts"

afterEach(closeSandbox)
withFolder()

const kinds: ReadonlyArray<{
  readonly kind: string
  readonly door: (url?: string) => object
  readonly auth: (url: string) => ProviderAuth
  readonly wrong: (url: string) => ProviderAuth
}> = [
  {
    kind: "bearer",
    door: () => ({ bearer: canary }),
    auth: () => ({ kind: "bearer", token: { env: "SECRET" } }),
    wrong: () => ({ kind: "bearer", token: { env: "WRONG" } }),
  },
  {
    kind: "basic",
    door: () => ({ basic: { user: "atlas", password: canary } }),
    auth: () => ({ kind: "basic", user: "atlas", password: { env: "SECRET" } }),
    wrong: () => ({ kind: "basic", user: "atlas", password: { env: "WRONG" } }),
  },
  {
    kind: "header",
    door: () => ({ header: { name: "X-Api-Key", value: canary } }),
    auth: () => ({ kind: "header", name: "X-Api-Key", value: { env: "SECRET" } }),
    wrong: () => ({ kind: "header", name: "X-Api-Key", value: { env: "WRONG" } }),
  },
  {
    kind: "hmac",
    door: () => ({ hmac: { keyId: "atlas-1", secret: macKey } }),
    auth: () => ({ kind: "hmac", keyId: "atlas-1", secret: { env: "MAC_KEY" } }),
    wrong: () => ({ kind: "hmac", keyId: "atlas-1", secret: { env: "WRONG_MAC" } }),
  },
  {
    kind: "oauth2 in the header",
    door: () => ({ oauth2: { ...oauth2Door, scope: "payments read", audience: "bank" } }),
    auth: (url) => oauth2(`${url}/oauth/token`, { scope: "payments read", audience: "bank" }),
    wrong: (url) => oauth2(`${url}/oauth/token`, { clientSecret: { env: "WRONG" } }),
  },
  {
    kind: "oauth2 in the body",
    door: () => ({ oauth2: { ...oauth2Door, clientAuth: "post" } }),
    auth: (url) => oauth2(`${url}/oauth/token`, { clientAuth: "post" }),
    wrong: (url) => oauth2(`${url}/oauth/token`),
  },
]

describe("a provider that wants to know who calls", () => {
  it.live.each(kinds)("is called with $kind, and is not called without", ({ door, auth, wrong }) =>
    Effect.gen(function* () {
      const url = yield* openSandbox(door())
      const order = {
        step: "transfer",
        method: "POST",
        path: "/instant-transfer",
        idempotencyKey: "ADA-1-1",
        body: {
          reference: "ADA-1-1",
          amount: { currency: "EUR", value: "12.34" },
          beneficiary: { name: "Ada Lovelace", account: { iban: "DE89370400440532013000" } },
        },
      } as const
      const taken = { 202: reading(Schema.Struct({ status: Schema.String }), ({ status }) => status) }
      const provider = yield* opened(url, { auth: auth(url) })
      assert.strictEqual(yield* inquire(provider), "never-seen")
      assert.strictEqual(yield* callProvider(provider, order, taken), "accepted")
      for (const other of [{}, { auth: wrong(url) }]) {
        const error = yield* Effect.flip(inquire(yield* opened(url, other)))
        assert.include(["unauthorized", "no-credentials"], error.kind)
        const told = JSON.stringify(error) + String(error.stack) + error.message
        assert.notInclude(told, canary)
        assert.notInclude(told, macKey)
      }
    }),
  )
})

describe("a secret in a file", () => {
  it.live("is read without its line break, and again when the provider does not believe it", () =>
    Effect.gen(function* () {
      const server = yield* Effect.promise(() => MisbehavingServer.open())
      server.behaviour = (response, { headers }) =>
        headers.authorization === "Bearer second"
          ? json(404, { code: "never-seen" })(response, { method: "", url: "", headers, body: "" })
          : json(401, {})(response, { method: "", url: "", headers, body: "" })
      const token = yield* Effect.promise(() => file("token", "first\n"))
      const provider = yield* opened(server.url, { auth: { kind: "bearer", token } })
      assert.strictEqual((yield* Effect.flip(inquire(provider))).kind, "unauthorized")
      assert.strictEqual(server.asked[0]?.headers.authorization, "Bearer first")
      yield* Effect.promise(() => file("token", "second\n"))
      assert.strictEqual(yield* inquire(provider), "never-seen")
      yield* Effect.promise(() => rm(token.file))
      assert.strictEqual(yield* inquire(provider), "never-seen", "what is gone changes nothing")
      yield* Effect.promise(() => server.close())
    }),
  )

  it.live.each([
    [{ env: "NOT_THERE" }, "banks[0].auth.token: the variable NOT_THERE is empty or missing"],
    [{ file: "/nowhere/token" }, "banks[0].auth.token: the file /nowhere/token does not exist"],
    [{ env: "SPACED" }, "banks[0].auth.token: the content of the variable SPACED does not have the form"],
  ] as const)("that cannot be used is told by its place: %j", ([token, problem]) =>
    Effect.gen(function* () {
      const error = yield* providerOf({
        name: "north",
        url: "https://north.io",
        auth: { kind: "bearer", token },
        policy: policyOf({}, { timeoutMs: 1, concurrency: 1 }),
        place,
      }).pipe(Effect.provide(settings({ SPACED: `${canary} x` })), Effect.flip)
      assert.include(error.message, `PROVIDERS_FILE: ${problem}`)
      assert.notInclude(error.message, canary)
    }),
  )

  it.live.each([
    { kind: "bearer", token: canary },
    { kind: "bearer", token: { env: canary, file: "x" } },
    { kind: "bearer", token: { value: canary } },
    { kind: "basic", user: "u", password: canary },
    { kind: "hmac", keyId: "k", secret: canary },
    { kind: "oauth2", tokenUrl: "https://t.io", clientId: "c", clientSecret: canary },
    { kind: "header", name: "content-length", value: { env: "SECRET" } },
    { kind: canary },
    canary,
  ])("never stands in the document itself, nor is it quoted (%#)", (auth) =>
    Effect.gen(function* () {
      const { file: path } = yield* Effect.promise(() =>
        file(
          "providers.json",
          JSON.stringify({
            version: "1",
            compliance: { url: "https://c.io", auth },
            ledger: { url: "https://l.io" },
            banks: [{ name: "north", kind: "instant", url: "https://n.io" }],
            routes: [{ rule: "all", banks: ["north"] }],
          }),
        ),
      )
      const error = yield* Effect.flip(
        Effect.provide(ProviderSettings, providerSettings({ PROVIDERS_FILE: path })),
      )
      assert.include(error.message, "PROVIDERS_FILE: compliance.auth")
      assert.notInclude(error.message + JSON.stringify(error) + error.stack, canary)
    }),
  )
})

describe("certificates", () => {
  const own: Authority = newAuthority("AtlasPay's test authority")
  const serverCertificate = own.issue("bank", ["127.0.0.1", "localhost"])
  const client = own.issue("atlaspay")
  const given = async (name: string, { cert, key }: { readonly cert: string; readonly key: string }) => ({
    cert: await file(`${name}.crt`, cert),
    key: await file(`${name}.key`, key),
  })

  it.live("of the provider's own authority are believed, and ours is shown; no other is", () =>
    Effect.gen(function* () {
      const url = yield* openSandbox({ tls: { ...serverCertificate, clientCa: own.cert } })
      assert.match(url, /^https:/)
      const ca = yield* Effect.promise(() => file("ca", own.cert))
      const ours = yield* Effect.promise(() => given("client", client))
      assert.strictEqual(yield* inquire(yield* opened(url, { tls: { ca, ...ours } })), "never-seen")
      const stranger = newAuthority("Somebody else")
      const theirs = yield* Effect.promise(() => given("stranger", stranger.issue("atlaspay")))
      const otherCa = yield* Effect.promise(() => file("other-ca", stranger.cert))
      const failing = (tls?: HttpFields["tls"]) =>
        Effect.flatMap(opened(url, tls === undefined ? {} : { tls }), (provider) =>
          Effect.flip(inquire(provider)),
        )
      assert.strictEqual((yield* failing()).kind, "not-connected")
      assert.strictEqual((yield* failing({ ca: otherCa, ...ours })).kind, "not-connected")
      assert.strictEqual((yield* failing({ ca, ...ours, serverName: "bank.io" })).kind, "not-connected")
      assert.strictEqual((yield* failing({ ca })).kind, "connection-broke")
      assert.strictEqual((yield* failing({ ca, ...theirs })).kind, "connection-broke")
    }),
  )

  it.live("that are replaced are used for the next connection, once they belong together", () =>
    Effect.gen(function* () {
      const url = yield* openSandbox({ tls: { ...serverCertificate, clientCa: own.cert } })
      const ca = yield* Effect.promise(() => file("ca", own.cert))
      const stranger = newAuthority("Somebody else").issue("atlaspay")
      const files = yield* Effect.promise(() => given("rotated", client))
      const provider = yield* opened(url, { tls: { ca, ...files } })
      const access = provider.access ?? assert.fail("there are certificates")
      const lookedUp = Effect.flatMap(
        access.admit({ method: "GET", url, headers: {}, body: undefined }),
        ({ refused }) => refused,
      )
      assert.strictEqual(yield* inquire(provider), "never-seen")
      yield* Effect.promise(() => file("rotated.crt", stranger.cert))
      yield* lookedUp
      assert.strictEqual(yield* inquire(provider), "never-seen", "the key is still that of the last one")
      yield* Effect.promise(() => file("rotated.key", stranger.key))
      yield* lookedUp
      assert.strictEqual((yield* Effect.flip(inquire(provider))).kind, "connection-broke")
      yield* Effect.promise(() => given("rotated", client))
      yield* lookedUp
      assert.strictEqual(yield* inquire(provider), "never-seen")
    }),
  )

  it.live.each([
    ["http://north.io", {}, "tls: the URL is not https://"],
    [
      "https://north.io",
      { cert: { env: "SECRET" }, key: { env: "SECRET" } },
      "tls.cert: the content of the variable SECRET does not have the form",
    ],
  ] as const)("that would not protect anything are refused: %s", ([url, tls, problem]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(opened(url, { tls }))
      assert.include(error.message, `PROVIDERS_FILE: banks[0].${problem}`)
      assert.notInclude(error.message, canary)
    }),
  )

  it.live("and a key of somebody else's are refused", () =>
    Effect.gen(function* () {
      const { key } = yield* Effect.promise(() => given("a", own.issue("a")))
      const { cert } = yield* Effect.promise(() => given("b", own.issue("b")))
      const error = yield* Effect.flip(opened("https://north.io", { tls: { cert, key } }))
      assert.include(error.message, "cannot be used together")
    }),
  )
})

describe("the settings of the environment", () => {
  const authOf = (given: Readonly<Record<string, string>>) =>
    Effect.map(Effect.provide(ProviderSettings, providerSettings(given)), ({ compliance, ledger, banks }) => [
      compliance.auth,
      ledger.auth,
      ...banks.map(({ own }) => own.auth),
    ])

  it.effect("give bearer tokens and passwords by reference", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* authOf({
          COMPLIANCE_AUTH: "bearer env:TOKEN",
          LEDGER_AUTH: "basic atlas file:/run/secrets/ledger",
          BANK_AUTH: "south=bearer file:/run/secrets/south",
        }),
        [
          { kind: "bearer", token: { env: "TOKEN" } },
          { kind: "basic", user: "atlas", password: { file: "/run/secrets/ledger" } },
          undefined,
          { kind: "bearer", token: { file: "/run/secrets/south" } },
        ],
      )
    }),
  )

  it.effect.each([
    ["COMPLIANCE_AUTH", `bearer ${canary}`],
    ["LEDGER_AUTH", `basic atlas ${canary}`],
    ["LEDGER_AUTH", `basic env:${canary}`],
    ["BANK_AUTH", `north=${canary}`],
    ["BANK_AUTH", "west=bearer env:TOKEN"],
  ] as const)("take no secret itself: %s", ([variable, text]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(authOf({ [variable]: text }))
      assert.include(error.message, variable)
      assert.notInclude(error.message, canary)
    }),
  )
})
