/** What only operators may decide: releases of held items, and resolutions of parked ones. */
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { newApiKey } from "../../../src/identity/api-key.ts"
import type { PartnerCaller } from "../../../src/identity/caller.ts"
import { KeyDirectory } from "../../../src/identity/key-directory.ts"
import { PartnerContracts } from "../../../src/identity/partner-contracts.ts"
import { accepted, failed, Story, settled, unresolved } from "../../domain/batch-story.ts"
import { fromOldLog } from "../../plain-texts.ts"
import { newBatchId } from "../../publisher/story.ts"
import { ApiUnderTest, acme, globex, noStoredKeys, olga, otto, rita, supervisor } from "../api-under-test.ts"
import { interventionsAt, thresholds } from "./interventions-under-test.ts"
import { payout } from "./payout-batch-body.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment: thresholds })
})
afterAll(() => api[Symbol.asyncDispose]())

const { say, mailOf, posted } = interventionsAt(() => api)

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

describe("a partner whose contract lets it review", () => {
  const release = { reason: "looked at the entry", decision: "released", by: "Sue" }
  const caller = (name: string): PartnerCaller => ({
    kind: "partner",
    partner: "acme",
    credential: `partner:acme/${name}`,
    scopes: new Set(["batches:review", "batches:resolve"]),
  })
  /** An API that knows these keys, and a contract that a test may change. */
  const opened = async (contract: Set<"review" | "resolve">, keys: ReadonlyMap<string, PartnerCaller>) =>
    ApiUnderTest.open({
      access: Layer.mergeAll(
        noStoredKeys,
        Layer.mock(KeyDirectory, {
          find: (key) => Effect.succeed(keys.get(key) ?? "unknown"),
          isSuspended: () => false,
        }),
        Layer.mock(PartnerContracts, { operates: () => Effect.succeed(contract) }),
      ),
    })

  it("does so under a key that did not submit the batch, while the contract says so", async () => {
    const [reviewer, clerk] = [newApiKey().text, newApiKey().text]
    const contract = new Set<"review" | "resolve">(["review"])
    const keys = new Map([
      [reviewer, caller("supervisor")],
      [clerk, caller("clerk")],
    ])
    await using own = await opened(contract, keys)
    const { say } = interventionsAt(() => own)
    const [id, story] = [newBatchId(), new Story().asked(1).answered([1], "review")]
    await Effect.runPromise(own.log.open(id, story.events, `open ${id}`))
    expect(await say(`${id}/items/1/review`, release, { apiKey: clerk })).toMatchObject({
      status: 409,
      json: { reason: "decider-is-submitter" },
    })
    const resolution = { outcome: "failed", evidence: { text: "on the statement", reference: "camt-7" } }
    expect((await say(`${id}/items/1/resolution`, resolution, { apiKey: reviewer })).status).toBe(403)
    expect(await say(`${id}/items/1/review`, release, { apiKey: reviewer })).toMatchObject({
      status: 202,
      json: {
        expected: [
          {
            type: "ItemReviewed",
            by: "acme/supervisor",
            credential: "partner:acme/supervisor",
            typedBy: "Sue",
          },
        ],
      },
    })
    contract.clear()
    expect((await say(`${id}/items/1/review`, release, { apiKey: reviewer })).status).toBe(403)
  })
})
