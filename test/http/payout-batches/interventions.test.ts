/** Approvals, cancellations and retries, and the Idempotency-Keys that they come under. */
import { Context, Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { Mailbox } from "../../../src/streams/mailbox.ts"
import { failed, Story } from "../../domain/batch-story.ts"
import { newBatchId } from "../../publisher/story.ts"
import { append, owning, takeFrom } from "../../streams/log-under-test.ts"
import { wholeLog } from "../../streams/whole-log.ts"
import { ApiUnderTest, globex, olga, otto, supervisor } from "../api-under-test.ts"
import { interventionsAt, thresholds } from "./interventions-under-test.ts"
import { payout } from "./payout-batch-body.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment: thresholds })
})
afterAll(() => api[Symbol.asyncDispose]())

const { say, mailOf, posted } = interventionsAt(() => api)

describe("an approval", () => {
  it("is asked for by the hash that the batch shows, under another key than the one that submitted it", async () => {
    const id = await posted("four-eyes", { requireApproval: true, submittedBy: "sam" })
    const { events } = (await api.get(`/payout-batches/${id}/events`)).json as {
      events: ReadonlyArray<{ approval?: { hash: string; reason: string } }>
    }
    const { hash, reason } = events[0]?.approval ?? {}
    expect(reason).toBe("asked")
    for (const by of ["sam", "Olga", "Alice  Smith", "\u0410lice Smith", "Alice Smith.", "stra\u00dfe"])
      expect(await say(`${id}/approval`, { by, hash }), by).toMatchObject({
        status: 409,
        json: { type: "/problems/command-refused", reason: "approver-is-submitter" },
      })
    const another = await say(`${id}/approval`, { by: "sam", hash: "another" }, { apiKey: supervisor })
    expect(another.json.reason).toBe("hash-differs")
    expect(await mailOf(id), "what is refused is not put into the mailbox").toEqual([])
    expect(await say(`${id}/approval`, { by: "sam", hash }, { apiKey: supervisor })).toMatchObject({
      status: 202,
      json: {
        status: "accepted",
        expected: [
          {
            type: "BatchApproved",
            by: "acme/supervisor",
            credential: "partner:acme/supervisor",
            typedBy: "sam",
          },
        ],
      },
    })
    expect(await mailOf(id)).toEqual(["Approve"])
  })

  it("is an operator's to give where the operator's key says so", async () => {
    const id = await posted("by-operator", { requireApproval: true })
    const { events } = (await api.get(`/payout-batches/${id}/events`, otto)).json as {
      events: ReadonlyArray<{ approval?: { hash: string } }>
    }
    const approval = { hash: events[0]?.approval?.hash }
    expect(await say(`${id}/approval`, approval, { apiKey: olga })).toMatchObject({
      status: 403,
      json: { type: "/problems/forbidden", detail: "Use an operator's key that may approve." },
    })
    expect(await say(`${id}/approval`, approval, { apiKey: otto })).toMatchObject({
      status: 202,
      json: { expected: [{ type: "BatchApproved", by: "otto", credential: "operator:otto" }] },
    })
  })

  it("is needed above the threshold of a currency, and in one without, and else refused", async () => {
    for (const [key, currency, value] of [
      ["large", "JPY", "1001"],
      ["no-threshold", "USD", "0.01"],
    ] as const) {
      const items = [payout("a", { amount: { currency, value } })]
      const { text } = await api.get(`/payout-batches/${await posted(key, { items })}/events`)
      expect(text, currency).toContain('"reason":"threshold"')
    }
    const small = await posted("small")
    expect((await say(`${small}/approval`, { by: "olga", hash: "x" })).json.reason).toBe(
      "approval-not-needed",
    )
  })
})

describe("a retry", () => {
  const failedOnce = async (): Promise<BatchId> => {
    const [id, story] = [newBatchId(), new Story().requested(1)]
    story.hears(1, failed)
    story.posted("release")
    await Effect.runPromise(api.log.open(id, story.events, `open ${id}`))
    return id
  }

  it("is kept for the attempt that had failed when it was asked for", async () => {
    const id = await failedOnce()
    expect(await say(`${id}/items/1/retry`, { by: "olga" })).toMatchObject({
      status: 202,
      json: { expected: [{ type: "RetryRequested", attempt: 1 }] },
    })
    const mail = await Effect.runPromise(api.log.mail(id, 10))
    expect(mail).toMatchObject([{ command: { _tag: "Retry", item: 1, attempt: 1 } }])
  })

  it("is refused for another attempt than the last", async () => {
    const id = await failedOnce()
    expect(await say(`${id}/items/1/retry`, { by: "olga", attempt: 2 })).toMatchObject({
      status: 409,
      json: { reason: "attempt-not-last", attempts: [1] },
    })
    expect(await mailOf(id)).toEqual([])
  })
})

describe("a request under an Idempotency-Key", () => {
  const withdrawal = { by: "sam", reason: "by mistake" }

  it("is put to the batch once, and a repetition is answered as one", async () => {
    const id = await posted("repeated")
    const first = await say(`${id}/cancellation`, withdrawal, { key: "once" })
    expect(first.status).toBe(202)
    expect(first.headers.get("idempotent-replayed")).toBeNull()
    const again = await say(`${id}/cancellation`, withdrawal, { key: "once" })
    expect(again).toMatchObject({ status: 202, json: { status: "accepted", expected: [] } })
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect(await mailOf(id)).toEqual(["Cancel"])
    await say(`${id}/cancellation`, withdrawal)
    expect(await mailOf(id), "without a key it is another wish").toEqual(["Cancel", "Cancel"])
  })

  it("is recognised when the batch has done it, and would refuse it now", async () => {
    const [id, story] = [newBatchId(), new Story().requested(1)]
    story.hears(1, failed)
    story.posted("release")
    const retry = () => say(`${id}/items/1/retry`, { by: "olga" }, { key: "again" })
    const workOn = Effect.gen(function* () {
      const log = yield* wholeLog
      yield* log.open(id, story.events, `open ${id}`)
      expect((yield* Effect.promise(retry)).status).toBe(202)
      const owned = (yield* takeFrom(log, "w", 400, 100)).find(({ batch }) => batch === id)
      const handled = (yield* log.mail(id, 10)).map((mail) => mail.id)
      const events = story.tell({ _tag: "Retry", item: 1, by: "olga" })
      yield* append(owning(owned), story.events.length - 1, "c", { events, handled })
    })
    await Effect.runPromise(Effect.provide(workOn, api.streams))
    expect((await retry()).status).toBe(202)
    expect(await mailOf(id)).toEqual([])
    expect((await say(`${id}/items/1/retry`, { by: "olga" })).json.reason).toBe("not-failed")

    const mailbox = Context.get(api.streams, Mailbox)
    const { wasEnqueued } = mailbox
    let looks = 0
    const tooEarly: typeof wasEnqueued = (batch, as) =>
      looks++ === 0 ? Effect.succeed(false) : wasEnqueued(batch, as)
    try {
      Object.assign(mailbox, { wasEnqueued: tooEarly })
      expect((await retry()).status, "done between two looks").toBe(202)
    } finally {
      Object.assign(mailbox, { wasEnqueued })
    }
    expect(await mailOf(id)).toEqual([])
  })

  it("is refused with another body, and is one of this batch and path", async () => {
    const [id, other] = [await posted("one"), await posted("other")]
    expect((await say(`${id}/cancellation`, withdrawal, { key: "mine" })).status).toBe(202)
    expect(await say(`${id}/cancellation`, { ...withdrawal, items: [1] }, { key: "mine" })).toMatchObject({
      status: 422,
      json: { type: "/problems/idempotency-key-reused", batch: id },
    })
    expect(await mailOf(id)).toEqual(["Cancel"])
    expect((await say(`${other}/cancellation`, withdrawal, { key: "mine" })).status).toBe(202)
    expect(await mailOf(other)).toEqual(["Cancel"])
  })

  it("that was refused can be sent again under the same key", async () => {
    const id = await posted("corrected")
    const refused = await say(`${id}/cancellation`, { ...withdrawal, items: [3] }, { key: "mine" })
    expect(refused.status).toBe(409)
    expect((await say(`${id}/cancellation`, { ...withdrawal, items: [2] }, { key: "mine" })).status).toBe(202)
    expect((await say(`${id}/cancellation`, withdrawal, { key: "" })).status, "an empty key").toBe(400)
  })
})

describe("people", () => {
  it("cancel what was not sent, and hear what is expected", async () => {
    const id = await posted("withdrawn")
    expect(await say(`${id}/cancellation`, { by: "sam", reason: "by mistake", items: [2] })).toMatchObject({
      status: 202,
      json: { expected: [{ type: "ItemsCancelled", items: [2], reason: "by mistake" }] },
    })
    expect((await say(`${id}/cancellation`, { by: "sam", reason: "x", items: [3] })).json.reason).toBe(
      "no-such-item",
    )
  })

  it("may not quote an account in what they write, for the log keeps it for ever", async () => {
    const id = await posted("quoted")
    for (const reason of ["DE89 3704 0044 0532 0130 00 is wrong", "wrong account 0532013000"])
      expect(await say(`${id}/cancellation`, { by: "sam", reason })).toMatchObject({
        status: 400,
        json: { errors: [{ pointer: "/reason" }] },
      })
    expect(await mailOf(id)).toEqual([])
  })

  it("review, retry and resolve only what is held, failed or parked", async () => {
    const id = await posted("early")
    const about = { by: "olga", reason: "looked at it" }
    const asOlga = { apiKey: olga }
    const review = await say(`${id}/items/1/review`, { ...about, decision: "released" }, asOlga)
    expect(review).toMatchObject({ status: 409, json: { reason: "not-held" } })
    expect((await say(`${id}/items/1/retry`, { by: "olga" })).json.reason).toBe("not-failed")
    const evidence = { text: "on the statement", reference: "camt-7" }
    const resolution = { ...about, outcome: "settled", evidence }
    expect((await say(`${id}/items/1/resolution`, resolution, asOlga)).json.reason).toBe("not-parked")
    const without = await say(`${id}/items/1/resolution`, { ...about, outcome: "settled" }, asOlga)
    expect(without).toMatchObject({ status: 400, json: { errors: [{ pointer: "/evidence" }] } })
    const quoting = { ...resolution, evidence: { ...evidence, reference: "DE89370400440532013000" } }
    expect((await say(`${id}/items/1/resolution`, quoting, asOlga)).json).toMatchObject({
      errors: [{ pointer: "/evidence/reference" }],
    })
  })

  it("are told which field is wrong", async () => {
    const id = await posted("careless")
    const problem = await say(`${id}/cancellation`, { by: "", because: "x" })
    expect(problem.status).toBe(400)
    const pointers = (problem.json.errors as ReadonlyArray<{ pointer: string }>).map(({ pointer }) => pointer)
    expect(pointers.toSorted()).toEqual(["/because", "/by", "/reason"])
    expect((await say(`${id}/items/zero/retry`, { by: "olga" })).status).toBe(400)
  })

  it("have no say in another partner's batch", async () => {
    const id = await posted("mine")
    expect((await say(`${id}/cancellation`, { by: "eve", reason: "x" }, { apiKey: globex })).status).toBe(404)
    expect(await mailOf(id)).toEqual([])
  })
})

it.each([
  ["a mode that there is not", { mode: "loose" }, "/mode"],
  ["a moment without its offset", { executeAt: "2026-11-23T16:05:00" }, "/executeAt"],
  ["a submitter that cannot be seen", { submittedBy: "sam\u200b" }, "/submittedBy"],
])("a batch with %s is refused", async (_, terms, pointer) => {
  const { status, json } = await api.post(`bad ${pointer}`, { items: [payout("a")], ...terms })
  expect(status).toBe(400)
  expect(json.errors).toMatchObject([{ pointer }])
})
