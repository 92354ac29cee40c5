import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { StoreUnavailable } from "../../../src/platform/store-unavailable.ts"
import {
  type BatchView,
  InvalidCursor,
  type ItemDetail,
  type ItemView,
} from "../../../src/projections/batch-queries.ts"
import { ApiUnderTest, globex } from "../api-under-test.ts"
import { readModels } from "../read-models.ts"
import { payout } from "./payout-batch-body.ts"

const id = batchIdOf("acme", "shown")
const away = Effect.fail(new StoreUnavailable({ store: "postgres", step: "test", reason: "08006" }))

/** What the read models say of the batch: old news, and only for a test that asks for it. */
let known: BatchView | undefined
let knownItems: ReadonlyArray<ItemView> | undefined
let knownItem: ItemDetail | "no such item" | undefined
let readModelsAnswer = true

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({
    queries: readModels({
      batch: () => (readModelsAnswer ? Effect.succeed(known) : away),
      items: () => Effect.succeed(knownItems && { entries: knownItems, next: undefined, version: 9 }),
      item: () => Effect.succeed(knownItem),
      batches: (partner, { cursor, limit, state }) =>
        cursor === "broken"
          ? Effect.fail(new InvalidCursor())
          : Effect.succeed({ entries: known ? [known] : [], next: `${partner} ${state} ${limit}` }),
    }),
  })
  const items = [payout("a"), payout("b", { amount: { currency: "JPY", value: "1200" } })]
  await api.post("shown", { reference: "week 1", items })
})
afterAll(() => api[Symbol.asyncDispose]())

describe("a batch", () => {
  it("can be read at once, from its log while the read models do not have it", async () => {
    const answer = await api.get(`/payout-batches/${id}`)
    expect(answer.json).toEqual({
      id,
      reference: "week 1",
      idempotencyKey: "shown",
      state: "screening",
      itemCount: 2,
      totals: { EUR: "12.34", JPY: "1200" },
      states: {
        EUR: { screening: { count: 1, amount: "12.34" } },
        JPY: { screening: { count: 1, amount: "1200" } },
      },
      needsAttention: false,
      version: 3,
      receivedAt: expect.any(String),
      updatedAt: expect.any(String),
    })
  })

  it("comes from the read models once they have it, and from the log when the client knows more", async () => {
    known = {
      id,
      reference: undefined,
      idempotencyKey: "shown",
      state: "screening",
      itemCount: 2,
      totals: { KWD: { settled: { count: 1, amount: "1.200" }, failed: { count: 1, amount: "0.005" } } },
      version: 1,
      receivedAt: 0,
      updatedAt: 0,
      closedAt: 0,
      executeAt: undefined,
    }
    const old = await api.get(`/payout-batches/${id}`)
    expect(old.json).toMatchObject({
      version: 1,
      totals: { KWD: "1.205" },
      closedAt: "1970-01-01T00:00:00.000Z",
    })
    expect((await api.get(`/payout-batches/${id}?atLeast=3`)).json).toMatchObject({
      version: 3,
      state: "screening",
    })
  })

  it("needs attention while only a person can move it", async () => {
    const total = { count: 1, amount: "1.00" }
    known = {
      id,
      reference: undefined,
      idempotencyKey: "shown",
      state: "settling",
      itemCount: 2,
      totals: { EUR: { parked: total }, KWD: { settled: { count: 1, amount: "1.200" } } },
      version: 9,
      receivedAt: 0,
      updatedAt: 0,
      closedAt: undefined,
      executeAt: undefined,
    }
    expect((await api.get(`/payout-batches/${id}`)).json).toMatchObject({ needsAttention: true })
    known = { ...known, totals: { ...known.totals, USD: { pending: total } } }
    expect((await api.get(`/payout-batches/${id}`)).json).toMatchObject({ needsAttention: false })
  })

  it("can be read while the read models do not answer", async () => {
    readModelsAnswer = false
    expect((await api.get(`/payout-batches/${id}`)).json).toMatchObject({ version: 3 })
    readModelsAnswer = true
  })

  it("does not exist for another partner", async () => {
    known = undefined
    const absent = batchIdOf("globex", "never posted")
    for (const path of ["", "/items", "/items/1", "/events"]) {
      const foreign = await api.get(`/payout-batches/${id}${path}`, globex)
      const missing = await api.get(`/payout-batches/${absent}${path}`, globex)
      const { instance: one, ...told } = foreign.json
      const { instance: other, ...expected } = missing.json
      expect(foreign.status).toBe(404)
      expect(told).toEqual(expected)
      expect(one).not.toBe(other)
    }
  })

  it.each(["pb_short", "x", "pb_AAAAAAAAAAAAAAAAAAAAAA"])("does not exist under the id %s", async (other) => {
    expect((await api.get(`/payout-batches/${other}`)).status).toBe(404)
  })
})

describe("the list of batches", () => {
  it("passes on where to go on, and by what", async () => {
    const answer = await api.get("/payout-batches?state=settled&limit=7")
    expect(answer.json).toEqual({ payoutBatches: [], next: "acme settled 7" })
  })

  it.each(["limit=0", "limit=201", "limit=x", "state=done", "cursor=broken"])("refuses %s", async (query) => {
    const answer = await api.get(`/payout-batches?${query}`)
    expect(answer.status).toBe(400)
    expect(answer.json.detail).toContain(query.split("=")[0])
  })
})

describe("an item of a batch", () => {
  const view: ItemView = {
    item: 2,
    reference: "order-2",
    beneficiaryName: "Erika Mustermann",
    account: "iban …3000",
    currency: "EUR",
    amount: "12.34",
    state: "returned",
    ledger: "reversed",
    bank: "clearing",
    transferReference: "ABCDEFGHIJKLMNOPQRSTUV-2-1",
    attempt: 1,
    reason: "AC04",
    clearance: undefined,
    version: 9,
    updatedAt: 0,
  }

  it("has what banks reported of it beside its state", async () => {
    knownItem = {
      item: view,
      remarks: [
        {
          bank: "clearing",
          attempt: 1,
          kind: "charge",
          text: "1.50 EUR",
          amount: { currency: "EUR", value: "1.50" },
          seenAt: 1_000,
        },
      ],
    }
    const { json } = await api.get(`/payout-batches/${id}/items/2`)
    expect(json).toMatchObject({
      item: 2,
      amount: { currency: "EUR", value: "12.34" },
      failure: { code: "AC04" },
      bankRemarks: [
        {
          bank: "clearing",
          attempt: 1,
          kind: "charge",
          text: "1.50 EUR",
          amount: { currency: "EUR", value: "1.50" },
          seenAt: "1970-01-01T00:00:01.000Z",
        },
      ],
    })
  })

  it.each(["0", "100001", "x", "01", "2.0"])("does not exist under the number %s", async (number) => {
    knownItem = { item: view, remarks: [] }
    expect((await api.get(`/payout-batches/${id}/items/${number}`)).status).toBe(404)
  })

  it("does not exist if the batch has none of that number, and is put off while nobody knows", async () => {
    knownItem = "no such item"
    const absent = await api.get(`/payout-batches/${id}/items/3`)
    expect(absent.status).toBe(404)
    expect(absent.json.detail ?? absent.json.title).toContain("item")
    knownItem = undefined
    expect((await api.get(`/payout-batches/${id}/items/2`)).json.type).toBe("/problems/not-yet-shown")
  })
})

describe("the items of a batch", () => {
  it("are put off while the read models do not have them", async () => {
    const answer = await api.get(`/payout-batches/${id}/items`)
    expect(answer.status).toBe(503)
    expect(answer.json.type).toBe("/problems/not-yet-shown")
  })

  it("say under which UETR a transfer is known, where there is one", async () => {
    const reference = "ABCDEFGHIJKLMNOPQRSTUV-42-1"
    const item: ItemView = {
      item: 42,
      reference: "order-42",
      beneficiaryName: "Erika Mustermann",
      account: "iban …3000",
      currency: "EUR",
      amount: "12.34",
      state: "pending",
      ledger: "held",
      bank: "north",
      transferReference: reference,
      attempt: 1,
      reason: undefined,
      clearance: undefined,
      version: 9,
      updatedAt: 0,
    }
    knownItems = [item, { ...item, transferReference: undefined }]
    const { json } = await api.get(`/payout-batches/${id}/items`)
    expect(json.items).toMatchObject([
      { transferReference: reference, uetr: "8864298e-84a9-46c6-ae7c-2329d2a002a1" },
      {},
    ])
    expect(Object.values(Object(json.items))[1]).not.toHaveProperty("uetr")
  })

  it("say what a bank's code means, where they failed or came back by it", async () => {
    const shown = (item: number, state: ItemView["state"], reason: string): ItemView => ({
      item,
      reference: `order-${item}`,
      beneficiaryName: "Erika Mustermann",
      account: "iban …3000",
      currency: "EUR",
      amount: "12.34",
      state,
      ledger: "released",
      bank: "north",
      transferReference: undefined,
      attempt: 1,
      reason,
      clearance: undefined,
      version: 9,
      updatedAt: 0,
    })
    knownItems = [
      shown(1, "failed", "AM04"),
      shown(2, "returned", "AC04"),
      shown(3, "failed", "on the statement"),
      shown(4, "parked", "AC04"),
    ]
    const { json } = await api.get(`/payout-batches/${id}/items`)
    const funds = { code: "AM04", category: "funds", retryable: true, nextAction: "fund-account" }
    expect(json.items).toMatchObject([
      { reason: "AM04", failure: { ...funds, meaning: "insufficient funds" } },
      { reason: "AC04", failure: { nextAction: "contact-beneficiary", meaning: "account closed" } },
      { reason: "on the statement" },
      { reason: "AC04" },
    ])
    expect(Object.values(Object(json.items)).map((item) => "failure" in Object(item))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})

describe("the events of a batch", () => {
  it("come from its log, with accounts masked", async () => {
    const answer = await api.get(`/payout-batches/${id}/events`)
    expect(answer.json).toMatchObject({
      events: [
        { version: 1, type: "BatchReceived", at: expect.stringMatching(/Z$/), itemCount: 2 },
        {
          version: 2,
          type: "ItemsReceived",
          items: [
            {
              item: 1,
              reference: "a",
              amount: { currency: "EUR", value: "12.34" },
              beneficiary: { name: "Erika Mustermann", account: "iban …3000" },
            },
            { item: 2, amount: { currency: "JPY", value: "1200" } },
          ],
        },
        { version: 3, type: "ScreeningRequested", clearance: 1, items: [1, 2] },
      ],
      next: null,
    })
    expect(answer.text).not.toContain("DE89370400440532013000")
  })

  it("come in pages", async () => {
    const first = await api.get(`/payout-batches/${id}/events?limit=1`)
    expect(first.json).toMatchObject({ events: [{ version: 1 }], next: 1 })
    const second = await api.get(`/payout-batches/${id}/events?limit=1&after=${first.json.next}`)
    expect(second.json).toMatchObject({ events: [{ version: 2 }], next: 2 })
    const end = await api.get(`/payout-batches/${id}/events?limit=1&after=3`)
    expect(end.json).toEqual({ events: [], next: null })
  })

  it.each(["limit=501", "after=-1"])("refuses %s", async (query) => {
    expect((await api.get(`/payout-batches/${id}/events?${query}`)).status).toBe(400)
  })
})
