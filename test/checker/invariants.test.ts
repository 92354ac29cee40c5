/** The checker finds what it looks for: each story here is sound but for one thing. */
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { type Evidence, standingStill, statesOf, unfinished, unheardWords, violations } from "./invariants.ts"
import { beyondBudget } from "./provider-calls.ts"
import { kindsOf } from "./violation-kinds.ts"

const BATCH = "pb_a"
const item = { item: 1, reference: "invoice-1", currency: "EUR", minor: "1025" }
const amount = { currency: "EUR", value: "10.25" }
const name = "Ada Lovelace"
const account = { scheme: "iban", iban: "DE89370400440532013000" }
const story = [
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

const logOf = (events: ReadonlyArray<unknown>) => {
  let hash = BATCH
  return events.map((event, at) => {
    const text = JSON.stringify(event)
    hash = createHash("sha256").update(`${hash}\n${text}`).digest("base64url")
    return { id: `${at + 1}-0`, text, hash }
  })
}

/** When something happened, in seconds of a day on which nobody slept. */
const at = (second: number): string => new Date(Date.UTC(2026, 10, 1) + second * 1_000).toISOString()
const ms = (second: number): number => Date.parse(at(second))

const beneficiary = { name, accountLast4: "3000" }
const paid = {
  bank: "north",
  reference: "A-1-1",
  status: "settled",
  payments: 1,
  amount,
  beneficiary,
  orderedAt: at(10),
} as const
const redisWith = (log: ReturnType<typeof logOf>): Evidence["redis"] => ({
  logs: new Map([[BATCH, log]]),
  partitions: new Map([[BATCH, 0]]),
  feedEnds: new Map([[0, "7-1"]]),
  unfinished: [],
})
const cleared = {
  batch: BATCH,
  item: 1,
  decision: "approved",
  payee: "unknown",
  listVersion: "list-1",
  at: at(1),
} as const
/** What the engine says when it has thought again, and when that was acknowledged. */
const laterWord = (decision: "review" | "rejected", second: number) =>
  ({ ...cleared, decision, listVersion: "list-2", at: at(second), later: true, toldAt: at(second) }) as const
const released = (knownAt: number) => ({ batch: BATCH, item: 1, word: "released", knownAt }) as const

const sound: Evidence = {
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

describe("the checker, where somebody lies or forgets,", () => {
  const attempt = { item: 1, attempt: 1 }
  const told = (events: ReadonlyArray<unknown>, change: Partial<Evidence> = {}): Evidence => ({
    ...sound,
    ...change,
    redis: redisWith(logOf(events)),
  })
  const sent = story.slice(0, 8)

  it("names both banks of an item that was paid twice, also when its log forgot it", () => {
    const elsewhere = { ...paid, bank: "south", reference: "A-1-2", orderedAt: at(12) }
    const twice = { ...sound, banks: { transfers: [paid, elsewhere], outstanding: 0 } }
    const [found = ""] = violations({ ...twice, redis: { ...sound.redis, logs: new Map() } })
    expect(found).toContain("pb_a item 1 was paid more than once: 2 times")
    expect(found).toContain("north took A-1-1 at 00:00:10.000 (settled, paid 1 times)")
    expect(found).toContain("south took A-1-2 at 00:00:12.000 (settled, paid 1 times)")
  })

  it.each(["cancelled", "rejected"] as const)("finds what was sent after a person had it %s", (word) => {
    const said = (knownAt: number) => [{ batch: BATCH, item: 1, word, knownAt }]
    expect(violations({ ...sound, said: said(ms(11)) })).toEqual([])
    expect(violations({ ...sound, said: said(Number.POSITIVE_INFINITY) })).toEqual([])
    const [found = ""] = violations({ ...sound, said: said(ms(9)) })
    expect(found).toContain("pb_a item 1 is at a bank, north took A-1-1 at 00:00:10.000")
    expect(found).toContain(`said: ${word}, at 00:00:09.000, 1000 ms before`)
  })

  it("finds what was sent after a later word of the engine was acknowledged, not what was on its way", () => {
    for (const decision of ["rejected", "review"] as const) {
      const screened = (second: number) => [cleared, laterWord(decision, second)]
      expect(violations({ ...sound, screened: screened(9) })).toEqual([])
      expect(violations({ ...sound, screened: screened(7) }).join()).toContain(
        `the engine said: ${decision}, at 00:00:07.000, 3000 ms before`,
      )
      const { toldAt: _, ...unheard } = laterWord(decision, 7)
      expect(violations({ ...sound, screened: [cleared, unheard] })).toEqual([])
    }
  })

  it("takes a release for no answer to what was said after it", () => {
    const mismatch = { ...cleared, payee: "no-match" } as const
    const screened = [mismatch, laterWord("review", 6)]
    expect(violations({ ...sound, screened, said: [released(ms(5))] }).join()).toContain(
      "the engine said: review",
    )
    expect(violations({ ...sound, screened, said: [released(ms(5)), released(ms(7))] })).toEqual([])
    const refused = [mismatch, laterWord("rejected", 6)]
    expect(violations({ ...sound, screened: refused, said: [released(ms(7))] }).join()).toContain("rejected")
  })

  it("finds that the log does not tell of a word that came too late", () => {
    const late = { ...sound, screened: [cleared, laterWord("rejected", 9.5)] }
    const withdrawal = {
      _tag: "ClearanceWithdrawn",
      listVersion: "list-2",
      decisions: [{ item: 1, decision: "rejected" }],
    }
    expect(unfinished(late).join()).toContain("the engine said rejected by list-2")
    expect(unfinished(late).join()).toContain("the log does not tell")
    const settled = story.toSpliced(9, 0, withdrawal)
    expect(unfinished({ ...late, redis: redisWith(logOf(settled)) })).toEqual([])
    const forgot = [{ store: "redis", from: ms(9), at: ms(12) }] as const
    expect(unfinished({ ...late, setBacks: forgot })).toEqual([])
  })

  it("finds that a bank was believed that spoke for another one", () => {
    const lies = [
      { server: "south", kind: "speaks-for-others", about: "A-1-1", at: at(10), code: "AB08", as: "north" },
    ]
    expect(violations({ ...sound, lies })).toEqual([])
    const refused = [...sent, { _tag: "TransferFailed", ...attempt, code: "AB08" }]
    expect(violations(told(refused, { lies })).join()).toContain(
      "south refused A-1-1 in the name of north at 00:00:10.000, and 9-0 TransferFailed (AB08) believes it",
    )
    const disputed = [...story.slice(0, 9), { _tag: "LateOutcomeDetected", ...attempt, reported: "failed" }]
    expect(violations(told(disputed, { lies })).join()).toContain(
      "10-0 LateOutcomeDetected (failed) believes it",
    )
    const ownLie = { server: "north", kind: "refuses-after-accepting", about: "A-1-1", at: at(10) }
    expect(violations(told(disputed, { lies: [...lies, ownLie] }))).toEqual([])
  })

  it("finds a contradiction that no bank gave cause for", () => {
    const disputed = [...story.slice(0, 9), { _tag: "LateOutcomeDetected", ...attempt, reported: "failed" }]
    expect(violations(told(disputed)).join()).toContain("never contradicted itself")
    const lie = { server: "clearing", kind: "refuses-a-copy", about: "M1", at: at(10), references: ["A-1-1"] }
    expect(violations(told(disputed, { lies: [lie] }))).toEqual([])
    expect(statesOf(told(disputed))).toEqual({ parked: 1 })
    expect(unfinished(told(disputed, { lies: [lie] }), true)).toEqual([])
  })

  it("follows an item that was paid after all", () => {
    const failed = [...sent, { _tag: "TransferFailed", ...attempt, code: "AC04" }]
    const after = { _tag: "LateOutcomeDetected", ...attempt, reported: "settled", compensation: "repost" }
    const lies = [{ server: "north", kind: "accepts-after-refusing, and denies", about: "A-1-1", at: at(10) }]
    const closed = { _tag: "BatchClosed", state: "settled" }
    const known = told([...failed, after, closed], { lies })
    expect([...violations(known), ...unfinished(known)]).toEqual([])
    expect(statesOf(known)).toEqual({ settled: 1 })
    expect(unfinished(told([...failed, closed], { lies })).join()).toContain("is failed in the log")
  })

  describe("after Redis was set back,", () => {
    const setBacks = [{ store: "redis", from: ms(-1), at: ms(20) }] as const
    const open = story.slice(0, 7)
    const nowhere = { transfers: [], outstanding: 0 }

    it("expects that what was acknowledged meanwhile is gone, and nothing else", () => {
      const gone = { ...sound, banks: nowhere, redis: { ...sound.redis, logs: new Map() } }
      expect(violations({ ...gone, setBacks })).toEqual([])
      expect(standingStill({ ...gone, setBacks })).toEqual({ frozen: 0, forgotten: 1 })
      const later = [{ store: "redis", from: ms(1), at: ms(20) }] as const
      expect(violations({ ...gone, setBacks: later }).join()).toContain("was acknowledged and is gone")
    })

    it("expects that a bank's last word is lost that was acknowledged meanwhile, and no other", () => {
      const returned = { ...paid, status: "returned" } as const
      const told = (toldAt: string) => ({
        ...sound,
        setBacks,
        banks: { transfers: [{ ...returned, toldAt }], outstanding: 0 },
      })
      expect(unfinished(told(at(19)))).toEqual([])
      expect(unheardWords(told(at(19)))).toBe(1)
      expect(unfinished(told(at(21))).join()).toContain("is settled in the log, and at the banks: returned")
      expect(
        unfinished({ ...sound, setBacks, banks: { transfers: [returned], outstanding: 0 } }).join(),
      ).toContain("returned")
    })

    it("tells what was asked for before it and answered after it from what was asked for after it", () => {
      const answered = (askedAt: number) => ({
        ...sound,
        posted: sound.posted.map((order) => ({
          ...order,
          answers: [{ status: 202, id: BATCH, askedAt, at: ms(21) }],
        })),
        banks: nowhere,
        redis: { ...sound.redis, logs: new Map() },
        setBacks,
      })
      expect(violations(answered(ms(19)))).toEqual([])
      expect(violations(answered(ms(20.5))).join()).toContain("was acknowledged and is gone")
    })

    it("expects no log for what was sent meanwhile, and one for all that is sent afterwards", () => {
      const forgotten = { ...sound, redis: redisWith(logOf(open)), setBacks }
      expect(violations(forgotten)).toEqual([])
      const late = { ...paid, orderedAt: at(40) }
      expect(violations({ ...forgotten, banks: { transfers: [late], outstanding: 0 } }).join()).toContain(
        "no log asked for the transfer A-1-1: north took A-1-1 at 00:00:40.000",
      )
    })

    it("tells what is frozen with an alarm from what stands still in silence", () => {
      const batch = "pb_aaaaaaaaaaaaaaaaaaaaaa"
      const redis = {
        ...sound.redis,
        logs: new Map([[batch, logOf(open).map((entry) => entry)]]),
        partitions: new Map([[batch, 3]]),
        unfinished: ["ap:{3}:open holds 1", "ap:{4}:open holds 1"],
      }
      const still = { ...sound, banks: nowhere, redis, setBacks }
      expect(unfinished(still)).toContain(`${batch} is not closed`)
      for (const alarm of [
        `{"level":"error","message":"batch frozen","batch":"${batch}"}`,
        '{"level":"error","message":"follower frozen","partition":3}',
      ]) {
        const alarmed = { ...still, alarms: [alarm] }
        expect(unfinished(alarmed)).toEqual(["ap:{4}:open holds 1"])
        expect(standingStill(alarmed)).toMatchObject({ frozen: 1 })
        expect(unfinished({ ...alarmed, setBacks: [] })).toContain(`${batch} is not closed`)
      }
    })

    it("expects a follower beyond its feed only where that is an alarm", () => {
      const ahead = {
        ...sound,
        setBacks,
        cursors: [{ follower: "publisher", partition: 0, position: "7-2" }],
      }
      expect(violations(ahead).join()).toContain("beyond feed 0")
      expect(violations({ ...ahead, alarms: ['{"partition":0}'] })).toEqual([])
    })
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
