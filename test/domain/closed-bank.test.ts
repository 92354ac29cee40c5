/** Many items of a bank that takes no calls, and a few of another one: what is planned, and what is looked at for that. */
import { expect, it } from "vitest"
import { noCapacities } from "../../src/domain/bank-capacity.ts"
import { TRANSFERS_IN_AIR_MAX, wakeAt } from "../../src/domain/plan.ts"
import { failedHere, payoutItem, Story, settled, unknown } from "./batch-story.ts"
import { closedUntil, itemsOf, Planner, routesBy, taking, transfersOf } from "./planner.ts"

const MANY = 100_000

const byCurrency = routesBy([
  { rule: "yen", when: { currency: ["JPY"] }, banks: ["south"] },
  { rule: "rest", banks: ["north", "west"] },
])

/** So many items to be paid: euros, and then yen. */
const payable = (euros: number, yen: number): Planner => {
  const [first = payoutItem(1), ...others] = Array.from({ length: euros + yen }, (_, index) =>
    payoutItem(index + 1, { currency: index < euros ? "EUR" : "JPY" }),
  )
  const story = new Story().started(1, { items: [first, ...others] }).posted("hold")
  return new Planner(story, byCurrency)
}

const after = (count: number, more: number) => Array.from({ length: more }, (_, index) => count + index + 1)

const numbers = (plan: ReturnType<Planner["plan"]>) => transfersOf(plan).map(({ item }) => item)

it("behind a hundred thousand items of a closed bank those of others are paid, and none is looked at again", () => {
  const planner = payable(MANY, 10)
  const { story } = planner
  const until = story.now + 60_000
  const closed = new Map([["north", closedUntil(until)]])
  planner.looks = 0
  const first = planner.plan(closed)
  expect(numbers(first)).toEqual(after(MANY, 10))
  expect(transfersOf(first).every(({ destination }) => destination.bank === "south")).toBe(true)
  expect(first.waitUntil).toBe(until)
  expect(planner.looks, "each item once, to give it its queue").toBeLessThan(2.1 * MANY)

  planner.looks = 0
  for (let turn = 0; turn < 1_000; turn++) planner.plan(closed)
  expect(planner.looks, "a few for each turn").toBeLessThan(30 * 1_000)

  planner.send(transfersOf(first))
  planner.looks = 0
  const second = planner.plan(closed)
  expect(numbers(second)).toEqual([])
  expect(second.waitUntil).toBe(until)
  expect(planner.looks).toBeLessThan(50)

  planner.looks = 0
  expect(numbers(planner.plan(noCapacities))).toEqual(after(0, TRANSFERS_IN_AIR_MAX - 10))
  expect(planner.looks).toBeLessThan(3 * TRANSFERS_IN_AIR_MAX)
}, 60_000)

it("behind many items of a closed bank one that it refused goes to the next bank of its rule", () => {
  const planner = payable(2_000, 0)
  const { story } = planner
  const [one] = transfersOf(planner.plan(new Map([["north", taking(1)]])))
  if (one === undefined) throw new Error("nothing is paid")
  planner.send([one])
  story.hears(one.item, failedHere)
  story.posted("release").tell({ _tag: "Reroute", item: one.item })
  story.posted("hold")
  planner.looks = 0
  const rerouted = transfersOf(planner.plan(new Map([["north", closedUntil(story.now + 60_000)]])))
  const route = { rule: "rest", version: "v1", others: [] }
  expect(rerouted).toEqual([{ item: one.item, destination: { bank: "west", route } }])
  expect(planner.looks).toBeLessThan(50)
})

it("a bank that closes in the middle gets no more, and all the rest once it is back", () => {
  const planner = payable(20, 5)
  const north = (transfers: number) => new Map([["north", taking(transfers)]])
  const first = planner.plan(north(3))
  expect(numbers(first)).toEqual([1, 2, 3, ...after(20, 5)])
  expect(first.waitUntil).toBe(planner.story.now + 1_000)
  planner.send(transfersOf(first))
  expect(numbers(planner.plan(new Map([["north", closedUntil(planner.story.now + 9_000)]])))).toEqual([])
  expect(numbers(planner.plan(north(Number.POSITIVE_INFINITY)))).toEqual(after(3, 17))
})

it("behind many inquiries of a closed bank others are made, and nobody is woken for what nobody may ask", () => {
  const planner = payable(3_000, 20)
  const { story } = planner
  while (story.batch.tasks.request.size > 0) {
    const transfers = transfersOf(planner.plan(noCapacities))
    planner.send(transfers)
    for (const { item } of transfers) story.hears(item, unknown)
  }
  story.now += 60_000
  const until = story.now + 60_000
  const closed = new Map([["north", closedUntil(until)]])
  planner.looks = 0
  const asked = itemsOf(planner.plan(closed), "Inquire")
  expect(asked).toEqual(after(3_000, 20))
  expect(planner.looks).toBeLessThan(100)
  for (const item of asked) story.hears(item, settled)
  const known = { now: story.now, terms: story.terms, line: planner.line }
  expect(wakeAt(story.batch, { ...known, banks: closed })).toBe(until)
  expect(wakeAt(story.batch, { ...known, banks: noCapacities })).toBeLessThan(story.now)
})
