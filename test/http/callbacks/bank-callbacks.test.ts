import { Effect } from "effect"
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, expect, it } from "vitest"
import { BatchId, transferReference } from "../../../src/domain/identifiers.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { type Answer, ApiUnderTest } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"

const secret = "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWJhbmstY2FsbGJhY2s="
const southSecret = "whsec_dGVzdC1zZWNyZXQtb2Ytc291dGgtb25seQ=="
const batch = batchIdOf("acme", "called-back")
const reference = transferReference({ batch, item: 1, attempt: 1 })

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment: { MAILBOX_MAX: "6" } })
  await api.post("called-back", { items: [payout("a")] })
})
afterAll(() => api[Symbol.asyncDispose]())

const settled = {
  id: "cb-1",
  bank: "north",
  reference,
  transferId: "t-1",
  status: "settled",
  at: "2026-01-02T03:04:05Z",
}

const call = (
  body: unknown,
  { id = "msg-1", bank = "north", key = secret, sentAt = new Date(), tamper = "", of = api, query = "" } = {},
): Promise<Answer> => {
  const text = JSON.stringify(body)
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
    "webhook-signature": new Webhook(key).sign(id, sentAt, text),
  }
  return of.call(`/bank-callbacks/${bank}${query}`, { method: "POST", headers, body: text + tamper })
}

const strays = () => Effect.runPromise(api.strays.list(100))

const mailOf = () => Effect.runPromise(api.log.mail(batch, 10))

it("puts what a bank says into the mailbox of the batch", async () => {
  const answers = [
    await call(settled),
    await call({ ...settled, status: "rejected", code: "AC04", extra: "banks add fields" }),
    await call({ ...settled, status: "returned" }),
    await call({ ...settled, status: "rejected", code: "DE89.3704.0044" }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202])
  const told = (await mailOf()).map(({ command }) => command)
  expect(told).toMatchObject([
    { _tag: "RecordTransfer", item: 1, attempt: 1, outcome: { _tag: "Settled", evidence: "callback" } },
    { outcome: { _tag: "Failed", code: "AC04" } },
    { outcome: { _tag: "Returned", code: "unspecified" } },
    { outcome: { _tag: "Failed", code: "unspecified" } },
  ])
})

it("puts a message that a bank repeats there once, and what it says under the same id of something else", async () => {
  const before = (await mailOf()).length
  for (let sent = 0; sent < 3; sent += 1) expect((await call(settled)).status).toBe(202)
  expect(await mailOf(), "it was told in the first test").toHaveLength(before)
  expect((await call(settled, { id: "msg-2" })).status).toBe(202)
  expect(await mailOf()).toHaveLength(before + 1)
})

it.each([
  ["is signed with another secret", { key: "whsec_YW5vdGhlci1zZWNyZXQ=" }],
  ["was changed on its way", { tamper: " " }],
  ["is replayed after ten minutes", { sentAt: new Date(Date.now() - 600_000) }],
  ["comes from the future", { sentAt: new Date(Date.now() + 600_000) }],
])("does not believe a callback that %s", async (_, changes) => {
  const before = (await mailOf()).length
  const answer = await call(settled, changes)
  expect(answer.status).toBe(401)
  expect(answer.json.type).toBe("/problems/invalid-signature")
  expect(await mailOf()).toHaveLength(before)
})

it("does not believe a callback without a signature", async () => {
  const answer = await api.call("/bank-callbacks/north", { method: "POST", body: JSON.stringify(settled) })
  expect(answer.status).toBe(401)
})

it("refuses a bank that calls on another's behalf", async () => {
  expect((await call(settled, { bank: "south" })).status, "with its own secret").toBe(401)
  expect((await call(settled, { bank: "south", key: southSecret })).status, "with the other's").toBe(400)
})

it("names the field that is not as agreed", async () => {
  const answer = await call({ ...settled, status: "perhaps" })
  expect(answer.status).toBe(400)
  expect(answer.json.errors).toMatchObject([{ pointer: "/status" }])
})

it("does not read more than 64 KiB", async () => {
  expect((await call({ ...settled, code: "x".repeat(70_000) })).status).toBe(413)
})

it.each([
  ["a reference that is none of ours", "RF18539007547034"],
  [
    "a batch that does not exist",
    transferReference({ batch: BatchId.make(`pb_${"z".repeat(22)}`), item: 1, attempt: 1 }),
  ],
])("knows no transfer for %s: keeps what was said, once, and warns", async (_, unknown) => {
  const id = `cb-${unknown.slice(0, 4)}`
  const before = await strays()
  const answer = await call({ ...settled, id, reference: unknown })
  expect(answer.status).toBe(404)
  expect((await call({ ...settled, id, reference: unknown })).status).toBe(404)
  const [kept, ...others] = await strays()
  expect(kept).toMatchObject({ provider: "north", said: "settled", id })
  expect(others).toEqual(before)
  expect(api.lines.some((line) => line.includes('"warn"') && line.includes("not ours"))).toBe(true)
})

it("keeps no account number that a stranger's reference is", async () => {
  await call({ ...settled, id: "cb-9", reference: "DE89370400440532013000" })
  const [kept] = await strays()
  expect(kept).toMatchObject({ why: "not a reference of ours" })
  expect(JSON.stringify(kept) + api.lines.join()).not.toContain("0532013000")
  const { text } = await api.ask("/metrics")
  expect(text).toMatch(/^atlaspay_stray_callbacks_total \d+$/m)
})

it("keeps no account number that a stranger's code is", async () => {
  const code = "GB29NWBKABCDEFGHIJKLMN"
  await call({ ...settled, id: "cb-10", reference: "not ours", status: "rejected", code })
  expect((await strays())[0]).toMatchObject({ id: "cb-10", code: "[redacted]" })
})

it("asks the bank to come back when the mailbox is full", async () => {
  let answer = await call(settled)
  for (let sent = 0; sent < 6 && answer.status === 202; sent += 1)
    answer = await call(settled, { id: `full-${sent}` })
  expect(answer.status).toBe(503)
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0)
})

it("is answered alike with and without Hono's router, and counted once", async () => {
  await using own = await ApiUnderTest.open()
  await own.post("called-back", { items: [payout("a")] })
  const answers = []
  for (const query of ["", "?x=1"])
    for (const body of [settled, { ...settled, status: "perhaps" }, { ...settled, reference: "none" }]) {
      const { status, headers, json } = await call(body, { of: own, query })
      const { instance: _, ...said } = json
      const { date: __, ...sent } = Object.fromEntries(headers)
      answers.push({ status, sent, said })
    }
  expect(answers.slice(3)).toEqual(answers.slice(0, 3))
  expect(answers.map(({ status }) => status).slice(0, 3)).toEqual([202, 400, 404])
  const { text } = await own.ask("/metrics")
  for (const status of [202, 400, 404])
    expect(text).toContain(`{method="POST",route="/bank-callbacks/:bank",status="${status}"} 2`)
  expect(own.lines.filter((line) => line.includes("/bank-callbacks/:bank"))).toHaveLength(4)
})

it("answers for a bank that is none, or calls nobody back, as for one that is forged", async () => {
  const answers = [
    await call({ ...settled, bank: "west" }, { bank: "west" }),
    await call(settled, { key: southSecret }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([401, 401])
  const [stranger, forged] = answers.map(({ json: { instance: _, ...problem } }) => problem)
  expect(stranger).toEqual(forged)
})

it("believes a bank by either of two secrets while it goes over to another", async () => {
  const next = "whsec_dGhlLW5leHQtc2VjcmV0LW9mLW5vcnRo"
  const environment = { BANK_CALLBACK_SECRET: `north=${next},north=${secret},south=${southSecret}` }
  await using changing = await ApiUnderTest.open({ environment })
  await changing.post("called-back", { items: [payout("a")] })
  const answers = []
  for (const key of [secret, next, southSecret]) answers.push(await call(settled, { key, of: changing }))
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 401])
})
