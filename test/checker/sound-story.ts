/** A story of one batch that is sound, for tests that break it in one place each. */
import { createHash } from "node:crypto"
import type { Evidence } from "./invariants.ts"

export const BATCH = "pb_a"
const item = { item: 1, reference: "invoice-1", currency: "EUR", minor: "1025" }
export const amount = { currency: "EUR", value: "10.25" }
export const name = "Ada Lovelace"
const account = { scheme: "iban", iban: "DE89370400440532013000" }
export const story = [
  {
    _tag: "BatchReceived",
    idempotencyKey: "one",
    itemCount: 1,
    credential: "partner:acme/clerk",
    approval: { reason: "asked" },
  },
  { _tag: "ItemsReceived", items: [item] },
  { _tag: "ItemsScreened", decisions: [{ item: 1, decision: "approved" }] },
  { _tag: "BatchApproved", credential: "partner:acme/supervisor" },
  { _tag: "ExecutionStarted" },
  { _tag: "PostingRequested", posting: 1, kind: "hold", items: [1] },
  { _tag: "PostingBooked", posting: 1 },
  { _tag: "TransfersRequested", transfers: [{ item: 1, reference: "A-1-1" }] },
  { _tag: "TransferSettled", item: 1 },
  { _tag: "BatchClosed", state: "settled" },
]
export const logOf = (events: ReadonlyArray<unknown>) => {
  let hash = BATCH
  return events.map((event, at) => {
    const text = JSON.stringify(event)
    hash = createHash("sha256").update(`${hash}\n${text}`).digest("base64url")
    return { id: `${at + 1}-0`, text, hash }
  })
}

/** When something happened, in seconds of a day on which nobody slept. */
export const at = (second: number): string => new Date(Date.UTC(2026, 10, 1) + second * 1_000).toISOString()
export const ms = (second: number): number => Date.parse(at(second))

export const beneficiary = { name, accountLast4: "3000" }
export const paid = {
  bank: "north",
  reference: "A-1-1",
  status: "settled",
  payments: 1,
  amount,
  beneficiary,
  orderedAt: at(10),
} as const
export const redisWith = (log: ReturnType<typeof logOf>): Evidence["redis"] => ({
  logs: new Map([[BATCH, log]]),
  partitions: new Map([[BATCH, 0]]),
  feedEnds: new Map([[0, "7-1"]]),
  unfinished: [],
})
export const cleared = {
  batch: BATCH,
  item: 1,
  decision: "approved",
  payee: "unknown",
  listVersion: "list-1",
  at: at(1),
} as const
/** What the engine says when it has thought again, and when that was acknowledged. */
export const laterWord = (decision: "review" | "rejected", second: number) =>
  ({ ...cleared, decision, listVersion: "list-2", at: at(second), later: true, toldAt: at(second) }) as const
export const released = (knownAt: number) => ({ batch: BATCH, item: 1, word: "released", knownAt }) as const

export const sound: Evidence = {
  redis: redisWith(logOf(story)),
  banks: { transfers: [paid], outstanding: 0 },
  cursors: [{ follower: "publisher", partition: 0, position: "7-1" }],
  screened: [{ ...cleared }],
  posted: [
    {
      key: "one",
      items: [{ reference: "invoice-1", amount, beneficiary: { name, account } }],
      answers: [{ status: 202, id: BATCH, at: ms(0) }],
    },
  ],
  said: [],
  lies: [],
  setBacks: [],
  alarms: [],
}
