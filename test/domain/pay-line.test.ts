/** What the line of items to be paid costs, and that it has all of them, by whatever lists they were screened. */

import { expect, it, vi } from "vitest"
import { noCapacities } from "../../src/domain/bank-capacity.ts"
import type { Batch } from "../../src/domain/batch.ts"
import { type ClearanceTerms, isByLists, isScreenedAgain } from "../../src/domain/clearance.ts"
import { ItemHeap } from "../../src/domain/item-heap.ts"
import { PayLine } from "../../src/domain/pay-line.ts"
import { CHUNK_MAX } from "../../src/domain/plan.ts"
import { fc, ofAllExamples } from "../property.ts"
import { Story } from "./batch-story.ts"
import { itemsOf, Planner, routesBy, transfersOf } from "./planner.ts"

const routes = routesBy([
  { rule: "yen", when: { currency: ["JPY"] }, banks: ["south"] },
  { rule: "rest", banks: ["north"] },
])

const LISTS = { maxAgeMs: 1_000_000_000, retryMs: { min: 5, max: 20 } }

const by = (version: string, since: number): ClearanceTerms => ({ ...LISTS, lists: { version, since } })

/** So many items to be paid, each screened by lists of its own. */
const screenedApart = (count: number): Story => {
  const story = new Story().received(count)
  for (let item = 1; item <= count; item++) {
    const [clearance, decisions] = [item, [{ item, decision: "approved" as const }] as const]
    story.tell({ _tag: "RequestScreening", items: [item] })
    story.tell({ _tag: "RecordScreening", clearance, clearanceId: "c", listVersion: `v${item}`, decisions })
  }
  story.tell({ _tag: "StartExecution" })
  return story.posted("hold")
}

const MANY = 20_000

it("lists of its own for each item cost no more than the same for all", () => {
  const before = process.memoryUsage().arrayBuffers
  const story = screenedApart(MANY)
  const { batch } = story
  const planner = new Planner(story, routes)
  const places = vi.spyOn(ItemHeap.prototype, "set")
  story.terms = { ...LISTS, lists: undefined }
  const first = planner.plan(noCapacities)
  expect(transfersOf(first).map(({ item }) => item)).toEqual(Array.from({ length: 256 }, (_, n) => n + 1))
  expect([...planner.line.queues].length, "one queue for each way").toBe(1)
  expect(places).toHaveBeenCalledTimes(MANY)
  planner.looks = 0
  for (let turn = 0; turn < 100; turn++) planner.plan(noCapacities)
  expect(planner.looks, "what is planned, and a look at each way").toBeLessThan(100 * 600)

  story.terms = by(`v${MANY}`, 0)
  planner.looks = 0
  const again = planner.plan(noCapacities)
  expect(itemsOf(again, "RequestScreening").length).toBe(CHUNK_MAX)
  expect([...planner.line.queues].map(({ size }) => size)).toEqual([1])
  expect(places).toHaveBeenCalledTimes(2 * MANY)
  expect(planner.looks).toBeLessThan(1.1 * MANY)
  // Numbers in arrays: two heaps of the line, and the sets of the batch. One array for each of the lists would be gigabytes.
  const bytes = process.memoryUsage().arrayBuffers - before
  expect(bytes).toBeLessThan(64 * 1_024 * 1_024)
  expect(batch.tasks.request.size).toBe(MANY)
  places.mockRestore()
}, 60_000)

it("joins as many as it may at a time, those that wait longest first, and says when others are left", () => {
  const story = screenedApart(25)
  const line = new PayLine(routes)
  const standing = () => [...line.queues].flatMap((queue) => [...queue]).map(({ item }) => item)
  const terms = { ...LISTS, lists: undefined }
  expect([line.follow(story.batch, terms, 10), line.isBehind]).toEqual([10, true])
  expect(standing()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect([line.follow(story.batch, terms, 0), line.isBehind]).toEqual([0, true])
  expect([line.follow(story.batch, terms, 10), line.isBehind]).toEqual([10, true])
  expect([line.follow(story.batch, terms, 10), line.isBehind]).toEqual([5, false])
  expect(standing().length).toBe(25)
  expect([line.follow(story.batch, "unknown", 10), line.isBehind]).toEqual([0, false])
  expect(standing(), "nobody can tell which are good").toEqual([])
})

it("has an item once that was screened again, where it came back", () => {
  const story = screenedApart(5)
  const line = new PayLine(routes)
  story.terms = { ...LISTS, maxAgeMs: 1_000, lists: undefined }
  line.follow(story.batch, story.terms)
  story.now += 1_001
  story.tell({ _tag: "RequestScreening", items: [3] })
  const [clearance, decisions] = [
    story.batch.clearanceCount,
    [{ item: 3, decision: "approved" as const }] as const,
  ]
  story.tell({ _tag: "RecordScreening", clearance, clearanceId: "c", listVersion: "v3", decisions })
  line.follow(story.batch, story.terms)
  const standing = [...line.queues].flatMap((queue) => [...queue]).map(({ item }) => item)
  expect(standing).toEqual([1, 2, 4, 5, 3])
})

const turn = fc.record({
  version: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 5, nil: undefined }),
  limit: fc.constantFrom(0, 1, 3, Number.POSITIVE_INFINITY),
  cancelled: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
  again: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }),
  answeredBy: fc.integer({ min: 1, max: 12 }),
  later: fc.integer({ min: 0, max: 30 }),
})

const payable = ({ tasks, items }: Batch) => [...tasks.request].flatMap((number) => items.get(number) ?? [])

it("has what is to be paid once, by whatever lists and turns it came, the oldest clearance first", () => {
  let versions = 0
  fc.assert(
    fc.property(fc.array(turn, { minLength: 5, maxLength: 40 }), (turns) => {
      const story = screenedApart(40)
      const { batch } = story
      const line = new PayLine(routes)
      story.terms = { ...LISTS, lists: undefined }
      // The first turn takes nothing out of the line, so that all versions stand in it at least once.
      const calm = { cancelled: undefined, again: [] }
      const course = turns.map((turn, index) => (index === 0 ? { ...turn, ...calm } : turn))
      for (const { version, limit, cancelled, again, answeredBy, later } of course) {
        story.now += later
        if (version !== undefined) story.terms = by(`v${version}`, story.now)
        if (cancelled !== undefined && batch.tasks.request.has(cancelled))
          story.tell({ _tag: "Cancel", items: [cancelled], by: "sam", reason: "by mistake" })
        const [first, ...others] = again.filter((number) => {
          const item = batch.items.get(number)
          return item?.task === "request" && isScreenedAgain(item, story.terms, story.now)
        })
        if (first !== undefined) {
          story.tell({ _tag: "RequestScreening", items: [first, ...others] })
          const decisions = [first, ...others].map((item) => ({ item, decision: "approved" as const }))
          const [clearance, listVersion] = [batch.clearanceCount, `v${answeredBy}`]
          story.tell({ _tag: "RecordScreening", clearance, clearanceId: "c", listVersion, decisions })
        }
        line.follow(batch, story.terms, limit)
        for (const items of [[...line.queues].flatMap((queue) => [...queue]), [...line.byOthers]]) {
          expect(items.every(({ task }) => task === "request")).toBe(true)
          expect(new Set(items).size).toBe(items.length)
        }
        while (line.isBehind) line.follow(batch, story.terms, 7)

        const all = payable(batch)
        versions = Math.max(versions, new Set(all.map(({ lastAnswer }) => lastAnswer?.listVersion)).size)
        const good = all.filter(({ lastAnswer }) => isByLists(lastAnswer?.listVersion, story.terms))
        expect([...line.queues].flatMap((queue) => [...queue])).toEqual(good)
        for (const [items, expected] of [
          [[...line.byLists], good],
          [[...line.byOthers], all.filter((item) => !good.includes(item))],
        ] as const) {
          expect(new Set(items)).toEqual(new Set(expected))
          expect(items.length).toBe(expected.length)
          const ages = items.map(({ lastAnswer }) => lastAnswer?.at ?? 0)
          expect(ages).toEqual(ages.toSorted((one, other) => one - other))
        }
      }
    }),
    { numRuns: 150 },
  )
  expect(versions, ofAllExamples("versions of lists")).toBe(40)
}, 60_000)
