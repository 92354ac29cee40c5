/** Thresholds of approval hold for a day as for a batch, whoever splits what, and however many requests come at a time. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../../src/platform/store-unavailable.ts"
import { EventStore } from "../../../src/streams/event-store.ts"
import { ApiUnderTest, acme, globex, supervisor } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

const opened = () => ApiUnderTest.open({ environment: { APPROVAL_ABOVE: "EUR=100,JPY=1000" } })

const euros = (value: string, terms: object = {}) => ({
  items: [payout("a", { amount: { currency: "EUR", value } })],
  ...terms,
})

/** Whether the batch that is posted so needs approval. */
const needsApproval = async (api: ApiUnderTest, key: string, body: object, apiKey = acme) => {
  const { status, json } = await api.post(key, body, apiKey)
  expect(status).toBe(202)
  const [first] = await Effect.runPromise(api.log.read(json.id as BatchId, 0, 1))
  return first?.event._tag === "BatchReceived" && first.event.approval !== undefined
}

describe("a payment that is split over batches", () => {
  it("needs approval from where it comes to more than the threshold, under whichever keys", async () => {
    await using api = await opened()
    expect(await needsApproval(api, "1", euros("60.00"))).toBe(false)
    expect(await needsApproval(api, "2", euros("40.01"), supervisor)).toBe(true)
    expect(await needsApproval(api, "3", euros("40.00"), supervisor)).toBe(false)
    expect(await needsApproval(api, "4", euros("0.01"))).toBe(true)
    expect(await needsApproval(api, "5", euros("100.00"), globex), "another partner's day").toBe(false)
    const yen = { items: [payout("a", { amount: { currency: "JPY", value: "1000" } })] }
    expect(await needsApproval(api, "6", yen), "another currency").toBe(false)
  })

  it("needs it as well when all parts come at the same moment", async () => {
    await using api = await opened()
    const parts = Array.from({ length: 12 }, (_, part) => needsApproval(api, `part-${part}`, euros("20.00")))
    expect((await Promise.all(parts)).filter((needs) => !needs)).toHaveLength(5)
  })

  it("counts what was cancelled, and not what somebody has to approve", async () => {
    await using api = await opened()
    const { json } = await api.post("cancelled", euros("60.00"))
    const headers = { authorization: `Bearer ${acme}`, "content-type": "application/json" }
    const body = JSON.stringify({ reason: "by mistake" })
    await api.call(`/payout-batches/${json.id}/cancellation`, { method: "POST", headers, body })
    expect(await needsApproval(api, "asked", euros("90.00", { requireApproval: true }))).toBe(true)
    expect(await needsApproval(api, "large", euros("100.01"))).toBe(true)
    expect(await needsApproval(api, "rest", euros("40.00"))).toBe(false)
    expect(await needsApproval(api, "more", euros("40.00"))).toBe(true)
  })
})

describe("a request that is repeated", () => {
  it("counts once, and is the batch that it was", async () => {
    await using api = await opened()
    for (let times = 0; times < 3; times += 1)
      expect(await needsApproval(api, "same", euros("60.00"))).toBe(false)
    expect((await api.post("same", euros("70.00"))).status).toBe(422)
    expect(await needsApproval(api, "rest", euros("40.00"))).toBe(false)
    expect(await needsApproval(api, "same", euros("60.00")), "also when nothing is left").toBe(false)
  })

  it("counts once also when the first time it was counted and not accepted", async () => {
    await using api = await opened()
    const store = Context.get(api.streams, EventStore)
    const { prepare } = store
    const broken: typeof prepare = () =>
      Effect.fail(new StoreUnavailable({ store: "redis", step: "open", reason: "gone" }))
    try {
      Object.assign(store, { prepare: broken })
      expect((await api.post("cut off", euros("60.00"))).status).toBe(503)
    } finally {
      Object.assign(store, { prepare })
    }
    expect(await needsApproval(api, "cut off", euros("60.00"))).toBe(false)
    expect(await needsApproval(api, "rest", euros("40.00"))).toBe(false)
    expect(await needsApproval(api, "more", euros("0.01"))).toBe(true)
  })
})

it("without thresholds nothing is counted, and nobody has to approve", async () => {
  await using api = await ApiUnderTest.open()
  expect(await needsApproval(api, "1", euros("999999.00"))).toBe(false)
  expect(await needsApproval(api, "2", euros("999999.00"))).toBe(false)
})
