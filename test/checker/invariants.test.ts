/** The checker finds what it looks for: each story here is sound but for one thing. */
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { type Evidence, unfinished, violations } from "./invariants.ts"

const BATCH = "pb_a"
const item = { item: 1, reference: "invoice-1", currency: "EUR", minor: "1025" }
const amount = { currency: "EUR", value: "10.25" }
const story = [
  { _tag: "BatchReceived", idempotencyKey: "one", itemCount: 1 },
  { _tag: "ItemsReceived", items: [item] },
  { _tag: "TransfersRequested", transfers: [{ item: 1, reference: "A-1-1" }] },
  { _tag: "TransferSettled", item: 1 },
  { _tag: "BatchClosed", state: "settled" },
]

const logOf = (events: ReadonlyArray<unknown>) => {
  let hash = BATCH
  return events.map((event, at) => {
    const text = JSON.stringify(event)
    hash = createHash("sha256").update(`${hash}\n${text}`).digest("base64url")
    return { id: `${at + 1}-0`, text, hash }
  })
}

const paid = { reference: "A-1-1", status: "settled", payments: 1, amount } as const
const redisWith = (log: ReturnType<typeof logOf>): Evidence["redis"] => ({
  logs: new Map([[BATCH, log]]),
  feedEnds: new Map([[0, "7-1"]]),
  unfinished: [],
})
const sound: Evidence = {
  redis: redisWith(logOf(story)),
  banks: { transfers: [paid], outstanding: 0 },
  cursors: [{ follower: "publisher", partition: 0, position: "7-1" }],
  posted: [
    { key: "one", items: [{ reference: "invoice-1", amount }], answers: [{ status: 202, id: BATCH }] },
  ],
}
const whole = logOf(story)

describe("the checker", () => {
  it("has nothing to say of a sound story", () => {
    expect([...violations(sound), ...unfinished(sound)]).toEqual([])
  })

  it.each<readonly [what: string, change: Partial<Evidence>, said: string]>([
    [
      "a reference that was paid twice",
      { banks: { transfers: [{ ...paid, payments: 2 }], outstanding: 0 } },
      "more than once",
    ],
    [
      "a transfer that no log asked for",
      { banks: { transfers: [paid, { ...paid, reference: "A-1-2" }], outstanding: 0 } },
      "no log asked for the transfer A-1-2",
    ],
    [
      "an item that settled twice",
      { redis: redisWith(logOf([...story.slice(0, 4), ...story.slice(3)])) },
      "item 1 is not open",
    ],
    [
      "an acknowledged batch that is gone",
      { redis: { ...sound.redis, logs: new Map() } },
      "was acknowledged and is gone",
    ],
    [
      "a batch that is there in part",
      { redis: redisWith(logOf([story[0], ...story.slice(2)])) },
      "0 of 1 are there",
    ],
    ["a gap", { redis: redisWith(whole.filter((_, at) => at !== 2)) }, "has 4-0 in the place of 3-0"],
    [
      "an event that was changed",
      { redis: redisWith(whole.map((entry, at) => (at === 4 ? { ...entry, text: "{}" } : entry))) },
      "5-0 does not follow",
    ],
    [
      "a follower beyond the log",
      { cursors: [{ follower: "publisher", partition: 0, position: "7-2" }] },
      "beyond feed 0",
    ],
  ])("finds %s", (_, change, said) => {
    expect(violations({ ...sound, ...change }).join("\n")).toContain(said)
  })

  it("finds what the log and the bank tell differently, once all is said to be done", () => {
    const refused = { ...paid, status: "rejected", payments: 0 } as const
    expect(unfinished({ ...sound, banks: { transfers: [refused], outstanding: 0 } })).toEqual([
      "pb_a item 1 is settled in the log, and at the banks: nothing",
    ])
  })
})
