import { Schema } from "effect"

/**
 * A payout batch: `pb_` and 22 characters of base 32 (110 bits). The first five stand for the partner, the others for
 * the partner and its idempotency key.
 */
export const BatchId = Schema.String.check(
  Schema.isPattern(/^pb_[a-z2-7]{22}$/, { message: "expected a payout batch id such as pb_…" }),
).pipe(Schema.brand("BatchId"))
export type BatchId = typeof BatchId.Type

export const isBatchId = Schema.is(BatchId)

/** Characters of a batch id that stand for its partner. */
export const PARTNER_SHARD_CHARACTERS = 5

/** The partner shard of a batch: what the ids of all batches of its partner share. Queues are fair between them. */
export const partnerShardOf = (batch: BatchId): string => batch.slice(3, 3 + PARTNER_SHARD_CHARACTERS)

/** A marketplace operator that posts batches: a short lower-case name, fixed when its API key is issued. */
export const PartnerId = Schema.String.check(
  Schema.isPattern(/^[a-z0-9][a-z0-9-]{0,62}$/, {
    message: "expected lower-case letters, digits and hyphens",
  }),
)
export type PartnerId = typeof PartnerId.Type

/** The place of an item in its batch, from 1. */
export const ItemNumber = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100_000 }))
export type ItemNumber = typeof ItemNumber.Type

const itemNumberPattern = /^[1-9][0-9]{0,5}$/
const isItemNumber = Schema.is(ItemNumber)

/** Reads an item number as we write it: decimal digits, the first of them not a zero. */
export const parseItemNumber = (text: string): ItemNumber | undefined => {
  const number = itemNumberPattern.test(text) ? Number(text) : undefined
  return isItemNumber(number) ? number : undefined
}

/** Attempts to pay one item, from 1. A new attempt has a new key; a resend of the same attempt keeps it. */
export const ATTEMPTS_MAX = 9
export const AttemptNumber = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: ATTEMPTS_MAX }))
export type AttemptNumber = typeof AttemptNumber.Type

export interface TransferKey {
  readonly batch: BatchId
  readonly item: ItemNumber
  readonly attempt: AttemptNumber
}

/**
 * The reference of a transfer: the bank's idempotency key and the end-to-end reference in one. It is derived, so that
 * no restart can invent another, and it stays within ISO 20022's Max35Text and the SEPA character set:
 * `PB7QF…-42-1` is attempt 1 of item 42.
 */
export const transferReference = ({ batch, item, attempt }: TransferKey): string =>
  `${batch.slice(3).toUpperCase()}-${item}-${attempt}`

const referencePattern = /^([A-Z2-7]{22})-([1-9][0-9]{0,5})-([1-9])$/

/** Reads a transfer reference back, or `undefined` when it is not one of ours. */
export const parseTransferReference = (reference: string): TransferKey | undefined => {
  const match = referencePattern.exec(reference)
  if (match === null) return undefined
  const batch = `pb_${(match[1] ?? "").toLowerCase()}`
  return isBatchId(batch) ? { batch, item: Number(match[2]), attempt: Number(match[3]) } : undefined
}

/** The name of a batch's n-th clearance: the engine's idempotency key, and what its callbacks are about. */
export const clearanceKey = (batch: BatchId, clearance: number): string => `${batch}-S${clearance}`

const clearancePattern = /^(pb_[a-z2-7]{22})-S([1-9][0-9]{0,5})$/

/** Reads the name of a clearance back, or `undefined` when it is not one of ours. */
export const parseClearanceKey = (
  key: string,
): { readonly batch: BatchId; readonly clearance: number } | undefined => {
  const [, batch = "", clearance] = clearancePattern.exec(key) ?? []
  return isBatchId(batch) ? { batch, clearance: Number(clearance) } : undefined
}

/** The ledger's idempotency key of a batch's n-th posting. */
export const postingKey = (batch: BatchId, posting: number): string => `${batch}-L${posting}`
