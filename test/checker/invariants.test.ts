/** The checker finds what it looks for: each story here is sound but for one thing. */
import { describe, expect, it } from "vitest"
import { type Evidence, statesOf, unfinished, violations } from "./invariants.ts"
import { beyondBudget } from "./provider-calls.ts"
import {
  amount,
  beneficiary,
  cleared,
  logOf,
  ms,
  name,
  paid,
  redisWith,
  released,
  sound,
  story,
} from "./sound-story.ts"
import { kindsOf } from "./violation-kinds.ts"

const without = (tag: string) => story.filter(({ _tag }) => _tag !== tag)

const withdrawn = { _tag: "ClearanceWithdrawn", decisions: [{ item: 1, decision: "review" }] }

const askedAgain = { _tag: "ScreeningRequested", clearance: 2, items: [1] }
const halfReleased = [
  {
    _tag: "ItemsScreened",
    listVersion: "v",
    decisions: [
      { item: 1, decision: "review", cause: "name-check" },
      { item: 1, decision: "review" },
    ],
  },
  {
    _tag: "ItemReviewed",
    item: 1,
    decision: "released",
    credential: "operator:olga",
    findings: [{ cause: "name-check", listVersion: "v" }],
  },
]
const releasedByPartner = [
  { _tag: "ItemsScreened", decisions: [{ item: 1, decision: "review" }] },
  { _tag: "ItemReviewed", item: 1, decision: "released", credential: "partner:acme/clerk" },
]

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
      "a reference that two banks paid",
      { banks: { transfers: [paid, { ...paid, bank: "south" }], outstanding: 0 } },
      "pb_a item 1 was paid more than once: 2 times",
    ],
    [
      "an item that was paid under two references",
      {
        redis: redisWith(
          logOf([...story, { _tag: "TransfersRequested", transfers: [{ item: 1, reference: "A-1-2" }] }]),
        ),
        banks: { transfers: [paid, { ...paid, reference: "A-1-2" }], outstanding: 0 },
      },
      "pb_a item 1 was paid more than once: 2 times",
    ],
    [
      "a transfer that no log asked for",
      { banks: { transfers: [paid, { ...paid, reference: "A-1-2" }], outstanding: 0 } },
      "no log asked for the transfer A-1-2",
    ],
    [
      "a transfer to somebody else",
      { banks: { transfers: [{ ...paid, beneficiary: { ...beneficiary, name: "Eve" } }], outstanding: 0 } },
      "the transfer A-1-1 is not what was posted",
    ],
    [
      "a transfer to another account",
      { banks: { transfers: [{ ...paid, beneficiary: { name, accountLast4: "3001" } }], outstanding: 0 } },
      "the transfer A-1-1 is not what was posted",
    ],
    [
      "a transfer of another amount",
      { banks: { transfers: [{ ...paid, amount: { ...amount, value: "10.26" } }], outstanding: 0 } },
      "the transfer A-1-1 is not what was posted",
    ],
    ["an intent before clearance", { redis: redisWith(logOf(without("ItemsScreened"))) }, "is not cleared"],
    ["an intent before approval", { redis: redisWith(logOf(without("BatchApproved"))) }, "is not approved"],
    [
      "an approval under the submitter's credential",
      {
        redis: redisWith(
          logOf([
            ...without("BatchApproved").toSpliced(3, 0, {
              _tag: "BatchApproved",
              credential: "partner:acme/clerk",
            }),
          ]),
        ),
      },
      "is not approved",
    ],
    [
      "a release by a partner",
      { redis: redisWith(logOf([...story.slice(0, 2), ...releasedByPartner, ...story.slice(3)])) },
      "is not cleared",
    ],
    [
      "a resolution by nobody who is known",
      { redis: redisWith(logOf([...story, { _tag: "ResolutionProposed", item: 1 }])) },
      "no operator said so",
    ],
    [
      "an intent before the start",
      { redis: redisWith(logOf(without("ExecutionStarted"))) },
      "is not started",
    ],
    ["an intent before the hold", { redis: redisWith(logOf(without("PostingBooked"))) }, "is not held"],
    [
      "an intent after a hold that the ledger refused",
      {
        redis: redisWith(logOf(story.toSpliced(6, 0, { _tag: "PostingRefused", posting: 1 }))),
      },
      "is not held",
    ],
    [
      "a transfer that was sent again after its clearance was withdrawn",
      { redis: redisWith(logOf(story.toSpliced(8, 0, withdrawn, { _tag: "TransferResent", item: 1 }))) },
      "is not cleared",
    ],
    ["a transfer that the engine never saw", { screened: [] }, "the engine said: nothing"],
    [
      "a transfer that the engine wanted a person to see",
      { screened: [{ ...cleared, decision: "review" }] },
      "the engine said: review",
    ],
    [
      "a transfer to an account that is somebody else's",
      { screened: [{ ...cleared, payee: "no-match" }] },
      "the engine said: no-match",
    ],
    [
      "a transfer that the engine rejected, whoever released it",
      {
        screened: [{ ...cleared, decision: "rejected" }],
        said: [released(ms(5))],
      },
      "the engine said: rejected",
    ],
    [
      "an intent before the answer to a second question",
      {
        redis: redisWith(logOf([...story.slice(0, 5), askedAgain, ...story.slice(5)])),
      },
      "is not cleared",
    ],
    [
      "an intent after a release that did not cover all that was found",
      { redis: redisWith(logOf([...story.slice(0, 3), ...halfReleased, ...story.slice(3)])) },
      "is not cleared",
    ],
    [
      "an item that settled twice",
      { redis: redisWith(logOf([...story.slice(0, 9), ...story.slice(8)])) },
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

  it("accepts that a reviewer released what the engine wanted a person to see", () => {
    const screened = [{ ...cleared, decision: "review" }] as const
    expect(violations({ ...sound, screened, said: [released(ms(5))] })).toEqual([])
    // Whoever waits in vain for an answer may have been heard.
    expect(violations({ ...sound, screened, said: [released(Number.POSITIVE_INFINITY)] })).toEqual([])
  })

  it("lets an item wait for a person where it may, and nothing else", () => {
    const parked = [...story.slice(0, 8), { _tag: "TransferParked", item: 1 }]
    const waiting = { ...sound, redis: redisWith(logOf(parked)) }
    expect(unfinished(waiting, true)).toEqual([])
    expect(statesOf(waiting)).toEqual({ parked: 1 })
    expect(unfinished(waiting)).toEqual(["pb_a is not closed"])
    expect(unfinished({ ...sound, redis: redisWith(logOf(parked.slice(0, 8))) }, true)).toEqual([
      "pb_a is not closed",
      "pb_a item 1 is neither at its end nor parked",
    ])
  })

  it("lets an item wait for a rule that leads it to a bank, and be tried again", () => {
    const unrouted = [...story.slice(0, 7), { _tag: "ItemsUnrouted", items: [1] }]
    const nowhere = { transfers: [], outstanding: 0 }
    const waiting = { ...sound, banks: nowhere, redis: redisWith(logOf(unrouted)) }
    expect(unfinished(waiting, true)).toEqual([])
    expect(statesOf(waiting)).toEqual({ parked: 1 })
    const retried = [...unrouted, { _tag: "RetryRequested", item: 1 }]
    expect(statesOf({ ...waiting, redis: redisWith(logOf(retried)) })).toEqual({ open: 1 })
    expect(violations({ ...sound, redis: redisWith(logOf([...retried, ...story.slice(7)])) })).toEqual([])
  })

  it("follows an item from the bank that refused it to another one, which needs a hold of its own", () => {
    const [hold, booked] = story.slice(5, 7)
    const refused = [...story.slice(0, 8), { _tag: "TransferFailed", item: 1 }]
    const givenBack = [
      { ...hold, posting: 2, kind: "release" },
      { ...booked, posting: 2 },
    ]
    const heldAgain = [
      { ...hold, posting: 3 },
      { ...booked, posting: 3 },
    ]
    const next = [
      { _tag: "TransfersRequested", transfers: [{ item: 1, reference: "A-1-2" }] },
      ...story.slice(8),
    ]
    const transfers = [
      { ...paid, status: "rejected", payments: 0 } as const,
      { ...paid, bank: "south", reference: "A-1-2" },
    ]
    const rerouted = (...events: ReadonlyArray<unknown>): Evidence => ({
      ...sound,
      banks: { transfers, outstanding: 0 },
      redis: redisWith(logOf([...refused, ...givenBack, { _tag: "RerouteRequested", item: 1 }, ...events])),
    })
    const paidElsewhere = rerouted(...heldAgain, ...next)
    expect([...violations(paidElsewhere), ...unfinished(paidElsewhere)]).toEqual([])
    expect(statesOf(paidElsewhere)).toEqual({ settled: 1 })
    expect(violations(rerouted(...next)).join()).toContain("is not held")
  })

  it("finds what the log and the bank tell differently, once all is said to be done", () => {
    const refused = { ...paid, status: "rejected", payments: 0 } as const
    expect(unfinished({ ...sound, banks: { transfers: [refused], outstanding: 0 } })).toEqual([
      "pb_a item 1 is settled in the log, and at the banks: nothing",
    ])
  })
})

describe("violations", () => {
  it("are summed up by kind", () => {
    const paidTwice = (item: number) =>
      `pb_abcdefghijklmnopqrstuv item ${item} was paid more than once: 2 times: north took A-1-1`
    const believed =
      "pb_abcdefghijklmnopqrstuv item 3: south refused ABCDEFGHIJKLMNOPQRSTUV-3-1 at 10:00:00.123"
    expect(kindsOf([believed, paidTwice(1), paidTwice(2)])).toEqual({
      "… was paid more than once": 2,
      "…: south refused … at #": 1,
    })
  })
})

describe("the budget of retries", () => {
  const counted = { process: "first", provider: "north", calls: 120, retries: 30 }
  const allowed = { first: 10, percent: 20 }

  it("is a share of the calls that are none, and what is there at first", () => {
    expect(beyondBudget([{ ...counted, calls: 130 }], allowed)).toEqual([])
    expect(beyondBudget([counted], allowed)).toEqual([
      "first made 30 retries at north, and 120 calls allow 28",
    ])
  })
})
