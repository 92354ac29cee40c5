import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { cleanText } from "../../src/domain/outside-text.ts"
import {
  decodePublicEvent,
  encodePublicEvent,
  nameOf,
  PublicEvent,
  type PublicEventName,
  traceParentIn,
} from "../../src/publisher/public-event.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import {
  accepted,
  along,
  failed,
  intent,
  type PlainOutcome,
  RETRY_MS,
  returned,
  Story,
  settled,
  unresolved,
} from "../domain/batch-story.ts"
import { faultsAmong } from "./cloudevents.ts"
import { CANARY_IBAN, newBatchId, recorded, storyOf } from "./story.ts"

const id = newBatchId()
const tellAll = (events = storyOf("acme", 6)) => {
  const history = emptyHistory(id)
  return recorded(events).flatMap((event) => advanceHistory(history, event))
}

const heard = (...outcomes: ReadonlyArray<PlainOutcome>): Story => {
  const story = new Story().requested(1)
  for (const outcome of outcomes) story.hears(1, outcome)
  return story
}

const cancelled = (): Story => {
  const story = new Story().screened(1)
  story.tell({ _tag: "Cancel", items: [1], by: "sam", reason: "by mistake" })
  return story
}

/** A log that ends with each public event. The type refuses a missing row. */
const endings: Readonly<Record<PublicEventName, () => Story>> = {
  PayoutBatchAccepted: () => new Story().received(1),
  PayoutBatchAwaitingFunds: () => new Story().started(1).postingRefused("hold", "insufficient-funds", [1]),
  PayoutBatchCommandRefused: () => {
    const story = new Story().received(1)
    story.events.push({
      _tag: "CommandRefused",
      at: story.now,
      commandId: "c-1",
      command: "Approve",
      reason: "already-approved",
      by: "supervisor",
    })
    return story
  },
  PayoutHeld: () => new Story().asked(1).answered([1], "review"),
  PayoutRejected: () => new Story().asked(1).answered([1], "rejected"),
  PayoutSettled: () => heard(settled),
  PayoutFailed: () => heard(failed),
  PayoutReturned: () => heard(settled, returned),
  PayoutCancelled: cancelled,
  PayoutUnrouted: () => {
    const story = new Story().started(1).posted("hold")
    story.tell({ _tag: "RecordUnrouted", items: [1], version: "v1" })
    return story
  },
  PayoutParked: () => heard(unresolved),
  PayoutClearanceWithdrawn: () => new Story().requested(1).answered([1], "rejected"),
  PayoutBatchClosed: () => {
    const story = cancelled()
    story.tell({ _tag: "CloseBatch" })
    return story
  },
}

it.each(Object.entries(endings))("%s is told, and reads as it was written", (name, story) => {
  const event = tellAll(story().events).at(-1)
  if (event === undefined) throw new Error("nothing was told")
  expect(nameOf(event)).toBe(name)
  expect(Result.getOrThrow(decodePublicEvent(encodePublicEvent(event)))).toEqual(event)
  expect(faultsAmong(tellAll(story().events).map(encodePublicEvent))).toEqual([])
})

describe("the public history of a batch", () => {
  it("tells what a partner wants to know, in the order of the log", () => {
    expect(tellAll().map((event) => [nameOf(event), event.subject])).toEqual([
      ["PayoutBatchAccepted", id],
      ["PayoutRejected", `${id}/3`],
      ["PayoutHeld", `${id}/4`],
      ["PayoutSettled", `${id}/1`],
      ["PayoutFailed", `${id}/2`],
      ["PayoutSettled", `${id}/5`],
      ["PayoutSettled", `${id}/6`],
      ["PayoutReturned", `${id}/1`],
    ])
  })

  it("tells once that a batch awaits funds, however often the ledger is asked", () => {
    const story = new Story().started(3).postingRefused("hold", "insufficient-funds", [1])
    story.postingRefused("hold", "insufficient-funds", [2, 3])
    story.now += RETRY_MS
    story.postingRefused("hold", "insufficient-funds", [1]).posted("hold", [2, 3])
    story.now += RETRY_MS
    story.posted("hold", [1])
    const told = tellAll(story.events).filter((event) => nameOf(event) === "PayoutBatchAwaitingFunds")
    expect(told).toMatchObject([
      { subject: id, data: { state: "awaiting-funds", refused: { EUR: "10.01" }, itemCount: 3 } },
    ])
    for (const event of told) {
      expect(JSON.parse(encodePublicEvent(event))).toStrictEqual(Schema.encodeSync(PublicEvent)(event))
      expect(Result.getOrThrow(decodePublicEvent(encodePublicEvent(event)))).toEqual(event)
    }
  })

  it("tells nothing when the ledger refuses for another reason", () => {
    const story = new Story().started(1).postingRefused("hold", "illegal-transition")
    expect(tellAll(story.events).map(nameOf)).toEqual(["PayoutBatchAccepted"])
  })

  it("tells what people decided, and what a bank said late", () => {
    const story = new Story().asked(7).answered([1], "review").answered([2, 3, 4, 5, 6, 7], "approved")
    story.tell({ _tag: "StartExecution" })
    story.posted("hold", [2, 3, 4, 5])
    for (const item of [2, 3, 4, 5]) story.tell(intent(item))
    story.tell({ _tag: "Review", item: 1, decision: "rejected", by: "olga", reason: "the same person" })
    story.tell({ _tag: "Cancel", items: [6, 7], by: "sam", reason: "by mistake" })
    story.hears(2, failed)
    story.hears(2, settled)
    story.hears(3, settled)
    story.hears(3, failed)
    for (const item of [4, 5]) story.hears(item, unresolved)
    story.tell({ _tag: "Resolve", item: 4, outcome: "settled", by: "olga", reason: "on the statement" })
    story.tell({ _tag: "Resolve", item: 5, outcome: "failed", by: "olga", reason: "never left" })
    const told = tellAll(story.events)
    expect(told.slice(1).map((event) => [nameOf(event), event.subject.split("/")[1]])).toEqual([
      ["PayoutHeld", "1"],
      ["PayoutRejected", "1"],
      ["PayoutCancelled", "6"],
      ["PayoutCancelled", "7"],
      ["PayoutFailed", "2"],
      ["PayoutSettled", "2"],
      ["PayoutSettled", "3"],
      ["PayoutParked", "3"],
      ["PayoutParked", "4"],
      ["PayoutParked", "5"],
      ["PayoutSettled", "4"],
      ["PayoutFailed", "5"],
    ])
    expect(told.map(({ sequence }) => Number(sequence))).toEqual(told.map((_, index) => index + 1))
    expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)
    for (const event of told)
      expect(Result.isSuccess(decodePublicEvent(encodePublicEvent(event))), event.type).toBe(true)
  })

  it("tells by which rule a bank was chosen, and of no failure while another bank is on its way", () => {
    const story = new Story().refused(along("north", "south"))
    story.tell({ _tag: "Reroute", item: 1 })
    story.posted("hold").tell(intent(1, 2, along("south")))
    story.hears(1, settled, 2)
    const last = new Story().refused(along("north"))
    const route = { rule: "euros", rulesVersion: "v1" }
    expect(tellAll(story.events).slice(1)).toMatchObject([
      { type: "com.atlaspay.payout.settled.v1", data: { attempt: 2, bank: "south", ...route } },
    ])
    expect(tellAll(last.events).slice(1), "no other bank is left").toMatchObject([
      {
        type: "com.atlaspay.payout.failed.v1",
        data: { attempt: 1, bank: "north", reason: "AG03", ...route },
      },
    ])
  })

  it("tells under which UETR banks know a transfer", () => {
    const reference = "ABCDEFGHIJKLMNOPQRSTUV-42-1"
    const story = new Story().started(1).posted("hold")
    story.tell({ _tag: "RequestTransfers", transfers: [{ item: 1, attempt: 1, bank: "north", reference }] })
    story.hears(1, settled)
    expect(tellAll(story.events).at(-1)).toMatchObject({
      type: "com.atlaspay.payout.settled.v1",
      data: { attempt: 1, uetr: "8864298e-84a9-46c6-ae7c-2329d2a002a1" },
    })
  })

  it("tells what a bank's code means and what to do, and nothing of a reason that is none", () => {
    const lastOf = ({ events }: Story) => tellAll(events).at(-1)
    const refused = lastOf(heard(failed))
    const cameBack = lastOf(heard(settled, { _tag: "Returned", evidence: "callback", code: "AC04" }))
    const unmapped = lastOf(heard(settled, { _tag: "Returned", evidence: "callback", code: "ZZ99" }))
    const failure = {
      code: "AC04",
      category: "beneficiary",
      retryable: false,
      nextAction: "contact-beneficiary",
      meaning: "account closed",
    }
    expect(refused).toMatchObject({ data: { state: "failed", reason: "AC04", failure } })
    expect(cameBack).toMatchObject({ data: { state: "returned", reason: "AC04", failure } })
    expect(unmapped).toMatchObject({ data: { state: "returned", reason: "ZZ99" } })
    expect(unmapped?.data).not.toHaveProperty("failure")
  })

  it("tells once of a failure that compliance keeps from another bank", () => {
    const story = new Story().refused(along("north", "south"))
    for (const decision of ["review", "rejected"] as const)
      story.tell({
        _tag: "RecordScreening",
        clearance: 1,
        clearanceId: "c",
        listVersion: "v2",
        decisions: [{ item: 1, decision }],
      })
    story.tell({ _tag: "CloseBatch" })
    const told = tellAll(story.events).slice(1)
    expect(told.map((event) => [nameOf(event), event.sequence])).toEqual([
      ["PayoutClearanceWithdrawn", "0000000002"],
      ["PayoutFailed", "0000000003"],
      ["PayoutClearanceWithdrawn", "0000000004"],
      ["PayoutBatchClosed", "0000000005"],
    ])
    expect(told[1]).toMatchObject({ subject: `${id}/1`, data: { attempt: 1, bank: "north", reason: "AG03" } })
    expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)
    for (const event of told) expect(Result.isSuccess(decodePublicEvent(encodePublicEvent(event)))).toBe(true)
  })

  it("tells of items that no rule leads to a bank", () => {
    const story = new Story().started(2).posted("hold")
    story.tell({ _tag: "RecordUnrouted", items: [1, 2], version: "v1" })
    story.tell({ _tag: "Retry", item: 1, by: "olga" })
    story.tell(intent(1))
    story.hears(1, settled)
    const told = tellAll(story.events).slice(1)
    expect(told.map((event) => [nameOf(event), event.subject, event.sequence])).toEqual([
      ["PayoutUnrouted", `${id}/1`, "0000000002"],
      ["PayoutUnrouted", `${id}/2`, "0000000003"],
      ["PayoutSettled", `${id}/1`, "0000000004"],
    ])
    expect(told[0]?.data).toMatchObject({ state: "parked", reason: "no rule of version v1 leads to a bank" })
    for (const event of told) expect(Result.isSuccess(decodePublicEvent(encodePublicEvent(event)))).toBe(true)
  })

  it("tells of an item as parked while an attempt is in dispute or two were paid, and then as it stands", () => {
    const story = new Story().retried()
    story.hears(1, accepted, 2)
    story.hears(1, settled, 1)
    story.hears(1, settled, 2)
    const resolve = { _tag: "Resolve", item: 1, by: "olga", reason: "on the statement" } as const
    story.tell({ ...resolve, attempt: 1, outcome: "settled" })
    story.hears(1, returned, 2)
    const told = tellAll(story.events).slice(1)
    const paidTwice = "paid more than once: attempts 1 and 2"
    expect(told.map((event) => [nameOf(event), event.data])).toMatchObject([
      ["PayoutFailed", { attempt: 1, reason: "AC04" }],
      ["PayoutParked", { attempt: 1, reason: "of attempt 1 the bank reported settled after failed" }],
      ["PayoutParked", { attempt: 2, reason: paidTwice }],
      ["PayoutParked", { attempt: 1, reason: paidTwice }],
      ["PayoutSettled", { attempt: 1 }],
    ])
  })

  it("tells whose account it is, and what compliance said too late", () => {
    const story = new Story().asked(2)
    const says = (decision: "approved" | "rejected", item: number) =>
      story.tell({
        _tag: "RecordScreening",
        clearance: 1,
        clearanceId: "c",
        listVersion: "v",
        decisions: [{ item, decision, reason: cleanText(`matches ${CANARY_IBAN}`), payee: "match" }],
      })
    says("approved", 1)
    says("approved", 2)
    story.tell({ _tag: "StartExecution" })
    story.posted("hold").tell(intent(1))
    story.hears(1, settled)
    says("rejected", 1)
    says("rejected", 2)
    const told = tellAll(story.events).slice(1)
    const reason = "matches [redacted]"
    expect(told.map((event) => [nameOf(event), event.data])).toMatchObject([
      ["PayoutSettled", { item: 1, payee: "match" }],
      [
        "PayoutClearanceWithdrawn",
        { item: 1, state: "settled", decision: "rejected", reason, payee: "match" },
      ],
      ["PayoutRejected", { item: 2, reason, payee: "match" }],
    ])
    for (const event of told)
      expect(decodePublicEvent(encodePublicEvent(event))).toEqual(Result.succeed(event))
  })

  it("closes a cancelled batch with totals that add up", () => {
    const story = new Story().screened(2)
    story.tell({ _tag: "Cancel", items: [], by: "sam", reason: "by mistake" })
    story.tell({ _tag: "CloseBatch" })
    const closed = tellAll(story.events).at(-1)
    expect(closed?.data).toMatchObject({
      state: "cancelled",
      totals: { EUR: { accepted: "20.03", cancelled: "20.03", settled: "0.00" } },
    })
  })

  it("numbers the events of a batch from one without a gap", () => {
    const sequences = tellAll().map(({ sequence }) => sequence)
    expect(sequences.map(Number)).toEqual(sequences.map((_, index) => index + 1))
    expect(sequences.toSorted()).toEqual(sequences)
  })

  it("names the trace of its batch in each event, which is a span of its own and the same whoever publishes it", () => {
    const story = new Story().refused(along("north", "south"))
    const decisions = [{ item: 1, decision: "rejected" as const }]
    story.tell({ _tag: "RecordScreening", clearance: 1, clearanceId: "c", listVersion: "v2", decisions })
    const traced = (sampled: boolean) =>
      [storyOf("acme", 6), story.events].flatMap((events) => {
        const trace = { id: "0af7651916cd43dd8448eb211c80319c", sampled }
        const told = tellAll(
          events.map((event) => (event._tag === "BatchReceived" ? { ...event, trace } : event)),
        )
        const spans = told.map(
          ({ traceparent = "" }) =>
            /^00-0af7651916cd43dd8448eb211c80319c-(\w{16})-(0[01])$/.exec(traceparent) ?? [],
        )
        expect(new Set(spans.map(([, span]) => span)).size).toBe(told.length)
        return spans.map(([, span, flags]) => `${span} ${flags}`)
      })
    expect(traced(true)).toEqual(traced(true))
    expect(traced(true).every((span) => span.endsWith(" 01"))).toBe(true)
    expect(traced(false)).toEqual(traced(true).map((span) => span.replace(/1$/, "0")))
    for (const event of tellAll()) expect(event).not.toHaveProperty("traceparent")
  })

  it("finds the trace in what was published, and takes no other text for it", () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`
    const [event] = tellAll()
    if (event === undefined) throw new Error("nothing was told")
    const traced = encodePublicEvent({ traceparent, ...event })
    expect(Result.getOrThrow(decodePublicEvent(traced))).toMatchObject({ traceparent })
    expect(traceParentIn(traced)).toBe(traceparent)
    expect(traceParentIn(encodePublicEvent(event))).toBeUndefined()
    const quoting = { ...event, data: { ...event.data, reference: `x","traceparent":"${traceparent}"` } }
    expect(traceParentIn(JSON.stringify(quoting))).toBeUndefined()
    expect(traceParentIn(JSON.stringify({ data: { traceparent } }))).toBeUndefined()
    expect(traceParentIn("{}")).toBeUndefined()
  })

  it("derives each id from the log, and no id twice", () => {
    const ids = tellAll().map((event) => event.id)
    expect(ids.slice(0, 4)).toEqual([`${id}:2`, `${id}:3:3`, `${id}:3:4`, `${id}:8`])
    expect(new Set(ids).size).toBe(ids.length)
  })

  it("speaks of amounts as decimals of their currency", () => {
    const amounts = tellAll().flatMap(({ data }) => ("amount" in data ? [data.amount] : []))
    expect(amounts).toContainEqual({ currency: "EUR", value: "12.34" })
    expect(amounts).toContainEqual({ currency: "JPY", value: "1200" })
  })

  it("is valid CloudEvents JSON that can be read back", () => {
    for (const event of tellAll()) {
      expect(decodePublicEvent(encodePublicEvent(event))).toEqual(Result.succeed(event))
      expect(event.time).toBe("2026-01-02T03:04:05.678Z")
    }
  })

  it("never quotes an account number or a name, even when a reason does", () => {
    const text = tellAll().map(encodePublicEvent).join("\n")
    expect(text).not.toContain(CANARY_IBAN)
    expect(text).not.toContain("Lovelace")
    expect(text).toContain("[redacted]")
  })

  it("waits with acceptance until all chunks of the items are in the log", () => {
    const [received, items] = storyOf("acme", 5)
    if (received === undefined || items?._tag !== "ItemsReceived") throw new Error("another story")
    const [first, ...others] = items.items
    const last = others.pop()
    if (last === undefined) throw new Error("too few items")
    const told = tellAll([received, { ...items, items: [first, ...others] }, { ...items, items: [last] }])
    expect(told).toMatchObject([
      { id: `${id}:3`, data: { itemCount: 5, accepted: { EUR: "37.02", JPY: "2400" } } },
    ])
  })

  it("closes a batch with totals per currency that add up", () => {
    const [received, items] = storyOf("acme", 5)
    if (received?._tag !== "BatchReceived" || items?._tag !== "ItemsReceived")
      throw new Error("another story")
    const { at } = received
    const told = tellAll([
      { ...received, itemCount: 1 },
      { ...items, items: [items.items[0]] },
      { _tag: "TransfersRequested", at, transfers: [{ item: 1, attempt: 1, bank: "north", reference: "r" }] },
      { _tag: "TransferSettled", at, item: 1, attempt: 1, evidence: "inquiry" },
      { _tag: "BatchClosed", at, state: "settled" },
    ])
    expect(told.at(-1)?.data).toMatchObject({
      state: "settled",
      totals: {
        EUR: { accepted: "12.34", settled: "12.34", failed: "0.00", returned: "0.00", rejected: "0.00" },
      },
    })
  })
})
