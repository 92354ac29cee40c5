/** Events of a batch as they are shown: with the UETR of each transfer, and of an address no more than its country. */
import { expect, it } from "vitest"
import { shownEvent } from "../../../src/http/payout-batches/payout-batch-events.ts"
import { payoutItem, someSeal, visibleIban } from "../../domain/batch-story.ts"

it("shows a transfer's UETR beside its reference, where the reference is ours", () => {
  const transfer = { item: 42, attempt: 1, bank: "north", reference: "ABCDEFGHIJKLMNOPQRSTUV-42-1" }
  const other = { ...transfer, reference: "REF-1" }
  expect(
    shownEvent({ version: 3, event: { _tag: "TransfersRequested", at: 0, transfers: [transfer, other] } }),
  ).toEqual({
    version: 3,
    type: "TransfersRequested",
    at: "1970-01-01T00:00:00.000Z",
    transfers: [{ ...transfer, uetr: "8864298e-84a9-46c6-ae7c-2329d2a002a1" }, other],
  })
})

it("shows the country of an address, and nothing that is sealed", () => {
  const named = { name: "Ada", account: visibleIban() }
  const items = [
    payoutItem(1, { beneficiary: { ...named, addressCountry: "DE" } }),
    payoutItem(2, { beneficiary: named }),
  ] as const
  expect(
    shownEvent({ version: 2, event: { _tag: "ItemsReceived", at: 0, items, sealed: someSeal } }),
  ).toMatchObject({
    items: [
      { beneficiary: { name: "Ada", account: "iban …3000", addressCountry: "DE" } },
      { beneficiary: { name: "Ada", account: "iban …3000" } },
    ],
    sealed: undefined,
  })
})
