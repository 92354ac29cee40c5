import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { get, post, send, setWeather, transferOf } from "./sandbox-client.ts"

let sandbox: Sandbox
let north: string
let references = 0

beforeAll(async () => {
  sandbox = await startSandbox()
  north = sandbox.urls.banks.north
})
afterEach(async () => {
  await Promise.all([north, sandbox.urls.compliance, sandbox.urls.ledger].map((url) => setWeather(url, {})))
})
afterAll(() => sandbox.close())

const nextReference = () => `weather-${++references}`
const order = (reference: string, waitMs?: number) =>
  send(`${north}/instant-transfer`, reference, transferOf("Ada Lovelace", reference), waitMs)
const inquire = (reference: string) => fetch(`${north}/instant-transfer/${reference}`, { redirect: "manual" })
const paymentsOf = async (reference: string): Promise<number> => {
  const { payments } = (await get(`${north}/books`)).body as { payments: { reference: string }[] }
  return payments.filter((payment) => payment.reference === reference).length
}
const isPaid = (reference: string) => expect.poll(() => paymentsOf(reference)).toBe(1)
/** What a client is told of a call that got no answer. */
const failureOf = async (call: Promise<Response>): Promise<string> => {
  const error = await call.then(
    () => new Error("it was answered"),
    (failure: Error) => failure,
  )
  const { cause } = error
  return cause instanceof Error && "code" in cause ? String(cause.code) : error.name
}

describe("the weather", () => {
  it("is fair at first, and is what was posted until it is deleted", async () => {
    const weather = { seed: 7, errorsBefore: 1, latency: { distribution: "constant", ms: 1 } }
    expect(await get(`${north}/sandbox/weather`)).toEqual({ status: 200, body: {} })
    expect(await setWeather(north, weather)).toEqual({ status: 200, body: weather })
    expect(await get(`${north}/sandbox/weather`)).toEqual({ status: 200, body: weather })
    expect((await order(nextReference())).status).toBeGreaterThanOrEqual(500)
    const cleared = await fetch(`${north}/sandbox/weather`, { method: "DELETE" })
    expect(await cleared.json()).toEqual({})
    expect((await order(nextReference())).status).toBe(202)
  })

  it("holds for one server alone", async () => {
    await setWeather(north, { errorsBefore: 1 })
    const { south } = sandbox.urls.banks
    const body = transferOf("Ada Lovelace", nextReference())
    expect((await post(`${south}/instant-transfer`, body.reference, body)).status).toBe(202)
  })

  it("hides no request from the count of what came, whatever became of it", async () => {
    const before = await get(`${north}/sandbox/requests`)
    const { orders, inquiries } = before.body as { orders: number; inquiries: number }
    const reference = nextReference()
    await setWeather(north, { errorsBefore: 1 })
    for (const _ of [1, 2, 3]) await order(reference)
    await setWeather(north, { down: { how: "reset", forMs: 60_000 } })
    for (const _ of [4, 5, 6, 7]) await failureOf(order(reference))
    await failureOf(inquire(reference))
    expect((await get(`${north}/sandbox/requests`)).body).toEqual({
      orders: orders + 7,
      ordersPerKeyMax: 7,
      inquiries: inquiries + 1,
    })
  })

  it.each([
    ["a share above one", { errorsAfter: 2 }, "errorsAfter"],
    ["a field that there is not", { errors: 0.1 }, "errors"],
    ["a field within a field", { callbacks: { lateMs: -1 } }, "lateMs"],
    ["a latency without bounds", { latency: { distribution: "constant", ms: 1e9 } }, "latency"],
    ["a kind that there is not", { malformed: { share: 1, kinds: ["rude"] } }, "kinds"],
    ["text that is no JSON", "{", "JSON"],
  ])("refuses %s, names it, and leaves the weather as it was", async (_what, weather, named) => {
    await setWeather(north, { seed: 3 })
    const answer = await setWeather(north, weather)
    expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining(named) } })
    expect((await get(`${north}/sandbox/weather`)).body).toEqual({ seed: 3 })
  })

  it("refuses what a server has no part in", async () => {
    expect(await setWeather(sandbox.urls.ledger, { callbacks: { late: 1 } })).toMatchObject({ status: 400 })
    expect(await setWeather(sandbox.urls.banks.west, { callbacks: { late: 1 } })).toMatchObject({
      status: 400,
    })
    expect(await setWeather(sandbox.urls.compliance, { forgottenKeys: 1 })).toMatchObject({ status: 400 })
  })

  it("lets no sandbox start with weather that there is not", async () => {
    await expect(startSandbox({ weather: { south: { errors: 1 } } })).rejects.toThrow(/south.*errors/s)
  })
})

describe("a request may meet", () => {
  it("latency before or after the work, which is done even when the client has gone", async () => {
    await setWeather(north, { latency: { distribution: "constant", ms: 300 } })
    const several = Array.from({ length: 8 }, nextReference)
    const failures = await Promise.all(several.map((reference) => failureOf(order(reference, 50))))
    expect(new Set(failures)).toEqual(new Set(["TimeoutError"]))
    await Promise.all(several.map(isPaid))
  })

  it("latency of its own when it only inquires", async () => {
    const slow = { distribution: "constant", ms: 60_000 }
    await setWeather(north, {
      latency: slow,
      inquiryLatency: { distribution: "uniform", msMin: 0, msMax: 1 },
    })
    expect((await inquire(nextReference())).status).toBe(404)
    expect(await failureOf(order(nextReference(), 50))).toBe("TimeoutError")
  })

  it("an error before the work, and nothing is done", async () => {
    await setWeather(north, { errorsBefore: 1 })
    const reference = nextReference()
    expect((await order(reference)).status).toBeGreaterThanOrEqual(500)
    expect((await inquire(reference)).status).toBe(404)
  })

  it("an error after the work, and it is done", async () => {
    await setWeather(north, { errorsAfter: 1 })
    const reference = nextReference()
    expect((await order(reference)).status).toBeGreaterThanOrEqual(500)
    await isPaid(reference)
  })

  it("an error when it only inquires", async () => {
    await setWeather(north, { inquiryErrors: 1 })
    const reference = nextReference()
    expect((await order(reference)).status).toBe(202)
    expect((await inquire(reference)).status).toBeGreaterThanOrEqual(500)
  })

  it.each([
    ["cut", "ECONNRESET", 5_000],
    ["hang", "TimeoutError", 200],
  ])("a reply that is lost after paying: %s", async (kind, seen, waitMs) => {
    await setWeather(north, { lostReplies: { [kind]: 1 } })
    const reference = nextReference()
    expect(await failureOf(order(reference, waitMs))).toBe(seen)
    await isPaid(reference)
  })

  it("429 with Retry-After, by share and in bursts", async () => {
    for (const when of [{ share: 1 }, { burst: { everyMs: 600_000, forMs: 600_000 } }]) {
      await setWeather(north, { tooManyRequests: { ...when, retryAfterS: 7 } })
      const reference = nextReference()
      const answer = await order(reference)
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "7"])
      expect(await paymentsOf(reference)).toBe(0)
    }
    await setWeather(north, { tooManyRequests: { burst: { everyMs: 600_000, forMs: 0 } } })
    expect((await order(nextReference())).status).toBe(202)
  })

  it("silence from the compliance engine, and nothing is screened", async () => {
    const { compliance } = sandbox.urls
    await setWeather(compliance, { silence: 1 })
    const item = { item: 0, name: "Ada", amount: { currency: "EUR", value: "1" }, account: {} }
    const clearance = { clearanceId: "silent", partner: "p", batch: "silent", items: [item] }
    expect(await failureOf(send(`${compliance}/clearance`, "silent", clearance, 200))).toBe("TimeoutError")
    const { screened } = (await get(`${compliance}/books`)).body as { screened: { batch: string }[] }
    expect(screened.some(({ batch }) => batch === "silent")).toBe(false)
  })

  it.each([
    ["refused", "ECONNREFUSED"],
    ["reset", "ECONNRESET"],
  ])("a server that is down (%s) for a while, and then is not", async (how, seen) => {
    await setWeather(north, { down: { how, forMs: 700 } })
    const reference = nextReference()
    await expect.poll(() => failureOf(order(reference))).toBe(seen)
    await expect.poll(async () => (await order(reference)).status, { timeout: 5_000 }).toBe(202)
    await isPaid(reference)
  })

  it("503 from a server that is down, but later and not for ever", async () => {
    await setWeather(north, { down: { how: "503", inMs: 500, forMs: 500 } })
    const reference = nextReference()
    const statuses = new Set<number>()
    const seen = async () => statuses.add((await order(reference)).status).size
    await expect.poll(seen, { interval: 20, timeout: 5_000 }).toBe(2)
    expect([...statuses]).toEqual([202, 503])
    await expect.poll(async () => (await order(reference)).status).toBe(202)
    await isPaid(reference)
  })

  it("a bank that forgets a key at once, or after a while, and pays again", async () => {
    for (const forgetting of [{ forgottenKeys: 1 }, { keysForgottenAfterMs: 0 }]) {
      await setWeather(north, forgetting)
      const reference = nextReference()
      const first = await (await order(reference)).json()
      await expect.poll(() => paymentsOf(reference)).toBeGreaterThan(0)
      const second = await (await order(reference)).json()
      expect(second).not.toEqual(first)
      await expect.poll(() => paymentsOf(reference)).toBe(2)
    }
    expect((await get(`${north}/books`)).body).toMatchObject({ paidTwice: 2 })
  })
})

describe("an answer may be malformed", () => {
  /** The answer to an inquiry that is malformed in one way. */
  const malformed = async (kind: string): Promise<Response> => {
    const reference = nextReference()
    await order(reference)
    await setWeather(north, { malformed: { share: 1, kinds: [kind] } })
    return inquire(reference)
  }

  it("as a page in HTML", async () => {
    const answer = await malformed("html")
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/html"])
    expect(await answer.text()).toMatch(/^<!doctype html>/)
  })

  it("with values of other types", async () => {
    const body = (await (await malformed("wrong-types")).json()) as Record<string, unknown>
    expect(body).toMatchObject({ reference: expect.any(Number), status: expect.any(Number) })
  })

  it("with more than a megabyte", async () => {
    expect((await (await malformed("huge")).text()).length).toBeGreaterThan(1_024 * 1_024)
  })

  it("as a redirect", async () => {
    const answer = await malformed("redirect")
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "/elsewhere"])
  })

  it("with its end missing", async () => {
    const text = await (await malformed("truncated")).text()
    expect(text).toMatch(/^\{/)
    expect(() => JSON.parse(text)).toThrow(SyntaxError)
  })

  it("also when it tells of an order, which is paid nonetheless", async () => {
    await setWeather(north, { malformed: { share: 1, kinds: ["truncated"] } })
    const reference = nextReference()
    await expect((await order(reference)).json()).rejects.toThrow(SyntaxError)
    await isPaid(reference)
  })
})
