import { Effect } from "effect"
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, expect, it } from "vitest"
import { BatchId, clearanceKey } from "../../../src/domain/identifiers.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { type Answer, ApiUnderTest } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"

const secret = "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWNvbXBsaWFuY2UtZW5naW5l"
const canary = "DE89370400440532013000"
const batch = batchIdOf("acme", "decided-later")

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment: { MAILBOX_MAX: "4" } })
  await api.post("decided-later", { items: [payout("a"), payout("b")] })
})
afterAll(() => api[Symbol.asyncDispose]())

const unknown = clearanceKey(BatchId.make(`pb_${"z".repeat(22)}`), 1)

const decided = {
  id: "cc-1",
  clearanceId: clearanceKey(batch, 1),
  listVersion: "2026-11-01",
  decisions: [{ item: 1, decision: "approved", payee: "match" }],
}

const call = (
  body: unknown,
  { id = "msg-1", key = secret, sentAt = new Date(), tamper = "", path = "/compliance-callbacks" } = {},
): Promise<Answer> => {
  const text = JSON.stringify(body)
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
    "webhook-signature": new Webhook(key).sign(id, sentAt, text),
  }
  return api.call(path, { method: "POST", headers, body: text + tamper })
}

const mailOf = async (of = batch) =>
  (await Effect.runPromise(api.log.mail(of, 10))).map(({ command }) => command)

it("puts what the engine decided into the mailbox of the batch, and a repetition not again", async () => {
  const rejected = { item: 2, decision: "rejected", reason: `on a list with ${canary}` }
  expect((await call(decided)).status).toBe(202)
  expect((await call(decided)).status).toBe(202)
  expect((await call({ ...decided, decisions: [rejected], extra: "engines add fields" })).status).toBe(202)
  expect(await mailOf()).toMatchObject([
    { _tag: "RecordScreening", clearance: 1, listVersion: "2026-11-01", decisions: decided.decisions },
    { clearance: 1, decisions: [{ item: 2, decision: "rejected", reason: "on a list with [redacted]" }] },
  ])
  const { text } = await api.ask("/metrics")
  expect(text).toContain('atlaspay_compliance_callbacks_total{outcome="heard"} 3')
})

it("counts what the engine decided however it is spelt", async () => {
  const spelt = { item: 3, decision: "review", reason: " Ähnlich ".normalize("NFD"), cause: "Name_Check" }
  const another = batchIdOf("acme", "spelt-in-many-ways")
  await api.post("spelt-in-many-ways", { items: [payout("a"), payout("b"), payout("c")] })
  const listVersion = "März".normalize("NFD")
  const callback = { id: "cc-nfd", clearanceId: clearanceKey(another, 1), listVersion, decisions: [spelt] }
  expect((await call(callback, { id: "nfd" })).status).toBe(202)
  expect(await mailOf(another)).toMatchObject([
    {
      listVersion: "März",
      decisions: [{ item: 3, decision: "review", reason: "Ähnlich", cause: "name-check" }],
    },
  ])
})

it.each([
  ["is signed with the banks' secret", { key: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWJhbmstY2FsbGJhY2s=" }],
  ["was changed on its way", { tamper: " " }],
  ["is replayed after ten minutes", { sentAt: new Date(Date.now() - 600_000) }],
  ["comes from the future", { sentAt: new Date(Date.now() + 600_000) }],
])("does not believe a callback that %s", async (_, changes) => {
  const before = await mailOf()
  const answer = await call(decided, { id: "forged", ...changes })
  expect(answer.status).toBe(401)
  expect(await mailOf()).toEqual(before)
})

it.each([
  ["decides nothing", { decisions: [] }],
  ["puts off what it decided", { decisions: [{ item: 1, decision: "pending" }] }],
  ["names a cause that could quote an account", { decisions: [{ ...decided.decisions[0], cause: "de89" }] }],
  ["tells of no item", { decisions: [{ item: 0, decision: "approved" }] }],
  ["says what nobody knows of a payee", { decisions: [{ ...decided.decisions[0], payee: "his sister" }] }],
  ["tells of more items than a clearance has", { decisions: Array(501).fill(decided.decisions[0]) }],
])("refuses a callback that %s", async (_, changes) => {
  expect((await call({ ...decided, ...changes })).status).toBe(400)
})

it.each([
  ["a name that is none of ours", canary, "[redacted]", "not a clearance of ours"],
  ["a batch that does not exist", unknown, unknown, "no-such-batch"],
])(
  "knows no clearance for %s, warns, and keeps it once for a person",
  async (_, clearanceId, reference, why) => {
    const logged = api.lines.length
    const strays = () => Effect.runPromise(api.strays.list(100))
    const before = await strays()
    expect((await call({ ...decided, clearanceId })).status).toBe(404)
    expect((await call({ ...decided, clearanceId })).status).toBe(404)
    const [kept, ...others] = await strays()
    expect(kept).toMatchObject({ provider: "compliance-engine", reference, said: "decided", id: "cc-1", why })
    expect(others).toEqual(before)
    expect(api.lines.slice(logged).join()).not.toContain(canary)
    expect(api.lines.slice(logged).some((line) => line.includes('"warn"') && line.includes("not ours"))).toBe(
      true,
    )
  },
)

it("asks the engine to come back when the mailbox is full, and does not forget that it was not heard", async () => {
  const answers = []
  for (let sent = 0; sent < 4; sent += 1) answers.push(await call(decided, { id: `full-${sent}` }))
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 503, 503])
  expect((await call(decided, { id: "full-3" })).status).toBe(503)
})

const announced = { id: "lists-1", listVersion: "2026-11-02" }
const lists = { path: "/compliance-callbacks/lists" }
const inForce = async () => (await Effect.runPromise(api.lists.current))?.version

it("puts announced lists in force, and not by a clock that is ahead for longer than they are", async () => {
  expect((await call({ ...announced, announcedAt: "2999-01-01T00:00:00Z" }, lists)).status).toBe(202)
  expect(await inForce()).toBe("2026-11-02")
  expect((await call({ ...announced, listVersion: "2026-11-03" }, lists)).status).toBe(202)
  expect(await inForce()).toBe("2026-11-03")
  const late = { ...announced, listVersion: "2026-11-01", announcedAt: "2026-11-01T00:00:00Z" }
  expect((await call(late, lists)).status).toBe(202)
  expect(await inForce(), "it was overtaken").toBe("2026-11-03")
})

it.each([
  [
    "is signed with the banks' secret",
    401,
    {},
    { key: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWJhbmstY2FsbGJhY2s=" },
  ],
  ["is replayed after ten minutes", 401, {}, { sentAt: new Date(Date.now() - 600_000) }],
  ["names no version", 400, { listVersion: "" }, {}],
  ["has no time that anybody could read", 400, { announcedAt: "yesterday" }, {}],
])("does not go by an announcement that %s", async (_, status, change, changes) => {
  const before = await inForce()
  const answer = await call({ ...announced, listVersion: "forged", ...change }, { ...lists, ...changes })
  expect(answer.status).toBe(status)
  expect(await inForce()).toBe(before)
})

it("has no such routes without a secret", async () => {
  await using without = await ApiUnderTest.open({ environment: { COMPLIANCE_CALLBACK_SECRET: "" } })
  for (const path of ["/compliance-callbacks", lists.path])
    expect((await without.call(path, { method: "POST" })).status).toBe(404)
})
