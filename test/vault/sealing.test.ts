import { createSecretKey, randomBytes } from "node:crypto"
import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { BeneficiaryAccount } from "../../src/domain/beneficiary.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import type { DataKey } from "../../src/vault/partner-keys.ts"
import { keyIdOf, openAccount, type Place, sealAccount } from "../../src/vault/sealing.ts"

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
)
const places: fc.Arbitrary<Place> = fc.record({
  partner: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/),
  batch: fc.stringMatching(/^pb_[a-z2-7]{22}$/).map((id) => BatchId.make(id)),
  item: fc.integer({ min: 1, max: 100_000 }),
})

const opens = (opener: DataKey, place: Place, sealed: Parameters<typeof openAccount>[2]): boolean =>
  Result.isSuccess(openAccount(opener, place, sealed))

describe("a sealed account", () => {
  it("opens to what it was, and shows nothing but scheme, country and last four characters", () => {
    fc.assert(
      fc.property(accounts, places, (account, place) => {
        const sealed = sealAccount(key, place, account)
        expect(Result.getOrThrow(openAccount(key, place, sealed))).toEqual(account)
        expect(keyIdOf(sealed)).toBe("7")
        const { sealed: _, ...visible } = sealed
        expect(Object.keys(visible)).toEqual(
          ["iban", "bic"].includes(account.scheme)
            ? ["scheme", "country", "lastFour"]
            : ["scheme", "lastFour"],
        )
        expect(visible.lastFour.length).toBeLessThanOrEqual(4)
      }),
    )
  })

  it("does not open for another partner, batch or item, nor under another key", () => {
    fc.assert(
      fc.property(accounts, places, places, (account, place, other) => {
        const sealed = sealAccount(key, place, account)
        for (const part of ["partner", "batch", "item"] as const)
          expect(opens(key, { ...place, [part]: other[part] }, sealed)).toBe(other[part] === place[part])
        expect(opens({ id: "7", key: createSecretKey(randomBytes(32)) }, place, sealed)).toBe(false)
      }),
    )
  })

  it("does not open when what was seen of it is not what was sealed", () => {
    const place: Place = { partner: "acme", batch: BatchId.make(`pb_${"a".repeat(22)}`), item: 1 }
    const sealed = sealAccount(key, place, { scheme: "iban", iban: "DE89370400440532013000" })
    expect(opens(key, place, sealed)).toBe(true)
    expect(opens(key, place, { ...sealed, country: "FR" })).toBe(false)
    expect(opens(key, place, { ...sealed, lastFour: "3001" })).toBe(false)
    expect(opens(key, place, { ...sealed, scheme: "bic" })).toBe(false)
  })

  it("does not open when one bit or one character of it has changed, or some are missing", () => {
    fc.assert(
      fc.property(accounts, places, fc.nat(), fc.nat(7), (account, place, at, bit) => {
        const sealed = sealAccount(key, place, account)
        const box = Buffer.from(sealed.sealed.slice(2), "base64url")
        const index = at % box.length
        box[index] = (box[index] ?? 0) ^ (1 << bit)
        expect(opens(key, place, { ...sealed, sealed: `7.${box.toString("base64url")}` })).toBe(false)
        const text = [...sealed.sealed]
        const letter = 2 + (at % (text.length - 2))
        text[letter] = text[letter] === "A" ? "B" : "A"
        expect(opens(key, place, { ...sealed, sealed: text.join("") })).toBe(false)
        expect(opens(key, place, { ...sealed, sealed: sealed.sealed.slice(0, letter) })).toBe(false)
      }),
    )
  })

  it("has one spelling: not even bits that carry nothing may change", () => {
    const place: Place = { partner: "acme", batch: BatchId.make(`pb_${"a".repeat(22)}`), item: 1 }
    const sealed = sealAccount(key, place, { scheme: "iban", iban: "DE89370400440532013000" })
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
    const spellings = letters.map((letter) => `${sealed.sealed.slice(0, -1)}${letter}`)
    expect(spellings.filter((text) => opens(key, place, { ...sealed, sealed: text }))).toEqual([
      sealed.sealed,
    ])
  })

  it("is never the same twice", () => {
    const place: Place = { partner: "acme", batch: BatchId.make(`pb_${"a".repeat(22)}`), item: 1 }
    const account = { scheme: "iban", iban: "DE89370400440532013000" } as const
    const nonces = Array.from({ length: 2_000 }, () => sealAccount(key, place, account).sealed.slice(2, 18))
    expect(new Set(nonces).size).toBe(nonces.length)
  })
})
