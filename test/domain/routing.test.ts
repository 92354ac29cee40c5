import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import type { PayoutItem } from "../../src/domain/events.ts"
import type { Route } from "../../src/domain/route.ts"
import {
  type Circumstances,
  problemOf,
  type Routing,
  RULES_MAX,
  Rules,
  wayAfter,
  wayOf,
} from "../../src/domain/routing.ts"
import { payoutItem, visibleIban } from "./batch-story.ts"

const decode = Schema.decodeUnknownResult(Rules, { onExcessProperty: "error" })
const rules = (...written: ReadonlyArray<unknown>) => Result.getOrThrow(decode(written))
const rest = { rule: "rest", banks: ["south"] }

const monday = Date.parse("2026-11-23T09:00:00Z")
const now: Circumstances = { at: monday, isHealthy: () => true }

const routeOf = (routing: Routing, payout: PayoutItem, circumstances: Circumstances) =>
  wayOf(routing, payout, "acme").destination(circumstances)

const rerouteOf = (route: Route, isKnown: (bank: string) => boolean, isHealthy: (bank: string) => boolean) =>
  wayAfter(route, isKnown).destination({ at: monday, isHealthy })

/** The rule that leads a payout, when it is asked for under some conditions with `rest` after it. */
const ruleFor = (
  when: unknown,
  payout: Partial<PayoutItem> = {},
  circumstances: Partial<Circumstances> = {},
) =>
  routeOf(
    { version: "v1", rules: rules({ rule: "first", when, banks: ["north"] }, rest) },
    payoutItem(1, payout),
    {
      ...now,
      ...circumstances,
    },
  )?.route.rule

const french = { name: "Ada", account: visibleIban("FR1420041010050500013M02606") }
const domestic = { name: "Ada", account: { scheme: "aba", lastFour: "6789" } } as const
const wallet = { name: "Ada", account: { scheme: "email", lastFour: "" } } as const
const office = { zone: "Europe/Brussels", weekdays: ["monday", "friday"], from: "07:30", before: "15:30" }

describe("a payout", () => {
  it.each<[string, unknown, Partial<PayoutItem>, Partial<Circumstances>, boolean]>([
    ["its currency", { currency: ["EUR", "SEK"] }, { currency: "SEK" }, {}, true],
    ["another currency", { currency: ["EUR"] }, { currency: "SEK" }, {}, false],
    ["its country", { country: ["FR", "DE"] }, { beneficiary: french }, {}, true],
    ["another country", { country: ["DE"] }, { beneficiary: french }, {}, false],
    ["no country that its account tells", { country: ["US"] }, { beneficiary: domestic }, {}, false],
    ["its scheme", { scheme: ["sepa"] }, {}, {}, true],
    ["another scheme", { scheme: ["ach", "sepa"] }, { beneficiary: domestic, currency: "EUR" }, {}, false],
    ["that it is to a wallet", { scheme: ["wallet"] }, { beneficiary: wallet }, {}, true],
    ["that it is to an account", { scheme: ["wallet"] }, {}, {}, false],
    ["its partner", { partner: ["acme"] }, {}, {}, true],
    ["another partner", { partner: ["globex"] }, {}, {}, false],
    ["at most as much", { currency: ["EUR"], minor: { atMost: "1000" } }, { minor: 1_000n }, {}, true],
    ["a minor unit less", { currency: ["EUR"], minor: { atMost: "999" } }, { minor: 1_000n }, {}, false],
    ["at least as much", { currency: ["EUR"], minor: { atLeast: "1000" } }, { minor: 1_000n }, {}, true],
    ["a minor unit more", { currency: ["EUR"], minor: { atLeast: "1001" } }, { minor: 1_000n }, {}, false],
    [
      "more than a float can tell",
      { currency: ["EUR"], minor: { atMost: "900719925474099" } },
      { minor: 900_719_925_474_100n },
      {},
      false,
    ],
    ["all conditions", { currency: ["EUR"], country: ["DE"], partner: ["acme"] }, {}, {}, true],
    ["all conditions but one", { currency: ["EUR"], country: ["DE"], partner: ["globex"] }, {}, {}, false],
    ["hours in which it is sent", { hours: office }, {}, {}, true],
    ["hours that begin now", { hours: office }, {}, { at: Date.parse("2026-11-23T06:30:00Z") }, true],
    ["hours that are over", { hours: office }, {}, { at: Date.parse("2026-11-23T14:30:00Z") }, false],
    ["hours of summer", { hours: office }, {}, { at: Date.parse("2026-07-06T13:29:00Z") }, true],
    ["another weekday", { hours: office }, {}, { at: Date.parse("2026-11-24T09:00:00Z") }, false],
    [
      "the weekday of the zone",
      { hours: { zone: "Pacific/Auckland", weekdays: ["tuesday"] } },
      {},
      { at: Date.parse("2026-11-23T12:00:00Z") },
      true,
    ],
    ["a bank that is well", { health: "closed" }, {}, {}, true],
    ["a bank that is not", { health: "closed" }, {}, { isHealthy: (bank) => bank !== "north" }, false],
    ["nothing in particular", {}, {}, {}, true],
  ])("is led by a rule that asks for %s: %#", (_, when, payout, circumstances, holds) => {
    expect(ruleFor(when, payout, circumstances)).toBe(holds ? "first" : "rest")
  })

  it("goes to the first bank of the first rule that holds; its route names the others in their order", () => {
    const routing = {
      version: "2026-11-26",
      rules: rules(
        { rule: "euros", when: { currency: ["EUR"] }, banks: ["north", "west", "south"] },
        { rule: "also-euros", when: { currency: ["EUR"] }, banks: ["south"] },
      ),
    }
    expect(routeOf(routing, payoutItem(1), now)).toEqual({
      bank: "north",
      route: { rule: "euros", version: "2026-11-26", others: ["west", "south"] },
    })
    expect(routeOf(routing, payoutItem(1, { currency: "USD" }), now), "no rule holds").toBeUndefined()
  })

  it("passes over banks that are not well only where the rule says so, and may come back to them", () => {
    const isHealthy = (bank: string) => bank === "west"
    const banks = ["north", "west", "south"] as const
    const of = (when: unknown) =>
      routeOf({ version: "v1", rules: rules({ rule: "r", when, banks }) }, payoutItem(1), {
        ...now,
        isHealthy,
      })
    expect(of({})?.bank).toBe("north")
    expect(of({ health: "closed" })).toMatchObject({ bank: "west", route: { others: ["north", "south"] } })
  })
})

describe("after a refusal", () => {
  const route = { rule: "euros", version: "v1", others: ["west", "south"] }
  const all = () => true

  it("the next bank of the same rule is tried, and then the one after it", () => {
    const next = rerouteOf(route, all, all)
    expect(next).toEqual({ bank: "west", route: { ...route, others: ["south"] } })
    const last = rerouteOf(next?.route ?? route, all, all)
    expect(last).toEqual({ bank: "south", route: { ...route, others: [] } })
    expect(rerouteOf(last?.route ?? route, all, all)).toBeUndefined()
  })

  it("a bank that is well goes first, one that nobody knows any more is never tried", () => {
    expect(rerouteOf(route, all, (bank) => bank === "south")?.bank).toBe("south")
    expect(rerouteOf(route, all, () => false)?.bank, "none is well").toBe("west")
    expect(rerouteOf(route, (bank) => bank === "south", all)?.bank).toBe("south")
    expect(rerouteOf(route, () => false, all)).toBeUndefined()
  })
})

describe("rules", () => {
  it.each<[string, unknown]>([
    ["a currency that there is not", { currency: ["EURO"] }],
    ["no currency at all", { currency: [] }],
    ["the same twice", { currency: ["EUR", "EUR"] }],
    ["a country by its name", { country: ["Germany"] }],
    ["a scheme that there is not", { scheme: ["cheque"] }],
    ["a number for an amount", { currency: ["EUR"], minor: { atMost: 1000 } }],
    ["a fraction", { currency: ["EUR"], minor: { atMost: "10.5" } }],
    ["an amount without its currency", { minor: { atMost: "1000" } }],
    ["an amount in two currencies", { currency: ["EUR", "JPY"], minor: { atMost: "1000" } }],
    ["a zone that there is not", { hours: { zone: "Mars/Olympus" } }],
    ["a night in one piece", { hours: { zone: "UTC", from: "22:00", before: "06:00" } }],
    ["an hour that there is not", { hours: { zone: "UTC", from: "25:00" } }],
    ["another health than closed", { health: "open" }],
    ["what nobody reads", { colour: ["red"] }],
  ])("are refused with %s", (_, when) => {
    expect(Result.isFailure(decode([{ rule: "first", when, banks: ["north"] }]))).toBe(true)
  })

  it("are refused when they are too many, or none, or name no bank", () => {
    const many = Array.from({ length: RULES_MAX + 1 }, (_, n) => ({ ...rest, rule: `r${n}` }))
    for (const written of [many, [], [{ rule: "r", banks: [] }], [{ rule: "r", banks: ["a", "a"] }]])
      expect(Result.isFailure(decode(written))).toBe(true)
  })

  it("are told by name what is wrong with them together", () => {
    const banks = new Set(["north", "south"])
    const euros = { rule: "euros", when: { currency: ["EUR"] }, banks: ["north"] }
    expect(problemOf(rules(euros, rest), banks)).toBeUndefined()
    expect(problemOf(rules(euros), banks), "what no rule takes is parked").toBeUndefined()
    expect(problemOf(rules({ ...euros, banks: ["east"] }), banks)).toBe(
      "euros leads to no bank of banks: east",
    )
    expect(problemOf(rules(euros, euros, rest), banks)).toBe("euros is there twice")
    expect(problemOf(rules(rest, euros), banks)).toBe("rest takes all: no rule after it is reached")
  })
})
