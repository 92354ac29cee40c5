import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { EventLog } from "../../src/streams/event-log.ts"
import { accepted, failed, Story, settled, unresolved } from "../domain/batch-story.ts"
import { newBatchId } from "../publisher/story.ts"
import { append, owning, takeFrom } from "../streams/log-under-test.ts"
import { ApiUnderTest, acme, globex } from "./api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment: { APPROVAL_ABOVE: "JPY=1000" } })
})
afterAll(() => api[Symbol.asyncDispose]())

const say = (
  path: string,
  body: unknown,
  { apiKey = acme, key }: { readonly apiKey?: string; readonly key?: string } = {},
) =>
  api.call(`/payout-batches/${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      ...(key === undefined ? {} : { "idempotency-key": key }),
    },
    body: JSON.stringify(body),
  })

const mailOf = async (id: string) => {
  const mail = await Effect.runPromise(api.log.mail(id as BatchId, 10))
  return mail.map(({ command }) => command?._tag)
}

const posted = async (key: string, terms: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  String((await api.post(key, { items: [payout("a"), payout("b")], ...terms })).json.id)

describe("an approval", () => {
  it("is asked for by the hash that the batch shows, of somebody who did not submit it", async () => {
    const id = await posted("four-eyes", { requireApproval: true, submittedBy: "sam" })
    const { events } = (await api.get(`/payout-batches/${id}/events`)).json as {
      events: ReadonlyArray<{ approval?: { hash: string; reason: string } }>
    }
    const { hash, reason } = events[0]?.approval ?? {}
    expect(reason).toBe("asked")
    expect(await say(`${id}/approval`, { by: "sam", hash })).toMatchObject({
      status: 409,
      json: { type: "/problems/command-refused", reason: "approver-is-submitter" },
    })
    expect((await say(`${id}/approval`, { by: "olga", hash: "another" })).json.reason).toBe("hash-differs")
    expect(await mailOf(id), "what is refused is not put into the mailbox").toEqual([])
    expect(await say(`${id}/approval`, { by: "olga", hash })).toMatchObject({
      status: 202,
      json: { status: "accepted", expected: [{ type: "BatchApproved", by: "olga" }] },
    })
    expect(await mailOf(id)).toEqual(["Approve"])
  })

  it("is needed above the threshold of a currency, and else refused", async () => {
    const yen = payout("a", { amount: { currency: "JPY", value: "1001" } })
    const { text } = await api.get(`/payout-batches/${await posted("large", { items: [yen] })}/events`)
    expect(text).toContain('"reason":"threshold"')
    const small = await posted("small")
    expect((await say(`${small}/approval`, { by: "olga", hash: "x" })).json.reason).toBe(
      "approval-not-needed",
    )
  })
})

describe("a resolution", () => {
  const resolution = { by: "olga", reason: "on the statement", outcome: "settled" }

  /** A batch whose first attempt to pay item 1 was paid after all, after what became of the second. */
  const disputed = async (...outcomes: ReadonlyArray<typeof settled>): Promise<string> => {
    const [id, story] = [newBatchId(), new Story().retried()]
    for (const outcome of outcomes) story.hears(1, outcome, 2)
    story.hears(1, settled, 1)
    await Effect.runPromise(api.log.open(id, story.events, `open ${id}`))
    return id
  }

  it("waits while another attempt of the item is open, and is told which", async () => {
    const id = await disputed(accepted)
    expect(await say(`${id}/items/1/resolution`, resolution)).toMatchObject({
      status: 409,
      json: { type: "/problems/command-refused", reason: "attempt-open", attempts: [2] },
    })
    expect(await mailOf(id)).toEqual([])
  })

  it("names its attempt where several are in question", async () => {
    const id = await disputed(unresolved)
    expect(await say(`${id}/items/1/resolution`, resolution)).toMatchObject({
      status: 409,
      json: { reason: "attempt-not-named", attempts: [1, 2] },
    })
    expect(await say(`${id}/items/1/resolution`, { ...resolution, attempt: 2 })).toMatchObject({
      status: 202,
      json: { expected: [{ type: "ParkedResolved", attempt: 2, outcome: "settled" }] },
    })
    expect((await say(`${id}/items/1/resolution`, { ...resolution, attempt: 10 })).status).toBe(400)
  })

  it("that names none is kept for the one that was in question when it was asked for", async () => {
    const [id, story] = [newBatchId(), new Story().requested(1)]
    story.hears(1, unresolved)
    await Effect.runPromise(api.log.open(id, story.events, `open ${id}`))
    expect((await say(`${id}/items/1/resolution`, resolution)).status).toBe(202)
    const mail = await Effect.runPromise(api.log.mail(id, 10))
    expect(mail).toMatchObject([{ command: { _tag: "Resolve", item: 1, attempt: 1 } }])
  })
})

describe("a release", () => {
  const release = { by: "olga", reason: "looked at the entry", decision: "released" }
  const listed = { cause: "sanctions", listVersion: "v", reason: "list hit" }
  /** A batch whose item 1 is held for what the engine found under these reasons. */
  const held = async (...reasons: ReadonlyArray<string>): Promise<BatchId> => {
    const [id, story] = [newBatchId(), new Story().asked(1)]
    const decisions = reasons.map((reason) => ({ item: 1, decision: "review", reason }) as const)
    story.tell({ _tag: "RecordScreening", clearance: 1, clearanceId: "c", listVersion: "v", decisions })
    await Effect.runPromise(api.log.open(id, story.events, `open ${id}`))
    return id
  }
  const told = async (id: BatchId) =>
    (await Effect.runPromise(api.log.mail(id, 10))).map(({ command }) => command)

  it("that names nothing is kept for what had been found when it was asked for", async () => {
    const id = await held("list hit", "another entry")
    const findings = [listed, { ...listed, reason: "another entry" }]
    expect(await say(`${id}/items/1/review`, release)).toMatchObject({
      status: 202,
      json: { expected: [{ type: "ItemReviewed", findings }] },
    })
    expect(await told(id)).toMatchObject([{ _tag: "Review", findings }])
  })

  it("covers what it names, and names only what was found", async () => {
    const id = await held("list hit", "another entry")
    const strange = { ...release, findings: [{ ...listed, listVersion: "w" }] }
    expect(await say(`${id}/items/1/review`, strange)).toMatchObject({
      status: 409,
      json: { reason: "findings-differ" },
    })
    expect((await say(`${id}/items/1/review`, { ...release, findings: [] })).status).toBe(400)
    expect((await say(`${id}/items/1/review`, { ...release, findings: [listed] })).status).toBe(202)
    expect(await told(id)).toMatchObject([{ findings: [listed] }])
  })

  it("is shown without an account that the engine quoted", async () => {
    const id = await held("list hit on DE89370400440532013000")
    const { text } = await say(`${id}/items/1/review`, release)
    expect(text).toContain("[redacted]")
    expect(text).not.toContain("DE89370400440532013000")
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
      const log = yield* EventLog
      yield* log.open(id, story.events, `open ${id}`)
      expect((yield* Effect.promise(retry)).status).toBe(202)
      const owned = (yield* takeFrom(log, "w", 400, 100)).find(({ batch }) => batch === id)
      const handled = (yield* log.mail(id, 10)).map((mail) => mail.id)
      const events = story.tell({ _tag: "Retry", item: 1, by: "olga" })
      yield* append(owning(owned), story.events.length - 1, "c", { events, handled })
    })
    await Effect.runPromise(Effect.provideService(workOn, EventLog, api.log))
    expect((await retry()).status).toBe(202)
    expect(await mailOf(id)).toEqual([])
    expect((await say(`${id}/items/1/retry`, { by: "olga" })).json.reason).toBe("not-failed")

    const { wasTold } = api.log
    let looks = 0
    const tooEarly: typeof wasTold = (batch, as) =>
      looks++ === 0 ? Effect.succeed(false) : wasTold(batch, as)
    try {
      Object.assign(api.log, { wasTold: tooEarly })
      expect((await retry()).status, "done between two looks").toBe(202)
    } finally {
      Object.assign(api.log, { wasTold })
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
    const review = await say(`${id}/items/1/review`, { ...about, decision: "released" })
    expect(review).toMatchObject({ status: 409, json: { reason: "not-held" } })
    expect((await say(`${id}/items/1/retry`, { by: "olga" })).json.reason).toBe("not-failed")
    expect((await say(`${id}/items/1/resolution`, { ...about, outcome: "settled" })).json.reason).toBe(
      "not-parked",
    )
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
