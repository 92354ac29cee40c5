import { describe, expect, it } from "vitest"
import { closingLines, replayJson, replayLine, step } from "../../src/cli/replay-step.ts"
import { emptyBatch } from "../../src/domain/batch.ts"
import { someSeal, visibleIban } from "../domain/batch-story.ts"
import { fromOldLog } from "../plain-texts.ts"

const at = Date.UTC(2026, 10, 1, 9, 30, 0, 7)
const iban = "DE89370400440532013000"
const payout = { item: 1, attempt: 1 }

/** One item is paid and comes back, the other is rejected. */
const log = fromOldLog([
  {
    _tag: "BatchReceived",
    at,
    partner: "acme",
    idempotencyKey: "k",
    requestDigest: "d",
    itemCount: 2,
    mode: "partial",
    submittedBy: "acme",
    attemptsMax: 1,
  },
  {
    _tag: "ItemsReceived",
    at,
    items: [
      {
        item: 1,
        reference: "A1",
        currency: "EUR",
        minor: 1250n,
        beneficiary: { name: "Ada", account: visibleIban(iban) },
      },
      {
        item: 2,
        reference: "A2",
        currency: "JPY",
        minor: 500n,
        beneficiary: { name: "Bob", account: visibleIban(iban) },
      },
    ],
    sealed: someSeal,
  },
  {
    _tag: "ItemsScreened",
    at,
    clearance: 1,
    clearanceId: "c1",
    listVersion: "l1",
    decisions: [
      { item: 1, decision: "approved" },
      { item: 2, decision: "rejected", reason: "sanctions-list-hit" },
    ],
  },
  { _tag: "PostingRequested", at, posting: 1, kind: "hold", items: [1] },
  { _tag: "PostingBooked", at, posting: 1, ledgerPostingId: "posting-1" },
  { _tag: "TransfersRequested", at, transfers: [{ ...payout, bank: "north", reference: "R-1-1" }] },
  { _tag: "TransferUnknown", at, ...payout, reason: `no answer about ${iban}`, inquireAt: at + 1 },
  { _tag: "TransferSettled", at, ...payout, evidence: "inquiry" },
  { _tag: "PostingRequested", at, posting: 2, kind: "post", items: [1] },
  { _tag: "PostingBooked", at, posting: 2, ledgerPostingId: "posting-2" },
  { _tag: "BatchClosed", at, state: "partially-settled" },
  { _tag: "TransferReturned", at, ...payout, evidence: "callback", code: "MS03" },
])

const replayed = <A>(show: (taken: ReturnType<typeof step>) => A): ReadonlyArray<A> => {
  const batch = emptyBatch()
  return log.map((event, index) => show(step(batch, { version: index + 1, event })))
}

describe("replaying a log", () => {
  it("tells each state: version, time, event, what changed, and the running totals", () => {
    const lines = replayed(replayLine).map((line) => line.replaceAll(/ +/g, " ").trim())
    expect(lines).toEqual([
      "1 09:30:00.007 BatchReceived 2 items from acme │ settling │",
      "2 09:30:00.007 ItemsReceived items 1 to 2 │ received │ EUR 0.00/12.50 JPY 0/500",
      "3 09:30:00.007 ItemsScreened 1 approved, 1 rejected, lists l1 │ settling │ EUR 0.00/12.50 JPY 0/500",
      "4 09:30:00.007 PostingRequested posting 1: hold 1 items │ settling │ EUR 0.00/12.50 JPY 0/500",
      "5 09:30:00.007 PostingBooked posting 1 is posting-1 │ settling │ EUR 0.00/12.50 JPY 0/500",
      "6 09:30:00.007 TransfersRequested item 1, EUR 12.50, to north │ settling │ EUR 0.00/12.50 JPY 0/500",
      "7 09:30:00.007 TransferUnknown item 1, EUR 12.50: no answer about [redacted] │ settling │ EUR 0.00/12.50 JPY 0/500",
      "8 09:30:00.007 TransferSettled item 1, EUR 12.50, by inquiry │ settling │ EUR 12.50/12.50 JPY 0/500",
      "9 09:30:00.007 PostingRequested posting 2: post 1 items │ settling │ EUR 12.50/12.50 JPY 0/500",
      "10 09:30:00.007 PostingBooked posting 2 is posting-2 │ settling │ EUR 12.50/12.50 JPY 0/500",
      "11 09:30:00.007 BatchClosed partially-settled │ partially-settled │ EUR 12.50/12.50 JPY 0/500",
      "12 09:30:00.007 TransferReturned item 1, EUR 12.50: MS03, by callback │ partially-settled │ EUR 0.00/12.50 JPY 0/500",
    ])
  })

  it("gives programs the totals of every state, and the same total at every version", () => {
    const steps = replayed(replayJson)
    expect(steps[2]).toEqual({
      version: 3,
      at: "2026-11-01T09:30:00.007Z",
      event: "ItemsScreened",
      change: "1 approved, 1 rejected, lists l1",
      state: "settling",
      totals: { EUR: { cleared: "12.50" }, JPY: { rejected: "500" } },
    })
    for (const { totals } of steps.slice(1)) expect(Object.values(totals.EUR ?? {})).toEqual(["12.50"])
  })

  it("ends with where the batch stands", () => {
    const batch = emptyBatch()
    log.forEach((event, index) => {
      step(batch, { version: index + 1, event })
    })
    expect(closingLines(batch).slice(1)).toEqual([
      "partially-settled at version 12, 2 items",
      "returned  1  EUR  12.50",
      "rejected  1  JPY    500",
    ])
  })

  it("shows no account number", () => {
    expect(JSON.stringify(replayed(replayJson)) + replayed(replayLine).join()).not.toContain(iban)
  })
})
