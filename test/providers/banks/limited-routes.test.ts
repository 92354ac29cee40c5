/** Routes past banks that cannot be sent a payout. */
import { describe, expect, it } from "vitest"
import type { PayoutItem } from "../../../src/domain/events.ts"
import type { Rule } from "../../../src/domain/routing.ts"
import { routesBy } from "../../../src/providers/banks/bank-routes.ts"
import { fileLimits } from "../../../src/providers/banks/files/file-bank-settings.ts"
import { payoutItem, visibleIban } from "../../domain/batch-story.ts"

const at = Date.parse("2026-11-27T09:00:00Z")
const limits = new Map([["clearing", fileLimits({})]])
const traits = { isKnown: () => true, limits }
const chinese = { name: "爱达", account: visibleIban() }

const routes = (...rules: ReadonlyArray<Rule>) => routesBy({ version: "v1", rules }, traits)
const led = (
  rules: ReadonlyArray<Rule>,
  payout: Partial<PayoutItem>,
  { isHealthy = (): boolean => true, when = at } = {},
) =>
  routes(...rules)
    .wayOf(payoutItem(1, payout), { partner: "acme", after: undefined })
    .destination({ at: when, isHealthy })

describe("a payout that a bank cannot be sent", () => {
  const both: ReadonlyArray<Rule> = [{ rule: "all", banks: ["clearing", "north"] }]

  it("goes to the next bank of its rule, and never back", () => {
    expect(led(both, {})).toMatchObject({ bank: "clearing", route: { others: ["north"] } })
    expect(led(both, { beneficiary: chinese })).toMatchObject({ bank: "north", route: { others: [] } })
  })

  it("goes to the bank of the next rule where that holds too", () => {
    const rules: ReadonlyArray<Rule> = [
      { rule: "well", when: { health: "closed" }, banks: ["clearing"] },
      { rule: "rest", banks: ["north"] },
    ]
    expect(led(rules, { beneficiary: chinese })).toMatchObject({ bank: "north", route: { rule: "rest" } })
  })

  it("waits for the bank that can be sent it while that is not well", () => {
    const rules: ReadonlyArray<Rule> = [
      { rule: "well", when: { health: "closed" }, banks: ["north"] },
      { rule: "rest", banks: ["clearing"] },
    ]
    expect(led(rules, { beneficiary: chinese }, { isHealthy: () => false })).toMatchObject({ bank: "north" })
  })

  it("goes nowhere outside of the hours of the only bank that can be sent it, rather than be refused for good", () => {
    const rules: ReadonlyArray<Rule> = [
      {
        rule: "day",
        when: { hours: { from: "08:00", before: "18:00", zone: "Europe/Berlin" } },
        banks: ["north"],
      },
      { rule: "rest", banks: ["clearing"] },
    ]
    const night = Date.parse("2026-11-27T23:00:00Z")
    expect(led(rules, { beneficiary: chinese })).toMatchObject({ bank: "north" })
    expect(led(rules, { beneficiary: chinese }, { when: night })).toBeUndefined()
    expect(led(rules, {}, { when: night })).toMatchObject({ bank: "clearing" })
  })

  it("goes where the rules say when no bank can be sent it, to be refused there by name", () => {
    expect(led([{ rule: "all", banks: ["clearing"] }], { beneficiary: chinese })).toMatchObject({
      bank: "clearing",
    })
  })

  it("shares no way with one that can be", () => {
    const wayOf = (payout: PayoutItem) =>
      routes(...both).wayOf(payout, { partner: "acme", after: undefined }).key
    expect(wayOf(payoutItem(1))).toBe(wayOf(payoutItem(2)))
    expect(wayOf(payoutItem(1))).not.toBe(wayOf(payoutItem(2, { beneficiary: chinese })))
  })

  it("is passed after a refusal as well", () => {
    const after = { rule: "all", version: "v1", others: ["clearing", "north"] }
    const wayBy = (isKnown: (bank: string) => boolean) =>
      routesBy({ version: "v1", rules: both }, { ...traits, isKnown }).wayOf(
        payoutItem(1, { beneficiary: chinese }),
        { partner: "acme", after },
      )
    const now = { at, isHealthy: () => true }
    expect(wayBy(() => true).destination(now)).toMatchObject({ bank: "north" })
    // A bank that is no longer configured helps nobody: the other one refuses it by name.
    expect(wayBy((bank) => bank !== "north").destination(now)).toMatchObject({ bank: "clearing" })
  })
})

it.each([
  ["a text", { remittance: "五十" }],
  ["its length", { beneficiary: { name: "x".repeat(71), account: visibleIban() } }],
  ["its length once it is respelled", { beneficiary: { name: "ß".repeat(36), account: visibleIban() } }],
  ["its amount", { minor: 100_000_000_000n }],
  ["no address across borders", { currency: "USD" }],
] as const)("passes a bank of files because of %s", (_, payout) => {
  expect(led([{ rule: "all", banks: ["clearing", "north"] }], payout)?.bank).toBe("north")
})

it("does not pass it across borders with a country", () => {
  const beneficiary = { name: "Ada", account: visibleIban(), addressCountry: "DE" }
  expect(led([{ rule: "all", banks: ["clearing", "north"] }], { currency: "USD", beneficiary })?.bank).toBe(
    "clearing",
  )
})

describe("euros to a country that joins SEPA", () => {
  const serbian = { name: "Ada", account: { scheme: "iban", country: "RS", lastFour: "0000" } } as const
  const joined = Date.parse("2026-05-05T00:00:00Z")
  const rules: ReadonlyArray<Rule> = [
    { rule: "sepa", when: { scheme: ["sepa"] }, banks: ["clearing"] },
    { rule: "abroad", when: { scheme: ["cross-border"] }, banks: ["clearing", "north"] },
    { rule: "rest", banks: ["south"] },
  ]

  it("go by the rules, and the limits, of their day", () => {
    const led2 = (when: number) => led(rules, { beneficiary: serbian }, { when })
    expect(led2(joined - 1)).toMatchObject({ bank: "north", route: { rule: "abroad" } })
    expect(led2(joined)).toMatchObject({ bank: "clearing", route: { rule: "sepa" } })
  })

  it("share no way with others", () => {
    const { wayOf } = routes(...rules)
    const key = (payout: PayoutItem) => wayOf(payout, { partner: "acme", after: undefined }).key
    expect(key(payoutItem(1, { beneficiary: serbian }))).not.toBe(key(payoutItem(1)))
  })
})
