/** `npm run bench:fold`: the cost to fold an event of a short and a long log. `--json`: one JSON object as the last line. */
import { emptyBatch } from "../src/domain/batch.ts"
import type { BatchEvent, PayoutItem } from "../src/domain/events.ts"
import { evolve } from "../src/domain/evolve.ts"
import { cleanText } from "../src/domain/outside-text.ts"

const ITEMS = 15_000
const LENGTHS = [1_000, 10_000, 120_000]
const CHUNK = 500
/** How many events are folded for each length, so that all lengths take about the same time. */
const EVENTS_PER_LENGTH = 600_000

const payoutItem = (item: number): PayoutItem => ({
  item,
  reference: `invoice-${item}`,
  beneficiary: {
    name: "Ada Lovelace",
    account: { scheme: "iban", country: "DE", lastFour: "3000" },
  },
  currency: item % 2 === 0 ? "EUR" : "GBP",
  minor: BigInt(item),
})

const at = Date.UTC(2026, 10, 23)

/** The events before the measured ones: the batch and its items, screened and held for review. */
const prologue = (items: number): ReadonlyArray<BatchEvent> => {
  const chunks: Array<BatchEvent> = [
    {
      _tag: "BatchReceived",
      at,
      partner: "acme",
      idempotencyKey: "key",
      requestDigest: "digest",
      itemCount: items,
      mode: "partial",
      submittedBy: "acme",
      attemptsMax: 1,
    },
  ]
  for (let from = 1; from <= items; from += CHUNK) {
    const [first = 1, ...others] = Array.from(
      { length: Math.min(CHUNK, items - from + 1) },
      (_, index) => from + index,
    )
    const decisions = [first, ...others].map((item) => ({ item, decision: "review" as const }))
    const [decision = { item: first, decision: "review" as const }, ...rest] = decisions
    chunks.push({
      _tag: "ItemsReceived",
      at,
      items: [payoutItem(first), ...others.map(payoutItem)],
      sealed: `1.${"A".repeat(CHUNK * 70)}`,
    })
    chunks.push({
      _tag: "ItemsScreened",
      at,
      clearance: 0,
      clearanceId: "c",
      listVersion: "v",
      decisions: [decision, ...rest],
    })
  }
  return chunks
}

/** Eight events of an item's life, from its review to its posting. */
const life = (item: number, posting: number): ReadonlyArray<BatchEvent> => [
  { _tag: "ItemReviewed", at, item, decision: "released", by: "olga", reason: cleanText("looked") },
  { _tag: "PostingRequested", at, posting, kind: "hold", items: [item] },
  { _tag: "PostingBooked", at, posting, ledgerPostingId: "l" },
  { _tag: "TransfersRequested", at, transfers: [{ item, attempt: 1, bank: "north", reference: "r" }] },
  { _tag: "TransferAccepted", at, item, attempt: 1, transferId: "t", inquireAt: at },
  { _tag: "TransferSettled", at, item, attempt: 1, evidence: "callback" },
  { _tag: "PostingRequested", at, posting: posting + 1, kind: "post", items: [item] },
  { _tag: "PostingBooked", at, posting: posting + 1, ledgerPostingId: "l" },
]

/** Nanoseconds per event of a log with this length, without the events before the measured ones. */
const nsPerEvent = (length: number): number => {
  const items = length / 8
  const before = prologue(items)
  const events = Array.from({ length: items }, (_, index) => life(index + 1, 2 * index + 1)).flat()
  let spent = 0n
  let folded = 0
  while (folded < EVENTS_PER_LENGTH) {
    const batch = emptyBatch()
    for (const event of before) evolve(batch, event)
    const since = process.hrtime.bigint()
    for (const event of events) evolve(batch, event)
    spent += process.hrtime.bigint() - since
    folded += events.length
    if (batch.tasks.none.size !== items) throw new Error("the log is not what it should be")
  }
  return Math.round(Number(spent) / folded)
}

nsPerEvent(LENGTHS[0] ?? 1_000) // warms up
const measured = Object.fromEntries(LENGTHS.map((length) => [length, nsPerEvent(length)]))
const longest = LENGTHS.at(-1) ?? 0
const seconds = ((measured[longest] ?? 0) * longest) / 1e9

for (const [length, ns] of Object.entries(measured))
  console.log(`${length.padStart(7)} events: ${ns} ns per event`)
console.log(`${ITEMS} items × 8 events fold in ${seconds.toFixed(3)} s`)
if (process.argv.includes("--json")) console.log(JSON.stringify({ nsPerEvent: measured, seconds }))
