/** Files of Nacha as they are written: by the rules, whatever the orders are, and the same each time. */

import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { heldAccount } from "../../../src/domain/beneficiary.ts"
import { transferReference } from "../../../src/domain/identifiers.ts"
import type { CreditTransfer } from "../../../src/providers/iso20022/credit-transfer.ts"
import { effectiveDateOf, newYork, returnsEndAt } from "../../../src/providers/nacha/entry-dates.ts"
import { individualIdOf, isIndividualId } from "../../../src/providers/nacha/individual-id.ts"
import { writeNachaFile } from "../../../src/providers/nacha/nacha-file.ts"
import { NachaSettings } from "../../../src/providers/nacha/nacha-settings.ts"
import { placeOfTrace, traceNumberOf } from "../../../src/providers/nacha/trace-numbers.ts"
import { batchId } from "../../domain/batch-story.ts"
import { fc } from "../../property.ts"
import { brokenNachaRules, entriesOf } from "./nacha-rules.ts"
import { nacha } from "./return-files.ts"

/** A Wednesday in New York, at noon. */
const madeAt = Date.parse("2026-12-02T17:00:00Z")
const day = "2026-12-02"

const transferOf = (item: number, changes: Partial<CreditTransfer["details"]> = {}, minor = 150n) => ({
  reference: transferReference({ batch: batchId, item, attempt: 1 }),
  currency: "USD",
  minor,
  details: {
    name: "Ada Lovelace",
    account: {
      scheme: "aba" as const,
      routingNumber: "021000021",
      accountNumber: "123456789",
      accountType: "checking" as const,
    },
    ...changes,
  },
})

const written = (
  transfers: ReadonlyArray<CreditTransfer>,
  changes: Partial<Parameters<typeof writeNachaFile>[0]> = {},
) =>
  writeNachaFile({
    settings: nacha,
    day,
    madeAt,
    sequence: 1,
    name: "ach-2026-12-02-1",
    entryClass: "PPD",
    transfers,
    ...changes,
  })

const savings = {
  scheme: "aba",
  routingNumber: "021000021",
  accountNumber: "12345678901234567",
  accountType: "savings",
  holderType: "company",
} as const

it("has each field in its place", () => {
  const text = written([
    transferOf(1),
    transferOf(2, { account: savings, remittance: "Invoice 7" }, 9_999_999_999n),
  ])
  expect(brokenNachaRules(text)).toEqual([])
  expect(text.split("\n")[0]).toBe(
    "101 01140153312345678902612021200A094101Citizens               Atlas Marketplace              ",
  )
  expect(text.split("\n")[1]).toBe(
    "5220Atlas           ach-2026-12-02-1    1234567890CCDPAYOUT          261203   1011401530000001",
  )
  const [company, person] = entriesOf(text)
  expect(company).toMatchObject({
    entryClass: "CCD",
    effective: "261203",
    code: "32",
    account: "12345678901234567",
    cents: 9_999_999_999,
    remittance: "Invoice 7",
  })
  expect(person).toMatchObject({
    entryClass: "PPD",
    code: "22",
    routing: "021000021",
    account: "123456789",
    cents: 150,
    name: "Ada Lovelace",
    id: individualIdOf(transferOf(1).reference),
    remittance: undefined,
  })
})

it("classes a payment by who holds the account, or else as the settings say", () => {
  const { holderType: _, ...unknown } = savings
  const classes = (
    [
      [{ account: savings }, "PPD"],
      [{ account: heldAccount(unknown, "company") }, "PPD"],
      [{ account: heldAccount(unknown, "person") }, "CCD"],
      [{ account: unknown }, "CCD"],
      [{ account: { ...unknown, holderType: "individual" } }, "CCD"],
    ] as const
  ).map(
    ([details, entryClass]) => entriesOf(written([transferOf(1, details)], { entryClass }))[0]?.entryClass,
  )
  expect(classes).toEqual(["CCD", "CCD", "PPD", "CCD", "PPD"])
})

it("pays on the same day what comes before the cut-off and is not too much", () => {
  const settings = { ...nacha, sameDay: { cutOff: "14:00" } }
  const dates = (at: string, minor: bigint, on = day) =>
    effectiveDateOf(minor, { day: on, madeAt: Date.parse(at) }, settings)
  expect([
    dates("2026-12-02T18:59:00Z", 100_000_000n),
    dates("2026-12-02T19:00:00Z", 100_000_000n),
    dates("2026-12-02T18:59:00Z", 100_000_001n),
    // Made on a Saturday for Monday: it is Tuesday's.
    dates("2026-11-28T15:00:00Z", 1n, "2026-11-30"),
  ]).toEqual(["2026-12-02", "2026-12-03", "2026-12-03", "2026-12-01"])
  const text = written([transferOf(1), transferOf(2, {}, 100_000_001n)], { settings })
  expect(brokenNachaRules(text)).toEqual([])
  expect(entriesOf(text).map(({ effective }) => effective)).toEqual(["261202", "261203"])
})

it("skips holidays, and ends the time of returns two banking days after the effective date", () => {
  expect(effectiveDateOf(1n, { day: "2026-11-25", madeAt }, nacha)).toBe("2026-11-27")
  const ends = (settings = {}) => newYork(returnsEndAt("2026-11-25", settings))
  // Thanksgiving is on the 26th: two banking days are the 27th and the 30th.
  expect(ends()).toEqual({ day: "2026-12-01", time: "00:00" })
  expect(ends({ settlesAfter: { bankingDays: 3 } })).toEqual({ day: "2026-12-02", time: "00:00" })
})

const ascii = (lengthMax: number) =>
  fc
    .string({
      unit: fc.constantFrom(..."abcZ09 /-?:().,'+!#$%&*=^_`{|}~\";<>@[\\]"),
      minLength: 1,
      maxLength: lengthMax,
    })
    .filter((text) => text.trim() === text)
const orders = fc.uniqueArray(
  fc.record({
    item: fc.integer({ min: 1, max: 100_000 }),
    name: ascii(22),
    remittance: fc.option(ascii(80), { nil: undefined }),
    routingNumber: fc.constantFrom("021000021", "011401533", "121000248"),
    accountNumber: fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 4, maxLength: 17 }),
    accountType: fc.constantFrom("checking" as const, "savings" as const),
    type: fc.constantFrom("person" as const, "company" as const, undefined),
    minor: fc.bigInt(1n, 9_999_999_999n),
  }),
  { minLength: 1, maxLength: 30, selector: ({ item }) => item },
)

it("keeps the rules whatever is ordered, and says all of it", () => {
  fc.assert(
    fc.property(orders, fc.integer({ min: 1, max: 36 }), fc.boolean(), (all, sequence, isSameDay) => {
      const transfers = all.map(({ item, name, remittance, type, minor, ...account }) =>
        transferOf(
          item,
          {
            name,
            account: heldAccount({ scheme: "aba", ...account }, type),
            ...(remittance !== undefined && { remittance }),
          },
          minor,
        ),
      )
      const settings = isSameDay ? { ...nacha, sameDay: { cutOff: "14:00" } } : nacha
      const text = written(transfers, { sequence, settings })
      expect(brokenNachaRules(text)).toEqual([])
      // The order in which a store has the orders changes nothing.
      expect(written(transfers.toReversed(), { sequence, settings })).toBe(text)
      const shown = entriesOf(text).map(({ id, name, remittance, cents, account }) => [
        id,
        name,
        remittance,
        cents,
        account,
      ])
      const asked = transfers.map(({ reference, minor, details }) => [
        individualIdOf(reference),
        details.name,
        details.remittance,
        Number(minor),
        "accountNumber" in details.account && details.account.accountNumber,
      ])
      expect(shown.toSorted()).toEqual(asked.toSorted())
      // Each trace number leads back to its place, for as long as returns may come in time.
      const places = transfers.map(({ reference }) => reference).sort()
      for (const { trace, id } of entriesOf(text))
        for (const namedOn of [day, "2026-12-04", "2026-12-23"]) {
          const place = placeOfTrace(nacha.originatingDfi, trace, namedOn)
          expect(place).toMatchObject({ day, sequence })
          expect(individualIdOf(places[place?.index ?? -1] ?? "")).toBe(id)
        }
    }),
    { numRuns: 60 },
  )
})

describe("trace numbers", () => {
  it("do not come again within 27 days", () => {
    const seen = new Set<string>()
    for (let ahead = 0; ahead < 27; ahead += 1) {
      const on = new Date(Date.parse(day) + ahead * 86_400_000).toISOString().slice(0, 10)
      for (const sequence of [1, 2, 36])
        for (const index of [0, 1, 9_999]) seen.add(traceNumberOf("011401533", { day: on, sequence, index }))
    }
    expect(seen.size).toBe(27 * 9)
    expect([...seen].every((trace) => /^01140153[0-9]{7}$/.test(trace))).toBe(true)
  })

  it("of others lead nowhere", () => {
    for (const trace of ["021000020000001", "011401530000000", "011401539999999", "01140153000001", ""])
      expect(placeOfTrace("011401533", trace, day)).toBeUndefined()
  })
})

it("has identification numbers of 15 letters and digits, each of its own", () => {
  const ids = Array.from({ length: 20_000 }, (_, index) =>
    individualIdOf(transferReference({ batch: batchId, item: index + 1, attempt: 1 })),
  )
  expect(ids.every(isIndividualId)).toBe(true)
  expect(new Set(ids).size).toBe(ids.length)
})

it("refuses settings that no file can have", () => {
  const isValid = Schema.is(NachaSettings)
  expect(isValid(nacha)).toBe(true)
  for (const change of [
    { immediateDestination: "01140153" },
    { originatingDfi: "011401534" },
    { companyName: "A name of more than sixteen" },
    { companyName: "Ä" },
    { companyId: "12345678901" },
    { entryDescription: "REVERSAL" },
    { fileIdModifiers: "AA" },
    { fileIdModifiers: "a" },
    { sameDay: { cutOff: "2pm" } },
    { settlesAfter: { bankingDays: 1 } },
  ])
    expect(isValid({ ...nacha, ...change }), JSON.stringify(change)).toBe(false)
})
