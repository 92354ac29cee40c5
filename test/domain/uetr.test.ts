/** A transfer's UETR: a UUID of version 4 that is always the same for one attempt, and no other's. */

import { expect, it } from "vitest"
import { BatchId, transferReference } from "../../src/domain/identifiers.ts"
import { isUetr, referenceEndIn, uetrOf } from "../../src/domain/uetr.ts"
import { fc } from "../property.ts"

/** ISO 20022's UUIDv4Identifier. */
const uuidV4 = /^[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}$/

const key = fc.record({
  batch: fc.stringMatching(/^pb_[a-z2-7]{22}$/).map((id) => BatchId.make(id)),
  item: fc.integer({ min: 1, max: 100_000 }),
  attempt: fc.integer({ min: 1, max: 9 }),
})

it("is a UUID of version 4, and the same whenever it is made", () => {
  fc.assert(
    fc.property(key, (key) => {
      const reference = transferReference(key)
      expect(uetrOf(reference)).toMatch(uuidV4)
      expect(uetrOf(reference)).toBe(uetrOf(reference))
    }),
  )
})

it("has the end of the reference that it is of", () => {
  fc.assert(
    fc.property(key, (key) => {
      const reference = transferReference(key)
      expect(referenceEndIn(uetrOf(reference) ?? "")).toBe(reference.slice(2))
    }),
  )
})

it("has no end of a reference where it is of none", () => {
  fc.assert(
    fc.property(fc.uuid({ version: 4 }), (uuid) => {
      const end = referenceEndIn(uuid)
      expect(isUetr(uuid)).toBe(true)
      // It may have such an end by chance, and then it is the UETR of the one or the other reference with that.
      if (end !== undefined)
        expect([uetrOf(`AA${end}`), uetrOf(`AB${end}`)].filter((own) => own === uuid)).toHaveLength(1)
    }),
  )
  for (const text of [
    "",
    "NOTPROVIDED",
    "8864298E-84A9-46C6-AE7C-2329D2A002A1",
    "8864298e84a946c6ae7c2329d2a002a1",
  ])
    expect(referenceEndIn(text)).toBeUndefined()
  // Item 0 and attempt 0.
  expect(referenceEndIn("8864298e-84a9-46c6-ae7c-2329d2000001")).toBeUndefined()
  expect(referenceEndIn("8864298e-84a9-46c6-ae7c-2329d2a002a0")).toBeUndefined()
})

it("is another one for every other item, attempt, and batch of a partner", () => {
  fc.assert(
    fc.property(key, key, (one, other) => {
      // The first five characters stand for the partner, whom the rest stands for as well.
      const batch = BatchId.make(`${one.batch.slice(0, 8)}${other.batch.slice(8)}`)
      const changed = { ...other, batch }
      for (const differing of [{ ...one, item: other.item }, { ...one, attempt: other.attempt }, changed])
        if (transferReference(differing) !== transferReference(one))
          expect(uetrOf(transferReference(differing))).not.toBe(uetrOf(transferReference(one)))
    }),
  )
  const batch = BatchId.make(`pb_${"q".repeat(22)}`)
  const all = new Set<string | undefined>()
  for (let item = 1; item <= 2_000; item += 1)
    for (let attempt = 1; attempt <= 9; attempt += 1)
      all.add(uetrOf(transferReference({ batch, item, attempt })))
  expect(all.size).toBe(18_000)
})

it("never changes: files and partners have it", () => {
  const batch = BatchId.make("pb_abcdefghijklmnopqrstuv")
  expect(uetrOf(transferReference({ batch, item: 42, attempt: 1 }))).toBe(
    "8864298e-84a9-46c6-ae7c-2329d2a002a1",
  )
})

it.each(["", "REF-1-1", "AAAAAAAAAAAAAAAAAAAAAA-0-1", "NOTPROVIDED"])(
  "%j is no reference of ours",
  (text) => {
    expect(uetrOf(text)).toBeUndefined()
  },
)
