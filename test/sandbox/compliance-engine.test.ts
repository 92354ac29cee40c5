import { afterAll, beforeAll, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { type CallbackReceiver, startCallbackReceiver } from "./callback-receiver.ts"
import { get, iban, post } from "./sandbox-client.ts"

let sandbox: Sandbox
let receiver: CallbackReceiver

beforeAll(async () => {
  sandbox = await startSandbox({ decisionDelayMs: 30 })
  receiver = await startCallbackReceiver(500)
})
afterAll(async () => {
  await sandbox.close()
  await receiver.close()
})

const clearanceOf = (clearanceId: string, ...names: string[]) => ({
  clearanceId,
  partner: "partner-1",
  batch: `batch-of-${clearanceId}`,
  items: names.map((name, item) => ({
    item,
    name,
    amount: { currency: "JPY", value: "150" },
    account: { iban },
  })),
})

const clear = (
  body: ReturnType<typeof clearanceOf> & { readonly callbackUrl?: string },
  key = `key-${body.clearanceId}`,
) => post(`${sandbox.urls.compliance}/clearance`, key, body)

it("decides each item in the order given, with a reason where it does not approve", async () => {
  expect(await clear(clearanceOf("c1", "Rita Review 7", "Ada Lovelace", "sam  SANCTIONED"))).toEqual({
    status: 200,
    body: {
      clearanceId: "c1",
      listVersion: "sandbox-2026-11-01",
      decisions: [
        { item: 0, decision: "review", reason: "name-similar-to-list-entry", payee: "unknown" },
        { item: 1, decision: "approved", payee: "unknown" },
        { item: 2, decision: "rejected", reason: "sanctions-list-hit", payee: "unknown" },
      ],
    },
  })
})

it("answers a repeated key alike and screens once; another body under it is a conflict", async () => {
  const body = clearanceOf("c2", "Ada Lovelace")
  const first = await clear(body)
  expect(await clear(body)).toEqual(first)
  expect(await clear(clearanceOf("c3", "Ada Lovelace"), "key-c2")).toEqual({
    status: 409,
    body: { code: "key-conflict" },
  })
  const { screened } = (await get(`${sandbox.urls.compliance}/books`)).body as {
    screened: { batch: string }[]
  }
  expect(screened.filter(({ batch }) => batch === "batch-of-c2")).toMatchObject([
    { batch: "batch-of-c2", item: 0, decision: "approved", payee: "unknown" },
  ])
  expect(screened.some(({ batch }) => batch === "batch-of-c3")).toBe(false)
})

it("refuses a clearance without items, or with more than 20 000", async () => {
  expect((await clear(clearanceOf("c4"))).status).toBe(400)
  expect((await clear(clearanceOf("c5", ...Array<string>(20_001).fill("Ada")))).status).toBe(400)
})

it("names the field that is malformed, without quoting what it held", async () => {
  const { items, ...rest } = clearanceOf("c6", "Ada Lovelace")
  const answer = await post(`${sandbox.urls.compliance}/clearance`, "key-c6", {
    ...rest,
    items: items.map((item) => ({ ...item, account: iban })),
  })
  expect(answer).toMatchObject({
    status: 400,
    body: { code: "malformed", message: expect.stringContaining("account") },
  })
  expect(JSON.stringify(answer.body)).not.toContain(iban)
})

const books = async () => (await get(`${sandbox.urls.compliance}/books`)).body

it("says of some whether the account is theirs, and of all others that it does not know", async () => {
  const { body } = await clear(
    clearanceOf("c7", "Vera Verified", "Clive Close", "Nora Nomatch", "Ada Lovelace"),
  )
  const { decisions } = body as { decisions: { decision: string; payee: string }[] }
  expect(decisions.map(({ payee }) => payee)).toEqual(["match", "close-match", "no-match", "unknown"])
  expect(new Set(decisions.map(({ decision }) => decision))).toEqual(new Set(["approved"]))
})

it("decides some later, and reports that by a signed callback until it is acknowledged", async () => {
  const names = ["Ada Lovelace", "Ada Async", "Sam Sanctioned", "Ada Async 2"]
  const request = { ...clearanceOf("c8", ...names), callbackUrl: receiver.url }
  const first = await clear(request)
  const { decisions } = first.body as { decisions: { decision: string }[] }
  expect(decisions.map(({ decision }) => decision)).toEqual(["approved", "pending", "rejected", "pending"])
  await expect.poll(books).toMatchObject({ outstanding: 0, counts: { pending: 0 } })
  expect(receiver.forged).toEqual([])
  // The first try was answered with 500.
  expect(receiver.received).toHaveLength(2)
  expect(receiver.received[1]).toEqual({
    id: expect.any(String),
    clearanceId: "c8",
    listVersion: "sandbox-2026-11-01",
    decisions: [
      { item: 1, decision: "approved", payee: "unknown" },
      { item: 3, decision: "approved", payee: "unknown" },
    ],
  })
  const { screened } = (await books()) as { screened: { batch: string; decision: string }[] }
  const mine = screened.filter(({ batch }) => batch === "batch-of-c8")
  expect(mine.map(({ decision }) => decision)).toEqual(["approved", "approved", "rejected", "approved"])
  const again = await clear(request)
  expect(again.body).toMatchObject({ decisions: mine.map(({ decision }) => ({ decision })) })
})

it("takes it for the same question when only the address to call back is another, in the query", async () => {
  const ask = (port: number) => {
    const where = encodeURIComponent(`http://127.0.0.1:${port}/`)
    const url = `${sandbox.urls.compliance}/clearance?callbackUrl=${where}`
    return post(url, "key-c10", clearanceOf("c10", "Ada Lovelace", "Ada Async"))
  }
  const first = await ask(9)
  expect(first.body).toMatchObject({ decisions: [{ decision: "approved" }, { decision: "pending" }] })
  expect((await ask(10)).status).toBe(200)
})

it("leaves who would be decided later to a person when there is nowhere to report to", async () => {
  const { body } = await clear(clearanceOf("c9", "Ada Async"))
  expect(body).toMatchObject({ decisions: [{ decision: "review", reason: "needs-more-time" }] })
})

const compliance = () => sandbox.urls.compliance

it("goes by other lists once it is given them, announces them, and says afterwards what it thinks", async () => {
  const callbackUrl = receiver.url
  const names = ["Ada Lovelace", "Grace Hopper"]
  expect((await clear({ ...clearanceOf("c11", ...names), callbackUrl })).status).toBe(200)
  const entries = [{ name: "ada lovelace", decision: "review", cause: "pep", reason: "new entry" }]
  const given = await post(`${compliance()}/lists`, undefined, {
    listVersion: "list-2",
    entries,
    announceTo: callbackUrl,
  })
  expect(given).toEqual({ status: 200, body: { listVersion: "list-2" } })
  expect((await clear(clearanceOf("c12", ...names))).body).toMatchObject({
    listVersion: "list-2",
    decisions: [
      { item: 0, decision: "review", cause: "pep", reason: "new entry" },
      { item: 1, decision: "approved" },
    ],
  })
  const decisions = [{ item: 1, decision: "rejected", cause: "sanctions" }]
  expect(
    (await post(`${compliance()}/afterthoughts`, undefined, { clearanceId: "c11", decisions })).status,
  ).toBe(202)
  const told = () => receiver.received as unknown as ReadonlyArray<Record<string, unknown>>
  await expect.poll(told).toContainEqual({
    id: expect.stringMatching(/^lists-/),
    listVersion: "list-2",
    announcedAt: expect.any(String),
  })
  await expect
    .poll(told)
    .toContainEqual({ id: expect.any(String), clearanceId: "c11", listVersion: "list-2", decisions })
  const { screened, listVersion } = (await books()) as { screened: { batch: string }[]; listVersion: string }
  expect(listVersion).toBe("list-2")
  expect(screened.filter(({ batch }) => batch === "batch-of-c11").at(-1)).toMatchObject({
    item: 1,
    decision: "rejected",
    listVersion: "list-2",
  })
})

it("has nobody to tell of a clearance that it was never asked for, or that named no address", async () => {
  const decisions = [{ item: 0, decision: "rejected" }]
  for (const clearanceId of ["never", "c12"])
    expect(await post(`${compliance()}/afterthoughts`, undefined, { clearanceId, decisions })).toEqual({
      status: 422,
      body: { code: "nobody-to-tell" },
    })
  expect((await post(`${compliance()}/lists`, undefined, { listVersion: "" })).status).toBe(400)
})
