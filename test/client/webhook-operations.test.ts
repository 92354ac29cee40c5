/** The client's methods about webhooks: what the API makes of them, what they read, and that no change is sent twice by itself. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { AtlasPayError, Problem, UnusableAnswer } from "../../src/client/errors.ts"
import type { Operations } from "../../src/client/operations.ts"
import { type AtlasPay, partnerClient } from "../../src/client/partner-client.ts"
import type {
  NewWebhookEndpoint,
  WebhookDelivery,
  WebhookDeliveryState,
  WebhookEndpoint,
  WebhookEndpointChanges,
  WebhookReplay,
  WebhookReplayState,
  WebhookSignatures,
} from "../../src/client/webhook-types.ts"
import type { SubscribableType } from "../../src/publisher/endpoint-event.ts"
import type { DeliveryState } from "../../src/webhooks/delivery-log.ts"
import type { EndpointState } from "../../src/webhooks/endpoints.ts"
import type { ReplayState } from "../../src/webhooks/replays.ts"
import { ApiUnderTest, acme, globex } from "../http/api-under-test.ts"
import { deadEvent } from "../http/deliveries-in-memory.ts"
import { type Answering, drop, json, problem, ScriptedService } from "./scripted-service.ts"

/** Whether two types have the same values. What is wrong here does not compile. */
type Same<One, Other> = [One, Other] extends [Other, One] ? true : false

const types: readonly [
  Same<WebhookDeliveryState, DeliveryState>,
  Same<WebhookDelivery["state"], DeliveryState>,
  Same<Operations["listWebhookDeliveries"]["query"]["state"], DeliveryState | undefined>,
  Same<WebhookEndpoint["state"], EndpointState>,
  Same<WebhookReplayState, ReplayState>,
  Same<NonNullable<NewWebhookEndpoint["eventTypes"]>[number], SubscribableType>,
  Same<NonNullable<WebhookEndpoint["eventTypes"]>[number], SubscribableType>,
  Same<NonNullable<WebhookEndpointChanges["eventTypes"]>[number], SubscribableType>,
  Same<Awaited<ReturnType<AtlasPay["resumeWebhookEndpoint"]>>, WebhookEndpoint>,
  Same<Awaited<ReturnType<AtlasPay["startWebhookReplay"]>>, WebhookReplay>,
  Same<Awaited<ReturnType<AtlasPay["webhookSecrets"]["rotateSigningKey"]>>, WebhookSignatures>,
  Same<Awaited<ReturnType<AtlasPay["webhookSecrets"]["endPrevious"]>>, void>,
  // A type that allows everything would be the same as each of these.
  Same<WebhookDeliveryState, string>,
  Same<WebhookEndpoint["state"], ReplayState>,
] = [true, true, true, true, true, true, true, true, true, true, true, true, false, false]

it("has the states and types of events that the service has", () => {
  expect(types.filter((isSame) => !isSame)).toHaveLength(2)
})

const failureOf = async (call: Promise<unknown>): Promise<AtlasPayError> => {
  const outcome = await call.catch((error: unknown) => error)
  if (!(outcome instanceof AtlasPayError)) throw new Error("the call did not fail", { cause: outcome })
  return outcome
}

describe("an API", () => {
  let api: ApiUnderTest
  let client: AtlasPay
  let others: AtlasPay
  beforeAll(async () => {
    api = await ApiUnderTest.open()
    client = partnerClient({ url: api.url, apiKey: acme })
    others = partnerClient({ url: api.url, apiKey: globex })
  })
  afterAll(() => api?.[Symbol.asyncDispose]())

  let made = 0
  const newEndpoint = async () => {
    made += 1
    return (await client.createWebhookEndpoint({ url: `https://acme.example/hooks/${made}` })).id
  }

  it("adds an endpoint, changes it, and takes it away", async () => {
    const url = "https://acme.example/changing"
    const eventTypes = ["com.atlaspay.payout.failed.v1"] as const
    const { id, secret, ...created } = await client.createWebhookEndpoint({ url, eventTypes, rateLimit: 5 })
    expect(secret).toMatch(/^whsec_/)
    expect(created).toMatchObject({ url, eventTypes, rateLimit: 5, ordered: false, state: "active" })
    const found = await client.webhookEndpoint(id)
    expect(found).toEqual({ id, ...created })
    expect(await client.webhookEndpoints()).toContainEqual(found)

    const changed = await client.changeWebhookEndpoint(id, {
      description: "the shop",
      ordered: true,
      rateLimit: null,
    })
    expect(changed).toMatchObject({ id, url, eventTypes, description: "the shop", ordered: true })
    expect(changed).not.toHaveProperty("rateLimit")
    expect((await client.pauseWebhookEndpoint(id)).state).toBe("paused")
    expect((await client.resumeWebhookEndpoint(id)).state).toBe("active")
    expect((await client.testWebhookEndpoint(id)).event).toBe(`${id}:test:0123456789abcdef`)
    expect(await client.removeWebhookEndpoint(id)).toBeUndefined()
    expect(await failureOf(client.webhookEndpoint(id))).toMatchObject({ status: 404, mayBeDone: false })
  })

  it("names the endpoint that has a URL already, and the field of a URL that is refused", async () => {
    const url = "https://acme.example/taken"
    const { id } = await client.createWebhookEndpoint({ url })
    const taken = await failureOf(client.createWebhookEndpoint({ url }))
    expect(taken).toBeInstanceOf(Problem)
    expect(taken).toMatchObject({ status: 409, mayBeDone: false })
    expect(JSON.stringify((taken as Problem).members)).toContain(id)
    const refused = await failureOf(client.createWebhookEndpoint({ url: "http://acme.example" }))
    expect(refused).toMatchObject({ status: 400, errors: [{ pointer: "/url" }] })
    const busy = await client.changeWebhookEndpoint(id, { description: "busy" })
    expect(await failureOf(client.testWebhookEndpoint(busy.id))).toMatchObject({
      status: 429,
      retryAfterMs: 5_000,
      tries: 1,
    })
    await client.removeWebhookEndpoint(id)
  })

  it("replaces a secret, and a signing key, with an overlap that is ended early", async () => {
    const id = await newEndpoint()
    const { show, rotate, endPrevious, ...keys } = client.webhookSecrets
    expect(await show(id)).toEqual({
      signatures: ["v1"],
      publicKeys: [],
      publicKeysAt: `/.well-known/webhook-keys/${id}`,
    })
    const rotated = await rotate(id, { overlapSeconds: 60 })
    expect(rotated.secret).toMatch(/^whsec_/)
    const until = rotated.previousSecretUntil ?? ""
    expect(Math.abs(Date.parse(until) - Date.now() - 60_000)).toBeLessThan(30_000)
    expect((await show(id)).previousSecretUntil).toBe(until)
    const third = await failureOf(rotate(id))
    expect(third).toMatchObject({ status: 409, type: "/problems/rotation-under-way", members: { until } })
    expect((await rotate(id, { restart: true })).secret).toMatch(/^whsec_/)
    expect(await endPrevious(id)).toBeUndefined()
    expect(await show(id)).not.toHaveProperty("previousSecretUntil")

    const none = await failureOf(keys.rotateSigningKey(id))
    expect(none).toMatchObject({ status: 404, mayBeDone: false })
    const added = await keys.addSigningKey(id)
    expect(added.signatures).toEqual(["v1", "v1a"])
    expect(await keys.addSigningKey(id)).toEqual(added)
    const both = await keys.rotateSigningKey(id, { overlapSeconds: 60 })
    expect(both.publicKeys.map(({ until }) => typeof until)).toEqual(["undefined", "string"])
    expect(both.publicKeys[1]?.publicKey).toBe(added.publicKeys[0]?.publicKey)
    await keys.endPreviousSigningKey(id)
    expect((await show(id)).publicKeys).toEqual(both.publicKeys.slice(0, 1))
    await keys.removeSigningKey(id)
    expect(await show(id)).toMatchObject({ signatures: ["v1"], publicKeys: [] })
  })

  it("shows a delivery with its attempts, and sends it and others again", async () => {
    const id = await newEndpoint()
    const listed = await Array.fromAsync(client.webhookDeliveries({ endpoint: id, state: "dead" }))
    const [one] = listed.filter(({ endpoint }) => endpoint === id)
    expect(one).toMatchObject({ event: deadEvent, state: "dead", attempts: 1, sequence: 9 })
    const { ended, ...shown } = await client.webhookDelivery(id, deadEvent)
    expect(shown).toEqual(one)
    expect(ended).toMatchObject([{ number: 1, status: 503, error: "HTTP 503", answer: "try later" }])
    // Its name in the paths, as lists have it, is as good.
    const withBody = await client.webhookDelivery(id, one?.id ?? "", { body: true })
    expect(withBody).toEqual({ ...shown, ended, body: "{}" })
    expect(await client.resendWebhook(id, deadEvent)).toEqual({
      endpoint: id,
      event: deadEvent,
      stateBefore: "dead",
    })
    expect(await client.redriveWebhooks(id)).toEqual({ resent: 1, isComplete: true })
    const since = "2026-11-27T00:00:00Z"
    expect(await client.redriveWebhooks(id, { since })).toEqual({ resent: 1, isComplete: true })
    expect(await failureOf(client.redriveWebhooks(id, { since: "yesterday" }))).toMatchObject({
      status: 400,
      errors: [{ pointer: "/since" }],
    })
    expect(await failureOf(client.resendWebhook(id, "pb_none:1"))).toMatchObject({ status: 404 })
  })

  it("starts a replay, and follows it", async () => {
    const id = await newEndpoint()
    const { id: batchId } = await client.post({
      items: [
        {
          reference: "replayed",
          amount: { currency: "EUR", value: "12.34" },
          beneficiary: {
            name: "Erika Mustermann",
            account: { scheme: "iban", iban: "DE89370400440532013000" },
          },
        },
      ],
    })
    const unknown = { batchId: `pb_${"a".repeat(22)}` }
    expect(await failureOf(client.startWebhookReplay(id, unknown))).toMatchObject({ status: 404 })
    expect(await failureOf(others.startWebhookReplay(id, { batchId }))).toMatchObject({ status: 404 })
    const started = await client.startWebhookReplay(id, { batchId, fromSequence: 7 })
    expect(started).toMatchObject({ endpoint: id, batchId, fromSequence: 7, state: "running" })
    expect(await client.webhookReplays(id)).toEqual([started])
    expect(await client.webhookReplay(id, started.id)).toEqual(started)
    const second = await failureOf(client.startWebhookReplay(id, { since: "2026-11-27T00:00:00Z" }))
    expect(second).toMatchObject({ status: 409, mayBeDone: false })
    expect(JSON.stringify((second as Problem).members)).toContain(started.id)
    const vague = await failureOf(client.startWebhookReplay(id, {}))
    expect(vague).toMatchObject({ status: 400 })
    expect(await failureOf(client.webhookReplay(id, "wr_none"))).toMatchObject({ status: 404 })
  })

  it("keeps an endpoint from other partners in every method", async () => {
    const id = await newEndpoint()
    const { webhookSecrets: secrets } = others
    const calls = [
      others.webhookEndpoint(id),
      others.changeWebhookEndpoint(id, { description: "ours" }),
      others.pauseWebhookEndpoint(id),
      others.resumeWebhookEndpoint(id),
      others.testWebhookEndpoint(id),
      others.removeWebhookEndpoint(id),
      secrets.show(id),
      secrets.rotate(id),
      secrets.endPrevious(id),
      secrets.addSigningKey(id),
      secrets.rotateSigningKey(id),
      secrets.endPreviousSigningKey(id),
      secrets.removeSigningKey(id),
      others.webhookDelivery(id, deadEvent),
      others.resendWebhook(id, deadEvent),
      others.redriveWebhooks(id),
      others.startWebhookReplay(id, { since: "2026-11-27T00:00:00Z" }),
      others.webhookReplays(id),
      others.webhookReplay(id, "wr_done"),
    ]
    const failures = await Promise.all(calls.map(failureOf))
    expect(failures.map((failure) => (failure as Problem).status)).toEqual(calls.map(() => 404))
    expect(await others.webhookEndpoints()).toEqual([])
    expect(await Array.fromAsync(others.webhookDeliveries({ endpoint: id }))).toEqual([])
    expect((await client.webhookEndpoint(id)).state).toBe("active")
  })
})

describe("a service that answers now and then", () => {
  let service: ScriptedService
  let client: AtlasPay
  beforeAll(async () => {
    service = await ScriptedService.open()
    client = partnerClient({ url: service.url, apiKey: "a-key", totalMs: 10_000 })
  })
  afterAll(() => service?.[Symbol.asyncDispose]())

  const sent = () => service.received.map(({ method, path }) => `${method} ${path}`)

  /** Each change: the request that it is, and the client's method. */
  const changes: ReadonlyArray<readonly [request: string, body: string, call: () => Promise<unknown>]> = [
    ["POST /webhook-endpoints", '{"url":"u"}', () => client.createWebhookEndpoint({ url: "u" })],
    [
      "PATCH /webhook-endpoints/we_1",
      '{"rateLimit":null}',
      () => client.changeWebhookEndpoint("we_1", { rateLimit: null }),
    ],
    ["POST /webhook-endpoints/we_1/pause", "", () => client.pauseWebhookEndpoint("we_1")],
    ["POST /webhook-endpoints/we_1/resume", "", () => client.resumeWebhookEndpoint("we_1")],
    ["POST /webhook-endpoints/we_1/test", "", () => client.testWebhookEndpoint("we_1")],
    ["DELETE /webhook-endpoints/we_1", "", () => client.removeWebhookEndpoint("we_1")],
    [
      "POST /webhook-endpoints/we_1/secret/rotation",
      '{"overlapSeconds":0}',
      () => client.webhookSecrets.rotate("we_1", { overlapSeconds: 0 }),
    ],
    ["DELETE /webhook-endpoints/we_1/secret/previous", "", () => client.webhookSecrets.endPrevious("we_1")],
    ["PUT /webhook-endpoints/we_1/signing-key", "", () => client.webhookSecrets.addSigningKey("we_1")],
    [
      "POST /webhook-endpoints/we_1/signing-key/rotation",
      "{}",
      () => client.webhookSecrets.rotateSigningKey("we_1"),
    ],
    [
      "DELETE /webhook-endpoints/we_1/signing-key/previous",
      "",
      () => client.webhookSecrets.endPreviousSigningKey("we_1"),
    ],
    ["DELETE /webhook-endpoints/we_1/signing-key", "", () => client.webhookSecrets.removeSigningKey("we_1")],
    [
      "POST /webhook-endpoints/we_1/deliveries/pb_1.7.2/resend",
      "",
      () => client.resendWebhook("we_1", "pb_1:7:2"),
    ],
    ["POST /webhook-endpoints/we_1/redrive", "{}", () => client.redriveWebhooks("we_1")],
    [
      "POST /webhook-endpoints/we_1/replays",
      '{"since":"2026-11-27T00:00:00Z"}',
      () => client.startWebhookReplay("we_1", { since: "2026-11-27T00:00:00Z" }),
    ],
  ]

  it.each(changes)("is sent once if nobody knows whether it was done: %s", async (request, body, call) => {
    for (const lost of [drop, problem(503, "overloaded")]) {
      service.answer(lost)
      expect(await failureOf(call())).toMatchObject({ tries: 1, mayBeDone: true })
      expect(sent()).toEqual([request])
      expect(service.received[0]?.body).toBe(body)
    }
  })

  const given = json(200, { webhookDeliveries: [], next: null })
  const reads: ReadonlyArray<readonly [request: string, answer: Answering, call: () => Promise<unknown>]> = [
    ["GET /webhook-endpoints", json(200, { webhookEndpoints: [] }), () => client.webhookEndpoints()],
    [
      "GET /webhook-endpoints/we_1",
      json(200, { id: "we_1", state: "active" }),
      () => client.webhookEndpoint("we_1"),
    ],
    [
      "GET /webhook-endpoints/we_1/signatures",
      json(200, { signatures: [], publicKeys: [] }),
      () => client.webhookSecrets.show("we_1"),
    ],
    [
      "GET /webhook-deliveries?endpoint=we_1&state=dead&since=2026-11-27",
      given,
      () =>
        Array.fromAsync(client.webhookDeliveries({ endpoint: "we_1", state: "dead", since: "2026-11-27" })),
    ],
    [
      "GET /webhook-endpoints/we_1/deliveries/pb_1.7?body=true",
      json(200, { state: "dead", ended: [] }),
      () => client.webhookDelivery("we_1", "pb_1:7", { body: true }),
    ],
    [
      "GET /webhook-endpoints/we_1/replays",
      json(200, { webhookReplays: [] }),
      () => client.webhookReplays("we_1"),
    ],
    [
      "GET /webhook-endpoints/we_1/replays/wr_1",
      json(200, { id: "wr_1", state: "done" }),
      () => client.webhookReplay("we_1", "wr_1"),
    ],
  ]

  it.each(reads)("is read again until there is an answer: %s", async (request, answer, call) => {
    service.answer(drop, problem(503, "overloaded"), answer)
    await call()
    expect(sent()).toEqual([request, request, request])
  })

  it("takes no answer for one that lacks what every answer has", async () => {
    const bodiless = changes.filter(([request]) => request.startsWith("DELETE"))
    const answered = [...changes.filter((change) => !bodiless.includes(change)), ...reads]
    for (const [request, , call] of answered) {
      service.answer(json(200, { id: 1 }))
      expect(await failureOf(call()), request).toBeInstanceOf(UnusableAnswer)
    }
    expect(answered).toHaveLength(11 + 7)
  })

  it("reads the pages of a list one after the other, also an empty one, with the same filters", async () => {
    const page = (events: ReadonlyArray<string>, next: string | null) =>
      json(200, { webhookDeliveries: events.map((event) => ({ event })), next })
    service.answer(page(["a", "b"], "c1"), page([], "c2"), page(["c"], null))
    const listed = await Array.fromAsync(client.webhookDeliveries({ batch: "pb_1", limit: 2 }))
    expect(listed.map(({ event }) => event)).toEqual(["a", "b", "c"])
    const path = "GET /webhook-deliveries?batch=pb_1&limit=2"
    expect(sent()).toEqual([path, `${path}&cursor=c1`, `${path}&cursor=c2`])
    service.answer(page(["a"], "same"))
    await expect(Array.fromAsync(client.webhookDeliveries())).rejects.toBeInstanceOf(UnusableAnswer)
  })

  it("names what can be no endpoint and no event before anything is sent", async () => {
    service.answer(given)
    for (const call of [
      () => client.removeWebhookEndpoint(""),
      () => client.webhookSecrets.rotate(".."),
      () => client.resendWebhook("we_1", ""),
      () => client.resendWebhook("we_1", ":"),
    ])
      await expect((async () => call())()).rejects.toThrow(TypeError)
    expect(sent()).toEqual([])
    service.answer(json(202, { stateBefore: "dead" }))
    await client.resendWebhook("we/1?x", "../a:1")
    expect(sent()).toEqual(["POST /webhook-endpoints/we%2F1%3Fx/deliveries/..%2Fa.1/resend"])
  })
})
