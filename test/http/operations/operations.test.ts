import { Effect } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { policyOf } from "../../../src/providers/calling/call-policy.ts"
import type { ChannelReport } from "../../../src/providers/calling/channel.ts"
import { ApiUnderTest } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"

let redisAnswers = true
let postgresAnswers = true

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({
    checks: [
      {
        name: "redis",
        required: true,
        check: Effect.suspend(() => (redisAnswers ? Effect.void : Effect.fail("connection refused"))),
      },
      {
        name: "postgres",
        required: false,
        check: Effect.suspend(() => (postgresAnswers ? Effect.void : Effect.fail("connection refused"))),
      },
      {
        name: "silent",
        required: false,
        check: Effect.suspend(() => (postgresAnswers ? Effect.void : Effect.never)),
      },
    ],
  })
})
afterAll(() => api[Symbol.asyncDispose]())

it("is ready while what it cannot do without answers, and names what does not", async () => {
  expect(await api.ask("/readyz")).toMatchObject({ status: 200, json: { status: "ready" } })
  postgresAnswers = false
  expect(await api.ask("/readyz")).toMatchObject({
    status: 200,
    json: { status: "degraded", notAnswering: ["postgres", "silent"] },
  })
  redisAnswers = false
  expect(await api.ask("/readyz")).toMatchObject({
    status: 503,
    json: { status: "not-ready", notAnswering: ["redis", "postgres", "silent"] },
  })
  expect(await api.call("/healthz")).toMatchObject({ status: 200 })
  expect(await api.ask("/healthz")).toMatchObject({ status: 200 })
  redisAnswers = true
  postgresAnswers = true
})

it("counts requests by route, not by path", async () => {
  await api.post("counted", { items: [payout("a")] })
  await api.get("/payout-batches/pb_aaaaaaaaaaaaaaaaaaaaaa")
  await api.get("/no/such/path")
  await api.call("/healthz", { method: "PATCH" })
  const { text } = await api.ask("/metrics")
  const lines = text.split("\n").filter((line) => line.startsWith("atlaspay_"))
  expect(lines).toContain(
    'atlaspay_http_requests_total{method="POST",route="/payout-batches",status="202"} 1',
  )
  expect(lines).toContain(
    'atlaspay_http_requests_total{method="GET",route="/payout-batches/:id",status="404"} 1',
  )
  expect(lines).toContain('atlaspay_http_requests_total{method="GET",route="unmatched",status="404"} 1')
  expect(lines).toContain('atlaspay_http_requests_total{method="OTHER",route="unmatched",status="405"} 1')
  expect(lines).toContain('atlaspay_events_appended_total{type="BatchReceived"} 1')
  expect(lines).toContain('atlaspay_acceptance_seconds_count{status="202"} 1')
  expect(text).not.toContain("no/such")
})

it("shows how each worker sees the providers", async () => {
  expect((await api.ask("/providers")).json).toEqual({ providers: [] })
  const north: ChannelReport = {
    name: "north",
    kind: "instant",
    policy: policyOf({ ratePerSecond: 50 }, { timeoutMs: 1_000, concurrency: 8 }),
    breaker: { health: "open", since: Date.UTC(2026, 10, 26) },
    pausedUntil: undefined,
    calls: 20,
    failures: 12,
    retries: 2,
    retriesLeft: 11,
    waiting: 3,
    lastFailure: { kind: "timed-out", at: Date.UTC(2026, 10, 26) },
  }
  const at = Date.UTC(2026, 10, 26, 1)
  await Effect.runPromise(api.reports.publish({ worker: "w1", at, providers: [north] }))
  await Effect.runPromise(
    api.reports.publish({
      worker: "w2",
      at,
      providers: [{ ...north, name: "ledger", kind: "ledger" }, north],
    }),
  )
  const { status, json } = await api.ask("/providers")
  expect(status).toBe(200)
  expect(json.providers).toMatchObject([
    { name: "ledger", kind: "ledger", workers: [{ worker: "w2" }] },
    {
      name: "north",
      kind: "instant",
      workers: expect.toSatisfy((workers: ReadonlyArray<object>) => workers.length === 2),
    },
  ])
  expect(json).toHaveProperty("providers[0].workers[0]", {
    worker: "w2",
    seenAt: "2026-11-26T01:00:00.000Z",
    policy: north.policy,
    breaker: { state: "open", since: "2026-11-26T00:00:00.000Z" },
    pausedUntil: null,
    calls: 20,
    failures: 12,
    retries: 2,
    retriesLeft: 11,
    waiting: 3,
    lastFailure: { kind: "timed-out", at: "2026-11-26T00:00:00.000Z" },
  })
})

it("points the way at the root, and answers the rest with a problem", async () => {
  expect((await api.call("/")).json).toMatchObject({ documentation: "/openapi.json" })
  const answer = await api.call("/nowhere")
  expect(answer.headers.get("content-type")).toBe("application/problem+json")
  expect(answer.json).toMatchObject({
    status: 404,
    instance: expect.stringMatching(/^urn:atlaspay:problem:/),
  })
})

it("shows in the metrics which part answered, and the time of requests by route and class", async () => {
  postgresAnswers = false
  await api.ask("/readyz")
  postgresAnswers = true
  await api.get("/no/such/path")
  const { text } = await api.ask("/metrics")
  expect(text).toContain('atlaspay_readiness{part="redis"} 1\n')
  expect(text).toContain('atlaspay_readiness{part="postgres"} 0\n')
  expect(text).toContain('atlaspay_http_request_seconds_count{method="GET",route="/readyz",status="2xx"}')
  expect(text).toContain('atlaspay_http_request_seconds_count{method="GET",route="unmatched",status="4xx"}')
})
