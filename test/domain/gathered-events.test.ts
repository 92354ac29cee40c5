/** A gathered event says neither more nor less than the single ones for which it stands, to whoever reads the log. */
import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { changeOf } from "../../src/cli/replay-step.ts"
import type { Batch } from "../../src/domain/batch.ts"
import { decodeEvent, encodeEvent } from "../../src/domain/event-codec.ts"
import { BatchEvent, ITEMS_PER_EVENT_MAX } from "../../src/domain/events.ts"
import { fold } from "../../src/domain/evolve.ts"
import { isGathered, singleEvents } from "../../src/domain/gathered-events.ts"
import { shownEvent } from "../../src/http/payout-batches/payout-batch-events.ts"
import { rowsOf } from "../../src/projections/batch-rows.ts"
import { emptyProjection, project } from "../../src/projections/projected-batch.ts"
import { ItemEvents, isForPartners } from "../../src/proof/item-events.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import { emptyLoggedBatch, note } from "../../src/reconciliation/logged-batch.ts"
import { causeLine, causeOf } from "../../src/replay/causes.ts"
import { LogSpans } from "../../src/traces/log-spans.ts"
import { illegality } from "../../src/verification/legal-step.ts"
import { fc } from "../property.ts"
import { accepted, batchId, failed, returned, Story, settled } from "./batch-story.ts"
import { gatheredRuns } from "./gathered.ts"

const ITEMS = 8
const DAY_MS = 24 * 3_600_000

/** Reports on items, in any order and also repeated, some of them on the next day. */
const reports = fc.array(
  fc.record({
    item: fc.integer({ min: 1, max: ITEMS }),
    outcome: fc.constantFrom(accepted, accepted, settled, settled, settled, failed, returned),
    sleeps: fc.integer({ min: 0, max: 19 }).map((one) => one === 0),
  }),
  { minLength: 4, maxLength: 40 },
)

const lived = (
  given: ReadonlyArray<{
    readonly item: number
    readonly outcome: Parameters<Story["hears"]>[1]
    readonly sleeps: boolean
  }>,
) => {
  const story = new Story().requested(ITEMS)
  for (const { item, outcome, sleeps } of given) {
    if (sleeps) story.now += DAY_MS
    story.hears(item, outcome)
  }
  return story.events
}

const recorded = (events: ReadonlyArray<BatchEvent>) =>
  events.map((event, index) => ({ version: index + 1, event, hash: `hash-${index + 1}` }))

/** What depends on versions alone, of which a gathered log has fewer. */
const withoutVersions = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, one) => {
      if (["since", "version", "updatedVersion", "changedVersion"].includes(key)) return undefined
      return typeof one === "bigint" ? String(one) : one
    }),
  )

const stateOf = (batch: Batch) => ({
  items: [...batch.items.values()],
  tallies: [...batch.tallies].map(([currency, tallies]) => [currency, [...tallies]]),
  tasks: Object.entries(batch.tasks).map(([task, items]) => [task, [...items]]),
})

/** All readers of a log, each with what it makes of it, but for versions. */
const readers: Readonly<Record<string, (events: ReadonlyArray<BatchEvent>) => unknown>> = {
  "the fold": (events) => stateOf(fold(events)),
  "the read models": (events) => {
    const projected = emptyProjection(batchId)
    for (const one of recorded(events)) project(projected, one)
    const { items, days, acts } = rowsOf(batchId, projected)
    return { items, days, acts }
  },
  "what is published": (events) => {
    const history = emptyHistory(batchId)
    const published = recorded(events).flatMap((one) => advanceHistory(history, one))
    expect(new Set(published.map(({ id }) => id)).size, "ids are unique").toBe(published.length)
    return published.map(({ id, ...event }) => event)
  },
  reconciliation: (events) => {
    const logged = emptyLoggedBatch()
    for (const event of events) note(logged, event)
    return [...logged.items.values()].map(({ requested, ...item }) => item)
  },
  "the spans": (events) => {
    const spans = new LogSpans(
      batchId,
      { id: "f".repeat(32), parentId: "b7ad6b7169203331", isRecorded: true },
      0,
    )
    for (const one of recorded(events)) spans.visit(one)
    return spans.spans().filter(({ name }) => name === "payout attempt")
  },
}

describe("a gathered log", () => {
  it.each(Object.keys(readers))("says the same to %s", (name) => {
    const read = readers[name] ?? (() => expect.unreachable())
    let gathered = 0
    fc.assert(
      fc.property(reports, (given) => {
        const events = lived(given)
        const fewer = gatheredRuns(events)
        gathered += events.length - fewer.length
        expect(withoutVersions(read(fewer))).toEqual(withoutVersions(read(events)))
      }),
      { numRuns: 200 },
    )
    expect(gathered, "events that were gathered").toBeGreaterThan(100)
  })

  it("is legal, and reads back as it was written, event by event", () => {
    const bySchema = Schema.encodeSync(BatchEvent)
    fc.assert(
      fc.property(reports, (given) => {
        const events = gatheredRuns(lived(given))
        const batch = fold([])
        for (const event of events) {
          if (isGathered(event)) expect(illegality(batchId, batch, event)).toBeUndefined()
          fold([event], batch)
          const text = encodeEvent(event)
          expect(Result.getOrThrow(decodeEvent(text))).toEqual(event)
          if (isGathered(event)) expect(JSON.parse(text)).toEqual(bySchema(event))
        }
        expect(events.flatMap(singleEvents)).toHaveLength(lived(given).length)
      }),
      { numRuns: 200 },
    )
  })
})

const settledTogether = (...items: ReadonlyArray<number>): BatchEvent =>
  ({
    _tag: "TransfersSettled",
    at: items.length,
    evidence: "callback",
    transfers: items.map((item, index) => ({ at: 1 + index, item, attempt: 1 })),
  }) as unknown as BatchEvent

describe("a gathered event", () => {
  const { batch } = new Story().requested(3)

  it.each([
    ["with an item twice", settledTogether(1, 2, 1), "item 1 is in it twice"],
    ["with an item that is not in the batch", settledTogether(1, 9), "item 9 is not in the batch"],
  ])("%s is not legal", (_, event, said) => {
    expect(illegality(batchId, batch, event)).toContain(said)
  })

  it("has at least two transfers, at most as many as one event takes, and the time of the last", () => {
    const { batch } = new Story().requested(ITEMS_PER_EVENT_MAX + 1)
    expect(illegality(batchId, batch, settledTogether(1))).toBe("it has 1 transfers")
    const all = settledTogether(...batch.items.keys())
    expect(illegality(batchId, batch, all)).toBe("it has 501 transfers")
    expect(illegality(batchId, batch, { ...settledTogether(1, 2), at: 3 })).toContain("its time is not")
  })

  it("with what is settled already is not legal", () => {
    const story = new Story().requested(3)
    story.hears(2, settled)
    expect(illegality(batchId, story.batch, settledTogether(1, 2, 3))).toContain(
      "attempt 1 of item 2 is settled",
    )
  })

  it("is shown with a time for each transfer, and counted for people", () => {
    const event = settledTogether(1, 2)
    expect(shownEvent({ version: 7, event })).toEqual({
      version: 7,
      type: "TransfersSettled",
      at: "1970-01-01T00:00:00.002Z",
      evidence: "callback",
      transfers: [1, 2].map((item) => ({ item, attempt: 1, at: `1970-01-01T00:00:00.00${item}Z` })),
    })
    expect(changeOf(batch, event)).toBe("2 items, by callback")
    expect(causeLine(causeOf(event))).toBe("the bank answered evidence callback, about 2 transfers")
    const inquireAt = Date.UTC(2026, 1, 3)
    const transfers = [{ at: 1, item: 3, attempt: 1, transferId: "t-3", inquireAt }] as const
    const both = { _tag: "TransfersAccepted", at: 1, transfers } as const
    expect(shownEvent({ version: 8, event: both })).toMatchObject({
      transfers: [{ transferId: "t-3", inquireAt: "2026-02-03T00:00:00.000Z", inquireAtMs: inquireAt }],
    })
    expect(changeOf(batch, both)).toBe("1 items, by their banks")
  })

  it("is part of the proofs of its items, and of no other, and partners get its text", () => {
    const event = settledTogether(1, 3)
    expect([1, 2, 3].map((item) => new ItemEvents(item).isAbout(event))).toEqual([true, false, true])
    expect(isForPartners(event)).toBe(true)
  })
})
