import { Schema } from "effect"

/**
 * The id of a payout batch: `pb_` and 22 characters of base 32 (110 bits). The first five are derived from the partner, the
 * others from the partner and its idempotency key.
 */
export const BatchId = Schema.String.check(
  Schema.isPattern(/^pb_[a-z2-7]{22}$/, { message: "expected a payout batch id such as pb_…" }),
).pipe(Schema.brand("BatchId"))
export type BatchId = typeof BatchId.Type

/** Whether a value is a batch id by its form. */
export const isBatchId = Schema.is(BatchId)

/** Characters of a batch id that are derived from its partner. */
export const PARTNER_SHARD_CHARACTERS = 5

/** The partner shard of a batch: the part that the ids of all batches of a partner share. Queues are fair between shards. */
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

/** Reads an item number: decimal digits without a leading zero. `undefined` if it is none. */
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
 * The reference of a transfer: both the bank's idempotency key and the end-to-end reference. It is derived, so that no
 * restart can create another one. It fits ISO 20022's Max35Text and the SEPA character set: `PB7QF…-42-1` is attempt 1 of
 * item 42.
 */
export const transferReference = ({ batch, item, attempt }: TransferKey): string =>
  transferReferencesOf(batch)(item, attempt)

/** The references of a batch's transfers, each as {@link transferReference} makes it. */
export const transferReferencesOf = (batch: BatchId) => {
  const name = batch.slice(3).toUpperCase()
  return (item: ItemNumber, attempt: AttemptNumber): string => `${name}-${item}-${attempt}`
}

const referencePattern = /^([A-Z2-7]{22})-([1-9][0-9]{0,5})-([1-9])$/

/** Parses a transfer reference; `undefined` if it is not one of ours. */
export const parseTransferReference = (reference: string): TransferKey | undefined => {
  const match = referencePattern.exec(reference)
  if (match === null) return undefined
  const batch = `pb_${(match[1] ?? "").toLowerCase()}`
  return isBatchId(batch) ? { batch, item: Number(match[2]), attempt: Number(match[3]) } : undefined
}

/** The name of a batch's n-th clearance: the engine's idempotency key, and the name in its callbacks. */
export const clearanceKey = (batch: BatchId, clearance: number): string => `${batch}-S${clearance}`

const clearancePattern = /^(pb_[a-z2-7]{22})-S([1-9][0-9]{0,5})$/

/** Parses the name of a clearance; `undefined` if it is not one of ours. */
export const parseClearanceKey = (
  key: string,
): { readonly batch: BatchId; readonly clearance: number } | undefined => {
  const [, batch = "", clearance] = clearancePattern.exec(key) ?? []
  return isBatchId(batch) ? { batch, clearance: Number(clearance) } : undefined
}

/** The ledger's idempotency key of a batch's n-th posting. */
export const postingKey = (batch: BatchId, posting: number): string => `${batch}-L${posting}`
