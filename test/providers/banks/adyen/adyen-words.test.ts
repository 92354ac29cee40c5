/** Walks the enumerations of Adyen's documents: each word is mapped, or parked on purpose. */
import { describe, expect, it } from "vitest"
import { isOfDuplicate, meaningOf, plainCodeOf } from "../../../../src/domain/failure-codes.ts"
import {
  isCause,
  knownStatuses,
  notificationTypes,
  parkedReasons,
  standingOf,
} from "../../../../src/providers/banks/adyen/adyen-words.ts"
import { isPublishedDataThere } from "../../../published-data.ts"
import { enumerated, fieldsWithWords } from "./published.ts"

const sorted = (words: Iterable<string>) => [...words].sort()

/** Enumerations that are not read, with why. */
const unread = [
  // We ask for no grants, and return nothing that was paid in.
  "CapitalGrant.status",
  // Of transfers, their own status counts: it is `failed` after a review that failed, and `credited` when money has arrived.
  "ConfirmationTrackingData.status",
  "InternalReviewTrackingData.status",
  // A modification is about a payment by card; its words are those of transfers.
  "Modification.status",
  "ReturnTransferResponse.status",
  // A statement has what is `booked`; what is `pending` will be.
  "Transaction.status",
]

describe.skipIf(!isPublishedDataThere)("of Adyen's documents", () => {
  it("each enumeration of statuses and reasons is read, or left out on purpose", () => {
    const read = ["Transfer", "TransferData", "TransferEvent"].flatMap((schema) => [
      `${schema}.reason`,
      `${schema}.status`,
    ])
    expect(sorted(fieldsWithWords("status", "reason"))).toEqual(
      sorted([...read, "InternalReviewTrackingData.reason", ...unread]),
    )
    expect(sorted(enumerated("Transaction", "status"))).toEqual(["booked", "pending"])
  })

  it.each([
    ["Transfer", "status"],
    ["TransferData", "status"],
    ["TransferEvent", "status"],
  ])("each status is known, and no other: %s.%s", (schema, field) => {
    expect(sorted(enumerated(schema, field))).toEqual(sorted(knownStatuses))
  })

  it.each([
    ["Transfer", "reason"],
    ["TransferData", "reason"],
    ["TransferEvent", "reason"],
    ["InternalReviewTrackingData", "reason"],
  ])("each reason is a code of ours, or parks a refusal on purpose: %s.%s", (schema, field) => {
    const reasons = enumerated(schema, field)
    expect(reasons).not.toEqual([])
    for (const reason of reasons) {
      const [mapped, parked, says] = [
        meaningOf(reason) !== undefined,
        parkedReasons.has(reason),
        !isCause(reason),
      ]
      expect([mapped, parked, says].filter(Boolean), reason).toHaveLength(1)
      if (mapped) expect(plainCodeOf(reason), "a callback can say it").toBe(reason)
    }
  })

  it("parks no reason that they do not have", () => {
    const reasons = enumerated("TransferData", "reason")
    expect([...parkedReasons].filter((reason) => !reasons.includes(reason))).toEqual([])
  })

  it("each type of notification is read", () => {
    expect(sorted(enumerated("TransferNotificationRequest", "type"))).toEqual(sorted(notificationTypes))
  })
})

describe("a word of Adyen's", () => {
  it("that nobody knows decides nothing", () => {
    expect(standingOf("a new status")).toBe("unclear")
    expect(standingOf("toString")).toBe("unclear")
  })

  it("that says that the order came twice refuses a copy alone", () => {
    expect(isOfDuplicate("duplicateTransmissionDetected")).toBe(true)
  })
})
