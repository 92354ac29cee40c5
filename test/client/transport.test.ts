/** What the client sends again and what not, under which key, and what it says of a call that failed. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Aborted,
  AtlasPayError,
  KeyReused,
  NoAnswer,
  Problem,
  Timeout,
  UnusableAnswer,
} from "../../src/client/errors.ts"
import { type AtlasPay, partnerClient } from "../../src/client/partner-client.ts"
import { drop, json, parts, problem, ScriptedService, silence } from "./scripted-service.ts"

const KEY = "a-key-that-nobody-may-read"
const accepted = json(202, { id: "pb_1", itemCount: 1, state: "received", totals: {}, receivedAt: "" })
const shown = json(200, { id: "pb_1", state: "settled", itemCount: 1, version: 3, states: {} })
const overloaded = problem(503, "overloaded")
const body = "{}"

let service: ScriptedService
let client: AtlasPay

beforeAll(async () => {
  service = await ScriptedService.open()
  client = partnerClient({ url: service.url, apiKey: KEY, totalMs: 10_000 })
})
afterAll(() => service[Symbol.asyncDispose]())

const keys = () => service.received.map(({ key }) => key)

const failureOf = async (call: Promise<unknown>): Promise<AtlasPayError> => {
  const outcome = await call.then(
    (answer) => answer,
    (error: unknown) => error,
  )
  if (!(outcome instanceof AtlasPayError))
    throw new Error("the call did not fail as calls do", { cause: outcome })
  return outcome
}

describe("a batch whose answer is lost", () => {
  it("is sent again, byte for byte and under the same key that the client made", async () => {
    service.answer(drop, overloaded, accepted)
    const { id, idempotencyKey } = await client.post({ items: [] })
    expect(id).toBe("pb_1")
    expect(idempotencyKey).toMatch(/^[0-9a-f-]{36}$/)
    expect(keys()).toEqual([idempotencyKey, idempotencyKey, idempotencyKey])
    expect(new Set(service.received.map(({ body }) => body)).size).toBe(1)
  })

  it("has another key in each call that names none, and the caller's own in one that does", async () => {
    service.answer(accepted)
    await client.post(body)
    await client.post(body)
    await client.post(body, { idempotencyKey: "week-12" })
    const [first, second, third] = keys()
    expect(first).not.toBe(second)
    expect(third).toBe("week-12")
  })

  it("fails with its key, and says that it may be accepted", async () => {
    service.answer(drop)
    const failure = await failureOf(client.post(body, { triesMax: 3 }))
    expect(failure).toBeInstanceOf(NoAnswer)
    expect(failure).toMatchObject({ tries: 3, mayBeDone: true, call: "POST /payout-batches" })
    expect(keys()).toEqual([failure.idempotencyKey, failure.idempotencyKey, failure.idempotencyKey])
  })

  it("may be accepted, also if a later try was refused", async () => {
    service.answer(drop, problem(401, "unauthorized"))
    const failure = await failureOf(client.post(body))
    expect(failure).toBeInstanceOf(Problem)
    expect(failure).toMatchObject({ status: 401, tries: 2, mayBeDone: true })
  })

  it("may be accepted, if the service failed, or something before it answered", async () => {
    service.answer(problem(500, "internal-error"))
    expect(await failureOf(client.post(body, { triesMax: 2 }))).toMatchObject({ tries: 2, mayBeDone: true })
    service.answer(parts("text/html", ["<html>logged in</html>"]))
    const page = await failureOf(client.post(body))
    expect(page).toBeInstanceOf(UnusableAnswer)
    expect(page).toMatchObject({ tries: 1, mayBeDone: true })
  })

  it("is not sent under a key that can be none, nor under one of the client's own in its place", async () => {
    service.answer(accepted)
    for (const idempotencyKey of ["", "woche-\u00fc", "a\nb", "k".repeat(256)]) {
      await expect(client.post(body, { idempotencyKey })).rejects.toThrow(TypeError)
      await expect(client.cancel("pb_1", { reason: "" }, { idempotencyKey })).rejects.toThrow(TypeError)
    }
    expect(service.received).toHaveLength(0)
  })

  it("was not sent if its file cannot be opened", async () => {
    service.answer(accepted)
    const missing = () => Promise.reject(new Error("no such file"))
    const failure = await failureOf(client.postFile(missing, { contentType: "text/csv" }))
    expect(failure).toMatchObject({ tries: 1, mayBeDone: false })
    expect(failure.message).toContain("no such file")
  })

  it("is sent once if its file is a stream, and again if a function opens one", async () => {
    const file = () => new Blob(["a,b\n", "1,2\n"]).stream()
    const options = {
      contentType: "text/csv",
      terms: { reference: "week 12", requireApproval: true },
    } as const
    service.answer(drop, accepted)
    const failure = await failureOf(client.postFile(file(), options))
    expect(failure).toMatchObject({ tries: 1, mayBeDone: true })
    service.answer(drop, accepted)
    const { idempotencyKey } = await client.postFile(file, options)
    expect(keys()).toEqual([idempotencyKey, idempotencyKey])
    expect(service.received.map(({ body }) => body)).toEqual(["a,b\n1,2\n", "a,b\n1,2\n"])
    expect(service.received[0]).toMatchObject({
      path: "/payout-batches?reference=week+12&requireApproval=true",
      headers: { "content-type": "text/csv" },
    })
  })
})

describe("a refusal", () => {
  it("ends the call at once, and says that nothing was done", async () => {
    service.answer(problem(400, "invalid-body", { errors: [{ pointer: "/items/0", detail: "wrong" }, "?"] }))
    const failure = await failureOf(client.post(body))
    expect(failure).toMatchObject({ status: 400, type: "/problems/invalid-body", tries: 1, mayBeDone: false })
    expect(failure.message).toBe("POST /payout-batches: 400 invalid-body\n  /items/0: wrong")
    expect(service.received).toHaveLength(1)
  })

  it("of a key that was used is surfaced with its batch", async () => {
    service.answer(problem(422, "idempotency-key-reused", { batch: "pb_7" }))
    const failure = await failureOf(client.post(body, { idempotencyKey: "week-12" }))
    expect(failure).toBeInstanceOf(KeyReused)
    expect(failure).toMatchObject({ batch: "pb_7", idempotencyKey: "week-12" })
    expect(service.received).toHaveLength(1)
  })

  it("for the moment is followed by another try, not before Retry-After", async () => {
    service.answer(problem(429, "partner-share-full", {}, { "retry-after": "1" }), accepted)
    const since = Date.now()
    await client.post(body)
    expect(Date.now() - since).toBeGreaterThanOrEqual(990)
  })

  it("that asks to wait for longer than the call may take ends it", async () => {
    const later = new Date(Date.now() + 3_600_000).toUTCString()
    for (const retryAfter of ["3600", later]) {
      service.answer(problem(503, "intake-full", {}, { "retry-after": retryAfter }))
      const failure = await failureOf(client.post(body))
      expect(failure).toMatchObject({ status: 503, tries: 1 })
      expect((failure as Problem).retryAfterMs).toBeGreaterThan(3_500_000)
    }
  })
})

describe("what may not be repeated", () => {
  it("is a new endpoint, whose second one would be another", async () => {
    service.answer(overloaded, json(201, { id: "we_1", secret: "whsec_" }))
    expect(await failureOf(client.createWebhookEndpoint({ url: "https://a.example" }))).toMatchObject({
      tries: 1,
    })
    expect(service.received).toHaveLength(1)
  })

  it("is a redirect: the key is not sent to somebody else", async () => {
    service.answer((response) => response.writeHead(307, { location: "http://127.0.0.1:9/" }).end())
    expect(await failureOf(client.post(body))).toBeInstanceOf(UnusableAnswer)
    expect(service.received).toHaveLength(1)
  })
})

describe("a dry run", () => {
  it("has no key, so that a service that does not know it refuses it, and is repeated", async () => {
    service.answer(drop, json(200, { dryRun: true, itemCount: 1 }))
    await client.dryRun(body)
    expect(keys()).toEqual([undefined, undefined])
    expect(service.received.map(({ path }) => path)).toEqual(Array(2).fill("/payout-batches?dryRun=true"))
  })

  it("takes no batch that was accepted for its answer", async () => {
    service.answer(accepted)
    expect(await failureOf(client.dryRun(body))).toBeInstanceOf(UnusableAnswer)
  })
})

describe("time", () => {
  it("ends a try that gets no answer, and the call with its last one", async () => {
    service.answer(silence)
    const failure = await failureOf(client.post(body, { tryMs: 100, totalMs: 2_000, triesMax: 2 }))
    expect(failure).toBeInstanceOf(Timeout)
    expect(failure).toMatchObject({ tries: 2, mayBeDone: true })
    expect(keys()).toEqual([failure.idempotencyKey, failure.idempotencyKey])
  })

  it("ends an answer that does not go on", async () => {
    service.answer(parts("application/json", ['{"id":'], "open"), shown)
    expect(await client.batch("pb_1", { tryMs: 200 })).toMatchObject({ id: "pb_1" })
  })

  it("ends the tries of a call together", async () => {
    service.answer(overloaded)
    const since = Date.now()
    await failureOf(client.batch("pb_1", { totalMs: 1_000, triesMax: 1_000 }))
    // A thousand tries would take hours.
    expect(Date.now() - since).toBeLessThan(20_000)
    expect(service.received.length).toBeGreaterThan(1)
  })

  it("is the caller's own: an abort ends a call, which then has its key, also in a pause", async () => {
    service.answer(problem(503, "overloaded", {}, { "retry-after": "5" }))
    const signal = AbortSignal.timeout(200)
    const failure = await failureOf(client.post(body, { signal }))
    expect(failure).toBeInstanceOf(Aborted)
    expect(failure).toMatchObject({ mayBeDone: true, idempotencyKey: keys()[0] })
    const early = await failureOf(client.post(body, { signal: AbortSignal.abort() }))
    expect(early).toMatchObject({ mayBeDone: false })
  })
})

describe("an answer", () => {
  it("that is none of the API is not taken for one", async () => {
    for (const answering of [json(200, []), json(200, { id: 7 }), parts("application/json", ["{"])]) {
      service.answer(answering)
      expect(await failureOf(client.batch("pb_1"))).toBeInstanceOf(UnusableAnswer)
    }
  })

  it("that does not end is not read for ever", async () => {
    service.answer((response) => {
      response.writeHead(200, { "content-type": "application/json" })
      const more = () => {
        while (!response.destroyed && response.write(" ".repeat(1024 * 1024)));
      }
      response.on("drain", more)
      more()
    })
    const failure = await failureOf(client.batch("pb_1", { triesMax: 1, tryMs: 30_000, totalMs: 30_000 }))
    expect(failure).toBeInstanceOf(UnusableAnswer)
    expect(failure.message).toContain("more than 67108864 bytes")
  })

  it("that repeats the key shows it nowhere", async () => {
    service.answer((response, { headers }) => response.writeHead(502).end(`sent: ${headers.authorization}`))
    const failure = await failureOf(client.batch("pb_1", { triesMax: 1 }))
    expect(failure.message).toContain("sent: Bearer [the API key]")
    expect(JSON.stringify(failure)).not.toContain(KEY)
  })
})

describe("a batch that is waited for", () => {
  const batch = (version: number, more: object = {}) =>
    json(200, { id: "pb_1", state: "settling", version, needsAttention: false, ...more })
  const closed = { state: "settled", closedAt: "2026-11-28T00:00:00.000Z" }

  it("is there once it is closed, or needs a person", async () => {
    const versions: Array<number> = []
    const seen = ({ version }: { readonly version: number }) => versions.push(version)
    service.answer(batch(1), overloaded, batch(1), batch(2, { needsAttention: true }), batch(3, closed))
    expect(await client.settled("pb_1", { seen })).toMatchObject({ version: 2, needsAttention: true })
    expect(await client.settled("pb_1", { seen, throughAttention: true })).toMatchObject({ version: 3 })
    expect(versions).toEqual([1, 2, 3])
  })

  it("is not waited for longer than the caller wants", async () => {
    service.answer(batch(1))
    const failure = await failureOf(client.settled("pb_1", { withinMs: 600 }))
    expect(failure).toBeInstanceOf(Timeout)
    expect(failure.message).toContain("settling")
  })
})

describe("a list", () => {
  it("goes on over empty pages, with its filters, and reads no page before it is asked for", async () => {
    const page = (ids: ReadonlyArray<string>, next: string | null) =>
      json(200, { payoutBatches: ids.map((id) => ({ id })), next })
    service.answer(page(["a"], "c 1"), page([], "c2"), page(["b"], null))
    const list = client.batches({ state: ["settled", "failed"], limit: 1 })
    expect((await list.next()).value).toEqual({ id: "a" })
    expect(service.received).toHaveLength(1)
    expect((await list.next()).value).toEqual({ id: "b" })
    expect((await list.next()).done).toBe(true)
    expect(service.received.map(({ path }) => path)).toEqual([
      "/payout-batches?state=settled%2Cfailed&limit=1",
      "/payout-batches?state=settled%2Cfailed&limit=1&cursor=c+1",
      "/payout-batches?state=settled%2Cfailed&limit=1&cursor=c2",
    ])
  })

  it("whose page leads to itself ends with an error", async () => {
    service.answer(json(200, { payoutBatches: [], next: "c" }))
    expect(await failureOf(Array.fromAsync(client.batches()))).toBeInstanceOf(UnusableAnswer)
    expect(service.received).toHaveLength(2)
  })
})

describe("settings", () => {
  it.each([
    ["no address", "payouts", KEY],
    ["an address with credentials", `http://partner:${KEY}@127.0.0.1:9`, KEY],
    ["another protocol", "ftp://127.0.0.1", KEY],
    ["a key with a line break", "http://127.0.0.1:9", `${KEY}\nx`],
    ["no key", "http://127.0.0.1:9", ""],
  ])("are refused with %s, which the error does not show", (_, url, apiKey) => {
    let shown = ""
    try {
      partnerClient({ url, apiKey })
    } catch (error) {
      shown = String(error)
    }
    expect(shown).toMatch(/^TypeError: The (?:address|API key)/)
    expect(shown).not.toContain(KEY)
  })

  it("do not lead a name to another place", async () => {
    for (const id of ["", ".", ".."]) await expect(client.batch(id)).rejects.toThrow(TypeError)
  })
})
