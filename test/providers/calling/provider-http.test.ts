import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { afterAll, beforeAll, beforeEach, vi } from "vitest"
import { BODY_BYTES_MAX, callProvider, reading } from "../../../src/providers/calling/provider-http.ts"
import { PATIENCE_MS } from "../../patience.ts"
import {
  canary,
  IMPATIENT_MS,
  json,
  MisbehavingServer,
  misdeeds,
  PATIENT_MS,
  silent,
} from "./misbehaving-server.ts"

let server: MisbehavingServer

beforeAll(async () => {
  server = await MisbehavingServer.open()
})
beforeEach(() => {
  server.asked.length = 0
})
afterAll(() => server.close())

const answers = { 200: reading(Schema.Struct({ said: Schema.String }), ({ said }) => said) }

const call = (timeoutMs = PATIENT_MS) =>
  callProvider(
    { name: "bank", url: server.url, timeoutMs },
    { step: "transfer", method: "POST", path: "/x", idempotencyKey: "key", body: { account: canary } },
    answers,
  )

describe("a call to a provider", () => {
  it.live("sends JSON under its key and gives the answer", () =>
    Effect.gen(function* () {
      server.behaviour = json(
        200,
        { said: "yes", more: 1 },
        { "content-type": "application/json; charset=utf-8" },
      )
      assert.strictEqual(yield* call(), "yes")
      const [asked] = server.asked
      assert.deepInclude(asked, { method: "POST", url: "/x", body: JSON.stringify({ account: canary }) })
      assert.deepInclude(asked?.headers, { "idempotency-key": "key", "content-type": "application/json" })
    }),
  )

  it.live.each(misdeeds)(
    "fails, and quotes nothing, when the provider $does",
    ({ behaviour, problem, kind, timeoutMs }) =>
      Effect.gen(function* () {
        server.behaviour = behaviour
        const error = yield* Effect.flip(call(timeoutMs))
        assert.strictEqual(error._tag, "ProviderUnavailable")
        assert.deepInclude(error, { provider: "bank", kind })
        assert.match(error.reason, new RegExp(`^transfer: .*${problem}`))
        assert.notInclude(JSON.stringify(error) + String(error.stack), canary)
        assert.strictEqual(server.asked.length, 1, "a redirect is not followed, and nothing is tried twice")
      }),
  )

  it.live("fails when nobody listens", () =>
    Effect.gen(function* () {
      const nobody = yield* Effect.promise(() => MisbehavingServer.open())
      yield* Effect.promise(nobody.close)
      const error = yield* Effect.flip(
        callProvider(
          { name: "bank", url: nobody.url, timeoutMs: PATIENT_MS },
          { step: "inquiry", method: "GET", path: "/" },
          answers,
        ),
      )
      assert.strictEqual(error.reason, "inquiry: the connection failed (ECONNREFUSED)")
      assert.strictEqual(error.kind, "not-connected")
    }),
  )

  it.live("reads a body of just the limit", () =>
    Effect.gen(function* () {
      const said = "x".repeat(BODY_BYTES_MAX - '{"said":""}'.length)
      server.behaviour = json(200, { said })
      assert.strictEqual((yield* call()).length, said.length)
      server.behaviour = json(200, { said: `${said}x` })
      assert.include((yield* Effect.flip(call())).reason, "more than")
    }),
  )

  it.live.each([
    { header: "7", least: 7_000, most: 7_000 },
    { header: "999999", least: 3_600_000, most: 3_600_000 },
    { header: new Date(Date.now() + 60_000).toUTCString(), least: 1_000, most: 60_000 },
    { header: "Thu, 01 Jan 1970 00:00:00 GMT", least: 0, most: 0 },
  ])("tells how long to wait for Retry-After: $header", ({ header, least, most }) =>
    Effect.gen(function* () {
      server.behaviour = json(503, {}, { "retry-after": header })
      const { retryAfterMs, status } = yield* Effect.flip(call())
      assert.strictEqual(status, 503)
      assert.isAtLeast(retryAfterMs ?? -1, least)
      assert.isAtMost(retryAfterMs ?? -1, most)
    }),
  )

  it.live("ignores a Retry-After that says nothing", () =>
    Effect.gen(function* () {
      server.behaviour = json(503, {}, { "retry-after": "soon" })
      assert.isUndefined((yield* Effect.flip(call())).retryAfterMs)
    }),
  )

  it.live.each(["the time is up", "the caller is interrupted"])("hangs up when %s", (why) =>
    Effect.gen(function* () {
      let hungUp = false
      server.behaviour = (response, asked) => {
        response.on("close", () => {
          hungUp = true
        })
        silent(response, asked)
      }
      const fiber = yield* Effect.forkChild(
        Effect.exit(call(why === "the time is up" ? IMPATIENT_MS : PATIENT_MS)),
      )
      yield* Effect.promise(() => vi.waitUntil(() => server.asked.length === 1, PATIENCE_MS))
      if (why === "the caller is interrupted") yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => vi.waitUntil(() => hungUp, PATIENCE_MS))
    }),
  )
})
