/** Batches live by what is planned for them, while banks take more and less, and what must hold of a plan is asked each time. */

import { expect, it } from "vitest"
import { type Capacities, capacityOf, noCapacities } from "../../src/domain/bank-capacity.ts"
import type { Item } from "../../src/domain/batch.ts"
import { anyClearance, type ClearanceTerms, isCurrent, isScreenedAgain } from "../../src/domain/clearance.ts"
import { PayLine } from "../../src/domain/pay-line.ts"
import { CHUNK_MAX, TRANSFERS_IN_AIR_MAX } from "../../src/domain/plan.ts"
import { planTransfers } from "../../src/domain/plan-transfers.ts"
import { fc, ofAllExamples } from "../property.ts"
import { failed, failedForNow, failedHere, payoutItem, Story, settled, unknown } from "./batch-story.ts"
import { closedUntil, itemsOf, Planner, routesBy, taking, transfersOf } from "./planner.ts"

const banks = ["north", "south", "west"] as const

const routes = routesBy([
  { rule: "choosy", when: { currency: ["EUR"], health: "closed" }, banks: ["north", "west"] },
  { rule: "yen", when: { currency: ["JPY"] }, banks: ["south", "west"] },
  { rule: "large", when: { currency: ["USD"], minor: { atLeast: 1_010n } }, banks: ["west", "south"] },
  { rule: "rest", when: { currency: ["EUR", "JPY"] }, banks: ["south", "north"] },
])

const capacity = fc.constantFrom(
  closedUntil(0),
  taking(0),
  taking(1),
  taking(2, false),
  taking(Number.POSITIVE_INFINITY),
)

const turn = fc.record({
  capacities: fc.tuple(capacity, capacity, capacity),
  busy: fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 4 }),
  /** How many of the planned transfers the channels still grant. */
  granted: fc.integer({ min: 0, max: 20 }),
  outcomes: fc.array(fc.constantFrom(undefined, settled, failed, failedHere, failedForNow, unknown), {
    minLength: 20,
    maxLength: 20,
  }),
  cancelled: fc.option(fc.integer({ min: 1, max: 20 }), { freq: 10, nil: undefined }),
  announced: fc.option(fc.constantFrom("v", "w", "x"), { freq: 10, nil: undefined }),
  answeredBy: fc.constantFrom("v", "w", "x", "y"),
  later: fc.integer({ min: 0, max: 50 }),
})
type Turn = typeof turn extends fc.Arbitrary<infer A> ? A : never

const LISTS = { maxAgeMs: 500, retryMs: { min: 5, max: 20 } }

const currencies = fc.array(fc.constantFrom("EUR", "EUR", "JPY", "USD"), { minLength: 5, maxLength: 20 })

/** Asks of the plan for this moment all that must hold, and gives it. */
const expectSound = (planner: Planner, banks: Capacities) => {
  const { batch, now, terms } = planner.story
  const plan = planner.plan(banks)
  expect(plan, "a line that followed is as good as a new one").toEqual(planner.planAnew(banks))
  const transfers = transfersOf(plan)
  const unrouted = itemsOf(plan, "RecordUnrouted")
  const planned = [...transfers.map(({ item }) => item), ...unrouted]
  expect(new Set(planned).size, "none twice").toBe(planned.length)
  expect(planned.length).toBeLessThanOrEqual(TRANSFERS_IN_AIR_MAX)

  const isHealthy = (bank: string) => capacityOf(banks, bank).isHealthy
  const destinationOf = (item: Item) =>
    routes.wayOf(item, { partner: batch.partner, after: item.reroute }).destination({ at: now, isHealthy })
  const idle = (items: Iterable<number>) =>
    [...items].flatMap((number) => {
      const item = batch.items.get(number)
      return item === undefined || planner.busy.has(number) ? [] : [item]
    })
  const payable = idle(batch.tasks.request)
  const outdated = payable.filter((item) => isScreenedAgain(item, terms, now)).map(({ item }) => item)
  if (batch.startedAt !== undefined)
    expect(new Set(itemsOf(plan, "RequestScreening")), "the outdated are screened again").toEqual(
      new Set(outdated.slice(0, CHUNK_MAX)),
    )
  const good = payable.filter((item) => outdated.length === 0 && isCurrent(item, terms, now))
  for (const { item, destination } of transfers) {
    const payout = good.find((payout) => payout.item === item)
    if (payout === undefined) throw new Error(`${item} is not to be paid`)
    expect(destination, "by the rules, as they hold now").toEqual(destinationOf(payout))
  }
  const sent = Map.groupBy(transfers, ({ destination }) => destination.bank)
  for (const [bank, own] of sent) expect(own.length).toBeLessThanOrEqual(capacityOf(banks, bank).transfers)
  const left = good.filter(({ item }) => !planned.includes(item))
  for (const item of left) {
    const bank = destinationOf(item)?.bank ?? ""
    expect(sent.get(bank)?.length ?? 0, "waits only for a bank").toBe(capacityOf(banks, bank).transfers)
  }
  expect(plan.waitUntil !== undefined).toBe(left.length > 0)

  const inquiries = idle(batch.tasks.inquire).flatMap(({ item, attempt }) =>
    (attempt?.inquireAt ?? 0) <= now && capacityOf(banks, attempt?.bank ?? "").inquiries > 0 ? [item] : [],
  )
  expect(new Set(itemsOf(plan, "Inquire")), "due, and its bank can be asked").toEqual(new Set(inquiries))
  return plan
}

/** What becomes of one turn: the rest of the plan is carried out, and banks answer. */
const live = (planner: Planner, next: Turn): void => {
  const { story } = planner
  story.now += next.later
  if (next.announced !== undefined)
    story.terms = { ...LISTS, lists: { version: next.announced, since: story.now } }
  planner.busy.clear()
  for (const item of next.busy) planner.busy.add(item)
  const capacities = new Map(banks.map((bank, index) => [bank, next.capacities[index] ?? taking(0)]))
  const plan = expectSound(planner, capacities)
  planner.send(transfersOf(plan).slice(0, next.granted))
  carryOut(planner, plan, next.answeredBy)
  for (const item of [...story.batch.tasks.transfer, ...itemsOf(plan, "Inquire")]) {
    const outcome = next.outcomes[item - 1]
    const attempt = story.batch.items.get(item)?.attempt?.attempt
    if (outcome !== undefined) story.hears(item, outcome, attempt)
  }
  const { cancelled } = next
  if (cancelled !== undefined && story.batch.tasks.request.has(cancelled))
    story.tell({ _tag: "Cancel", items: [cancelled], by: "sam", reason: "by mistake" })
}

/** Whatever is no transfer and no inquiry; the engine approves all, by some lists. */
const carryOut = ({ story }: Planner, { work }: ReturnType<Planner["plan"]>, listVersion: string): void => {
  for (const due of work) {
    switch (due._tag) {
      case "RequestScreening":
      case "RequestPosting":
      case "Reroute":
        story.tell(due)
        break
      case "Retry":
        story.tell({ ...due, by: "policy" })
        break
      case "RecordUnrouted":
        story.tell({ ...due, version: "v1" })
        break
      case "Screen": {
        const decisions = due.items.map((item) => ({ item, decision: "approved" as const }))
        const { clearance } = due
        story.tell({ _tag: "RecordScreening", clearance, clearanceId: "c", listVersion, decisions })
        break
      }
      case "Book":
        story.tell({ _tag: "RecordPosting", posting: due.posting, ledgerPostingId: "l" })
        break
    }
  }
}

it("a plan gives no bank more than it takes, nothing twice, nothing that is busy, and all in the end", () => {
  let sent = 0
  let rerouted = 0
  fc.assert(
    fc.property(currencies, fc.array(turn, { minLength: 5, maxLength: 25 }), (of, turns) => {
      const [first = payoutItem(1), ...others] = of.map((currency, index) =>
        payoutItem(index + 1, { currency }),
      )
      const policy = { approvalAbove: {}, approvalWithinMs: 60_000, attemptsMax: 3 }
      const story = new Story().started(1, { items: [first, ...others], policy }).posted("hold")
      story.terms = { ...LISTS, lists: undefined }
      const planner = new Planner(story, routes)
      for (const next of turns) live(planner, next)

      story.terms = anyClearance
      planner.busy.clear()
      for (let round = 0; round < 50 && story.batch.tasks.none.size < of.length; round++) {
        const plan = expectSound(planner, noCapacities)
        planner.send(transfersOf(plan))
        carryOut(planner, plan, "v")
        for (const item of [...story.batch.tasks.transfer, ...story.batch.tasks.inquire])
          story.hears(item, settled, story.batch.items.get(item)?.attempt?.attempt)
      }
      const { none, review } = story.batch.tasks
      expect(none.size + review.size, "all that can go has gone").toBe(of.length)
      for (const item of review) expect(story.batch.items.get(item)?.currency, "no rule leads it").toBe("USD")
      for (const event of story.events) {
        if (event._tag === "TransfersRequested") sent += event.transfers.length
        if (event._tag === "RerouteRequested") rerouted += 1
      }
    }),
    { numRuns: 150 },
  )
  expect(sent, ofAllExamples("transfers")).toBeGreaterThan(1_000)
  expect(rerouted, ofAllExamples("transfers to another bank")).toBeGreaterThan(50)
}, 60_000)

it("nobody is paid on a clearance that is too old, or by other lists, or when nobody can tell", () => {
  const story = new Story().started(3).posted("hold")
  const { batch, now } = story
  const paid = (terms: ClearanceTerms) => {
    const line = new PayLine(routes)
    line.follow(batch, terms)
    const known = { now, busy: new Set<number>(), terms, banks: noCapacities, line }
    return planTransfers(TRANSFERS_IN_AIR_MAX, known).transfers.length
  }
  expect(paid({ ...LISTS, lists: { version: "v", since: 0 } })).toBe(3)
  expect(paid({ ...LISTS, maxAgeMs: 1, lists: undefined })).toBe(0)
  expect(paid({ ...LISTS, lists: { version: "w", since: 0 } })).toBe(0)
  expect(paid("unknown")).toBe(0)
})

it("a bank is asked about what is due, and not about what is due later at the same bank", () => {
  const story = new Story().started(2).posted("hold")
  const planner = new Planner(story, routesBy([{ rule: "all", banks: ["north"] }]))
  planner.send(transfersOf(planner.plan(noCapacities)))
  const inquireAt = story.now + 1_000
  const noAnswer = { _tag: "Unknown", reason: "time-out" } as const
  story.hears(1, { ...noAnswer, inquireAt })
  story.hears(2, { ...noAnswer, inquireAt: inquireAt + 1_000 })
  story.now = inquireAt
  expect(itemsOf(planner.plan(noCapacities), "Inquire")).toEqual([1])
  story.now = inquireAt + 1_000
  expect(itemsOf(planner.plan(noCapacities), "Inquire")).toEqual([1, 2])
})
