import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import {
  AttemptNumber,
  BatchId,
  clearanceKey,
  ItemNumber,
  isBatchId,
  PartnerId,
  parseClearanceKey,
  parseTransferReference,
  postingKey,
  transferReference,
} from "../../src/domain/identifiers.ts"
import { fc } from "../property.ts"

const batch = BatchId.make("pb_7qfabcdefghijklmnopqrs")

const transferKeys = fc.record({
  batch: fc.stringMatching(/^pb_[a-z2-7]{22}$/).map((id) => BatchId.make(id)),
  item: fc.integer({ min: 1, max: 100_000 }),
  attempt: fc.integer({ min: 1, max: 9 }),
})

describe("a batch id", () => {
  it("is pb_ and 22 characters of base 32", () => {
    expect(isBatchId("pb_aaaaaaaaaaaaaaaaaaaa27")).toBe(true)
  })

  it.each([
    "",
    "pb_",
    "pb_aaaaaaaaaaaaaaaaaaaaa",
    "pb_aaaaaaaaaaaaaaaaaaaaaaa",
    "pb_AAAAAAAAAAAAAAAAAAAAAA",
    "pb_aaaaaaaaaaaaaaaaaaaaa1",
    "pb_aaaaaaaaaaaaaaaaaaaaaa\n",
    "xb_aaaaaaaaaaaaaaaaaaaaaa",
    "pb_aaaaaaaaaaaaaaaaaaa}:x",
  ])("is not %j", (text) => {
    expect(isBatchId(text)).toBe(false)
  })
})

describe("a transfer reference", () => {
  it("names the batch, the item and the attempt", () => {
    expect(transferReference({ batch, item: 42, attempt: 1 })).toBe("7QFABCDEFGHIJKLMNOPQRS-42-1")
  })

  it("is read back as what it was made of", () => {
    fc.assert(
      fc.property(transferKeys, (key) => {
        expect(parseTransferReference(transferReference(key))).toEqual(key)
      }),
    )
  })

  it("of two different attempts is never the same", () => {
    fc.assert(
      fc.property(transferKeys, transferKeys, (one, other) => {
        const same = one.batch === other.batch && one.item === other.item && one.attempt === other.attempt
        expect(transferReference(one) === transferReference(other)).toBe(same)
      }),
    )
    expect(transferReference({ batch, item: 11, attempt: 1 })).not.toBe(
      transferReference({ batch, item: 1, attempt: 11 }),
    )
  })

  it("fits ISO 20022's Max35Text for the largest item and attempt", () => {
    const isItem = Schema.is(ItemNumber)
    const isAttempt = Schema.is(AttemptNumber)
    expect([isItem(100_000), isItem(100_001), isAttempt(9), isAttempt(10)]).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(transferReference({ batch, item: 100_000, attempt: 9 }).length).toBeLessThanOrEqual(35)
  })

  it("has only characters of the SEPA set, and no slash at an end or two in a row", () => {
    fc.assert(
      fc.property(transferKeys, (key) => {
        expect(transferReference(key)).toMatch(/^[A-Za-z0-9/?:().,'+ -]{1,35}$/)
        expect(transferReference(key)).not.toMatch(/^\/|\/$|\/\//)
      }),
    )
  })

  it.each([
    "",
    "invoice-7",
    "7qfabcdefghijklmnopqrs-42-1",
    "7QFABCDEFGHIJKLMNOPQRS-42",
    "7QFABCDEFGHIJKLMNOPQRS-0-1",
    "7QFABCDEFGHIJKLMNOPQRS-042-1",
    "7QFABCDEFGHIJKLMNOPQRS-42-0",
    "7QFABCDEFGHIJKLMNOPQRS-42-10",
    "7QFABCDEFGHIJKLMNOPQRS-1000000-1",
    "7QFABCDEFGHIJKLMNOPQR1-42-1",
    "7QFABCDEFGHIJKLMNOPQRS-42-1\n",
    " 7QFABCDEFGHIJKLMNOPQRS-42-1",
  ])("that is not one of ours is not read: %j", (reference) => {
    expect(parseTransferReference(reference)).toBeUndefined()
  })
})

describe("the name of a clearance", () => {
  it("tells batch and number", () => {
    expect(clearanceKey(batch, 17)).toBe(`${batch}-S17`)
    expect(parseClearanceKey(`${batch}-S17`)).toEqual({ batch, clearance: 17 })
  })

  it.each(["", "c-1", `${batch}-S0`, `${batch}-S01`, `${batch}-S1\n`, `${batch}-L1`, `x${batch}-S1`])(
    "that is not one of ours is not read: %j",
    (key) => {
      expect(parseClearanceKey(key)).toBeUndefined()
    },
  )
})

describe("a posting key", () => {
  it("names the batch and the posting", () => {
    expect(postingKey(batch, 3)).toBe(`${batch}-L3`)
  })
})

describe("a partner id", () => {
  const isPartner = Schema.is(PartnerId)

  it.each(["acme", "a", "7-eleven", "a".repeat(63)])("may be %s", (name) => {
    expect(isPartner(name)).toBe(true)
  })

  it.each(["", "-acme", "Acme", "acme.eu", "acme*", "acme>", "acme inc", "a".repeat(64), "acme\n"])(
    "may not be %j",
    (name) => {
      expect(isPartner(name)).toBe(false)
    },
  )
})
