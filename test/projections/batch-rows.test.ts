import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { attemptsOf, type Batch } from "../../src/domain/batch.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { evolve, fold } from "../../src/domain/evolve.ts"
import { type BatchRows, rowsOf } from "../../src/projections/batch-rows.ts"
import { emptyProjection, project } from "../../src/projections/projected-batch.ts"
import { duties, type Step, step, terms } from "../domain/batch-sequences.ts"
import { batchId, payoutItem, Story } from "../domain/batch-story.ts"
import { lengthOf } from "../length.ts"
import { fc, ofAllExamples } from "../property.ts"
import { lifeOf } from "./batch-life.ts"

const SEQUENCES = lengthOf({ full: 2_000, short: 300 })

const NIGHT_MS = 16 * 3_600_000
const manySteps = fc.array(step, { minLength: 20, maxLength: 80 })

/** A batch that lived through steps, sensible or not, on several days. */
const lived = (
  { beginning, ...given }: { readonly beginning: ReadonlyArray<never> },
  steps: ReadonlyArray<Step>,
) => {
  const story = new Story()
  const items = [payoutItem(1), payoutItem(2, { currency: "JPY" }), payoutItem(3)] as const
  story.received(3, { ...(given as object), items })
  const give = (command: Parameters<Story["tell"]>[0]) => {
    if (Result.isSuccess(story.decide(command))) story.tell(command)
  }
  for (const command of beginning) give(command)
  for (const [index, one] of steps.entries()) {
    if ("announced" in one) continue
    const command = "blue" in one ? one.blue : duties(story, one)
    if (command !== undefined) give(command)
    if (index % 20 === 19) story.now += NIGHT_MS
  }
  return story.events
}

const recorded = (events: ReadonlyArray<BatchEvent>) =>
  events.map((event, index) => ({ version: index + 1, event, hash: `hash-${index + 1}` }))

/** What is stored of a batch after its chunks were stored one after the other, as the statement of the projector does it. */
const storedInChunks = (events: ReadonlyArray<BatchEvent>, sizes: ReadonlyArray<number>) => {
  const stored = new Map<string, object>()
  const projected = emptyProjection(batchId)
  const all = recorded(events)
  for (let since = 0, chunk = 0; since < all.length; chunk += 1) {
    const changed = new Set<number>()
    const some = all.slice(since, since + (sizes[chunk % sizes.length] ?? 1))
    for (const one of some) for (const item of project(projected, one)) changed.add(item)
    for (const [key, row] of keyed(rowsOf(batchId, projected, { items: changed, since })))
      stored.set(key, row)
    since += some.length
  }
  return stored
}

const keyed = ({ batch, items, days, acts }: BatchRows): ReadonlyArray<readonly [string, object]> => [
  ["batch", batch],
  ...items.map((row) => [`item ${row.item}`, row] as const),
  ...days.map(
    (row) => [`day ${[row.day, row.currency, row.bank, row.state, row.code].join("|")}`, row] as const,
  ),
  ...acts.map((row) => [`act ${row.version}`, row] as const),
]

const wholeRows = (events: ReadonlyArray<BatchEvent>) => {
  const projected = emptyProjection(batchId)
  for (const one of recorded(events)) project(projected, one)
  return rowsOf(batchId, projected)
}

/** How everything in a batch stands: the states of items, and the outcomes of attempts. */
const standings = (batch: Batch) =>
  [...batch.items.values()].map((item) => ({
    item,
    state: item.state,
    outcomes: attemptsOf(item).map(({ outcome }) => outcome),
  }))

/** The same counts, by a look at every item and attempt before and after every event. */
const countedByLooking = (events: ReadonlyArray<BatchEvent>) => {
  const counts: Record<string, number> = {}
  const batch = fold([])
  for (const event of events) {
    const before = standings(batch)
    evolve(batch, event)
    const day = new Date(event.at).toISOString().slice(0, 10)
    const count = (currency: string, bank: string, state: string, code: string) => {
      const key = [day, currency, bank, state, code].join("|")
      counts[key] = (counts[key] ?? 0) + 1
    }
    for (const { item, state, outcomes } of standings(batch)) {
      const earlier = before.find((one) => one.item.item === item.item)
      if (earlier === undefined) count(item.currency, "", "received", "")
      if (["held", "rejected", "cancelled", "parked"].includes(state) && earlier?.state !== state)
        count(item.currency, item.attempt?.bank ?? "", state, "")
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome === undefined || outcome === earlier?.outcomes[index]) continue
        const code = event._tag === "TransferFailed" || event._tag === "TransferReturned" ? event.code : ""
        count(item.currency, attemptsOf(item)[index]?.bank ?? "", outcome, code)
      }
    }
  }
  return counts
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })

describe("the rows of a batch", () => {
  it("are the same however its log is cut into chunks", () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(terms, manySteps, sizes, (given, steps, cuts) => {
        const events = lived(given as never, steps)
        for (const { _tag } of events) seen.add(_tag)
        assert.deepStrictEqual(storedInChunks(events, cuts), new Map(keyed(wholeRows(events))))
      }),
      { numRuns: SEQUENCES },
    )
    for (const tag of [
      "TransferReturned",
      "TransferParked",
      "RerouteRequested",
      "ItemsCancelled",
      "RetryRequested",
    ])
      assert.include([...seen], tag, ofAllExamples(tag))
  })

  it("count what every item and attempt came to, by looking at all of them", () => {
    fc.assert(
      fc.property(terms, manySteps, (given, steps) => {
        const events = lived(given as never, steps)
        const days = wholeRows(events).days.map(
          (row) => [[row.day, row.currency, row.bank, row.state, row.code].join("|"), row.count] as const,
        )
        assert.deepStrictEqual(Object.fromEntries(days), countedByLooking(events))
      }),
      { numRuns: SEQUENCES },
    )
  })

  it("have the attempts before the last one, and the acts of people and of no policy", () => {
    const story = new Story().retried()
    story.hears(1, { _tag: "Accepted", transferId: "t-2", inquireAt: story.now + 1 } as never, 2)
    const { items, acts } = wholeRows(story.events)
    const [item] = items
    assert.deepInclude(item, { attempt: 2, attempt_state: "pending", attempt_code: null, transfer_id: "t-2" })
    assert.deepInclude(item?.earlier_attempts?.[0], { attempt: 1, bank: "north", state: "failed" })
    assert.deepStrictEqual(
      acts.map(({ act, outcome, credential, item, name }) => [act, outcome, credential, item, name]),
      [
        ["payout-batch.submit", "accepted", "partner:acme/clerk", null, "sam"],
        ["payout-item.retry", "requested", "operator:olga", 1, "olga"],
      ],
    )
  })

  it("are one for two codes that Postgres stores as the same text", () => {
    const story = lifeOf("acme", 8)
    const codes = ["a\0", "a\uFFFD", "a\uD800"]
    const changed = story.events.map((event) =>
      event._tag === "TransferFailed" ? { ...event, code: codes.shift() ?? "" } : event,
    )
    const failed = changed.filter(({ _tag }) => _tag === "TransferFailed").length
    const { days } = wholeRows(changed as never)
    assert.deepStrictEqual(
      days.filter(({ state }) => state === "failed").map(({ code, count }) => [code, count]),
      [["a\uFFFD", failed]],
    )
  })
})
