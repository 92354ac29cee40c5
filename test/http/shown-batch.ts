/** A batch, with one item, as the read models have it: what the API shows of them has as many members as there are. */
import { Effect } from "effect"
import { batchIdOf } from "../../src/http/payout-batches/batch-identity.ts"
import { readModels } from "./read-models.ts"

const shownItem = {
  item: 1,
  reference: "a",
  state: "failed",
  ledger: "released",
  bank: "north",
  transferReference: undefined,
  attempt: 1,
  reason: "AC04",
  clearance: undefined,
  beneficiaryName: "Ada",
  account: "iban …3000",
  currency: "EUR",
  amount: "1.00",
  version: 3,
  updatedAt: 0,
} as const

const shownBatchId = batchIdOf("acme", "shown")

const batch = {
  id: shownBatchId,
  reference: "week 12",
  idempotencyKey: "shown",
  state: "settling",
  itemCount: 1,
  totals: { EUR: { failed: { count: 1, amount: "1.00" } } },
  version: 3,
  receivedAt: 0,
  updatedAt: 0,
  closedAt: undefined,
  executeAt: 0,
  approval: {
    state: "approved",
    reason: "asked",
    hash: "x",
    expiresAt: 0,
    by: "ada",
    credential: "partner:acme/ada",
    approvedAt: 0,
  },
  expectedArrivals: [{ scheme: "sepa", on: "2026-11-30" }],
} as const

export const shown = readModels({
  batches: () => Effect.succeed({ entries: [batch], next: "next" }),
  items: (_, __, { cursor }) =>
    Effect.succeed({ entries: [shownItem], next: cursor === undefined ? "next" : undefined, version: 3 }),
  search: (_, { cursor }) =>
    Effect.succeed({
      entries: [{ ...shownItem, transferId: "north-1", batch: shownBatchId, receivedAt: 0 }],
      next: cursor === undefined ? "next" : undefined,
    }),
  wholeBatch: () => Effect.succeed(2),
  item: () =>
    Effect.succeed({
      item: shownItem,
      remarks: [{ bank: "north", attempt: 1, kind: "reason", text: "closed", seenAt: 0 }],
    } as never),
})
