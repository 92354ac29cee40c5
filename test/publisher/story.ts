/** Logs of payout batches for tests, each a legal story from its first event to its last. */
import { randomBytes } from "node:crypto"
import type { BatchEvent, PayoutItem } from "../../src/domain/events.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { LoggedEvent } from "../../src/streams/event-store.ts"
import { someSeal, visibleIban } from "../domain/batch-story.ts"
import { fromOldLog, type Plain } from "../plain-texts.ts"

/** An account number that must not be seen anywhere outside the log. */
export const CANARY_IBAN = "DE89370400440532013000"

const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
export const newBatchId = (): BatchId =>
  `pb_${[...randomBytes(22)].map((byte) => alphabet[byte % 32]).join("")}` as BatchId

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

const payoutItem = (item: number): PayoutItem => ({
  item,
  reference: `order-${item}`,
  beneficiary: { name: "Ada Lovelace", account: visibleIban(CANARY_IBAN) },
  ...(item % 2 === 0 ? { currency: "JPY", minor: 1_200n } : { currency: "EUR", minor: 1_234n }),
})

/** Item 1 settles and comes back, 2 fails, 3 is rejected, 4 is held; all others settle. At least five items. */
export const storyOf = (partner: string, itemCount: number): ReadonlyArray<BatchEvent> => {
  const at = AT
  const items = Array.from({ length: itemCount }, (_, index) => payoutItem(index + 1))
  const [first, ...others] = items
  if (first === undefined) throw new Error("a story has items")
  const paid = items.filter(({ item }) => item !== 3 && item !== 4)
  return fromOldLog([
    {
      _tag: "BatchReceived",
      at,
      partner,
      idempotencyKey: "key",
      requestDigest: "0".repeat(64),
      reference: "march",
      itemCount,
      mode: "partial",
      submittedBy: partner,
      attemptsMax: 1,
    },
    { _tag: "ItemsReceived", at, items: [first, ...others], sealed: someSeal },
    {
      _tag: "ItemsScreened",
      at,
      clearance: 1,
      clearanceId: "cl_1",
      listVersion: "1",
      decisions: [
        { item: 1, decision: "approved" },
        { item: 2, decision: "approved" },
        { item: 3, decision: "rejected", reason: "sanctions" },
        { item: 4, decision: "review", reason: `close match with ${CANARY_IBAN}` },
        ...items.slice(4).map(({ item }) => ({ item, decision: "approved" as const })),
      ],
    },
    ...paid.map(({ item }) => ({
      _tag: "TransfersRequested" as const,
      at,
      transfers: [{ item, attempt: 1, bank: "north", reference: `r-${item}-1` }] as const,
    })),
    ...paid.map(
      ({ item }): Plain<BatchEvent> =>
        item === 2
          ? {
              _tag: "TransferFailed",
              at,
              item,
              attempt: 1,
              evidence: "callback",
              code: "AC04",
              category: "beneficiary",
              retryable: false,
            }
          : { _tag: "TransferSettled", at, item, attempt: 1, evidence: "callback" },
    ),
    { _tag: "TransferReturned", at, item: 1, attempt: 1, evidence: "callback", code: "MD06" },
  ])
}

export const recorded = (events: ReadonlyArray<BatchEvent>): ReadonlyArray<LoggedEvent> =>
  events.map((event, index) => ({ version: index + 1, event, hash: "" }))
