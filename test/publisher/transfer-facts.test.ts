/** What events have of a transfer: by when the money should be there, and why it was not paid. */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { decodePublicEvent, encodePublicEvent } from "../../src/publisher/public-event.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import { ownFailures } from "../../src/publisher/transfer-facts.ts"
import {
  along,
  failed,
  failedOddly,
  intent,
  type PlainOutcome,
  payoutItem,
  refusedForNow,
  returned,
  Story,
  settled,
  unresolved,
  withdrawn,
} from "../domain/batch-story.ts"
import { newBatchId, recorded } from "./story.ts"

const id = newBatchId()

/** The last event of a story; it can be read back. */
const lastOf = ({ events }: Story) => {
  const history = emptyHistory(id)
  const event = recorded(events)
    .flatMap((one) => advanceHistory(history, one))
    .at(-1)
  if (event === undefined) throw new Error("nothing was published")
  expect(Result.getOrThrow(decodePublicEvent(encodePublicEvent(event)))).toEqual(event)
  return event
}

const reported = (...outcomes: ReadonlyArray<PlainOutcome>): Story => {
  const story = new Story().requested(1)
  for (const outcome of outcomes) story.hears(1, outcome)
  return story
}

const resolve = (story: Story, outcome: "settled" | "failed"): Story => {
  story.tell({ _tag: "Resolve", item: 1, outcome, by: "olga", reason: "on the statement" })
  return story
}

/** Item 1 is with a bank whose orders wait with us. */
const withdrawable = (): Story => {
  const story = new Story().started(1).posted("hold")
  story.tell(intent(1, 1, { ...along("clearing", "north"), withdrawable: true }))
  return story
}

const decisions = [{ item: 1, decision: "rejected" as const }]

/** A batch of one item in a currency, whose order is given to its bank at a time, and is paid an hour later. */
const paidAt = (orderedAt: string, fields: Parameters<typeof payoutItem>[1]): Story => {
  const story = new Story()
  story.now = Date.parse(orderedAt) - 1_000
  story.started(1, { items: [payoutItem(1, fields)] }).posted("hold")
  story.now = Date.parse(orderedAt) - 1
  story.tell(intent(1))
  story.now += 3_600_000 - 1
  story.hears(1, settled)
  return story
}

describe("the arrival of a payout", () => {
  it.each([
    ["on a Monday in time", "2026-11-23T10:00:00.000Z", "2026-11-24"],
    ["on a Friday after the cut-off", "2026-11-27T15:00:00.000Z", "2026-12-01"],
    ["before a holiday", "2026-12-24T10:00:00.000Z", "2026-12-28"],
  ])("of euros in SEPA that are ordered %s", (_, orderedAt, expectedOn) => {
    const { data } = lastOf(paidAt(orderedAt, {}))
    const confirmedAt = new Date(Date.parse(orderedAt) + 3_600_000).toISOString()
    expect(data).toMatchObject({
      state: "settled",
      arrival: { scheme: "sepa", orderedAt, expectedOn, confirmedAt },
    })
  })

  it("of dollars goes across borders, and takes a day more", () => {
    const { data } = lastOf(paidAt("2026-11-23T10:00:00.000Z", { currency: "USD" }))
    expect(data).toMatchObject({ arrival: { scheme: "cross-border", expectedOn: "2026-11-25" } })
  })

  it("is that of the attempt that paid, and is confirmed when an operator establishes it", () => {
    const story = reported(unresolved)
    const orderedAt = story.batch.items.get(1)?.attempt?.requestedAt ?? 0
    story.now += 86_400_000
    expect(lastOf(resolve(story, "settled")).data).toMatchObject({
      arrival: {
        orderedAt: new Date(orderedAt).toISOString(),
        confirmedAt: new Date(story.now).toISOString(),
      },
    })
  })

  it("is the same whatever was asked before: of another minute, and of the same", () => {
    const monday = () => lastOf(paidAt("2026-11-23T14:29:30.000Z", {})).data
    const late = () => lastOf(paidAt("2026-11-23T14:30:00.000Z", {})).data
    for (const data of [monday(), monday()])
      expect(data).toMatchObject({ arrival: { expectedOn: "2026-11-24" } })
    for (const data of [late(), late()]) expect(data).toMatchObject({ arrival: { expectedOn: "2026-11-25" } })
    expect(monday()).toMatchObject({ arrival: { expectedOn: "2026-11-24" } })
  })
})

describe("the cause of a failure", () => {
  it("has the bank's own code beside what it means", () => {
    const { data } = lastOf(reported(failed))
    expect(data).toMatchObject({
      reason: "AC04",
      bankCode: "AC04",
      failure: { code: "AC04", category: "beneficiary" },
    })
  })

  it("is an operator's word, explained by the code that the bank gave and did not confirm", () => {
    const { data } = lastOf(resolve(reported(refusedForNow, unresolved), "failed"))
    expect(data).toMatchObject({
      reason: "on the statement",
      bankCode: "AB08",
      failure: { code: "AB08", category: "bank", nextAction: "retry" },
    })
  })

  it("is an operator's word alone after a code that is not known: the event before it has that", () => {
    const story = reported(failedOddly)
    expect(lastOf(story).data).toMatchObject({ state: "parked", reason: expect.stringContaining("ZZ99") })
    expect(lastOf(resolve(story, "failed")).data).toMatchObject({ failure: ownFailures.resolved })
  })

  it("is an operator's word alone, if the bank gave no code", () => {
    const { data } = lastOf(resolve(reported(unresolved), "failed"))
    expect(data).toMatchObject({ reason: "on the statement", failure: ownFailures.resolved })
    expect(data).not.toHaveProperty("bankCode")
  })

  it("is that the order was withdrawn because compliance objects", () => {
    const story = withdrawable()
    story.tell({ _tag: "RecordScreening", clearance: 1, clearanceId: "c", listVersion: "w", decisions })
    story.hears(1, withdrawn)
    expect(lastOf(story).data).toMatchObject({ state: "failed", failure: ownFailures["clearance-withdrawn"] })
  })

  it("is that the order was withdrawn, without anything to blame", () => {
    const story = withdrawable()
    story.hears(1, withdrawn)
    expect(lastOf(story).data).toMatchObject({ state: "failed", failure: ownFailures.withdrawn })
  })

  it("of a return is a bank's code, and nothing is made up for one that is not known", () => {
    expect(lastOf(reported(settled, returned)).data).toMatchObject({
      bankCode: "MS03",
      failure: { category: "bank" },
    })
    const { data } = lastOf(reported(settled, { _tag: "Returned", evidence: "callback", code: "ZZ99" }))
    expect(data).toMatchObject({ state: "returned", bankCode: "ZZ99" })
    expect(data).not.toHaveProperty("failure")
    const { data: silent } = lastOf(
      reported(settled, { _tag: "Returned", evidence: "callback", code: "unspecified" }),
    )
    expect(silent).not.toHaveProperty("bankCode")
  })
})
