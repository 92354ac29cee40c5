/** What people and the compliance engine decide against paying is in the second store before it is acknowledged. */
import { Effect } from "effect"
import { Redis } from "ioredis"
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { DecisionsInMemory } from "../../register/decisions-in-memory.ts"
import { ApiUnderTest, acme } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

const decisions = new DecisionsInMemory()
let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ decisions, environment: { MAILBOX_MAX: "1" } })
})
afterAll(() => api[Symbol.asyncDispose]())
beforeEach(() => {
  decisions.isAway = false
  decisions.isGoing = false
  decisions.kept.clear()
})

const posted = async (key: string): Promise<string> =>
  String((await api.post(key, { items: [payout("a"), payout("b")] })).json.id)

const cancel = (id: string, key: string, reason = "fraud") =>
  api.call(`/payout-batches/${id}/cancellation`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${acme}`,
      "content-type": "application/json",
      "idempotency-key": key,
    },
    body: JSON.stringify({ by: "alice", reason }),
  })

const mailOf = (id: string) => Effect.runPromise(api.log.mail(id as BatchId, 10))

describe("a cancellation", () => {
  it("is registered under the id of its mail, with the log that it was decided on", async () => {
    const id = await posted("registered")
    expect((await cancel(id, "key")).status).toBe(202)
    const [mail] = await mailOf(id)
    expect([...decisions.kept.values()]).toMatchObject([
      { batch: id, id: mail?.commandId, command: { _tag: "Cancel", reason: "fraud" } },
    ])
    const [first] = (await Effect.runPromise(api.log.read(id as BatchId, 0, 10))).slice(-1)
    expect(decisions.tails.at(-1)).toEqual({ batch: id, version: first?.version, head: first?.hash })
  })

  it("is put off, and told to nobody, while it cannot be registered; batches are still accepted", async () => {
    const id = await posted("postgres is away")
    decisions.isAway = true
    expect(await cancel(id, "key")).toMatchObject({ status: 503, json: { type: "/problems/unavailable" } })
    expect(await mailOf(id)).toEqual([])
    expect((await api.post("accepted all the same", { items: [payout("a")] })).status).toBe(202)
    decisions.isAway = false
    expect((await cancel(id, "key")).status).toBe(202)
    expect(await mailOf(id)).toHaveLength(1)
  })

  it("that a full mailbox refuses leaves nothing behind", async () => {
    const id = await posted("full")
    expect((await cancel(id, "one")).status).toBe(202)
    expect((await cancel(id, "two")).status).toBe(503)
    expect(decisions.kept.size).toBe(1)
  })

  it("that is refused, and cannot be dropped, is reported: it may be taken", async () => {
    const id = await posted("not dropped")
    expect((await cancel(id, "one")).status).toBe(202)
    decisions.isGoing = true
    expect((await cancel(id, "two")).status).toBe(503)
    expect(api.lines.join("\n")).toContain("a refused decision could not be dropped")
  })

  it("under the key of another that was registered and not told is refused", async () => {
    const id = await posted("another")
    expect((await cancel(id, "key")).status).toBe(202)
    const [mail] = await mailOf(id)
    const kept = decisions.kept.get(`${id} ${mail?.commandId}`)
    if (kept === undefined) throw new Error("nothing was kept")
    decisions.kept.set(`${id} ${mail?.commandId}`, { ...kept, digest: "of another" })
    await Effect.runPromise(forget(id, String(mail?.commandId)))
    expect(await cancel(id, "key")).toMatchObject({
      status: 422,
      json: { type: "/problems/idempotency-key-reused" },
    })
  })
})

/** The log forgets that a command was enqueued under an id, as it does after a day. */
const forget = (id: string, told: string) =>
  Effect.promise(async () => {
    const redis = new Redis(inject("redisUrl"))
    const keys = await redis.keys(`*:told:${id}:${told}`)
    await redis.del(...keys)
    redis.disconnect()
  })
