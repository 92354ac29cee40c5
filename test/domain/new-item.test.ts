import { expect, it } from "vitest"
import { PayoutItem } from "../../src/domain/events.ts"
import { newItem } from "../../src/domain/new-item.ts"

it("has every field that a payout is received with", () => {
  const fields = Object.keys(PayoutItem.fields)
  const accepted = Object.fromEntries(fields.map((field) => [field, `its ${field}`]))
  expect(newItem(accepted as unknown as PayoutItem, 2)).toMatchObject(accepted)
})

it("has no remittance if the payout has none", () => {
  const accepted = { item: 1, reference: "invoice 1", currency: "EUR", minor: 100n } as PayoutItem
  expect(Object.keys(newItem(accepted, 2))).not.toContain("remittance")
})
