import { describe, expect, it } from "vitest"
import { emptyBatch } from "../../src/domain/batch.ts"
import { evolve, fold } from "../../src/domain/evolve.ts"
import { publicItemStates } from "../../src/domain/item-state.ts"
import { mapTotals, needsAttention, shownBatch, shownItem, sumOf } from "../../src/domain/shown.ts"
import { storyOf } from "../publisher/story.ts"

const story = storyOf("acme", 6)
const closing = { _tag: "BatchClosed", at: 99, state: "partially-settled" } as const

describe("what is shown of a batch", () => {
  it("are its totals by currency in order, by the states that occur", () => {
    const { totals } = shownBatch(fold(story.slice(0, 3)))
    expect(mapTotals(totals, ({ count, minor }, currency) => `${count} ${currency} ${minor}`)).toEqual({
      EUR: { cleared: "2 EUR 2468", rejected: "1 EUR 1234" },
      JPY: { cleared: "2 JPY 2400", held: "1 JPY 1200" },
    })
    expect(Object.keys(totals)).toEqual(["EUR", "JPY"])
    expect([sumOf(totals, "EUR"), sumOf(totals, "EUR", "rejected"), sumOf(totals, "GBP")]).toEqual([
      3_702n,
      1_234n,
      0n,
    ])
  })

  it("stays what it was when the batch goes on", () => {
    const batch = fold(story.slice(0, 3))
    const before = shownBatch(batch)
    const copy = structuredClone(before)
    for (const event of story.slice(3)) evolve(batch, event)
    expect(before).toEqual(copy)
  })

  it("is when it was closed, whatever comes later", () => {
    const batch = fold([...story, closing])
    expect(shownBatch(batch)).toMatchObject({ state: "partially-settled", closedAt: 99 })
    evolve(batch, { _tag: "FundsArrived", at: 100, currency: "EUR" })
    expect(shownBatch(batch)).toMatchObject({ closedAt: 99, updatedAt: 100 })
    expect(shownBatch(emptyBatch()).closedAt).toBeUndefined()
  })
})

describe("what is shown of an approval", () => {
  const [received, ...others] = story
  if (received?._tag !== "BatchReceived") throw new Error("a story begins with its batch")
  const approval = { reason: "asked", hash: "h", expiresAt: 50 } as const
  const waiting = fold([{ ...received, approval }, ...others.slice(0, 1)])

  it("is who is needed, then who approved and when", () => {
    expect(shownBatch(waiting).approval).toEqual({ state: "pending", ...approval })
    const by = { by: "Ada", credential: "partner:acme/office" as const }
    const approved = evolve(waiting, { _tag: "BatchApproved", at: 40, hash: "h", ...by })
    expect(shownBatch(approved).approval).toEqual({ state: "approved", ...approval, ...by, approvedAt: 40 })
  })

  it("is that nobody approved in time", () => {
    const late = fold([
      { ...received, approval },
      { _tag: "ApprovalExpired", at: 60 },
    ])
    expect(shownBatch(late).approval).toMatchObject({ state: "expired" })
    expect(shownBatch(fold(story)).approval).toBeUndefined()
  })

  it("and of the arrivals is what was expected at the start", () => {
    const arrivals = [{ scheme: "sepa" as const, on: "2026-11-30" }]
    const started = fold([...story.slice(0, 3), { _tag: "ExecutionStarted", at: 70, arrivals }])
    expect(shownBatch(started).expectedArrivals).toEqual(arrivals)
    expect(shownBatch(fold(story.slice(0, 1))).expectedArrivals).toBeUndefined()
  })
})

describe("the names of item states outside", () => {
  it("are those that were published: screened is cleared there", () => {
    expect(publicItemStates).toEqual([
      "received",
      "screening",
      "held",
      "rejected",
      "cleared",
      "transferring",
      "unknown",
      "pending",
      "settled",
      "failed",
      "returned",
      "cancelled",
      "parked",
    ])
    const { items } = fold(story.slice(0, 3))
    const states = [...items.values()].map((item) => [item.state, shownItem(item).state])
    expect(states).toContainEqual(["screened", "cleared"])
    for (const [state, shown] of states) expect(shown).toBe(state === "screened" ? "cleared" : state)
  })
})

describe("a batch needs attention", () => {
  it.each([
    ["while it waits for approval", "awaiting-approval", ["cleared", "held"], true],
    ["while all that is open is held or parked", "settling", ["held", "parked", "settled", "failed"], true],
    ["also when it was closed, and an item is in dispute", "settled", ["parked", "settled"], true],
    ["not while a bank or a machine can still move an item", "settling", ["held", "pending"], false],
    ["not while it is screened", "screening", ["held", "screening"], false],
    ["not when every item has come to its end", "settled", ["settled", "cancelled"], false],
    ["not before its items are known", "received", [], false],
  ] as const)("%s", (_, state, items, expected) => {
    // Each in its own currency: an item that is open in one keeps the whole batch going.
    const totals = Object.fromEntries(items.map((item, index) => [`C${index}`, { [item]: 1 }]))
    expect(needsAttention(state, totals)).toBe(expected)
  })
})

describe("what is shown of an item", () => {
  const { items } = fold(story)
  const item = (number: number) => {
    const found = items.get(number)
    if (found === undefined) throw new Error(`no item ${number}`)
    return shownItem(found)
  }

  it("has no account but its masked form, and the attempt made last", () => {
    expect(item(1)).toMatchObject({
      item: 1,
      reference: "order-1",
      account: "iban …3000",
      minor: 1_234n,
      state: "returned",
      attempt: 1,
    })
  })

  it("is what the compliance engine said, and what it found", () => {
    expect(item(3).clearance).toMatchObject({ decision: "rejected", listVersion: "1" })
    expect(item(3).clearance?.findings).toMatchObject([{ reason: "sanctions", decision: "rejected" }])
    expect(item(1).clearance).toEqual({ decision: "approved", listVersion: "1" })
  })
})
