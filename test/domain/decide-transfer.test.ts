import { describe, expect, it } from "vitest"
import { SENDS_MAX } from "../../src/domain/decide-transfer.ts"
import {
  accepted,
  failed,
  failedForNow,
  failedOddly,
  intent,
  neverSeen,
  returned,
  Story,
  settled,
  unknown,
  unresolved,
} from "./batch-story.ts"

const tags = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)

describe("the door to the bank", () => {
  it("is shut before clearance, before the start, without a hold, after a rejection and during a review", () => {
    expect(new Story().received(1).refusal(intent(1)).reason).toBe("not-started")
    expect(new Story().screened(1).refusal(intent(1)).reason).toBe("not-started")
    expect(new Story().started(1).refusal(intent(1)).reason).toBe("not-due")
    for (const decision of ["rejected", "review"] as const) {
      const story = new Story().asked(2).answered([1], decision).answered([2], "approved")
      story.tell({ _tag: "StartExecution" })
      story.posted("hold")
      expect(story.refusal(intent(1)).reason).toBe("not-due")
    }
  })

  it("is passed once, whatever becomes of the transfer", () => {
    for (const outcome of [settled, failed, returned, accepted, unknown, unresolved]) {
      const story = new Story().requested(1)
      expect(story.refusal(intent(1)).reason).toBe("not-due")
      story.hears(1, outcome)
      expect(story.refusal(intent(1)).reason, outcome._tag).toBe("not-due")
    }
  })

  it("opens for the next attempt only, and under its own number", () => {
    const story = new Story().requested(1)
    story.hears(1, failed)
    story.posted("release").tell({ _tag: "Retry", item: 1, by: "olga" })
    story.posted("hold")
    expect(story.refusal(intent(1, 1)).reason).toBe("no-such-attempt")
    story.tell(intent(1, 2))
    expect(story.batch.items.get(1)).toMatchObject({
      state: "transferring",
      earlier: [{ attempt: 1, outcome: "failed" }],
    })
  })
})

describe("a transfer", () => {
  it("goes out again under its key only on the bank's word that it never saw it, a bounded number of times", () => {
    const story = new Story().requested(1)
    for (let send = 1; send < SENDS_MAX; send++) {
      story.hears(1, unknown)
      expect(tags(story.hears(1, neverSeen))).toEqual(["TransferResent"])
    }
    story.hears(1, unknown)
    expect(tags(story.hears(1, neverSeen))).toEqual(["TransferParked"])
  })

  it("that the bank has not seen yet is asked about again until nothing can be on its way any more", () => {
    const story = new Story().requested(1)
    const notYet = { _tag: "NeverSeen", quarantineMs: 1_000 } as const
    const [unknownFirst] = story.tell({ _tag: "TakeOver" })
    const certainAt = (unknownFirst?.at ?? 0) + notYet.quarantineMs
    expect(story.hears(1, notYet)).toMatchObject([{ _tag: "TransferUnknown", inquireAt: certainAt }])
    story.now = certainAt - 2
    expect(tags(story.hears(1, notYet))).toEqual(["TransferUnknown"])
    expect(tags(story.hears(1, notYet))).toEqual(["TransferResent"])
    expect(story.batch.items.get(1)?.attempt).toMatchObject({
      sends: 2,
      inquiries: 0,
      unknownSince: undefined,
    })
  })

  it("goes out again only while the bank surely knows its key, counted from the first send", () => {
    const inWindow = { _tag: "NeverSeen", quarantineMs: 0, resendWithinMs: 1_000 } as const
    const story = new Story().requested(1)
    const firstSentAt = story.batch.items.get(1)?.attempt?.requestedAt ?? 0
    story.hears(1, unknown)
    story.now = firstSentAt + 998
    expect(tags(story.hears(1, inWindow)), "a millisecond before its end").toEqual(["TransferResent"])
    story.hears(1, unknown)
    expect(story.hears(1, inWindow), "also when it was resent meanwhile").toMatchObject([
      { _tag: "TransferParked", reason: "the bank never saw it, and may have forgotten its key by now" },
    ])
  })

  it("that went out twice is failed by no refusal but the answer to a question: it may be the copy's", () => {
    const refusal = { _tag: "Failed", code: "AB08" } as const
    for (const evidence of ["response", "callback"] as const) {
      const story = new Story().requested(1)
      story.hears(1, unknown)
      story.hears(1, neverSeen)
      const [asked] = story.hears(1, { ...refusal, evidence })
      expect(asked).toMatchObject({ _tag: "TransferUnknown", inquireAt: asked?.at, reason: /AB08/ })
      expect(tags(story.hears(1, { ...refusal, evidence: "inquiry" }))).toEqual(["TransferFailed"])
    }
  })

  it("that went out twice and is parked stays with a person, who is told of the refusal", () => {
    const story = new Story().requested(1)
    story.hears(1, unknown)
    story.hears(1, neverSeen)
    story.hears(1, unresolved)
    expect(story.hears(1, failed)).toMatchObject([{ _tag: "TransferParked", reason: /AC04/ }])
    expect(story.batch.items.get(1)).toMatchObject({ state: "parked", task: "review" })
  })

  it("that a worker left in the air becomes unknown and is asked about at once", () => {
    const story = new Story().requested(2)
    story.hears(1, settled)
    const [event, ...others] = story.tell({ _tag: "TakeOver" })
    expect(others).toEqual([])
    expect(event).toMatchObject({ _tag: "TransferUnknown", item: 2, inquireAt: event?.at })
  })

  it("that comes back before the ledger posted it is posted first, then reversed", () => {
    const story = new Story().requested(1)
    story.hears(1, settled)
    story.hears(1, returned)
    story.posted("post").posted("reverse")
    expect(story.batch.items.get(1)).toMatchObject({ state: "returned", ledger: "reversed" })
  })

  it("comes back after the batch closed, and the closed state stays", () => {
    const story = new Story().requested(1)
    story.hears(1, settled)
    story.posted("post").tell({ _tag: "CloseBatch" })
    story.hears(1, returned)
    story.posted("reverse")
    expect(story.batch).toMatchObject({ closed: "settled" })
    expect(story.tell({ _tag: "CloseBatch" })).toEqual([])
  })

  it("keeps what a code meant when it came", () => {
    const story = new Story().requested(1)
    expect(story.hears(1, failedForNow)[0]).toMatchObject({ code: "AB08", category: "bank", retryable: true })
  })

  it("with a code that nobody has mapped is a person's to judge", () => {
    const story = new Story().requested(1)
    expect(story.hears(1, failedOddly)[0]).toMatchObject({ _tag: "TransferParked", reason: /ZZ99/ })
  })
})

it("hears of an attempt only from the bank that has it", () => {
  const story = new Story().requested(1)
  const news = { _tag: "RecordTransfer", item: 1, attempt: 1, outcome: settled } as const
  expect(story.refusal({ ...news, bank: "south" }).reason).toBe("other-bank")
  expect(tags(story.tell({ ...news, bank: "north" }))).toEqual(["TransferSettled"])
})

it("hears nothing of an attempt in another amount", () => {
  const story = new Story().requested(1)
  const { currency = "", minor = 0n } = story.batch.items.get(1) ?? {}
  const news = { _tag: "RecordTransfer", item: 1, attempt: 1, bank: "north", outcome: settled } as const
  const own = { currency, minor: minor.toString() }
  for (const amount of [
    { ...own, minor: `${minor + 1n}` },
    { ...own, minor: `0${minor}` },
    { ...own, currency: "XTS" },
  ])
    expect(story.refusal({ ...news, amount }).reason).toBe("other-amount")
  expect(tags(story.tell({ ...news, amount: own }))).toEqual(["TransferSettled"])
})

describe("a bank that contradicts itself", () => {
  it("paid after all: the money is held and posted like any payment, and the alarm stays in the log", () => {
    const story = new Story().requested(1)
    story.hears(1, failed)
    story.posted("release")
    expect(story.hears(1, settled)).toMatchObject([{ _tag: "LateOutcomeDetected", compensation: "repost" }])
    story.posted("hold").posted("post").tell({ _tag: "CloseBatch" })
    expect(story.batch).toMatchObject({ closed: "settled" })
  })

  it("is taken by its stricter word while it screens", () => {
    const story = new Story().asked(1)
    const decisions = (["rejected", "approved"] as const).map((decision) => ({ item: 1, decision }))
    story.tell({ _tag: "RecordScreening", clearance: 1, clearanceId: "c", listVersion: "v", decisions })
    expect(story.stateOf(1)).toBe("rejected")
  })

  it("did not pay what it had settled, as a person found: the posting is reversed, and a retry is held anew", () => {
    const story = new Story().requested(1)
    story.hears(1, settled)
    story.posted("post").hears(1, failed)
    story.tell({ _tag: "Resolve", item: 1, outcome: "failed", by: "olga", reason: "not on the statement" })
    expect(story.refusal({ _tag: "Retry", item: 1, by: "olga" }).reason).toBe("not-due")
    story.posted("reverse").tell({ _tag: "Retry", item: 1, by: "olga" })
    expect(story.refusal(intent(1, 2)).reason, "no money is held for it").toBe("not-due")
    story.posted("hold").tell(intent(1, 2))
    expect(story.hears(1, settled, 1), "what it said before is old news").toEqual([])
    expect(story.hears(1, failed, 1)).toEqual([])
  })

  it("returns what is in dispute: the return is recorded, and the item stays with a person", () => {
    const story = new Story().requested(1)
    story.hears(1, settled)
    story.hears(1, failed)
    expect(tags(story.hears(1, returned))).toEqual(["TransferReturned"])
    expect(story.batch.items.get(1)).toMatchObject({ state: "parked", attempt: { outcome: "returned" } })
  })

  it("failed what it had settled: parked until a person resolves it", () => {
    const story = new Story().requested(1)
    story.hears(1, settled)
    story.posted("post")
    expect(story.hears(1, failed)).toMatchObject([{ _tag: "LateOutcomeDetected", compensation: "review" }])
    expect(story.hears(1, failed), "said again it is no second alarm").toEqual([])
    story.tell({ _tag: "Resolve", item: 1, outcome: "settled", by: "olga", reason: "on the statement" })
    expect(story.batch.items.get(1)).toMatchObject({ state: "settled", ledger: "posted" })
  })
})
