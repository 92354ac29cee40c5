/** Batches that plan by one snapshot of a bank's channel, and what each of them then gets. No clock, and no store. */
import { Result } from "effect"
import { expect, it } from "vitest"
import { BusyItems } from "../../src/actors/busy-items.ts"
import { decideDue, JOINED_MAX, type Planner } from "../../src/actors/due-work.ts"
import type { BankCapacity } from "../../src/domain/bank-capacity.ts"
import { anyClearance } from "../../src/domain/clearance.ts"
import type { BatchCommand } from "../../src/domain/commands.ts"
import { decide } from "../../src/domain/decide.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { PayLine } from "../../src/domain/pay-line.ts"
import { type Destination, type Routes, wayAfter } from "../../src/domain/routing.ts"
import { batchId, payoutItem, Story } from "../domain/batch-story.ts"

const to = (bank: string): Destination => ({ bank, route: { rule: "r", version: "v1" } })

const routes: Routes = {
  version: "v1",
  wayOf: ({ currency }, { after }) => {
    if (after !== undefined) return wayAfter(after, () => true)
    const bank = currency === "JPY" ? "south" : "north"
    return { key: bank, destination: () => to(bank) }
  },
}

const all: BankCapacity = {
  transfers: Number.POSITIVE_INFINITY,
  inquiries: Number.POSITIVE_INFINITY,
  admitsAgainAt: 0,
  isHealthy: true,
}

/** The channel of the north grants so many transfers, all told; that of the south grants all. */
class Channels {
  left: number
  snapshots = 0
  readonly asked: Array<readonly [bank: string, wanted: number]> = []
  /** What is told of the north, whatever it still grants. */
  told: BankCapacity

  constructor(left: number) {
    this.left = left
    this.told = { ...all, transfers: left }
  }

  readonly pipelines: Planner["services"]["pipelines"] = {
    routes,
    capacities: () => {
      this.snapshots += 1
      return new Map([
        ["north", this.told],
        ["south", all],
      ])
    },
    invite: (bank, wanted) => {
      this.asked.push([bank, wanted])
      if (bank !== "north") return wanted
      const granted = Math.min(wanted, this.left)
      this.left -= granted
      return granted
    },
  }
}

/** A batch of euros and yen, all to be paid, that plans by these channels. */
const batchOf = (channels: Channels, euros: number, yen: number) => {
  const [first = payoutItem(1), ...others] = Array.from({ length: euros + yen }, (_, index) =>
    payoutItem(index + 1, { currency: index < euros ? "EUR" : "JPY" }),
  )
  const { batch, now } = new Story().started(1, { items: [first, ...others] }).posted("hold")
  const planner: Planner = {
    id: batchId,
    batch,
    busy: new BusyItems(),
    terms: anyClearance,
    line: new PayLine(routes),
    services: channels,
  }
  const sent: Array<readonly [bank: string, item: number]> = []
  const obey = (command: BatchCommand) => {
    for (const event of Result.getOrThrow(decide(batch, command, anyClearance))) {
      evolve(batch, event)
      if (event._tag === "TransfersRequested")
        for (const { bank, item } of event.transfers) sent.push([bank, item])
    }
  }
  const turn = (maySend = true) => decideDue(planner, now, maySend, obey)
  return { batch, now, turn, sent, to: (bank: string) => sent.filter(([to]) => to === bank).length }
}

it("two batches that plan by one snapshot get no more than the channel grants, and the rest waits without a spin", () => {
  const channels = new Channels(5)
  const [one, other] = [batchOf(channels, 10, 2), batchOf(channels, 10, 2)]
  one.turn()
  const due = other.turn()
  expect([one.to("north"), other.to("north")]).toEqual([5, 0])
  expect([one.to("south"), other.to("south")]).toEqual([2, 2])
  expect(due.waitUntil).toBe(other.now + 1_000)
  expect(due.calls).toMatchObject([{ _tag: "Transfer", items: [11, 12] }])
  expect(channels.snapshots, "each turn comes to its end").toBeLessThanOrEqual(6)

  channels.left = 8
  other.turn()
  expect(other.to("north"), "as many as the channel has left").toBe(8)
  one.turn()
  expect(one.to("north")).toBe(5)
})

it("a batch all of whose places went to others by then looks again, and asks a channel no more in the same turn", () => {
  const channels = new Channels(5)
  channels.left = 0
  const batch = batchOf(channels, 3, 1)
  expect(batch.turn().waitUntil).toBe(batch.now + 1_000)
  expect(channels.asked).toEqual([
    ["north", 3],
    ["south", 1],
  ])
})

it("what a channel grants in part is paid in the order in which it waits", () => {
  const channels = new Channels(5)
  channels.left = 3
  const batch = batchOf(channels, 10, 1)
  batch.turn()
  expect(batch.sent).toEqual([
    ["north", 1],
    ["north", 2],
    ["north", 3],
    ["south", 11],
  ])
})

it("behind a hundred thousand items of a closed bank those of another are paid, and nobody asks the closed one", () => {
  const channels = new Channels(0)
  const batch = batchOf(channels, 100_000, 10)
  channels.told = { transfers: 0, inquiries: 0, admitsAgainAt: batch.now + 9_000, isHealthy: false }
  let due = batch.turn()
  let turns = 1
  for (; due.isBehind; turns++) {
    expect(batch.sent).toEqual([])
    due = batch.turn()
  }
  expect(turns, "each looks at no more than it may").toBe(Math.ceil(100_010 / JOINED_MAX))
  const { calls, waitUntil } = due
  expect(batch.sent.map(([bank]) => bank)).toEqual(Array.from({ length: 10 }, () => "south"))
  expect(calls).toMatchObject([{ _tag: "Transfer" }])
  expect(waitUntil).toBe(batch.now + 9_000)
  expect(channels.asked).toEqual([["south", 10]])
  expect(channels.snapshots).toBe(turns + 1)
}, 60_000)

it("nothing is asked of channels, and no intent is written, while no transfers may be sent", () => {
  const channels = new Channels(5)
  const batch = batchOf(channels, 3, 3)
  expect(batch.turn(false)).toMatchObject({ calls: [], waitUntil: undefined })
  expect([batch.sent, channels.asked]).toEqual([[], []])
})
