import { Effect, Result } from "effect"
import { expect, it } from "vitest"
import { PayoutItem } from "../../../src/domain/events.ts"
import { BatchId, PartnerId } from "../../../src/domain/identifiers.ts"
import { sealItems } from "../../../src/http/payout-batches/opening-events.ts"
import {
  decodeItemFully,
  enteredItem,
  itemInOrder,
  readBatchRequest,
} from "../../../src/http/payout-batches/payout-batch-request.ts"
import { fc, ofAllExamples } from "../../property.ts"
import { fixedKeys } from "../../vault/fixed-keys.ts"

/** Values most of which are in order. */
const mostly = <A, B>(good: ReadonlyArray<A>, bad: ReadonlyArray<B>): fc.Arbitrary<A | B> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...good) },
    { weight: 1, arbitrary: fc.constantFrom(...bad) },
  )

const text = mostly(
  ["INV 1", "Zoë", "O’Brien", "e\u0301"],
  [" a", "", "x".repeat(141), "a\u200bb", "\u3164", 7, null],
)
const account = mostly(
  [
    { scheme: "iban", iban: "DE89370400440532013000" },
    // A BIC of eleven characters ends in its branch; XXX is the head office (ISO 9362).
    { scheme: "iban", iban: "de89 3704 0044 0532 0130 00", bic: "COBADEFFXXX" },
    { scheme: "sort-code", sortCode: "20-00-00", accountNumber: "55779911" },
    { scheme: "aba", routingNumber: "121051088", accountNumber: "1", accountType: "savings" },
    { scheme: "bic", bic: "CHASUS33", accountNumber: "12" },
  ],
  [
    { scheme: "iban", iban: "DE89370400440532013000", bic: "BNPAFRPP" },
    { scheme: "iban", iban: "DE89370400440532013001" },
    { scheme: "bic", bic: "CHASUS33", accountNumber: "12", note: "unknown" },
    { scheme: "cash" },
    "DE89370400440532013000",
  ],
)
const amount = mostly(
  [
    { currency: "EUR", value: "12.34" },
    { currency: "JPY", value: "1200" },
  ],
  [
    { currency: "EUR", value: "12.345" },
    { currency: "EUR", value: "0.00" },
    // ISO 4217's code for "no currency", which nobody can be paid in.
    { currency: "XXX", value: "1.00" },
    { currency: "EUR", value: 12 },
    { currency: "EUR", value: "1.00", tax: "0.19" },
    undefined,
  ],
)
const address = mostly([undefined, { town: "Berlin", country: "DE" }], [{ town: "", country: "DE" }, {}])
/** Fields that no item has. */
const more = mostly([{}], [{ memo: "unknown" }, { tax: undefined }])

const row = fc
  .tuple(text, amount, text, account, address, mostly([undefined], ["for May", "x\u0007"]), more, more)
  .map(([reference, amount, name, account, address, remittance, besides, beside]) => ({
    reference,
    amount,
    beneficiary: { name, account, ...(address === undefined ? {} : { address }), ...besides },
    ...(remittance === undefined ? {} : { remittance }),
    ...beside,
  }))

it("an item is read by the quick check exactly as by the thorough one", () => {
  let read = 0
  let refused = 0
  fc.assert(
    fc.property(row, (asked) => {
      const entered = enteredItem(structuredClone(asked))
      const quick = itemInOrder(entered)
      const thorough = Result.getOrUndefined(decodeItemFully(entered))
      expect(quick).toEqual(thorough)
      expect(JSON.stringify(Object.keys(quick ?? {}))).toBe(JSON.stringify(Object.keys(thorough ?? {})))
      if (quick === undefined) refused += 1
      else read += 1
    }),
    { numRuns: 3_000 },
  )
  expect(read, ofAllExamples("items that are read")).toBeGreaterThan(500)
  expect(refused, ofAllExamples("items that are refused")).toBeGreaterThan(500)
})

it("an item is read and recorded with every field that it has", async () => {
  const account = { scheme: "iban", iban: "DE89370400440532013000" }
  const address = { town: "Berlin", country: "DE" }
  const beneficiary = { name: "Ada Lovelace", account, type: "person", address }
  const asked = {
    reference: "A",
    amount: { currency: "EUR", value: "12.34" },
    beneficiary,
    remittance: "for May",
  }
  const { items } = await Effect.runPromise(readBatchRequest(Buffer.from(JSON.stringify({ items: [asked] }))))
  const item = { item: 1, reference: "A", currency: "EUR", minor: 1_234n, remittance: "for May" }
  expect(items).toEqual([{ ...item, beneficiary }])
  const [partner, batch] = [PartnerId.make("acme"), BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa")]
  const sealed = await Effect.runPromise(sealItems(partner, batch, items).pipe(Effect.provide(fixedKeys())))
  const visible = {
    name: "Ada Lovelace",
    account: { scheme: "iban", country: "DE", lastFour: "3000" },
    type: "person",
    addressCountry: "DE",
  }
  expect(sealed.items).toEqual([{ ...item, beneficiary: visible }])
  expect(Object.keys(sealed.items[0]).toSorted()).toEqual(Object.keys(PayoutItem.fields).toSorted())
})
