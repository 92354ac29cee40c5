/** Ways that are kept for all payouts that no rule tells apart: they are those that the rules give, for fewer questions. */

import { expect, it } from "vitest"
import type { VisibleAccount } from "../../src/domain/beneficiary.ts"
import { RULES_MAX, type Rule, wayOf, waysBy } from "../../src/domain/routing.ts"
import { fc, ofAllExamples } from "../property.ts"
import { payoutItem } from "./batch-story.ts"

const some = <A>(...values: ReadonlyArray<A>) =>
  fc
    .uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 })
    .map(([first, ...others]) => [first as A, ...others] as const)

const minor = fc.bigInt({ min: 0n, max: 12n })

const when = fc.record(
  {
    currency: some("EUR", "GBP", "USD"),
    country: some("DE", "FR", "GB"),
    scheme: some("sepa" as const, "ach" as const, "cross-border" as const, "faster-payments" as const),
    partner: some("acme", "globex"),
    minor: fc.record({ atLeast: minor, atMost: minor }, { requiredKeys: [] }),
    health: fc.constant("closed" as const),
  },
  { requiredKeys: [] },
)

const rules = fc.array(fc.option(when, { freq: 10, nil: undefined }), { maxLength: 12 }).map((conditions) =>
  conditions.map((when, index): Rule => {
    const rule = { rule: `r${index}`, banks: ["north"] as const }
    return when === undefined ? rule : { ...rule, when }
  }),
)

const account = fc.record(
  {
    scheme: fc.constantFrom("iban", "sort-code", "aba", "bic", "email", "phone", "paypal-id"),
    country: fc.constantFrom("DE", "FR", "GB", "IT"),
  },
  { requiredKeys: ["scheme"] },
)

const payout = fc
  .record({ account, currency: fc.constantFrom("EUR", "GBP", "USD", "SEK"), minor })
  .map(({ account, currency, minor }) =>
    payoutItem(1, {
      currency,
      minor,
      beneficiary: { name: "Ada", account: { ...account, lastFour: "3000" } as unknown as VisibleAccount },
    }),
  )

const asked = fc.record({ payout, partner: fc.constantFrom("acme", "globex", "initech") })

it("a way that is kept is the one that the rules give, for whatever payouts and partners", () => {
  let shared = 0
  fc.assert(
    fc.property(rules, fc.array(asked, { minLength: 20, maxLength: 60 }), (rules, all) => {
      const routing = { version: "v1", rules }
      const kept = waysBy(routing)
      const ways = new Set<unknown>()
      for (const { payout, partner } of all) {
        const way = kept(payout, partner)
        const own = wayOf(routing, payout, partner)
        expect(way.key).toBe(own.key)
        for (const isHealthy of [() => true, () => false])
          expect(way.destination({ at: 0, isHealthy })).toEqual(own.destination({ at: 0, isHealthy }))
        if (ways.has(way)) shared += 1
        ways.add(way)
      }
    }),
    { numRuns: 1_000 },
  )
  expect(shared, ofAllExamples("ways that were kept")).toBeGreaterThan(5_000)
})

it("for a hundred thousand payouts by two hundred rules hardly a rule is asked", () => {
  let looks = 0
  const all = Array.from({ length: RULES_MAX }, (_, index): Rule => {
    const atLeast = BigInt(1_000 * (RULES_MAX - index))
    const conditions = { currency: ["EUR"], minor: { atLeast } } as const
    return {
      rule: `r${index}`,
      banks: ["north"],
      get when() {
        looks += 1
        return conditions
      },
    }
  })
  const ways = waysBy({ version: "v1", rules: all })
  const keys = new Set<string>()
  const payouts = Array.from({ length: 100_000 }, (_, index) =>
    payoutItem(index + 1, { minor: BigInt(1 + ((index * 7) % 250_000)) }),
  )
  for (const payout of payouts) keys.add(ways(payout, "acme").key)
  expect(keys.size).toBe(RULES_MAX + 1)
  expect(looks, "each rule a few times for each of the ways").toBeLessThan(4 * RULES_MAX * keys.size)
})

it("more kinds of payouts than are kept go their ways all the same", () => {
  const countries = Array.from({ length: 100 }, (_, index) => `${index}`)
  const partners = Array.from({ length: 100 }, (_, index) => `p${index}`)
  const named = countries.map((country, index): Rule => {
    const partner = [partners[index] ?? ""] as const
    return { rule: `r${index}`, banks: ["north"], when: { country: [country], partner } }
  })
  const ways = waysBy({ version: "v1", rules: named })
  for (const round of [1, 2])
    for (const [index, country] of countries.entries())
      for (const [other, partner] of partners.entries()) {
        const account = { scheme: "iban", country, lastFour: "3000" } as VisibleAccount
        const payout = payoutItem(1, { beneficiary: { name: `Ada ${round}`, account } })
        expect(ways(payout, partner).key).toBe(index === other ? `r${index}` : "")
      }
})
