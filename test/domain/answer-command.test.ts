/** The log says how a person's command was answered, once, and does not grow without end. */
import { describe, expect, it } from "vitest"
import { answerEvents, REFUSALS_RECORDED_MAX } from "../../src/domain/answer-command.ts"
import type { BatchCommand } from "../../src/domain/commands.ts"
import { decide } from "../../src/domain/decide.ts"
import { fold } from "../../src/domain/evolve.ts"
import { cleanText } from "../../src/domain/outside-text.ts"
import { olga, Story } from "./batch-story.ts"

const AT = 1_795_000_000_000

const cancel: BatchCommand = {
  _tag: "Cancel",
  at: 1,
  items: [1],
  by: "olga",
  credential: olga,
  reason: cleanText("by mistake"),
}
const review: BatchCommand = {
  _tag: "Review",
  at: 1,
  item: 1,
  decision: "released",
  by: "olga",
  credential: olga,
  typedBy: "Olga P.",
  reason: cleanText("seen"),
}

/** Answers a command under an id, as a batch does, and gives the events. */
const answered = (story: Story, id: string, command: BatchCommand) => {
  const events = answerEvents(story.batch, { id, command, at: AT }, decide(story.batch, command, story.terms))
  story.events.push(...events)
  fold(events, story.batch)
  return events
}

describe("a command", () => {
  it("that is refused is recorded with its id, its kind, who gave it and why", () => {
    const story = new Story().screened(2)
    expect(answered(story, "c-1", review)).toEqual([
      {
        _tag: "CommandRefused",
        at: AT,
        commandId: "c-1",
        command: "Review",
        reason: "not-held",
        item: 1,
        by: "olga",
        credential: olga,
        typedBy: "Olga P.",
      },
    ])
    expect(story.batch.items.get(1)?.state, "and changes nothing").toBe("screened")
  })

  it("that is accepted is named by its events", () => {
    const story = new Story().screened(2)
    expect(answered(story, "c-1", cancel)).toMatchObject([{ _tag: "ItemsCancelled", commandId: "c-1" }])
  })

  it.each([
    ["accepted", () => new Story().asked(1).answered([1], "review"), "ItemReviewed"],
    ["refused", () => new Story().screened(1), "CommandRefused"],
  ] as const)("that was %s is not said to be refused when it comes again", (_, given, answer) => {
    const story = given()
    const command: BatchCommand = answer === "ItemReviewed" ? { ...review, decision: "rejected" } : review
    expect(answered(story, "c-1", command)).toMatchObject([{ _tag: answer, commandId: "c-1" }])
    // The register may deliver it again to a process that starts later.
    const restarted = new Story()
    fold(story.events, restarted.batch)
    expect(answered(restarted, "c-1", command)).toEqual([])
    expect(answered(restarted, "c-2", command), "another one is").toMatchObject([{ _tag: "CommandRefused" }])
  })

  it("of a machine is not recorded", () => {
    const story = new Story().screened(1)
    expect(answered(story, "c-1", { _tag: "RequestScreening", at: 1, items: [7] })).toEqual([])
    expect(answered(story, "c-2", { ...cancel, items: [7] })).toHaveLength(1)
  })

  it("is recorded only so many times in one batch", () => {
    const story = new Story().screened(1)
    const count = Array.from({ length: 3 * REFUSALS_RECORDED_MAX }, (_, index) =>
      answered(story, `c-${index}`, review),
    ).flat().length
    expect(count).toBe(REFUSALS_RECORDED_MAX)
    expect(answered(story, "last", cancel), "what is accepted is").toHaveLength(1)
  })
})
