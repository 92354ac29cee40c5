import { request } from "node:http"
import { Effect } from "effect"
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { ownPrefix } from "../../settings.ts"
import { type Answer, ApiUnderTest, acme, globex } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

/** Does something with an API of its own, whose memory is as fresh as after a start. */
const withApi = async <A>(
  environment: Readonly<Record<string, string>>,
  use: (api: ApiUnderTest) => Promise<A>,
): Promise<A> => {
  await using own = await ApiUnderTest.open({ environment })
  return await use(own)
}

const eventsOf = (key: string, partner = "acme") =>
  Effect.runPromise(api.log.read(batchIdOf(partner, key), 0, 100))

const errorsOf = (answer: Answer) => answer.json.errors as ReadonlyArray<Record<string, unknown>>

describe("a payout batch", () => {
  it("is in the log when it is accepted", async () => {
    const items = [payout("a"), payout("b", { amount: { currency: "KWD", value: "1.234" } }), payout("c")]
    const answer = await api.post("accepted", { reference: "week 1", items })
    expect(answer.status).toBe(202)
    const id = batchIdOf("acme", "accepted")
    expect(answer.headers.get("location")).toBe(`/payout-batches/${id}`)
    expect(answer.json).toEqual({
      id,
      state: "received",
      itemCount: 3,
      totals: { EUR: "24.68", KWD: "1.234" },
      receivedAt: expect.stringMatching(/Z$/),
    })
    const [received, ...others] = (await eventsOf("accepted")).map(({ event }) => event)
    expect(received).toMatchObject({
      _tag: "BatchReceived",
      partner: "acme",
      reference: "week 1",
      itemCount: 3,
    })
    expect(others.flatMap((event) => (event._tag === "ItemsReceived" ? event.items : []))).toMatchObject([
      { item: 1, minor: 1234n },
      { item: 2, minor: 1234n, currency: "KWD" },
      { item: 3, reference: "c" },
    ])
  })

  it("is answered the same again for the same key and body", async () => {
    const body = { items: [payout("a")] }
    const first = await api.post("again", body)
    const second = await api.post("again", body)
    expect(second.status).toBe(202)
    expect(second.text).toBe(first.text)
    expect(first.headers.get("idempotent-replayed")).toBeNull()
    expect(second.headers.get("idempotent-replayed")).toBe("true")
    expect(await eventsOf("again")).toHaveLength(3)
  })

  describe("whose request names a trace", () => {
    const trace = { id: "0af7651916cd43dd8448eb211c80319c", parent: "b7ad6b7169203331", sampled: true }
    const traceparent = `00-${trace.id}-b7ad6b7169203331-01`
    const bodies = {
      "application/json": JSON.stringify({ items: [payout("a")] }),
      "text/csv": "reference,currency,amount,name,iban\na,EUR,1.00,Kim,DE89370400440532013000\n",
    }
    const post = (key: string, type: keyof typeof bodies, named: string) =>
      api.call("/payout-batches", {
        method: "POST",
        headers: {
          authorization: `Bearer ${acme}`,
          "content-type": type,
          "idempotency-key": key,
          traceparent: named,
        },
        body: bodies[type],
      })

    it.each(["application/json", "text/csv"] as const)("keeps it, and no later one: %s", async (type) => {
      const key = `trace of ${type}`
      const first = await post(key, type, traceparent)
      const again = await post(key, type, traceparent.replace("0af7", "ffff"))
      expect([first.status, again.text]).toEqual([202, first.text])
      const [received, items] = (await eventsOf(key)).map(({ event }) => event)
      expect(received).toMatchObject({ trace })
      expect(items).not.toHaveProperty("trace")
      const { json } = await api.get(`/payout-batches/${batchIdOf("acme", key)}/events?limit=1`)
      expect(json.events).toMatchObject([{ type: "BatchReceived", trace }])
    })

    it("is accepted without it if the header is not as the standard has it", async () => {
      expect((await post("no trace", "application/json", `${traceparent}, ${traceparent}`)).status).toBe(202)
      const [received] = await eventsOf("no trace")
      expect(received?.event).not.toHaveProperty("trace")
    })
  })

  it("is one batch however many requests race for it", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.post("race", { items: [payout("a")] })),
    )
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(answers.filter(({ headers }) => headers.get("idempotent-replayed") === null)).toHaveLength(1)
  })

  it("keeps its key: another body is refused with the batch that the key stands for", async () => {
    const first = await api.post("reused", { items: [payout("a")] })
    const second = await api.post("reused", { items: [payout("b")] })
    expect(second.status).toBe(422)
    expect(second.json).toMatchObject({ type: "/problems/idempotency-key-reused", batch: first.json.id })
    expect(await eventsOf("reused")).toHaveLength(3)
  })

  it("is sealed before it enters the log", async () => {
    await api.post("sealed", { items: [payout("a"), payout("b")] })
    const received = (await eventsOf("sealed")).map(({ event }) => event)
    const chunks = received.flatMap((event) =>
      event._tag === "ItemsReceived"
        ? [{ accounts: event.items.map(({ beneficiary }) => beneficiary.account), sealed: event.sealed }]
        : [],
    )
    const shown = { scheme: "iban", country: "DE", lastFour: "3000" }
    expect(chunks).toEqual([{ accounts: [shown, shown], sealed: expect.stringMatching(/^1\.[\w-]{150,}$/) }])
  })

  it("of a partner whose keys were forgotten is refused, unless it was accepted before", async () => {
    const environment = { STREAM_PREFIX: ownPrefix() }
    const body = { items: [payout("a")] }
    const { text } = await withApi(environment, (before) => before.post("known", body))
    const redis = new Redis(inject("redisUrl"))
    await redis.hset(`${environment.STREAM_PREFIX}:keys:acme`, "forgotten", "now")
    redis.disconnect()
    await withApi(environment, async (after) => {
      expect(await after.post("new", body)).toMatchObject({
        status: 403,
        json: { type: "/problems/keys-forgotten" },
      })
      expect((await after.post("new", body, globex)).status, "another partner").toBe(202)
      expect(await after.post("known", body)).toMatchObject({ status: 202, text })
    })
  })

  it("is another one for another partner under the same key", async () => {
    const mine = await api.post("shared", { items: [payout("a")] })
    const theirs = await api.post("shared", { items: [payout("b")] }, globex)
    expect(theirs.status).toBe(202)
    expect(theirs.json.id).not.toBe(mine.json.id)
  })
})

describe("a payout batch that is not as agreed", () => {
  const noFields = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`f${index}`, 1]))
  it.each([
    ["a JPY amount with decimals", { amount: { currency: "JPY", value: "12.5" } }, "/amount/value"],
    ["a KWD amount with four decimals", { amount: { currency: "KWD", value: "1.2345" } }, "/amount/value"],
    ["an amount that is a number", { amount: { currency: "EUR", value: 12.34 } }, "/amount/value"],
    ["nothing to pay", { amount: { currency: "EUR", value: "0.00" } }, "/amount/value"],
    ["no amount", { amount: undefined }, "/amount"],
    ["a currency that nobody pays in", { amount: { currency: "XAU", value: "1" } }, "/amount/currency"],
    [
      "an IBAN with a wrong check digit",
      { beneficiary: { name: "x", account: { scheme: "iban", iban: "DE88370400440532013000" } } },
      "/beneficiary/account/iban",
    ],
    [
      "an account of an unknown scheme",
      { beneficiary: { name: "x", account: { scheme: "iou" } } },
      "/beneficiary/account",
    ],
    [
      "a name that cannot be read",
      { beneficiary: { ...payout("a").beneficiary, name: "a\u202eb" } },
      "/beneficiary/name",
    ],
    ["an empty reference", { reference: "" }, "/reference"],
    ["a long remittance", { remittance: "x".repeat(141) }, "/remittance"],
    ["an unknown field", { "a/b~c": 1 }, "/a~1b~0c"],
    ["an unknown field within", { amount: { currency: "EUR", value: "1.00", cents: 1 } }, "/amount/cents"],
    ["more fields than anyone has", noFields, ""],
  ])("names item and field: %s", async (name, changes, pointer) => {
    const answer = await api.post(name, { items: [payout("good"), payout("bad", changes)] })
    expect(answer.status).toBe(400)
    expect(answer.headers.get("content-type")).toBe("application/problem+json")
    expect(errorsOf(answer)).toEqual([expect.objectContaining({ pointer: `/items/1${pointer}`, item: 2 })])
    expect(await eventsOf(name)).toEqual([])
  })

  it.each([
    ["text that is not JSON", "{", ""],
    ["a list", "[]", ""],
    ["no items", { items: [] }, "/items"],
    ["too many items", { items: Array(100_001).fill(0) }, "/items"],
    ["an unknown field", { items: [payout("a")], dryRun: true }, "/dryRun"],
  ])("names the field: %s", async (name, body, pointer) => {
    const answer = await api.post(name, body)
    expect(answer.status).toBe(400)
    expect(errorsOf(answer)).toEqual([expect.objectContaining({ pointer })])
    expect(await eventsOf(name)).toEqual([])
  })

  it("hears of all problems at once, duplicate references included", async () => {
    const items = [
      payout("a", { amount: { currency: "EUR", value: "1,00" }, remittance: "" }),
      payout("a"),
      7,
      payout("d", {
        beneficiary: { name: "x", account: { scheme: "sort-code", sortCode: "1", accountNumber: "2" } },
      }),
    ]
    const answer = await api.post("all", { reference: "", items })
    expect(errorsOf(answer).map(({ pointer }) => pointer)).toEqual([
      "/reference",
      "/items/0/amount/value",
      "/items/0/remittance",
      "/items/1/reference",
      "/items/2",
      "/items/3/beneficiary/account/sortCode",
      "/items/3/beneficiary/account/accountNumber",
    ])
    expect(errorsOf(answer)[3]).toEqual({
      pointer: "/items/1/reference",
      item: 2,
      field: "reference",
      detail: "already used by item 1",
    })
  })

  it("hears of a hundred problems at most", async () => {
    const answer = await api.post("many", { items: Array(15_000).fill({}) })
    expect(errorsOf(answer)).toHaveLength(100)
  })
})

describe("a request", () => {
  const send = (headers: Record<string, string>, body = JSON.stringify({ items: [payout("a")] })) =>
    api.call("/payout-batches", { method: "POST", headers, body })
  const json = { "content-type": "application/json" }

  it.each([
    ["no key", {}],
    ["an unknown key", { authorization: "Bearer nobody" }],
    ["another scheme", { authorization: `Basic ${acme}` }],
  ])("needs an API key: %s", async (_, headers) => {
    const answer = await send({ ...json, "idempotency-key": "k", ...headers })
    expect(answer.status).toBe(401)
    expect(answer.headers.get("www-authenticate")).toBe("Bearer")
  })

  it.each([
    [{}],
    [{ "idempotency-key": "" }],
    [{ "idempotency-key": "x".repeat(256) }],
    [{ "idempotency-key": "ü" }],
  ])("needs an idempotency key: %j", async (headers) => {
    const answer = await send({ ...json, authorization: `Bearer ${acme}`, ...headers })
    expect(answer.status).toBe(400)
    expect(answer.json.detail).toContain("Idempotency-Key")
  })

  it("needs to be JSON by its media type", async () => {
    const headers = { "content-type": "text/plain", authorization: `Bearer ${acme}`, "idempotency-key": "k" }
    expect((await send(headers)).status).toBe(415)
  })

  it("is refused beyond 48 MiB by its announced length", async () => {
    expect((await api.post("large", " ".repeat(48 * 1024 * 1024 + 1))).status).toBe(413)
  })

  it("is refused beyond 48 MiB while it comes in, without a length", async () => {
    expect(await streamed("endless", 49)).toBe(413)
    expect(await eventsOf("endless")).toEqual([])
  })
})

/** Sends so many MiB in pieces, and tells the status of the answer. */
const streamed = (key: string, mebibytes: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${acme}`,
      "idempotency-key": key,
      "content-type": "application/json",
    }
    const call = request(`${api.url}/payout-batches`, { method: "POST", headers }, (answer) => {
      resolve(answer.statusCode ?? 0)
      answer.resume()
    })
    call.on("error", reject)
    for (let sent = 0; sent < mebibytes; sent += 1) call.write(Buffer.alloc(1024 * 1024, " "))
    call.end()
  })
