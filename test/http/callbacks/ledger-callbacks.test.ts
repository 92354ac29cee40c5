import { Effect } from "effect"
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { InvalidCursor, type PageRequest } from "../../../src/projections/batch-queries.ts"
import type { BatchFilter } from "../../../src/projections/search-filter.ts"
import { type Answer, ApiUnderTest } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"
import { readModels } from "../read-models.ts"

const secret = "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWxlZGdlcg=="
const waiting = ["first", "second"].map((key) => batchIdOf("acme", key))
const requests: Array<PageRequest<BatchFilter>> = []

/** Two batches of acme wait for funds, each on a page of its own. */
const queries = readModels({
  batches: (partner, request) => {
    requests.push(request)
    const page = Number(request.cursor ?? 0)
    const id = waiting[page]
    if (partner !== "acme" || id === undefined) return Effect.fail(new InvalidCursor())
    return Effect.succeed({
      entries: [viewOf(id)],
      next: page + 1 < waiting.length ? `${page + 1}` : undefined,
    })
  },
})

const viewOf = (id: BatchId) => ({
  id,
  reference: undefined,
  idempotencyKey: "k",
  state: "awaiting-funds" as const,
  itemCount: 1,
  totals: {},
  version: 5,
  receivedAt: 0,
  updatedAt: 0,
  closedAt: undefined,
  executeAt: undefined,
})

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment: { LEDGER_CALLBACK_SECRET: secret }, queries })
  for (const key of ["first", "second", "third"]) await api.post(key, { items: [payout("a")] })
})
afterAll(() => api[Symbol.asyncDispose]())

const call = (to: ApiUnderTest, body: unknown, key = secret, sentAt = new Date()): Promise<Answer> => {
  const text = JSON.stringify(body)
  const headers = {
    "content-type": "application/json",
    "webhook-id": "msg-1",
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
    "webhook-signature": new Webhook(key).sign("msg-1", sentAt, text),
  }
  return to.call("/ledger-callbacks/funded", { method: "POST", headers, body: text })
}

const mailOf = async (batch: BatchId) =>
  (await Effect.runPromise(api.log.mail(batch, 10))).map(({ command }) => command)

it("does not believe what is not signed by the ledger, or was signed long ago", async () => {
  const funding = { partner: "acme", currency: "EUR" }
  const other = "whsec_YW5vdGhlci1zZWNyZXQ="
  expect((await call(api, funding, other)).status).toBe(401)
  expect((await call(api, funding, secret, new Date(Date.now() - 600_000))).status).toBe(401)
  expect((await call(api, { partner: "acme", currency: "euro" })).status).toBe(400)
  expect(requests).toEqual([])
})

it("tells every batch of the partner that waits for funds, and no other", async () => {
  expect((await call(api, { partner: "acme", currency: "EUR" })).status).toBe(202)
  for (const batch of waiting)
    expect(await mailOf(batch)).toMatchObject([{ _tag: "FundAccount", currency: "EUR" }])
  expect(await mailOf(batchIdOf("acme", "third"))).toEqual([])
  expect(requests.map(({ state }) => state)).toEqual([["awaiting-funds"], ["awaiting-funds"]])
})

it("listens to nobody without a secret", async () => {
  await using deaf = await ApiUnderTest.open()
  expect((await call(deaf, { partner: "acme", currency: "EUR" })).status).toBe(404)
})
