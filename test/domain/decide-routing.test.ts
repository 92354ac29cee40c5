/** From bank to bank: when a refused payout goes to another one, and what happens to one that no rule leads anywhere. */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { batchState } from "../../src/domain/batch.ts"
import type { Verdict } from "../../src/domain/clearance-answers.ts"
import { decodeEvent, encodeEvent } from "../../src/domain/event-codec.ts"
import { fold } from "../../src/domain/evolve.ts"
import {
  accepted,
  along,
  failed,
  failedForNow,
  failedHere,
  intent,
  type PlainOutcome,
  Story,
  settled,
  unknown,
  unresolved,
} from "./batch-story.ts"
import { workDue } from "./planned.ts"

const reroute = { _tag: "Reroute", item: 1 } as const
const retry = { _tag: "Retry", item: 1, by: "olga" } as const
const unrouted = { _tag: "RecordUnrouted", items: [1], version: "v1" } as const
const close = { _tag: "CloseBatch" } as const
const cancel = { _tag: "Cancel", items: [1], by: "sam", reason: "too late" } as const

/** The engine's word on what it had approved. */
const says = (decision: Verdict) =>
  ({
    _tag: "RecordScreening",
    clearance: 1,
    clearanceId: "c",
    listVersion: "v2",
    decisions: [{ item: 1, decision }],
  }) as const

/** On its way along the route: sent to the next bank, once the money is held again. */
const sentOn = (story: Story, attempt: number, ...[bank = "", ...others]: ReadonlyArray<string>): Story => {
  story.tell(reroute)
  story.posted("hold").tell(intent(1, attempt, along(bank, ...others)))
  return story
}

describe("a payout that one bank refused and another may pay", () => {
  it("goes to the next bank of its rule as a new attempt, once its money was released", () => {
    const story = new Story().started(1).posted("hold")
    story.tell(intent(1, 1, along("north", "south")))
    expect(story.hears(1, failedHere)).toMatchObject([{ _tag: "TransferFailed", reroutable: true }])
    expect(story.refusal(reroute).reason, "its money is still held").toBe("not-due")
    story.posted("release")
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Reroute", item: 1 }])
    expect(story.refusal(close).reason, "the batch waits for it").toBe("items-open")
    sentOn(story, 2, "south")
    expect(story.batch.items.get(1)).toMatchObject({
      state: "transferring",
      reroute: undefined,
      attempt: { attempt: 2, bank: "south", round: 1, route: { rule: "euros", version: "v1" } },
      earlier: [{ attempt: 1, bank: "north", outcome: "failed" }],
    })
    story.hears(1, settled, 2)
    story.posted("post").tell(close)
    expect(batchState(story.batch)).toBe("settled")
  })

  it("goes to no bank but those left of its rule", () => {
    const story = new Story().refused(along("north", "south", "west"))
    story.tell(reroute)
    story.posted("hold")
    for (const bank of ["north", "east"])
      expect(story.refusal(intent(1, 2, along(bank))).reason, bank).toBe("bank-not-next")
    story.tell(intent(1, 2, along("west", "south")))
  })

  it("has failed when every bank of the rule has refused it", () => {
    const story = sentOn(new Story().refused(), 2, "south")
    story.hears(1, failedHere, 2)
    story.posted("release")
    expect(story.refusal(reroute).reason).toBe("not-due")
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Close" }])
  })

  it("does not go on from a refusal that another bank would repeat", () => {
    const story = new Story().started(1).posted("hold")
    story.tell(intent(1, 1, along("north", "south")))
    story.hears(1, failed)
    story.posted("release")
    expect(story.refusal(reroute).reason).toBe("not-due")
  })

  it.each([
    ["in the air", []],
    ["with the bank", [accepted]],
    ["unknown", [unknown]],
    ["given up on", [unknown, unresolved]],
    ["settled", [settled]],
  ] as ReadonlyArray<[string, ReadonlyArray<PlainOutcome>]>)(
    "does not go on while it is %s",
    (_, outcomes) => {
      const story = new Story().started(1).posted("hold")
      story.tell(intent(1, 1, along("north", "south")))
      for (const outcome of outcomes) story.hears(1, outcome)
      expect(story.refusal(reroute).reason).toBe("not-due")
    },
  )

  it("does not go on once a person has said that it failed", () => {
    const disputed = new Story().refused(along("north", "south", "west"))
    sentOn(disputed, 2, "south", "west").hears(1, settled, 1)
    disputed.hears(1, failedHere, 2)
    disputed.tell({
      _tag: "Resolve",
      item: 1,
      attempt: 1,
      outcome: "failed",
      by: "olga",
      reason: "statement",
    })
    disputed.posted("release")
    expect(disputed.refusal(reroute).reason).toBe("not-due")
  })

  it.each(["review", "rejected"] as const)(
    "goes to no bank once compliance has thought again: %s",
    (word) => {
      const story = new Story().refused()
      expect(workDue(story.batch, story.now)).toEqual([reroute])
      story.tell(says(word))
      expect(story.refusal(reroute).reason).toBe("not-due")
      expect(story.refusal(retry).reason).toBe("clearance-withdrawn")
      expect(story.tell(cancel)).toMatchObject([{ items: [{ item: 1, reason: "already failed" }] }])
      expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Close" }])
    },
  )

  it("is taken back between two banks by a stricter word that comes before the next intent", () => {
    const story = new Story().refused()
    story.tell(reroute)
    story.posted("hold").tell(says("rejected"))
    expect(story.stateOf(1)).toBe("rejected")
    expect(story.refusal(intent(1, 2, along("south"))).reason).toBe("not-due")
  })

  it("cannot be cancelled between two banks, and is told why", () => {
    const [refused] = new Story().refused().tell(cancel)
    expect(refused).toMatchObject({
      items: [{ item: 1, reason: "refused by one bank, and on its way to another" }],
    })
  })
})

describe("another bank and another try", () => {
  const failsForNow = (story: Story, attempt: number) => {
    story.hears(1, failedForNow, attempt)
    return story.posted("release")
  }

  it("are counted apart: the partner's tries begin when the rule has no bank left", () => {
    const policy = { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax: 2 }
    const story = new Story().started(1, { policy }).posted("hold")
    story.tell(intent(1, 1, along("north", "south")))
    failsForNow(story, 1)
    expect(workDue(story.batch, story.now), "another bank comes first").toEqual([
      { _tag: "Reroute", item: 1 },
    ])
    failsForNow(sentOn(story, 2, "south"), 2)
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Retry", item: 1 }])
    story.tell(retry)
    story.posted("hold").tell(intent(1, 3, along("north", "south")))
    expect(story.batch.items.get(1)?.attempt, "the rules are asked anew").toMatchObject({ round: 2 })
    failsForNow(story, 3)
    failsForNow(sentOn(story, 4, "south"), 4)
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Close" }])
  })

  it("are nine attempts together, no more", () => {
    const banks = ["b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", "b10"]
    const [first = "", ...others] = banks
    const story = new Story().refused(along(first, ...others))
    for (let attempt = 2; attempt <= 9; attempt += 1) {
      sentOn(story, attempt, ...banks.slice(attempt - 1)).hears(1, failedHere, attempt)
      story.posted("release")
    }
    expect(story.refusal(reroute).reason).toBe("not-due")
    expect(workDue(story.batch, story.now)).toEqual([{ _tag: "Close" }])
  })
})

describe("a payout that no rule leads to a bank", () => {
  const parked = () => {
    const story = new Story().started(1).posted("hold")
    story.tell(unrouted)
    return story
  }

  it("is parked with its money held, and the batch waits", () => {
    const story = parked()
    expect(story.batch.items.get(1)).toMatchObject({
      state: "parked",
      ledger: "held",
      reason: "no rule of version v1 leads to a bank",
    })
    expect(workDue(story.batch, story.now)).toEqual([])
    expect(story.refusal(close).reason).toBe("items-open")
    expect(story.refusal(unrouted).reason, "once is enough").toBe("not-due")
  })

  it("is routed again when a person retries it", () => {
    const story = parked()
    story.tell(retry)
    expect(workDue(story.batch, story.now)).toMatchObject([
      { _tag: "RequestTransfers", transfers: [{ item: 1 }] },
    ])
    story.tell(intent(1, 1, along("north")))
    expect(story.hears(1, settled)).toMatchObject([{ _tag: "TransferSettled" }])
  })

  it("is taken back by a stricter word of compliance, and no retry leads it to a bank", () => {
    const story = parked()
    story.tell(says("review"))
    expect(story.stateOf(1)).toBe("held")
    expect(story.refusal(retry).reason).toBe("not-failed")
    story.tell(says("rejected"))
    story.posted("release").tell(close)
    expect(batchState(story.batch)).toBe("rejected")
  })

  it("can be cancelled, and its money is released", () => {
    const story = parked()
    story.tell(cancel)
    story.posted("release").tell(close)
    expect(batchState(story.batch)).toBe("cancelled")
  })

  it("is not paid after it was cancelled, whatever becomes of an attempt before that", () => {
    const story = new Story().refused()
    story.tell(reroute)
    story.posted("hold").tell(unrouted)
    story.tell(cancel)
    expect(story.hears(1, settled, 1)).toMatchObject([{ _tag: "LateOutcomeDetected" }])
    story.tell({ _tag: "Resolve", item: 1, outcome: "failed", by: "olga", reason: "recalled" })
    if (story.batch.items.get(1)?.task === "release") story.posted("release")
    expect(story.stateOf(1)).toBe("failed")
    expect(story.refusal(retry).reason).toBe("cancelled")
    expect(story.refusal(reroute).reason).toBe("not-due")
  })

  it("has no attempt to resolve", () => {
    const resolve = { _tag: "Resolve", item: 1, outcome: "settled", by: "olga", reason: "guess" } as const
    expect(parked().refusal(resolve).reason).toBe("attempt-not-named")
  })

  it("is not to be mistaken for one whose attempt is parked", () => {
    const story = new Story().requested(1)
    story.hears(1, unresolved)
    expect(story.refusal(retry).reason).toBe("not-failed")
    expect(story.tell(cancel)).toMatchObject([{ _tag: "CancellationRefused" }])
  })

  it("after a refusal is routed by the rules again, not along the old route", () => {
    const story = new Story().refused()
    story.tell(reroute)
    story.posted("hold").tell(unrouted)
    story.tell(retry)
    story.tell(intent(1, 2, along("east")))
    expect(story.batch.items.get(1)?.attempt).toMatchObject({ bank: "east", round: 2 })
  })
})

it("a log from before rules were recorded says of no attempt that another bank may pay it", () => {
  const story = new Story().refused(along("north", "south"))
  const older = story.events.map((event) => {
    const json = JSON.parse(encodeEvent(event))
    delete json.reroutable
    for (const transfer of json.transfers ?? []) delete transfer.route
    return Result.getOrThrow(decodeEvent(JSON.stringify(json)))
  })
  const batch = fold(older)
  expect(batch.items.get(1)?.attempt).toMatchObject({ route: undefined, reroutable: false })
  expect(workDue(batch, story.now)).toEqual([{ _tag: "Close" }])
})
