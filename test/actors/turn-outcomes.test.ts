/** What of a turn is counted: each end of an item once, each payment of a bank once, and whether it was in time. */
import { Effect, Result } from "effect"
import { describe, expect, it } from "vitest"
import { makeOutcomeReport } from "../../src/actors/outcome-report.ts"
import { TurnOutcomes } from "../../src/actors/turn-outcomes.ts"
import type { Batch } from "../../src/domain/batch.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { outcomeOf } from "../../src/domain/item-outcome.ts"
import { settlementDueAt } from "../../src/domain/scheme.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { liveThrough, step, terms } from "../domain/batch-sequences.ts"
import {
  type CommandWithoutTime,
  failed,
  failedForNow,
  intent,
  returned,
  Story,
  settled,
} from "../domain/batch-story.ts"
import { fc, ofAllExamples } from "../property.ts"
import { samplesIn } from "../telemetry/exposed-metrics.ts"

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

/** A story whose commands are turns of their own. */
const turning = async (story: Story) => {
  const metrics = await Effect.runPromise(Metrics.pipe(Effect.provide(freshMetrics)))
  const report = makeOutcomeReport(metrics)
  const turn = (...commands: ReadonlyArray<CommandWithoutTime>) => {
    const outcomes = new TurnOutcomes()
    for (const command of commands)
      for (const event of Result.getOrThrow(story.decide(command))) outcomes.fold(story.batch, event, evolve)
    report(story.batch, outcomes, story.now, TRACE)
  }
  const counted = async (metric: string) =>
    Object.fromEntries(
      samplesIn(await metrics.registry.getSingleMetricAsString(`atlaspay_${metric}`)).map(
        ({ labels, value }) => [Object.values(labels).join(" "), value],
      ),
    )
  const exemplar = (labels: { readonly scheme: string; readonly outcome: string }) =>
    metrics.settlementSeconds.exemplarOf(labels, "1")?.traceId
  return { turn, counted, exemplar }
}

const report = (item: number, outcome: typeof settled, attempt = 1): CommandWithoutTime =>
  ({ _tag: "RecordTransfer", item, attempt, outcome }) as CommandWithoutTime

/** A story in which items are at their bank. */
const sent = (count: number, attemptsMax = 1): Story => {
  const story = new Story().started(count, {
    policy: { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax },
  })
  story.posted("hold")
  for (const item of story.batch.items.keys()) story.tell(intent(item))
  return story
}

describe("what a bank paid", () => {
  it("is counted once, by currency and bank, however often it is reported", async () => {
    const story = sent(2)
    const { turn, counted } = await turning(story)
    turn(report(1, settled))
    const once = await counted("money_moved_minor_total")
    expect(Object.values(once)).toEqual([Number(story.batch.items.get(1)?.minor)])
    turn(report(1, settled))
    expect(await counted("money_moved_minor_total")).toEqual(once)
    expect(await counted("items_final_total")).toEqual({ paid: 1 })
  })

  it("is counted again as returned when it comes back, and the item ends a second time", async () => {
    const { turn, counted } = await turning(sent(1))
    turn(report(1, settled))
    turn(report(1, returned))
    expect(Object.keys(await counted("money_returned_minor_total"))).toEqual(["EUR north"])
    expect(await counted("money_returned_minor_total")).toEqual(await counted("money_moved_minor_total"))
    expect(await counted("items_final_total")).toEqual({ paid: 1, returned: 1 })
    expect(await counted("settlement_on_time_total"), "what comes back settled in time before").toEqual({
      sepa: 1,
    })
  })

  it("counts although it came after a refusal, and the contradiction does, too", async () => {
    const { turn, counted } = await turning(sent(1))
    turn(report(1, failed))
    turn(report(1, settled))
    expect(Object.keys(await counted("money_moved_minor_total"))).toEqual(["EUR north"])
    expect(Object.values(await counted("late_outcomes_total"))).toEqual([1])
  })
})

describe("an item", () => {
  it("is counted for each transfer of an event that has several", () => {
    const { batch } = sent(3)
    const outcomes = new TurnOutcomes()
    const transfers = [1, 3].map((item) => ({ at: 1, item, attempt: 1 }))
    const event = { _tag: "TransfersSettled", at: 1, evidence: "callback", transfers }
    for (const _ of ["first", "again"]) outcomes.fold(batch, event as unknown as BatchEvent, evolve)
    expect(outcomes.money.map(({ way, minor }) => `${way} ${minor}`)).toEqual(["moved 1001", "moved 1003"])
    expect(outcomes.ended(batch).map(({ outcome }) => outcome)).toEqual(["paid", "paid"])
  })

  it("has not ended while policy will try it again", async () => {
    const { turn, counted } = await turning(sent(1, 2))
    turn(report(1, failedForNow))
    expect(await counted("items_final_total")).toEqual({})
  })

  it("is in time until its scheme's day is over, and late after it", async () => {
    const story = sent(2)
    const { turn, counted } = await turning(story)
    const due = settlementDueAt("sepa", story.batch.startedAt ?? 0)
    story.now = due - 1
    turn(report(1, settled))
    turn(report(2, failed))
    expect(await counted("settlement_on_time_total")).toEqual({ sepa: 1 })
    expect(await counted("settlement_late_total")).toEqual({ sepa: 1 })
    expect(await counted("items_final_total")).toEqual({ paid: 1, failed: 1 })
  })

  it("counts from its first attempt if a reviewer had to release it", async () => {
    const story = new Story().asked(2)
    story.answered([1], "approved").answered([2], "review")
    story.tell({ _tag: "StartExecution" })
    const started = story.batch.startedAt ?? 0
    story.now = settlementDueAt("sepa", started)
    story.tell({
      _tag: "Review",
      item: 2,
      decision: "released",
      by: "olga",
      reason: "looked",
    } as CommandWithoutTime)
    story.posted("hold")
    for (const item of [1, 2]) story.tell(intent(item))
    const { turn, counted } = await turning(story)
    turn(report(2, settled))
    expect(await counted("settlement_on_time_total")).toEqual({ sepa: 1 })
    turn(report(1, settled))
    expect(await counted("settlement_late_total")).toEqual({ sepa: 1 })
  })

  it("is screened once, by the engine's first decision, and rejected and cancelled ones are neither late nor in time", async () => {
    const story = new Story().asked(3)
    const { turn, counted } = await turning(story)
    const word = (decision: "approved" | "rejected" | "review", item: number): CommandWithoutTime => ({
      _tag: "RecordScreening",
      clearance: 1,
      clearanceId: "c",
      listVersion: "v",
      decisions: [{ item, decision }],
    })
    turn(word("approved", 1), word("rejected", 2), word("review", 3))
    turn(word("review", 1))
    turn({ _tag: "Cancel", items: [3], by: "sam", reason: "by mistake" } as CommandWithoutTime)
    const screened = await counted("screening_seconds")
    expect(["approved", "rejected", "review"].map((outcome) => screened[outcome])).toEqual([1, 1, 1])
    expect(await counted("items_final_total")).toEqual({ rejected: 1, cancelled: 1 })
    expect({
      ...(await counted("settlement_on_time_total")),
      ...(await counted("settlement_late_total")),
    }).toEqual({})
  })
})

it("is folded whatever breaks while it is looked at, and what broke is told once the rest was counted", async () => {
  const story = sent(2)
  const metrics = await Effect.runPromise(Metrics.pipe(Effect.provide(freshMetrics)))
  const outcomes = new TurnOutcomes()
  const tell = (item: number, broken: boolean) => {
    for (const event of Result.getOrThrow(story.decide(report(item, settled)))) {
      const looked = broken
        ? {
            ...event,
            get item() {
              throw new Error("unreadable")
            },
          }
        : event
      outcomes.fold(story.batch, looked as typeof event, (batch) => evolve(batch, event))
    }
  }
  tell(1, false)
  tell(2, true)
  expect([...story.batch.items.values()].map(({ state }) => state)).toEqual(["settled", "settled"])
  expect(outcomes.isEmpty).toBe(false)
  const count = makeOutcomeReport(metrics)
  expect(() => count(story.batch, outcomes, story.now, undefined)).toThrow("unreadable")
  expect(await metrics.registry.getSingleMetricAsString("atlaspay_items_final_total")).toContain(
    'outcome="paid"} 1',
  )
})

it("leads from the time to settle to the trace of the batch", async () => {
  const { turn, exemplar } = await turning(sent(1))
  turn(report(1, settled))
  expect(exemplar({ scheme: "sepa", outcome: "paid" })).toBe(TRACE)
})

const SEQUENCES = 400

/** What someone who looks at every item before and after would count. */
const outcomesIn = (batch: Batch) =>
  new Map([...batch.items].map(([number, item]) => [number, outcomeOf(batch, item)]))

it(`counts over ${SEQUENCES} sequences of commands what a look at every item finds`, () => {
  const seen = { ended: 0, money: 0 }
  fc.assert(
    fc.property(terms, fc.array(step, { minLength: 20, maxLength: 60 }), (terms, steps) => {
      const story = new Story()
      const paid = new Set<string>()
      const live = (command: CommandWithoutTime): void => {
        const decided = story.decide(command)
        if (Result.isFailure(decided)) return
        const before = outcomesIn(story.batch)
        const outcomes = new TurnOutcomes()
        for (const event of decided.success) outcomes.fold(story.batch, event, evolve)
        const expected = [...outcomesIn(story.batch)].flatMap(([number, outcome]) =>
          outcome === undefined || outcome === before.get(number) ? [] : [outcome],
        )
        expect(
          outcomes
            .ended(story.batch)
            .map(({ outcome }) => outcome)
            .sort(),
        ).toEqual(expected.sort())
        const found = [...story.batch.items.values()].flatMap(({ item, attempt, earlier }) =>
          [...earlier, ...(attempt === undefined ? [] : [attempt])].flatMap(
            ({ attempt, outcome, reports }) =>
              outcome === "settled" || reports.includes("settled") ? [`${item} ${attempt}`] : [],
          ),
        )
        const moved = outcomes.money.filter(({ way }) => way === "moved").length
        expect(moved).toBe(found.filter((one) => !paid.has(one)).length)
        for (const one of found) paid.add(one)
        seen.ended += expected.length
        seen.money += moved
      }
      liveThrough(story, terms, steps, live)
    }),
    { numRuns: SEQUENCES },
  )
  expect(seen.ended, ofAllExamples("items that ended")).toBeGreaterThan(SEQUENCES)
  expect(seen.money, ofAllExamples("payments")).toBeGreaterThan(SEQUENCES / 8)
})
