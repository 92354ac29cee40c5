import { Context, Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { Mailbox } from "../../../src/streams/mailbox.ts"
import { accepted, failed, Story, settled, unresolved } from "../../domain/batch-story.ts"
import { fromOldLog } from "../../plain-texts.ts"
import { newBatchId } from "../../publisher/story.ts"
import { append, owning, takeFrom } from "../../streams/log-under-test.ts"
import { wholeLog } from "../../streams/whole-log.ts"
import { ApiUnderTest, acme, globex, olga, otto, rita, supervisor } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

let api: ApiUnderTest
beforeAll(async () => {
  const thresholds = { APPROVAL_ABOVE: "JPY=1000,EUR=1000", RESOLUTION_ABOVE: "EUR=10.01" }
  api = await ApiUnderTest.open({ environment: thresholds })
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
        expected: [{ type: "BatchApproved", by: "sam", credential: "partner:acme/supervisor" }],
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

describe("a resolution", () => {
  const evidence = { text: "on the statement", reference: "camt-7, page 2" }
  const resolution = { by: "olga", outcome: "settled", evidence }
  const asOlga = { apiKey: olga }

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
    expect(await say(`${id}/items/1/resolution`, resolution, asOlga)).toMatchObject({
      status: 409,
      json: { type: "/problems/command-refused", reason: "attempt-open", attempts: [2] },
    })
    expect(await mailOf(id)).toEqual([])
  })

  it("names its attempt where several are in question", async () => {
    const id = await disputed(unresolved)
    expect(await say(`${id}/items/1/resolution`, resolution, asOlga)).toMatchObject({
      status: 409,
      json: { reason: "attempt-not-named", attempts: [1, 2] },
    })
    expect(await say(`${id}/items/1/resolution`, { ...resolution, attempt: 2 }, asOlga)).toMatchObject({
      status: 202,
      json: {
        expected: [
          { type: "ParkedResolved", attempt: 2, outcome: "settled", credential: "operator:olga", evidence },
        ],
      },
    })
    expect((await say(`${id}/items/1/resolution`, { ...resolution, attempt: 10 }, asOlga)).status).toBe(400)
  })

  it("that names none is kept for the one that was in question when it was asked for", async () => {
    const [id, story] = [newBatchId(), new Story().requested(1)]
    story.hears(1, unresolved)
    await Effect.runPromise(api.log.open(id, story.events, `open ${id}`))
    expect((await say(`${id}/items/1/resolution`, resolution, asOlga)).status).toBe(202)
    const mail = await Effect.runPromise(api.log.mail(id, 10))
    expect(mail).toMatchObject([{ command: { _tag: "Resolve", item: 1, attempt: 1 } }])
  })
})

describe("a release", () => {
  const release = { reason: "looked at the entry", decision: "released" }
  const listed = { cause: "sanctions", listVersion: "v", reason: "list hit" }
  /** A batch whose item 1 is held for what the engine found under these reasons. */
  const held = async (...reasons: ReadonlyArray<string>): Promise<BatchId> => {
    const [id, story] = [newBatchId(), new Story().asked(1)]
    const decisions = reasons.map((reason) => ({ item: 1, decision: "review", reason }) as const)
    story.tell({ _tag: "RecordScreening", clearance: 1, clearanceId: "c", listVersion: "v", decisions })
    await Effect.runPromise(api.log.open(id, fromOldLog(story.events), `open ${id}`))
    return id
  }
  const told = async (id: BatchId) =>
    (await Effect.runPromise(api.log.mail(id, 10))).map(({ command }) => command)

  it("that names nothing is kept for what had been found when it was asked for", async () => {
    const id = await held("list hit", "another entry")
    const findings = [listed, { ...listed, reason: "another entry" }]
    expect(await say(`${id}/items/1/review`, release, { apiKey: olga })).toMatchObject({
      status: 202,
      json: { expected: [{ type: "ItemReviewed", findings }] },
    })
    expect(await told(id)).toMatchObject([{ _tag: "Review", findings }])
  })

  it("covers what it names, and names only what was found", async () => {
    const id = await held("list hit", "another entry")
    const strange = { ...release, findings: [{ ...listed, listVersion: "w" }] }
    expect(await say(`${id}/items/1/review`, strange, { apiKey: olga })).toMatchObject({
      status: 409,
      json: { reason: "findings-differ" },
    })
    expect((await say(`${id}/items/1/review`, { ...release, findings: [] }, { apiKey: olga })).status).toBe(
      400,
    )
    expect(
      (await say(`${id}/items/1/review`, { ...release, findings: [listed] }, { apiKey: olga })).status,
    ).toBe(202)
    expect(await told(id)).toMatchObject([{ findings: [listed] }])
  })

  it("is shown without an account that the engine quoted", async () => {
    const id = await held("list hit on DE89370400440532013000")
    const { text } = await say(`${id}/items/1/review`, release, { apiKey: olga })
    expect(text).toContain("[redacted]")
    expect(text).not.toContain("DE89370400440532013000")
  })
})

describe("a resolution above what one operator may say alone", () => {
  const evidence = { text: "on the statement", reference: "camt-7" }

  /** Two items are parked, of EUR 10.01 and 10.02: the second is above the threshold. */
  const parked = async (): Promise<BatchId> => {
    const [id, story] = [newBatchId(), new Story().requested(2)]
    for (const item of [1, 2]) story.hears(item, unresolved)
    await Effect.runPromise(api.log.open(id, story.events, `open ${id}`))
    return id
  }
  const resolve = (id: string, item: number, apiKey: string, key?: string) =>
    say(
      `${id}/items/${item}/resolution`,
      { outcome: "failed", evidence },
      { apiKey, ...(key === undefined ? {} : { key }) },
    )

  it("is a proposal first; below it one is enough", async () => {
    const id = await parked()
    expect((await resolve(id, 1, olga)).json).toMatchObject({ expected: [{ type: "ParkedResolved" }] })
    expect((await resolve(id, 2, olga)).json).toMatchObject({
      expected: [{ type: "ResolutionProposed", item: 2, attempt: 1, credential: "operator:olga", evidence }],
    })
  })

  it("is no repetition of what another operator said, also under the same Idempotency-Key and word for word", async () => {
    const id = await parked()
    expect((await resolve(id, 2, olga, "case-1")).headers.get("idempotent-replayed")).toBeNull()
    expect((await resolve(id, 2, olga, "case-1")).headers.get("idempotent-replayed")).toBe("true")
    expect((await resolve(id, 2, otto, "case-1")).headers.get("idempotent-replayed")).toBeNull()
    const mail = await Effect.runPromise(api.log.mail(id, 10))
    expect(mail.map(({ command }) => command)).toMatchObject([
      { _tag: "Resolve", credential: "operator:olga" },
      { _tag: "Resolve", credential: "operator:otto" },
    ])
  })
})

describe("a partner's key", () => {
  const evidence = { text: "on the statement", reference: "camt-7" }

  it("reviews and resolves nothing, whatever name is typed, and is told so before anything is looked at", async () => {
    const id = await posted("not-for-partners")
    const about = { by: "operator:olga", reason: "looked at it" }
    for (const apiKey of [acme, supervisor, globex]) {
      for (const batch of [id, newBatchId(), "none"]) {
        const review = await say(`${batch}/items/1/review`, { ...about, decision: "released" }, { apiKey })
        const resolution = { ...about, outcome: "failed", evidence }
        for (const answer of [review, await say(`${batch}/items/1/resolution`, resolution, { apiKey })])
          expect(answer).toMatchObject({ status: 403, json: { type: "/problems/forbidden" } })
      }
    }
    expect(await mailOf(id)).toEqual([])
  })

  it("retries what plainly failed, and not what people had to look at", async () => {
    const [id, story] = [newBatchId(), new Story().requested(2)]
    story.hears(1, failed)
    story.hears(2, unresolved)
    story.tell({ _tag: "Resolve", item: 2, outcome: "failed", by: "olga", reason: "never left" })
    story.posted("release")
    await Effect.runPromise(api.log.open(id, story.events, `open ${id}`))
    expect((await say(`${id}/items/1/retry`, {})).status).toBe(202)
    expect(await say(`${id}/items/2/retry`, {})).toMatchObject({
      status: 403,
      json: { detail: "Use an operator's key that may retry." },
    })
    expect(
      (await say(`${id}/items/2/retry`, {}, { apiKey: rita })).status,
      "nor an operator for reviews",
    ).toBe(403)
    expect((await say(`${id}/items/2/retry`, {}, { apiKey: olga })).status).toBe(202)
    expect(await mailOf(id)).toEqual(["Retry", "Retry"])
  })
})

describe("an operator's key", () => {
  it("opens the batches of all partners, and posts none", async () => {
    const id = await posted("looked-at")
    expect((await api.get(`/payout-batches/${id}`, olga)).json).toMatchObject({ id })
    expect((await api.get(`/payout-batches/${id}/events`, olga)).status).toBe(200)
    expect((await api.get(`/payout-batches/${newBatchId()}`, olga)).status).toBe(404)
    expect((await api.get("/payout-batches/none/events", olga)).status).toBe(404)
    expect((await api.get("/payout-batches?partner=acme", olga)).status).toBe(200)
    expect((await api.get("/payout-batches", olga)).status, "it has none of its own").toBe(400)
    expect(await api.post("mine", { items: [payout("a")] }, olga)).toMatchObject({
      status: 403,
      json: { type: "/problems/forbidden", detail: "Use a partner's key." },
    })
    expect((await api.get("/webhook-endpoints", olga)).status).toBe(403)
  })

  it("does what it is for, and nothing else", async () => {
    const id = await posted("scoped")
    const withdrawal = { reason: "asked to by telephone" }
    expect((await say(`${id}/cancellation`, withdrawal, { apiKey: rita })).status).toBe(403)
    expect(await say(`${id}/cancellation`, withdrawal, { apiKey: olga })).toMatchObject({
      status: 202,
      json: { expected: [{ type: "ItemsCancelled", by: "olga", credential: "operator:olga" }] },
    })
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
