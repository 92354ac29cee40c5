import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { MailCommand, type TransferOutcome } from "../../src/domain/commands.ts"
import { decodeEvent, decodeMail, encodeEvent, encodeMail } from "../../src/domain/event-codec.ts"
import { BatchEvent } from "../../src/domain/events.ts"
import { fold } from "../../src/domain/evolve.ts"
import { cleanText, kindsWithText } from "../../src/domain/outside-text.ts"
import { CLEAN } from "../../src/domain/upcasters.ts"
import { failed, returned, Story, settled } from "./batch-story.ts"

/** Written by the release before modes, approval and numbered clearances: kept as it was recorded, but for accounts. */
const recordedByVersion1 = [
  '{"_tag":"BatchReceived","at":1763920000000,"partner":"acme","idempotencyKey":"k-1","requestDigest":"d1","itemCount":2}',
  '{"_tag":"ItemsReceived","at":1763920000000,"items":[{"item":1,"reference":"A","beneficiary":{"name":"Ada Lovelace","account":{"scheme":"iban","country":"DE","lastFour":"3000"}},"currency":"EUR","minor":"1250"},{"item":2,"reference":"B","beneficiary":{"name":"Clara Closed","account":{"scheme":"sort-code","lastFour":"6819"}},"currency":"GBP","minor":"200"}],"sealed":"1.AAAAAAAAAAAA"}',
  '{"_tag":"ItemsScreened","at":1763920000100,"clearanceId":"c","listVersion":"l","decisions":[{"item":1,"decision":"approved"},{"item":2,"decision":"approved"}]}',
  '{"_tag":"PostingRequested","at":1763920000100,"posting":1,"kind":"hold","items":[1,2]}',
  '{"_tag":"PostingBooked","at":1763920000200,"posting":1,"ledgerPostingId":"p1"}',
  '{"_tag":"TransferRequested","at":1763920000300,"item":2,"attempt":1,"bank":"north","reference":"R-2-1"}',
  '{"_tag":"TransferFailed","at":1763920000400,"item":2,"attempt":1,"evidence":"response","code":"AC04"}',
]

describe("an event", () => {
  it("is written as its schema writes it, with its version", () => {
    const story = new Story().requested(3)
    story.hears(1, settled)
    story.hears(2, failed)
    story.hears(3, returned)
    story.posted("post").posted("release").posted("reverse").tell({ _tag: "CloseBatch" })
    const bySchema = Schema.encodeSync(BatchEvent)
    for (const event of story.events) {
      const { v, clean, ...written } = JSON.parse(encodeEvent(event))
      expect(written).toEqual(bySchema(event))
      expect(clean, event._tag).toBe(kindsWithText.has(event._tag) ? CLEAN : undefined)
      expect(v ?? 1, event._tag).toBe(
        ["BatchReceived", "ItemsScreened", "TransferFailed"].includes(event._tag) ? 2 : 1,
      )
    }
  })

  it("of an older release is lifted, and its batch goes on where it was", () => {
    const events = recordedByVersion1.map((line) => Result.getOrThrow(decodeEvent(line)))
    expect(events[0]).toMatchObject({ mode: "partial", submittedBy: "acme", attemptsMax: 1 })
    expect(events.at(-1)).toMatchObject({ category: "beneficiary", retryable: false })
    const batch = fold(events)
    expect(batch.startedAt, "a log from before starts were recorded has started").toBeDefined()
    expect([...batch.tasks.request], "the other item is still to be paid").toEqual([1])
    expect([...batch.tasks.release]).toEqual([2])
  })

  it("of a version or kind that nobody knows is refused by name", () => {
    expect(decodeEvent('{"_tag":"BatchClosed","v":2,"at":1,"state":"settled"}')).toMatchObject({
      failure: expect.stringContaining("unknown version of BatchClosed"),
    })
    expect(Result.isFailure(decodeEvent('{"_tag":"FromTheFuture","at":1}'))).toBe(true)
  })

  it("that cannot be read is told without its content", () => {
    const iban = "DE89370400440532013001"
    const broken = recordedByVersion1[1]?.replace('"3000"', `"${iban}"`) ?? ""
    const refused = decodeEvent(broken)
    expect(Result.isFailure(refused) && refused.failure).toMatch(/lastFour/)
    expect(Result.isFailure(refused) && refused.failure).not.toContain(iban)
    for (const text of ["", "[]", "null", '"x"', "{"])
      expect(Result.isFailure(decodeEvent(text)), text).toBe(true)
  })
})

describe("mail", () => {
  it("of a release whose retries named no attempt is still read", () => {
    const command = { _tag: "Retry", at: 1, item: 1, by: "olga" } as const
    expect(decodeMail(JSON.stringify(command))).toMatchObject({ success: command })
  })

  it("that reports on a transfer is written as its schema writes it, whatever else the command has", () => {
    const bySchema = Schema.encodeSync(Schema.fromJsonString(MailCommand))
    const decoded = Schema.decodeUnknownSync(Schema.fromJsonString(MailCommand))
    const report = { _tag: "RecordTransfer", at: 1, item: 2, attempt: 1, bank: "north" } as const
    const evidence = "callback" as const
    const outcomes: ReadonlyArray<TransferOutcome> = [
      { _tag: "Settled", evidence },
      { _tag: "Failed", evidence, code: cleanText("AC04"), detail: cleanText("closed") },
      { _tag: "Returned", evidence, code: cleanText("AC06") },
    ]
    for (const outcome of outcomes) {
      const command = { ...report, outcome, iban: "DE89370400440532013000" }
      const text = encodeMail(command)
      expect(text).toBe(bySchema(command))
      expect(decodeMail(text)).toEqual(Result.succeed(decoded(text)))
    }
    expect(() => encodeMail({ ...report, item: 0, outcome: { _tag: "Settled", evidence } })).toThrow(/item/)
    expect(decodeMail(JSON.stringify({ ...report, item: 0, outcome: outcomes[0] }))).toMatchObject({
      failure: expect.stringContaining("item"),
    })
  })

  it("comes back as it was sent, and nonsense does not", () => {
    const command = {
      _tag: "Cancel",
      at: 1,
      items: [1, 2],
      by: "sam",
      reason: cleanText("by mistake"),
    } as const
    expect(decodeMail(encodeMail(command))).toMatchObject({ success: command })
    expect(Result.isFailure(decodeMail('{"_tag":"CloseBatch","at":1}')), "not a command from outside").toBe(
      true,
    )
  })
})
