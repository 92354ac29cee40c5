/** What acts may cost: nothing is put to a batch that would change nothing, and each partner acts so often. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Story } from "../../domain/batch-story.ts"
import { newBatchId } from "../../publisher/story.ts"
import { ApiUnderTest, acme, globex } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

const say = (path: string, body: unknown, { apiKey = acme, on = api } = {}) =>
  on.call(`/payout-batches/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  })

const wish = { by: "sam", reason: "by mistake" }
const range = (count: number) => Array.from({ length: count }, (_, n) => n + 1)

const opened = async (story: Story) => {
  const id = newBatchId()
  await Effect.runPromise(api.log.open(id, story.events, `open ${id}`))
  return id
}

describe("a cancellation", () => {
  it.each([
    ["of a closed batch", "batch-closed", true],
    ["that comes too late for every item", "nothing-to-cancel", false],
  ])("%s is refused, and put to nobody", async (_, reason, closes) => {
    const story = new Story().asked(2_000).answered(range(2_000), "rejected")
    if (closes) story.tell({ _tag: "CloseBatch" })
    const id = await opened(story)
    for (const body of [wish, wish, { ...wish, items: [7] }])
      expect(await say(`${id}/cancellation`, body)).toMatchObject({ status: 409, json: { reason } })
    expect(await Effect.runPromise(api.log.mail(id, 10))).toEqual([])
    expect(await Effect.runPromise(api.log.read(id, story.events.length, 10))).toEqual([])
  })

  it.each([
    ["no items", []],
    ["a number in words", ["1"]],
    ["item 0", [0]],
    ["half an item", [1.5]],
    ["more than a batch has", Array(100_001).fill(1)],
    ["many that are none", Array(90_000).fill(0)],
  ])("of %s is refused, and cancels nothing", async (name, items) => {
    const { json } = await api.post(`cancels ${name}`, { items: [payout("a"), payout("b")] })
    const answer = await say(`${json.id}/cancellation`, { ...wish, items })
    expect(answer).toMatchObject({ status: 400, json: { errors: [{ pointer: "/items" }] } })
    expect(await Effect.runPromise(api.log.mail(json.id as never, 10))).toEqual([])
  })
})

it.each(["1e0", "0x1", "01", "+1", "1.0", "-1", "0", "1_0", "100001", "9999999"])(
  "item %s is none",
  async (number) => {
    const { json } = await api.post("numbered", { items: [payout("a")] })
    const { status } = await say(`${json.id}/items/${number}/retry`, { by: "olga" })
    expect(status).toBe(400)
  },
)

it.each(["limit=1e1", "limit=0x1", "limit=007", "limit=%2B1", "limit=1&limit=2", "limit=", "limit=1.0"])(
  "?%s is no number",
  async (query) => expect((await api.get(`/payout-batches?${query}`)).status).toBe(400),
)

it("a partner acts so often, and another one is not kept waiting by it", async () => {
  await using slow = await ApiUnderTest.open({ environment: { ACTS_PER_SECOND: "1" } })
  const { json } = await slow.post("acted on", { items: [payout("a")] })
  const act = (apiKey: string) => say(`${json.id}/items/1/retry`, { by: "olga" }, { apiKey, on: slow })
  const answers = await Promise.all(range(8).map(() => act(acme)))
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThanOrEqual(4)
  expect(refused[0]?.json.type).toBe("/problems/too-many-requests")
  expect(Number(refused[0]?.headers.get("retry-after"))).toBeGreaterThan(0)
  expect((await act(globex)).status).toBe(404)
})
