/** What counts as accepted before: claims whose batch died, was cancelled or was lost, and a register that is away. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { StoreUnavailable } from "../../../src/platform/store-unavailable.ts"
import { EventStore } from "../../../src/streams/event-store.ts"
import { newBatchId } from "../../publisher/story.ts"
import { ClaimsInMemory } from "../../register/claims-in-memory.ts"
import { allowed, batch, goesOn, invoice, problemOf, refusing } from "./duplicates-under-test.ts"
import { payout } from "./payout-batch-body.ts"

describe("what became of the earlier payout", () => {
  it("counts: one that was cancelled is no duplicate, one beside it is", async () => {
    await using api = await refusing()
    const { json } = await api.post("1", batch(payout("A"), payout("B")))
    await goesOn(api, json.id, {
      _tag: "ItemsCancelled",
      at: Date.now(),
      items: [1],
      by: "alice",
      reason: "by mistake" as never,
    })
    expect((await api.post("2", batch(payout("A")))).status).toBe(202)
    expect((await api.post("3", batch(payout("A")))).status, "the second one is not cancelled").toBe(409)
    expect((await api.post("4", batch(payout("B")))).status).toBe(409)
  })

  it("is not asked where its log was lost: what was opened counts", async () => {
    const claims = new ClaimsInMemory()
    await using api = await refusing(claims)
    await api.post("1", invoice)
    claims.claims = claims.claims.map((claim) => ({ ...claim, batch: newBatchId() }))
    expect((await api.post("2", invoice)).status).toBe(409)
  })

  it("does not count where the batch was opened with another request", async () => {
    const claims = new ClaimsInMemory()
    await using api = await refusing(claims)
    await api.post("1", invoice)
    claims.claims = claims.claims.map((claim) => ({ ...claim, request: "another" }))
    expect((await api.post("2", invoice)).status).toBe(202)
  })
})

describe("a request that dies between its claim and its batch", () => {
  const broken: EventStore["Service"]["prepare"] = () =>
    Effect.fail(new StoreUnavailable({ store: "redis", step: "open", reason: "gone" }))

  it("is no duplicate of itself; others wait for it until nothing can come of it any more", async () => {
    const claims = new ClaimsInMemory()
    await using api = await refusing(claims)
    const store = Context.get(api.streams, EventStore)
    const { prepare } = store
    try {
      Object.assign(store, { prepare: broken })
      expect((await api.post("1", invoice)).status).toBe(503)
    } finally {
      Object.assign(store, { prepare })
    }
    const meanwhile = await api.post("2", invoice)
    expect([meanwhile.status, problemOf(meanwhile)]).toEqual([503, "/problems/duplicates-unknown"])
    expect(Number(meanwhile.headers.get("retry-after"))).toBeGreaterThan(0)
    claims.aheadMs = 120_001
    expect((await api.post("2", invoice)).status).toBe(202)
    expect((await api.post("1", invoice)).status, "now the other one was first").toBe(409)
  })

  it("may repeat itself", async () => {
    await using api = await refusing()
    const store = Context.get(api.streams, EventStore)
    const { prepare } = store
    try {
      Object.assign(store, { prepare: broken })
      expect((await api.post("1", invoice)).status).toBe(503)
    } finally {
      Object.assign(store, { prepare })
    }
    expect((await api.post("1", invoice)).status).toBe(202)
    expect((await api.post("2", invoice)).status).toBe(409)
  })

  it("opens nothing when it comes to itself so late that others do not wait any more", async () => {
    await using api = await refusing()
    const store = Context.get(api.streams, EventStore)
    const { prepare } = store
    const within: Array<number> = []
    const watched: typeof prepare = (...asked) =>
      Effect.map(prepare(...asked), (step) => (openBy = Number.POSITIVE_INFINITY) => {
        within.push(openBy - Date.now())
        return step(Date.now() - 60_000)
      })
    try {
      Object.assign(store, { prepare: watched })
      expect((await api.post("1", invoice)).status).toBe(503)
    } finally {
      Object.assign(store, { prepare })
    }
    expect(within[0]).toBeGreaterThan(30_000)
    expect(within[0]).toBeLessThan(90_000)
  })
})

describe("the register", () => {
  it("is needed where duplicates are refused, also where they are allowed", async () => {
    const claims = new ClaimsInMemory()
    await using api = await refusing(claims)
    await api.post("1", invoice)
    claims.isAway = true
    for (const body of [invoice, batch(payout("INV-2")), { ...invoice, ...allowed }]) {
      const answer = await api.post("2", body)
      expect([answer.status, problemOf(answer)]).toEqual([503, "/problems/duplicates-unknown"])
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0)
    }
    expect((await api.post("1", invoice)).status, "what was accepted is answered as ever").toBe(202)
    claims.isAway = false
    expect((await api.post("2", batch(payout("INV-2")))).status).toBe(202)
  })

  it("is not waited for long, once it has said what was claimed", async () => {
    const claims = new ClaimsInMemory()
    await using api = await refusing(claims)
    claims.isSilent = true
    expect((await api.post("1", invoice)).status).toBe(202)
    expect((await api.post("2", invoice)).status).toBe(409)
    expect(api.lines.some((line) => line.includes("a claim on payouts is not released"))).toBe(true)
  })

  it("that came back older than it was does not pass for complete", async () => {
    const claims = new ClaimsInMemory()
    await using api = await refusing(claims)
    await api.post("1", batch(payout("A")))
    const copy = claims.claims
    await api.post("2", invoice)
    claims.claims = copy
    const refused = await api.post("3", invoice)
    expect([refused.status, problemOf(refused)]).toEqual([503, "/problems/duplicates-unknown"])
    expect((await api.post("4", batch(payout("B")))).status, "nor for anything else").toBe(503)
    expect(api.lines.some((line) => line.includes("is older than it was"))).toBe(true)
    const meant = await api.post("5", { ...invoice, ...allowed })
    expect([meant.status, meant.json.warnings]).toMatchObject([202, [{ type: "duplicates-unchecked" }]])
    expect((await api.post("6", batch(payout("C")))).status, "and stays so").toBe(503)
  })

  it("holds no account, and nothing from which one is found by trying", async () => {
    const claims = new ClaimsInMemory()
    await using api = await refusing(claims)
    await api.post("1", invoice)
    const kept = JSON.stringify(claims.claims)
    expect(kept).not.toContain("532013000")
    expect(claims.claims[0]?.payouts.map(({ fingerprint }) => fingerprint)).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ])
    const others = new ClaimsInMemory()
    await using third = await refusing(others)
    await third.post("1", invoice)
    expect(others.claims[0]?.payouts[0]?.fingerprint, "another deployment has another key").not.toBe(
      claims.claims[0]?.payouts[0]?.fingerprint,
    )
  })
})
