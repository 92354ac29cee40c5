/** What a turn gathers is what it would have recorded one by one, decided in the same state, in as few events as can be. */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { APART_MS_MAX, GatheredReports, REPORTS_PER_EVENT_MAX } from "../../src/actors/gathered-reports.ts"
import { anyClearance } from "../../src/domain/clearance.ts"
import type { BatchCommand } from "../../src/domain/commands.ts"
import { decide } from "../../src/domain/decide.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { evolve, fold } from "../../src/domain/evolve.ts"
import { singleEvents } from "../../src/domain/gathered-events.ts"
import {
  accepted,
  clerk,
  failed,
  neverSeen,
  type PlainOutcome,
  returned,
  Story,
  settled,
  unknown,
} from "../domain/batch-story.ts"
import { gatheredRuns } from "../domain/gathered.ts"
import { fc } from "../property.ts"

const ITEMS = 6

const report = (item: number, outcome: PlainOutcome, at: number, attempt = 1) =>
  ({ _tag: "RecordTransfer", at, item, attempt, outcome }) as BatchCommand

/** Decides commands in one turn, after what the story has. */
const turn = (story: Story, commands: ReadonlyArray<BatchCommand>): ReadonlyArray<BatchEvent> => {
  const batch = fold(story.events)
  const events: Array<BatchEvent> = []
  const reports = new GatheredReports((event) => {
    evolve(batch, event)
    events.push(event)
  })
  for (const command of commands) {
    reports.before(command)
    reports.take(Result.getOrElse(decide(batch, command, anyClearance), () => []))
  }
  reports.flush()
  return events
}

const oneByOne = (story: Story, commands: ReadonlyArray<BatchCommand>): ReadonlyArray<BatchEvent> => {
  const batch = fold(story.events)
  return commands.flatMap((command) => {
    const events = Result.getOrElse(decide(batch, command, anyClearance), () => [])
    fold(events, batch)
    return events
  })
}

const outcome = fc.constantFrom<PlainOutcome>(
  ...[accepted, accepted, settled, settled, settled],
  ...[{ ...settled, evidence: "response" } as PlainOutcome, failed, unknown, neverSeen],
)

describe("the reports of a turn", () => {
  it("are recorded as they would be one by one", () => {
    const story = new Story().requested(ITEMS)
    const any = fc
      .record({ item: fc.integer({ min: 1, max: ITEMS + 1 }), attempt: fc.constantFrom(1, 1, 1, 2), outcome })
      .map(({ item, attempt, outcome }) => report(item, outcome, 0, attempt))
    const cancel = { _tag: "Cancel", items: [1, 2], by: "sam", credential: clerk, reason: "x" }
    const command = fc.oneof(
      { weight: 9, arbitrary: any },
      { weight: 1, arbitrary: fc.constant(cancel as unknown as BatchCommand) },
    )
    let gathered = 0
    fc.assert(
      fc.property(fc.array(command, { minLength: 3, maxLength: 30 }), (given) => {
        const commands = given.map((one, index) => ({ ...one, at: story.now + 1 + index }))
        const singly = oneByOne(story, commands)
        const together = turn(story, commands)
        expect(together.flatMap(singleEvents)).toEqual(singly)
        gathered += singly.length - together.length
      }),
      { numRuns: 400 },
    )
    expect(gathered, "events that were gathered").toBeGreaterThan(100)
  })

  it("are gathered wherever they follow each other", () => {
    const story = new Story().requested(ITEMS)
    const items = fc.shuffledSubarray([...story.batch.items.keys()], { minLength: 2 })
    fc.assert(
      fc.property(items, fc.array(outcome, { minLength: ITEMS, maxLength: ITEMS }), (items, outcomes) => {
        const commands = items.map((item, index) =>
          report(item, outcomes[index] ?? settled, story.now + index),
        )
        expect(turn(story, commands)).toEqual(gatheredRuns(oneByOne(story, commands)))
      }),
      { numRuns: 400 },
    )
  })

  it("are in events of at most so many", () => {
    const story = new Story().requested(REPORTS_PER_EVENT_MAX + 2)
    const commands = [...story.batch.items.keys()].map((item) => report(item, settled, story.now + item))
    const events = turn(story, commands)
    expect(events.map((event) => singleEvents(event).length)).toEqual([REPORTS_PER_EVENT_MAX, 2])
    expect(
      events.map(({ at }) => at),
      "the latest of each",
    ).toEqual([story.now + REPORTS_PER_EVENT_MAX, story.now + REPORTS_PER_EVENT_MAX + 2])
  })

  it("stay apart where their times are, so that who asks for a time finds each near its own", () => {
    const story = new Story().requested(5)
    const times = [0, APART_MS_MAX, APART_MS_MAX + 1, 2 * APART_MS_MAX, 0]
    for (const outcome of [accepted, settled]) {
      const commands = times.map((at, index) => report(index + 1, outcome, story.now + at))
      expect(
        turn(story, commands).map((event) => singleEvents(event).map(({ at }) => at - story.now)),
      ).toEqual([[times[0], times[1]], [times[2], times[3]], [times[4]]])
    }
  })

  it("stay apart where a report says more than one thing", () => {
    const story = new Story().requested(3)
    const commands = [settled, returned, settled].map((outcome, index) =>
      report(index + 1, outcome, story.now),
    )
    expect(turn(story, commands).map(({ _tag }) => _tag)).toEqual([
      "TransferSettled",
      "TransferSettled",
      "TransferReturned",
      "TransferSettled",
    ])
  })

  it("are a single event where there is one", () => {
    const story = new Story().requested(2)
    expect(turn(story, [report(2, settled, 7)])).toEqual([
      { _tag: "TransferSettled", at: 7, item: 2, attempt: 1, evidence: "callback" },
    ])
  })
})
