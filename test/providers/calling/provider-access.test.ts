/** Providers that want to know who calls, each played by the sandbox: a server that checks. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { afterAll, afterEach, beforeAll, vi } from "vitest"
import { Banks, type TransferInstruction } from "../../../src/providers/banks/bank.ts"
import { banksLayer } from "../../../src/providers/banks/banks.ts"
import { instant } from "../../../src/providers/banks/instant/instant.ts"
import { type PolicyFields, policyOf } from "../../../src/providers/calling/call-policy.ts"
import { ProviderChannels } from "../../../src/providers/calling/channel.ts"
import type { HttpFields, ProviderAuth } from "../../../src/providers/calling/provider-access.ts"
import { providerOf } from "../../../src/providers/calling/provider-access-http.ts"
import { type FailureKind, ProviderUnavailable } from "../../../src/providers/calling/provider-error.ts"
import { callProvider, type Provider, reading } from "../../../src/providers/calling/provider-http.ts"
import { ProviderSettings } from "../../../src/providers/calling/provider-settings.ts"
import { type Sandbox, startSandbox } from "../../../src/sandbox/sandbox.ts"
import { freshMetrics } from "../../../src/telemetry/metrics.ts"
import { type Authority, newAuthority } from "../../certificates.ts"
import { channels, providerSettings, settings } from "../../settings.ts"
import { json, MisbehavingServer } from "./misbehaving-server.ts"

/** What no error and no log may hold. */
const canary = "canary-9f1c55d0b7a24e6f8a"
const macKey = Buffer.from(canary).toString("base64")
const place = { setting: "PROVIDERS_FILE", path: "banks[0]" }
const environment = {
  SECRET: canary,
  MAC_KEY: macKey,
  WRONG: `${canary}-not`,
  WRONG_MAC: Buffer.alloc(32).toString("base64"),
}

let folder: string
let sandbox: Sandbox | undefined
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "access-"))
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(async () => {
  await sandbox?.close()
  sandbox = undefined
})

const file = async (name: string, text: string) => {
  const path = join(folder, name)
  await writeFile(path, text)
  return { file: path }
}

const opened = (url: string, http: Partial<HttpFields> = {}, timeoutMs = 10_000) =>
  providerOf({
    name: "north",
    url,
    ...http,
    policy: policyOf({}, { timeoutMs, concurrency: 1 }),
    place,
  }).pipe(Effect.provide(settings(environment)))

const instruction: TransferInstruction = {
  bank: "north",
  partner: "acme",
  reference: "AAAAAAAAAAAAAAAAAAAAAA-1-1",
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
  currency: "EUR",
  minor: 1_234n,
}

const answers = { 404: reading(Schema.Struct({ code: Schema.String }), ({ code }) => code) }
const inquire = (provider: Provider) =>
  callProvider(provider, { step: "inquiry", method: "GET", path: "/instant-transfer/NOBODY-1-1" }, answers)

const openSandbox = (door: unknown) =>
  Effect.promise(async () => {
    sandbox = await startSandbox({ doors: { north: door } })
    return sandbox.urls.banks.north
  })

const oauth2 = (tokenUrl: string, more: object = {}): ProviderAuth => ({
  kind: "oauth2",
  tokenUrl,
  clientId: "atlas pay",
  clientSecret: { env: "SECRET" },
  ...more,
})
const oauth2Door = { clientId: "atlas pay", clientSecret: canary }
const tokensAt = (url: string) =>
  Effect.promise(
    async () => (await fetch(`${url}/sandbox/tokens`)).json() as Promise<{ issued: number; refused: number }>,
  )

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
    [{ file: "/nowhere/token" }, "banks[0].auth.token: the file /nowhere/token is empty or missing"],
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

describe("a token", () => {
  it.live("is fetched once for all callers, and again when the provider revokes it", () =>
    Effect.gen(function* () {
      const url = yield* openSandbox({ oauth2: oauth2Door })
      const provider = yield* opened(url, { auth: oauth2(`${url}/oauth/token`) })
      const many = Effect.forEach(Array(50), () => inquire(provider), { concurrency: "unbounded" })
      yield* many
      yield* many
      assert.deepStrictEqual(yield* tokensAt(url), { issued: 1, refused: 0 })
      // One that is young is not replaced: what the provider has against us is not its age.
      yield* Effect.promise(() => fetch(`${url}/sandbox/revoke-tokens`, { method: "POST" }))
      assert.strictEqual((yield* Effect.flip(inquire(provider))).kind, "unauthorized")
      assert.strictEqual((yield* Effect.flip(inquire(provider))).kind, "unauthorized")
      assert.deepStrictEqual(yield* tokensAt(url), { issued: 1, refused: 0 })
    }),
  )

  const tokenServer = Effect.acquireRelease(
    Effect.promise(() => MisbehavingServer.open()),
    (server) => Effect.promise(() => server.close()),
  )
  const grant = (token: string, more: object = { expires_in: 300 }) =>
    json(200, { access_token: token, token_type: "bearer", ...more })

  /** What the access of a provider sends, with a clock of our own. */
  const admitted = (provider: Provider) =>
    provider.access?.admit({ method: "GET", url: provider.url, headers: {}, body: undefined }) ??
    Effect.die("there is no access")
  const shown = (provider: Provider) => Effect.map(admitted(provider), ({ headers }) => headers.authorization)

  it.effect("is used until shortly before its end, and replaced once where it is refused", () =>
    Effect.gen(function* () {
      const server = yield* tokenServer
      const provider = yield* opened("https://north.io", { auth: oauth2(`${server.url}/token`) })
      server.behaviour = grant("one")
      assert.strictEqual(yield* shown(provider), "Bearer one")
      server.behaviour = grant("two", {})
      yield* TestClock.adjust("239 seconds")
      assert.strictEqual(yield* shown(provider), "Bearer one")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* shown(provider), "Bearer two")
      server.behaviour = grant("three")
      const { refused } = yield* admitted(provider)
      yield* refused
      assert.strictEqual(yield* shown(provider), "Bearer two", "it is too young to be replaced")
      yield* TestClock.adjust("11 seconds")
      yield* refused
      assert.strictEqual(yield* shown(provider), "Bearer three")
      yield* refused
      yield* TestClock.adjust("11 seconds")
      yield* refused
      assert.strictEqual(yield* shown(provider), "Bearer three", "another one was refused")
      assert.strictEqual(server.asked.length, 3)
      assert.strictEqual(new URLSearchParams(server.asked[0]?.body).get("grant_type"), "client_credentials")
    }),
  )

  it.effect("that cannot be had leaves its server alone for a while, and the old one serves to its end", () =>
    Effect.gen(function* () {
      const server = yield* tokenServer
      const provider = yield* opened("https://north.io", { auth: oauth2(`${server.url}/token`) })
      server.behaviour = grant("one")
      yield* shown(provider)
      server.behaviour = json(503, {}, { "retry-after": "20" })
      yield* TestClock.adjust("250 seconds")
      for (let times = 0; times < 5; times++) assert.strictEqual(yield* shown(provider), "Bearer one")
      assert.strictEqual(server.asked.length, 2)
      yield* TestClock.adjust("60 seconds")
      const failure = yield* Effect.flip(shown(provider))
      assert.deepInclude(failure, { kind: "no-credentials", provider: "north" })
      yield* Effect.flip(shown(provider))
      assert.strictEqual(server.asked.length, 3)
      server.behaviour = grant("two")
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual(yield* shown(provider), "Bearer two")
    }),
  )

  it.live.each([
    [
      "is refused",
      json(401, { error: "invalid_client", error_description: canary }),
      "token: refused (invalid_client)",
    ],
    ["is refused in other words", json(400, { error: canary }), "token: answered not as agreed"],
    ["is none", json(200, { token: canary }), "token: answered not as agreed"],
    [
      "is of another type",
      json(200, { access_token: canary, token_type: "mac" }),
      "token: answered not as agreed",
    ],
    [
      "would break the header",
      json(200, { access_token: `${canary}\r\nx: y`, token_type: "bearer" }),
      "token: answered not as agreed",
    ],
    ["is elsewhere", json(307, {}, { location: "https://elsewhere.io" }), "token: answered with status 307"],
    [
      "is without end",
      json(200, { access_token: canary.repeat(100_000), token_type: "bearer" }),
      "token: answered with more than",
    ],
    ["never comes", () => {}, "token: timed out|not sent: no credentials in time"],
  ] as const)("that %s is not sent, and nothing else is", ([, behaviour, problem]) =>
    Effect.gen(function* () {
      const server = yield* tokenServer
      const bank = yield* tokenServer
      server.behaviour = behaviour
      const provider = yield* opened(
        bank.url,
        { auth: oauth2(`${server.url}/token`) },
        problem.includes("timed") ? 300 : 10_000,
      )
      const error = yield* Effect.flip(inquire(provider))
      assert.strictEqual(error.kind, "no-credentials")
      assert.match(error.reason, new RegExp(problem.replace(/[()]/g, "\\$&")))
      assert.notInclude(JSON.stringify(error) + error.stack, canary)
      assert.strictEqual(bank.asked.length, 0)
      assert.strictEqual(server.asked.length, 1)
    }),
  )
})

describe("a call that has to wait for what proves who calls", () => {
  it.effect("takes no longer in all than one that has not", () =>
    Effect.gen(function* () {
      const bank = yield* Effect.acquireRelease(
        Effect.promise(() => MisbehavingServer.open()),
        (server) => Effect.promise(() => server.close()),
      )
      const admission = { headers: {}, fetch, refused: Effect.void }
      const access = { admit: () => Effect.as(Effect.sleep(700), admission) }
      const call = inquire({ name: "north", url: bank.url, timeoutMs: 1_000, access })
      const fiber = yield* Effect.forkChild(Effect.flip(call))
      yield* TestClock.adjust(700)
      yield* Effect.promise(() => vi.waitUntil(() => bank.asked.length === 1))
      yield* TestClock.adjust(299)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(fiber)).kind, "timed-out")
    }),
  )

  const failing = (kind: FailureKind) => new ProviderUnavailable({ provider: "north", reason: "no", kind })
  /** A transfer that fails so, by a channel; the answer is how often it was tried, and how the breaker stands. */
  const transferred = (kind: FailureKind, outcomes: PolicyFields["breaker"] = {}) =>
    Effect.gen(function* () {
      const policy = policyOf(
        { retries: { attemptsMax: 3, baseMs: 1, capMs: 1 }, breaker: outcomes },
        { timeoutMs: 1_000, concurrency: 1 },
      )
      const channel = yield* (yield* ProviderChannels).open({ name: "north", kind: "instant" }, policy)
      let tries = 0
      const terms = { step: "transfer", repeatable: false, patienceMs: 0, outcomeOf: () => "Said" }
      const attempt = Effect.suspend(() => {
        tries += 1
        return Effect.fail(failing(kind))
      })
      yield* Effect.flip(channel.call(terms, attempt))
      return { tries, breaker: channel.report(yield* Clock.currentTimeMillis).breaker.health }
    }).pipe(Effect.provide([channels, freshMetrics]))

  it.live("is tried again, as nothing was sent; a transfer that was refused for who we are is not", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* transferred("no-credentials")).tries, 3)
      assert.strictEqual((yield* transferred("unauthorized")).tries, 1)
      assert.strictEqual((yield* transferred("timed-out")).tries, 1)
    }),
  )

  it.live.each(["no-credentials", "unauthorized"] as const)("opens the breaker where it fails: %s", (kind) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* transferred(kind, { calls: 1, callsMin: 1 })).breaker, "open")
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

it.live(
  "a transfer that is forbidden while its token is fetched is not sent, and costs the bank nothing",
  () =>
    Effect.gen(function* () {
      const server = yield* Effect.promise(() => MisbehavingServer.open())
      let isCancelled = false
      let checks = 0
      server.behaviour = (response, asked) => {
        if (asked.url !== "/token") return json(202, { status: "accepted", transferId: "t" })(response, asked)
        isCancelled = true
        json(200, { access_token: canary, token_type: "bearer" })(response, asked)
      }
      const entry = {
        name: "north",
        kind: "instant",
        url: server.url,
        auth: oauth2(`${server.url}/token`),
        policy: { breaker: { calls: 1, callsMin: 1, openMs: 60_000 } },
      }
      const providers = yield* Effect.promise(() =>
        file(
          "slow-token.json",
          JSON.stringify({
            version: "1",
            compliance: { url: "http://127.0.0.1:1" },
            ledger: { url: "http://127.0.0.1:1" },
            banks: [entry],
            routes: [{ rule: "all", banks: ["north"] }],
          }),
        ),
      )
      const banks = banksLayer([instant]).pipe(
        Layer.provide(providerSettings({ ...environment, PROVIDERS_FILE: providers.file })),
      )
      const mayCall = Effect.sync(() => {
        checks += 1
        return !isCancelled
      })
      const asked = () => server.asked.map(({ url }) => url)
      yield* Effect.gen(function* () {
        const { transfer } = yield* Banks
        assert.deepStrictEqual(yield* transfer(instruction, mayCall), { _tag: "NotSent" })
        assert.deepStrictEqual([checks, asked()], [2, ["/token"]])
        isCancelled = false
        assert.strictEqual((yield* transfer(instruction, mayCall))._tag, "Accepted")
        assert.deepStrictEqual(asked(), ["/token", "/instant-transfer"])
      }).pipe(Effect.provide(banks))
      yield* Effect.promise(() => server.close())
    }),
)
