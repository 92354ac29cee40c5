import { createSecretKey, randomBytes } from "node:crypto"
import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import {
  type BeneficiaryAccount,
  Seal,
  sealedOf,
  unsealed,
  visibleBeneficiaryOf,
  visibleOf,
} from "../../src/domain/beneficiary.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { encrypt } from "../../src/vault/aes-gcm.ts"
import { type DataKey, keyIdOf } from "../../src/vault/partner-keys.ts"
import { openAccounts, type Place, sealAccounts, type VisibleItem } from "../../src/vault/sealing.ts"
import { fc } from "../property.ts"

const key: DataKey = { id: "7", key: createSecretKey(randomBytes(32)) }

const number = fc.stringMatching(/^[A-Z0-9]{1,34}$/)
const accounts: fc.Arbitrary<BeneficiaryAccount> = fc.oneof(
  fc.record({ scheme: fc.constant("iban" as const), iban: fc.constant("DE89370400440532013000") }),
  fc.record({
    scheme: fc.constant("sort-code" as const),
    sortCode: fc.stringMatching(/^[0-9]{6}$/),
    accountNumber: fc.stringMatching(/^[0-9]{8}$/),
  }),
  fc.record({
    scheme: fc.constant("aba" as const),
    routingNumber: fc.constant("021000021"),
    accountNumber: number,
    accountType: fc.constantFrom("checking" as const, "savings" as const),
  }),
  fc.record({ scheme: fc.constant("bic" as const), bic: fc.constant("BOTKJPJT"), accountNumber: number }),
  fc.record({ scheme: fc.constant("email" as const), email: fc.constant("ada@example.com") }),
  fc.record({ scheme: fc.constant("phone" as const), phone: fc.stringMatching(/^\+[1-9][0-9]{7,14}$/) }),
  fc.record({
    scheme: fc.constant("paypal-id" as const),
    paypalId: fc.stringMatching(/^[2-9A-HJ-NP-Z]{13}$/),
  }),
)
const places: fc.Arbitrary<Place> = fc.record({
  partner: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/),
  batch: fc.stringMatching(/^pb_[a-z2-7]{22}$/).map((id) => BatchId.make(id)),
})
const chunks = fc.array(accounts, { minLength: 1, maxLength: 20 })

const visible = (chunk: ReadonlyArray<BeneficiaryAccount>, from = 1): ReadonlyArray<VisibleItem> =>
  chunk.map((account, index) => ({ item: from + index, account: visibleOf(account) }))

const seal = (place: Place, chunk: ReadonlyArray<BeneficiaryAccount>, from = 1): string =>
  sealAccounts(key, place, visible(chunk, from), chunk)

const opens = (opener: DataKey, place: Place, items: ReadonlyArray<VisibleItem>, sealed: string): boolean =>
  Result.isSuccess(openAccounts(opener, place, items, sealed))

const somewhere: Place = { partner: "acme", batch: BatchId.make(`pb_${"a".repeat(22)}`) }
const ibans = [
  { scheme: "iban", iban: "DE89370400440532013000" },
  { scheme: "iban", iban: "FR1420041010050500013M02606" },
] as const

describe("sealed accounts", () => {
  it("open to what they were, in the order of the items, and show nothing but scheme, country and last four characters", () => {
    fc.assert(
      fc.property(chunks, places, fc.integer({ min: 1, max: 99_000 }), (chunk, place, from) => {
        const sealed = seal(place, chunk, from)
        const opened = Result.getOrThrow(openAccounts(key, place, visible(chunk, from), sealed))
        expect(opened).toEqual(chunk)
        expect(keyIdOf(sealed)).toBe("7")
        for (const { account } of visible(chunk)) {
          expect(Object.keys(account)).toEqual(
            ["iban", "bic"].includes(account.scheme)
              ? ["scheme", "country", "lastFour"]
              : ["scheme", "lastFour"],
          )
          expect(account.lastFour.length).toBeLessThanOrEqual(account.scheme === "email" ? 0 : 4)
        }
      }),
    )
  })

  it("do not open for another partner or batch, for other items, nor under another key", () => {
    fc.assert(
      fc.property(chunks, places, places, (chunk, place, other) => {
        const [items, sealed] = [visible(chunk), seal(place, chunk)]
        for (const part of ["partner", "batch"] as const)
          expect(opens(key, { ...place, [part]: other[part] }, items, sealed)).toBe(
            other[part] === place[part],
          )
        expect(opens(key, place, visible(chunk, 2), sealed)).toBe(false)
        expect(opens(key, place, items.slice(1), sealed)).toBe(false)
        expect(opens({ id: "7", key: createSecretKey(randomBytes(32)) }, place, items, sealed)).toBe(false)
      }),
    )
  })

  it("do not open when what was seen of one is not what was sealed, or two were exchanged", () => {
    const sealed = seal(somewhere, ibans)
    const [first, second] = visible(ibans)
    if (first === undefined || second === undefined) throw new Error("there are two")
    const seen = (fields: Partial<VisibleItem["account"]>) => [
      { ...first, account: { ...first.account, ...fields } },
      second,
    ]
    expect(opens(key, somewhere, [first, second], sealed)).toBe(true)
    expect(opens(key, somewhere, seen({ country: "FR" }), sealed)).toBe(false)
    expect(opens(key, somewhere, seen({ lastFour: "3001" }), sealed)).toBe(false)
    expect(opens(key, somewhere, seen({ scheme: "bic" }), sealed)).toBe(false)
    const exchanged = [
      { ...first, account: second.account },
      { ...second, account: first.account },
    ]
    expect(opens(key, somewhere, exchanged, sealed)).toBe(false)
  })

  it("do not open when one bit or one character has changed, or some are missing", () => {
    fc.assert(
      fc.property(chunks, places, fc.nat(), fc.nat(7), (chunk, place, at, bit) => {
        const [items, sealed] = [visible(chunk), seal(place, chunk)]
        const box = Buffer.from(sealed.slice(2), "base64url")
        const index = at % box.length
        box[index] = (box[index] ?? 0) ^ (1 << bit)
        expect(opens(key, place, items, `7.${box.toString("base64url")}`)).toBe(false)
        const text = [...sealed]
        const letter = 2 + (at % (text.length - 2))
        text[letter] = text[letter] === "A" ? "B" : "A"
        expect(opens(key, place, items, text.join(""))).toBe(false)
        expect(opens(key, place, items, sealed.slice(0, letter))).toBe(false)
      }),
    )
  })

  it("have one spelling: not even bits that carry nothing may change", () => {
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
    for (const chunk of [ibans.slice(0, 1), ibans]) {
      const sealed = seal(somewhere, chunk)
      const spellings = letters.map((letter) => `${sealed.slice(0, -1)}${letter}`)
      expect(spellings.filter((text) => opens(key, somewhere, visible(chunk), text))).toEqual([sealed])
    }
  })

  it("are never the same twice", () => {
    const nonces = Array.from({ length: 2_000 }, () => seal(somewhere, ibans).slice(2, 18))
    expect(new Set(nonces).size).toBe(nonces.length)
  })
})

describe("an address", () => {
  const address = { lines: ["Hinterhaus"], street: "Unter den Linden", town: "Berlin", country: "DE" }
  const [account] = ibans
  const items = [{ item: 1, account: visibleOf(account), addressCountry: "DE" }]

  it("is sealed beside its account, and of it only the country is seen", () => {
    const sealed = sealAccounts(key, somewhere, items, [sealedOf({ account, address })])
    const opened = Result.getOrThrow(openAccounts(key, somewhere, items, sealed))[0]
    expect(opened && unsealed(opened)).toEqual({ account, address })
    expect(visibleBeneficiaryOf({ name: "Ada", account, address })).toEqual({
      name: "Ada",
      account: visibleOf(account),
      addressCountry: "DE",
    })
  })

  it("does not open when another country was seen, or none", () => {
    const sealed = sealAccounts(key, somewhere, items, [sealedOf({ account, address })])
    for (const seen of [{ addressCountry: "FR" }, {}])
      expect(opens(key, somewhere, [{ item: 1, account: visibleOf(account), ...seen }], sealed)).toBe(false)
  })

  it("of which there was none leaves the seal as it was before there were addresses", () => {
    const context = JSON.stringify([
      "accounts",
      somewhere.partner,
      somewhere.batch,
      [[1, "iban", "DE", "3000"]],
    ])
    const sealed = `7.${encrypt(key.key, context, JSON.stringify([account])).toString("base64url")}`
    const before = [{ item: 1, account: visibleOf(account) }]
    const opened = Result.getOrThrow(openAccounts(key, somewhere, before, sealed))[0]
    expect(opened && unsealed(opened)).toEqual({ account })
  })

  it("is sealed for a whole chunk of the longest ones", () => {
    const longest = {
      lines: ["\u{20000}".repeat(70), "\u{20000}".repeat(70)],
      street: "\u{20000}".repeat(70),
      buildingNumber: "\u{20000}".repeat(16),
      postcode: "\u{20000}".repeat(16),
      town: "\u{20000}".repeat(35),
      country: "DE",
    }
    const many = Array.from({ length: 500 }, () => sealedOf({ account, address: longest }))
    const all = many.map((_, index) => ({
      item: index + 1,
      account: visibleOf(account),
      addressCountry: "DE",
    }))
    expect(Schema.is(Seal)(sealAccounts(key, somewhere, all, many))).toBe(true)
  })
})
