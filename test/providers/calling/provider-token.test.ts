/** Tokens of a provider, and calls that wait for them. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { afterEach, vi } from "vitest"
import { Banks, type TransferInstruction } from "../../../src/providers/banks/bank.ts"
import { banksLayer } from "../../../src/providers/banks/banks.ts"
import { instant } from "../../../src/providers/banks/instant/instant.ts"
import { type PolicyFields, policyOf } from "../../../src/providers/calling/call-policy.ts"
import { ProviderChannels } from "../../../src/providers/calling/channel.ts"
import { usualConnections } from "../../../src/providers/calling/http-exchange.ts"
import { type FailureKind, ProviderUnavailable } from "../../../src/providers/calling/provider-error.ts"
import type { Provider } from "../../../src/providers/calling/provider-http.ts"
import { freshMetrics } from "../../../src/telemetry/metrics.ts"
import { PATIENCE_MS } from "../../patience.ts"
import { channels, providerSettings } from "../../settings.ts"
import { json, MisbehavingServer } from "./misbehaving-server.ts"
import {
  canary,
  closeSandbox,
  environment,
  file,
  inquire,
  oauth2,
  oauth2Door,
  opened,
  openSandbox,
  withFolder,
} from "./provider-access-under-test.ts"

afterEach(closeSandbox)
withFolder()

const instruction: TransferInstruction = {
  bank: "north",
  partner: "acme",
  reference: "AAAAAAAAAAAAAAAAAAAAAA-1-1",
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
  currency: "EUR",
  minor: 1_234n,
}

const HOUR_MS = 3_600_000

const tokensAt = (url: string) =>
  Effect.promise(
    async () => (await fetch(`${url}/sandbox/tokens`)).json() as Promise<{ issued: number; refused: number }>,
  )

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

  it.effect(
    "is not held back when the clock is set back: neither a new one nor the next request for one",
    () =>
      Effect.gen(function* () {
        const server = yield* tokenServer
        const provider = yield* opened("https://north.io", { auth: oauth2(`${server.url}/token`) })
        yield* TestClock.setTime(2 * HOUR_MS)
        server.behaviour = grant("one")
        const { refused } = yield* admitted(provider)
        yield* TestClock.setTime(HOUR_MS)
        server.behaviour = json(503, {}, { "retry-after": "20" })
        yield* refused
        assert.strictEqual((yield* Effect.flip(shown(provider))).kind, "no-credentials")
        server.behaviour = grant("two")
        yield* TestClock.setTime(0)
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
      const admission = { headers: {}, connections: usualConnections, refused: Effect.void }
      const access = { admit: () => Effect.as(Effect.sleep(HOUR_MS - 300), admission) }
      const call = inquire({ name: "north", url: bank.url, timeoutMs: HOUR_MS, access })
      const fiber = yield* Effect.forkChild(Effect.flip(call))
      yield* TestClock.adjust(HOUR_MS - 300)
      yield* Effect.promise(() => vi.waitUntil(() => bank.asked.length === 1, PATIENCE_MS))
      assert.isUndefined(fiber.pollUnsafe())
      // The time of the request itself is real: what is left of the hour.
      assert.strictEqual((yield* Fiber.join(fiber)).kind, "timed-out")
    }),
  )

  it.effect("takes no longer when the clock is set back meanwhile", () =>
    Effect.gen(function* () {
      const bank = yield* Effect.acquireRelease(
        Effect.promise(() => MisbehavingServer.open()),
        (server) => Effect.promise(() => server.close()),
      )
      const admission = { headers: {}, connections: usualConnections, refused: Effect.void }
      const access = { admit: () => Effect.as(TestClock.setTime(0), admission) }
      yield* TestClock.setTime(HOUR_MS)
      const call = inquire({ name: "north", url: bank.url, timeoutMs: 300, access })
      const fiber = yield* Effect.forkChild(Effect.flip(call))
      yield* Effect.promise(() => vi.waitUntil(() => fiber.pollUnsafe() !== undefined, { timeout: 10_000 }))
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
