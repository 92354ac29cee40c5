/** What refuses a transfer for good, and what is only asked about: a copy may be refused while the first one is paid. */
import { describe, expect, it } from "vitest"
import { cleanText } from "../../src/domain/outside-text.ts"
import {
  accepted,
  acknowledged,
  along,
  failed,
  failedForNow,
  failedHere,
  intent,
  mayHaveGone,
  neverSeen,
  refusedForNow,
  refusedHere,
  refusedWhole,
  Story,
  settled,
  unknown,
  unresolved,
  withdrawn,
} from "./batch-story.ts"
import { workDue } from "./planned.ts"

const tags = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)
const sent = (route = along("north", "south")) => {
  const story = new Story().started(1).posted("hold")
  story.tell(intent(1, 1, route))
  return story
}
const answer = (code: string, evidence: "response" | "callback" | "inquiry" = "callback") =>
  ({ _tag: "Failed", evidence, code }) as const

describe("a refusal that would lead to another attempt", () => {
  it.each([
    ["at once, by its answer", [], refusedHere],
    ["after it took the transfer", [accepted], refusedForNow],
    ["after silence", [unknown], refusedForNow],
    ["for lack of funds", [accepted], answer("AM04")],
  ] as const)("%s, is asked about before it is final, and the item goes nowhere", (_, before, refusal) => {
    const story = sent()
    for (const outcome of before) story.hears(1, outcome)
    const [asked, ...others] = story.hears(1, refusal)
    expect(asked).toMatchObject({ _tag: "TransferUnknown", inquireAt: asked?.at, refusal: { code: /./ } })
    expect(others).toEqual([])
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Inquire", items: [1] }])
    expect(story.refusal({ _tag: "Retry", item: 1, by: "olga" }).reason).toBe("not-failed")
    expect(story.refusal({ _tag: "Reroute", item: 1 }).reason).toBe("not-due")
    expect(story.hears(1, refusal), "said again it is old news").toEqual([])
  })

  it("is asked about before a person has to judge a response without a code, and leads to no other payment", () => {
    const refused = { ...answer("unspecified", "response"), detail: cleanText("<h1>Bad gateway</h1>") }
    const paid = sent()
    expect(paid.hears(1, refused)).toMatchObject([
      { _tag: "TransferUnknown", inquireAt: paid.now, reason: expect.stringContaining("Bad gateway") },
    ])
    expect(tags(paid.hears(1, settled))).toEqual(["TransferSettled"])
    for (const reply of [neverSeen, answer("unspecified", "inquiry")]) {
      const story = sent()
      story.hears(1, refused)
      story.now += 3_600_000
      expect(tags(story.hears(1, reply))).toEqual(["TransferParked"])
      expect(story.hears(1, refused), "a person has it").toEqual([])
    }
  })

  it("is final when the bank says so again of that very transfer", () => {
    const story = sent()
    story.hears(1, refusedHere)
    expect(story.hears(1, failedHere)).toMatchObject([
      { _tag: "TransferFailed", code: "AG03", evidence: "inquiry", reroutable: true },
    ])
  })

  it("is forgotten when the bank has the transfer, or has paid it", () => {
    for (const outcome of [accepted, { ...accepted, evidence: "inquiry" } as const]) {
      const story = sent()
      story.hears(1, refusedHere)
      story.hears(1, outcome)
      expect(story.batch.items.get(1)).toMatchObject({ state: "pending", attempt: { refusal: undefined } })
    }
    const story = sent()
    story.hears(1, refusedHere)
    expect(tags(story.hears(1, settled))).toEqual(["TransferSettled"])
  })

  it("is confirmed by a bank that does not keep what it refuses, once no call can be on its way any more", () => {
    const story = sent()
    story.hears(1, refusedHere)
    expect(tags(story.hears(1, { ...neverSeen, quarantineMs: 1_000 }))).toEqual(["TransferUnknown"])
    expect(story.hears(1, neverSeen)).toMatchObject([
      { _tag: "TransferFailed", code: "AG03", evidence: "inquiry", reroutable: true },
    ])
  })

  it("that the bank told of by itself is not confirmed by not knowing the transfer: a person looks", () => {
    for (const refusal of [refusedForNow, refusedWhole]) {
      const story = sent()
      story.hears(1, refusal)
      expect(story.hears(1, neverSeen)).toMatchObject([{ _tag: "TransferParked", reason: /never seen/ }])
    }
  })

  it("is a person's when the bank never says more", () => {
    const story = sent()
    story.hears(1, refusedForNow)
    story.hears(1, unresolved)
    expect(story.batch.items.get(1)).toMatchObject({ state: "parked", task: "review" })
    expect(story.hears(1, refusedForNow), "said again it is old news").toEqual([])
    expect(tags(story.hears(1, refusedWhole)), "who is told of more").toEqual(["TransferParked"])
    expect(story.hears(1, refusedWhole)).toEqual([])
  })

  it("is asked about although the bank was given up on, as its answer may end that", () => {
    const story = sent()
    story.hears(1, unresolved)
    expect(tags(story.hears(1, refusedForNow))).toEqual(["TransferUnknown"])
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Inquire", items: [1] }])
    expect(tags(story.hears(1, failedForNow))).toEqual(["TransferFailed"])
  })

  it("costs an event once for each code, and no more than a few, however a bank alternates", () => {
    const story = sent()
    story.hears(1, accepted)
    for (const code of ["AB06", "AB05"])
      expect(tags(story.hears(1, answer(code)))).toEqual(["TransferUnknown"])
    story.hears(1, unresolved)
    for (const code of ["AB06", "AB05", "AB06"]) expect(story.hears(1, answer(code))).toEqual([])
    expect(story.stateOf(1), "a person keeps it").toBe("parked")
    const codes = ["AB07", "AB08", "AB09", "AB10", "ED05", "TECH", "TM01"]
    const told = codes.flatMap((code) => story.hears(1, answer(code)))
    expect(told).toHaveLength(3)
    for (const code of ["FF01", "AM04"]) expect(story.hears(1, { ...refusedWhole, code })).toEqual([])
  })

  it("is asked about again when the bank repeats it after an answer that it has the transfer, so many times", () => {
    const story = sent()
    story.hears(1, accepted)
    const lagging = { ...accepted, evidence: "inquiry" } as const
    for (let time = 1; time <= 5; time += 1) {
      expect(tags(story.hears(1, answer("AB06"))), `time ${time}`).toEqual(["TransferUnknown"])
      expect(story.hears(1, answer("AB06")), "meanwhile it is old news").toEqual([])
      expect(tags(story.hears(1, lagging))).toEqual(["TransferAccepted"])
    }
    expect(story.hears(1, answer("AB06"))).toEqual([])
  })

  it("beyond that is asked about, once, where it holds for every copy: our own record may confirm it", () => {
    const story = sent({ ...along("clearing", "north"), withdrawable: true })
    story.hears(1, accepted)
    for (const code of ["AM14", "MS03", "FF01", "AM04", "TM01"]) story.hears(1, answer(code))
    story.hears(1, unresolved)
    expect(story.hears(1, answer("AM21"))).toEqual([])
    expect(story.hears(1, { ...refusedWhole, code: "AC04" })).toEqual([])
    expect(tags(story.hears(1, answer("AC04")))).toEqual(["TransferUnknown"])
    story.hears(1, { ...accepted, evidence: "inquiry" })
    expect(story.hears(1, answer("AC04"))).toEqual([])
    expect(tags(story.hears(1, answer("RR04")))).toEqual(["TransferUnknown"])
    expect(tags(story.hears(1, answer("RR04", "inquiry")))).toEqual(["TransferFailed"])
  })

  it("of a whole file is told to a person once for each code", () => {
    const story = sent()
    story.hears(1, unresolved)
    for (const code of ["TM01", "FF01"])
      expect(tags(story.hears(1, { ...refusedWhole, code }))).toEqual(["TransferParked"])
    for (const code of ["TM01", "FF01"]) expect(story.hears(1, { ...refusedWhole, code })).toEqual([])
  })

  it("does not when it cannot be confirmed: a person has it tried again", () => {
    const policy = { approvalAbove: {}, approvalWithinMs: 1, attemptsMax: 3 }
    const story = new Story().requested(1, { policy })
    story.hears(1, { ...failedForNow, unconfirmed: true })
    story.posted("release")
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Close" }])
    expect(tags(story.tell({ _tag: "Retry", item: 1, by: "olga" }))).toEqual(["RetryRequested"])
  })
})

describe("a refusal of a whole file", () => {
  it("fails no transfer, whatever its code, and whether or not the bank has shown that it has it", () => {
    for (const code of ["TM01", "AC04", "FF01", "ZZ99"])
      for (const before of [[], [accepted], [unknown]]) {
        const story = sent()
        for (const outcome of before) story.hears(1, outcome)
        expect(tags(story.hears(1, { ...refusedWhole, code }))).toEqual(["TransferUnknown"])
      }
  })

  it("contradicts nothing that was said of the transfer itself", () => {
    for (const word of [settled, failed]) {
      const story = sent()
      story.hears(1, word)
      expect(story.hears(1, refusedWhole)).toEqual([])
    }
  })

  it("gives way to a word on the transfer itself", () => {
    const story = sent()
    story.hears(1, refusedWhole)
    expect(tags(story.hears(1, failed))).toEqual(["TransferFailed"])
  })
})

describe("a refusal that leads nowhere", () => {
  it("is believed of the beneficiary, also after the bank took the transfer", () => {
    for (const before of [[], [accepted], [unknown]]) {
      const story = sent()
      for (const outcome of before) story.hears(1, outcome)
      expect(tags(story.hears(1, answer("AC04")))).toEqual(["TransferFailed"])
    }
  })

  it("is held against our own record of an order that may still lie with us", () => {
    const story = sent({ ...along("clearing", "north"), withdrawable: true })
    story.hears(1, accepted)
    expect(tags(story.hears(1, answer("AC04")))).toEqual(["TransferUnknown"])
    story.hears(1, { ...accepted, evidence: "inquiry" })
    expect(story.stateOf(1), "it has not gone out").toBe("pending")
    story.hears(1, answer("AC04"))
    expect(tags(story.hears(1, answer("AC04", "inquiry")))).toEqual(["TransferFailed"])
    expect(
      tags(sent({ ...along("clearing"), withdrawable: true }).hears(1, answer("RR10", "response"))),
    ).toEqual(["TransferFailed"])
  })

  it.each(["FF01", "MS03", "AM14", "MS02", "CUST", "FOCR", "NOAS", "FR01", "FRAD", "R08", "R23"])(
    "%s is asked about after any sign that the bank may have it",
    (code) => {
      expect(tags(sent().hears(1, answer(code)))).toEqual(["TransferFailed"])
      for (const sign of [accepted, unknown]) {
        const story = sent()
        story.hears(1, sign)
        expect(tags(story.hears(1, answer(code)))).toEqual(["TransferUnknown"])
        expect(tags(story.hears(1, answer(code, "inquiry")))).toEqual(["TransferFailed"])
      }
    },
  )
})

describe("a bank that has what it refused", () => {
  it("contradicts itself: the item is parked until a word, or a person, settles it", () => {
    const story = sent()
    story.hears(1, failedHere)
    expect(story.hears(1, acknowledged)).toMatchObject([
      { _tag: "LateOutcomeDetected", recorded: "failed", reported: "accepted", compensation: "review" },
    ])
    expect(story.batch.items.get(1)).toMatchObject({
      state: "parked",
      reason: "of attempt 1 the bank reported accepted after failed",
    })
    expect(story.hears(1, acknowledged), "said again it is no second alarm").toEqual([])
    expect(story.refusal({ _tag: "Reroute", item: 1 }).reason).toBe("not-due")
    expect(story.hears(1, settled)).toMatchObject([{ reported: "settled", compensation: "repost" }])
    expect(story.stateOf(1)).toBe("settled")
  })

  it("holds back and takes back the attempt that followed", () => {
    const story = new Story().refused(along("north", "south"))
    story.tell({ _tag: "Reroute", item: 1 })
    story.posted("hold").tell(intent(1, 2, { ...along("south"), withdrawable: true }))
    expect(tags(story.hears(1, acknowledged, 1))).toEqual([
      "LateOutcomeDetected",
      "TransferUnknown",
      "WithdrawalsRequested",
    ])
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Withdraw", items: [1] }])
    expect(tags(story.hears(1, withdrawn, 2))).toEqual(["TransferWithdrawn"])
    expect(story.batch.items.get(1)).toMatchObject({ state: "parked", task: "review" })
    expect(story.hears(1, settled, 1)).toMatchObject([{ compensation: "review" }])
  })

  it("leaves what may have gone with its bank, which is asked", () => {
    const story = new Story().refused(along("north", "south"))
    story.tell({ _tag: "Reroute", item: 1 })
    story.posted("hold").tell(intent(1, 2, { ...along("south"), withdrawable: true }))
    story.hears(1, acknowledged, 1)
    expect(tags(story.hears(1, mayHaveGone, 2))).toEqual(["WithdrawalRefused"])
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Inquire", items: [1] }])
  })

  it("does not by an answer that was overtaken: to our own order, or to an inquiry from before", () => {
    const story = sent()
    story.hears(1, failed)
    const concludedAt = story.now
    expect(story.hears(1, accepted)).toEqual([])
    const inquiry = { ...accepted, evidence: "inquiry" } as const
    expect(story.hears(1, { ...inquiry, askedAt: concludedAt })).toEqual([])
    expect(tags(story.hears(1, { ...inquiry, askedAt: concludedAt + 1 }))).toEqual(["LateOutcomeDetected"])
  })
})

it("no word of another bank changes an attempt, whatever it is", () => {
  const outcomes = [accepted, acknowledged, settled, failed, refusedHere, refusedWhole, unknown, neverSeen]
  for (const outcome of [...outcomes, withdrawn, mayHaveGone, unresolved])
    for (const before of [[], [accepted], [unresolved], [failed], [settled]]) {
      const story = sent()
      for (const heard of before) story.hears(1, heard)
      const word = { _tag: "RecordTransfer", item: 1, attempt: 1, bank: "south", outcome } as const
      expect(story.refusal(word).reason).toBe("other-bank")
    }
})

describe("all that a bank gives as its reasons", () => {
  const detail = cleanText("Z-991 Konto gesperrt; AC04: Konto erloschen")
  it("is kept with a refusal and a return", () => {
    const [refused] = sent().hears(1, { ...answer("AC04"), detail })
    expect(refused).toMatchObject({ _tag: "TransferFailed", code: "AC04", detail })
    const story = sent()
    const returned = { _tag: "Returned", evidence: "callback", code: "AC04", detail } as const
    expect(story.hears(1, returned)).toMatchObject([{}, { _tag: "TransferReturned", detail }])
    const late = sent()
    late.hears(1, settled)
    expect(late.hears(1, returned)).toMatchObject([{ _tag: "TransferReturned", detail }])
  })
  it("is shown to the person who has to judge it", () => {
    const [parked] = sent().hears(1, { ...answer("unspecified"), detail })
    expect(parked).toMatchObject({
      _tag: "TransferParked",
      reason: `the bank failed it with the unmapped code unspecified: ${detail}`,
    })
    const story = sent()
    story.hears(1, accepted)
    const [asked] = story.hears(1, { ...answer("AM04"), detail })
    expect(asked).toMatchObject({ _tag: "TransferUnknown", reason: expect.stringContaining(detail) })
  })
})
