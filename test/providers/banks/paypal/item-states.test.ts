/** Every status of PayPal's document, and every webhook, is mapped, or parked on purpose. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { meaningOf } from "../../../../src/domain/failure-codes.ts"
import {
  type BatchStatus,
  batchStatuses,
  type ItemStatus,
  itemStatuses,
  reportBy,
} from "../../../../src/providers/banks/paypal/item-states.ts"
import { receiverOf } from "../../../../src/providers/banks/paypal/payouts-api.ts"
import { isPublishedDataThere, publishedFile } from "../../../published-data.ts"

interface Schemas {
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly enum?: ReadonlyArray<string> }>>
  }
}

// PayPal's document lies beside the checkout and is no part of it. The tests below hold each state also where it is missing.
describe.skipIf(!isPublishedDataThere)("the document's", () => {
  const { components } = JSON.parse(
    isPublishedDataThere ? readFileSync(publishedFile("openapi/paypal.payouts-batch-v1.json"), "utf8") : "{}",
  ) as Schemas
  const enumOf = (name: string) => [...(components.schemas[name]?.enum ?? [])].sort()

  it("statuses of items and batches are those of the tables", () => {
    expect(enumOf("transaction_enum")).toEqual(Object.keys(itemStatuses).sort())
    expect(enumOf("batch_enum")).toEqual(Object.keys(batchStatuses).sort())
  })

  it("recipient types are those of wallets", () => {
    const types = [
      receiverOf({ scheme: "email", email: "ada@example.com" }),
      receiverOf({ scheme: "phone", phone: "+14155552671" }),
      receiverOf({ scheme: "paypal-id", paypalId: "G83JXTJ5EHCQ2" }),
    ].map(({ recipient_type }) => recipient_type)
    expect(enumOf("recipient_enum")).toEqual(types.sort())
  })
})

/** What an item says, in a payout batch that says nothing, and its code without an error. */
const expected: Readonly<Record<ItemStatus, string | undefined>> = {
  PENDING: undefined,
  UNCLAIMED: undefined,
  ONHOLD: undefined,
  SUCCESS: "Settled",
  FAILED: "Failed FAILED",
  BLOCKED: "Refused BLOCKED",
  RETURNED: "Returned RETURNED",
  REFUNDED: "Returned REFUNDED",
  REVERSED: "Returned REVERSED",
}
const shown = (item: ItemStatus | undefined, batch: BatchStatus, error?: string) => {
  const report = reportBy(item, batch, error)
  return report && ("code" in report ? `${report._tag} ${report.code}` : report._tag)
}

it.each(Object.entries(expected) as ReadonlyArray<[ItemStatus, string | undefined]>)(
  "an item that is %s is reported as %s",
  (status, report) => {
    for (const batch of ["PENDING", "PROCESSING", "SUCCESS"] as const)
      expect(shown(status, batch)).toBe(report)
  },
)

it("a denied payout batch fails what has not been processed, and nothing else", () => {
  expect(shown(undefined, "DENIED")).toBe("Failed BATCH_DENIED")
  expect(shown("PENDING", "DENIED", "RISK_DECLINE")).toBe("Failed RISK_DECLINE")
  expect(shown("UNCLAIMED", "DENIED")).toBeUndefined()
  expect(shown("SUCCESS", "DENIED")).toBe("Settled")
  expect(shown(undefined, "CANCELED")).toBe("Refused BATCH_CANCELED")
  expect(shown("SUCCESS", "CANCELED")).toBe("Settled")
})

it("an error gives the code, and one that is no code leaves it open", () => {
  expect(shown("FAILED", "SUCCESS", "RECEIVER_ACCOUNT_LOCKED")).toBe("Failed RECEIVER_ACCOUNT_LOCKED")
  expect(shown("FAILED", "SUCCESS", "pay 4155552671 again")).toBe("Failed unspecified")
  expect(shown("RETURNED", "SUCCESS", "RECEIVER_UNREGISTERED")).toBe("Returned RECEIVER_UNREGISTERED")
})

it("a failure without a reason is left to a person, and a return is not", () => {
  expect(meaningOf("FAILED")).toBeUndefined()
  for (const code of ["RETURNED", "REFUNDED", "REVERSED", "BATCH_DENIED"])
    expect(meaningOf(code)).toBeDefined()
})
