/** A partner changes when its scheduled batch may start to pay, and declines to approve one. */
import { Effect } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { ApiUnderTest, olga, supervisor } from "../api-under-test.ts"
import { interventionsAt } from "./interventions-under-test.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

const { say, mailOf, posted } = interventionsAt(() => api)

const DAY_MS = 86_400_000
const inDays = (days: number): string =>
  new Date(Math.floor(Date.now() / 1_000) * 1_000 + days * DAY_MS).toISOString()
const [friday, monday] = [inDays(3), inDays(6)]

it("is enqueued with the new time, and says under which id", async () => {
  const id = await posted("friday", { executeAt: friday })
  const answer = await say(`${id}/schedule`, { executeAt: monday }, { key: "monday" })
  expect(answer).toMatchObject({
    status: 202,
    json: { status: "accepted", expected: [{ type: "BatchRescheduled", executeAt: monday }] },
  })
  const again = await say(`${id}/schedule`, { executeAt: monday }, { key: "monday" })
  expect([again.status, again.json.commandId]).toEqual([202, answer.json.commandId])
  expect(await mailOf(id), "once").toEqual(["Reschedule"])
  const [mail] = await Effect.runPromise(api.log.mail(id as BatchId, 1))
  expect(mail?.commandId).toBe(answer.json.commandId)
})

it.each([
  ["too far ahead", inDays(400)],
  ["long past", inDays(-8)],
])("is not %s", async (_, executeAt) => {
  const id = await posted(`bounds ${executeAt}`, { executeAt: friday })
  expect(await say(`${id}/schedule`, { executeAt })).toMatchObject({
    status: 400,
    json: { errors: [{ pointer: "/executeAt" }] },
  })
  expect(await mailOf(id)).toEqual([])
})

it("is a time, in the body of a partner's request", async () => {
  const id = await posted("shape", { executeAt: friday })
  for (const body of [
    {},
    { executeAt: 5 },
    { executeAt: "2027-02-30T10:00:00Z" },
    { executeAt: friday, at: 1 },
  ])
    expect((await say(`${id}/schedule`, body)).status).toBe(400)
  expect((await say(`${id}/schedule`, { executeAt: monday }, { apiKey: olga })).status).toBe(403)
})

it("is refused to the submitter alone, where somebody else approves", async () => {
  const id = await posted("four-eyes", { executeAt: friday, requireApproval: true })
  expect(await say(`${id}/schedule`, { executeAt: monday })).toMatchObject({
    status: 409,
    json: { reason: "decider-is-submitter" },
  })
  expect((await say(`${id}/schedule`, { executeAt: monday }, { apiKey: supervisor })).status).toBe(202)
})

it("is refused for a batch that was not scheduled", async () => {
  const id = await posted("at once")
  expect(await say(`${id}/schedule`, { executeAt: monday })).toMatchObject({
    status: 409,
    json: { reason: "not-scheduled" },
  })
})

it("is declined by who may approve, with a reason", async () => {
  const id = await posted("declined", { requireApproval: true })
  const { events } = (await api.get(`/payout-batches/${id}/events`)).json as {
    events: ReadonlyArray<{ approval?: { hash: string } }>
  }
  const asked = { hash: events[0]?.approval?.hash, reason: "not ordered" }
  expect((await say(`${id}/decline`, { hash: asked.hash }, { apiKey: supervisor })).status).toBe(400)
  expect(await say(`${id}/decline`, asked)).toMatchObject({ json: { reason: "approver-is-submitter" } })
  expect(await say(`${id}/decline`, asked, { apiKey: supervisor })).toMatchObject({
    status: 202,
    json: { expected: [{ type: "ApprovalDeclined", reason: "not ordered" }, { type: "ItemsCancelled" }] },
  })
  expect(await mailOf(id)).toEqual(["Decline"])
})
