/**
 * Our postings as transactions of a Formance ledger: one posting per line, our key as the reference, and in the metadata what the books
 * are read back by. Amounts are integers of JSON: ours are far below 2^53, and what is beyond is never one of ours.
 */
import { Schema } from "effect"
import { PostingKind } from "../../../domain/events.ts"
import { isBatchId } from "../../../domain/identifiers.ts"
import { MINOR_UNITS_MAX } from "../../../domain/money.ts"
import type { LedgerLine } from "../../books.ts"
import type { LedgerPosting } from "../ledger.ts"
import { assetOf, currencyOf, wayOf } from "./formance-accounts.ts"

/** By this value of the metadata `application`, our transactions are found among those of others. */
export const APPLICATION = "atlaspay"

/** What we read of a transaction (`V2Transaction`). */
export const Transaction = Schema.Struct({
  id: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  reference: Schema.optionalKey(Schema.String),
  timestamp: Schema.String,
  reverted: Schema.Boolean,
  metadata: Schema.Record(Schema.String, Schema.String),
  postings: Schema.Array(
    Schema.Struct({
      source: Schema.String,
      destination: Schema.String,
      asset: Schema.String,
      amount: Schema.Number,
    }),
  ),
})
export type Transaction = typeof Transaction.Type

/** A posting as the body of `POST /v2/{ledger}/transactions`. It never has `force`: the ledger refuses what an account does not have. */
export const bodyOf = ({ key, kind, partner, batch, lines }: LedgerPosting) => ({
  reference: key,
  postings: lines.map(({ currency, minor }) => ({
    ...wayOf(kind, partner, batch),
    asset: assetOf(currency),
    amount: integerOf(minor),
  })),
  metadata: {
    application: APPLICATION,
    kind,
    partner,
    batch,
    items: lines.map(({ item }) => item).join(","),
  },
})

/** Minor units as an integer of JSON. Throws beyond what can be written exactly, which no payout reaches. */
const integerOf = (minor: bigint): number => {
  if (minor <= 0n || minor > MINOR_UNITS_MAX) throw new RangeError("an amount is not that of a payout")
  return Number(minor)
}

/** Whether a transaction is a posting of ours line by line. The key has the kind and the items in it. Metadata may be changed later. */
export const isBooking = (
  posting: LedgerPosting,
  { reference, postings, reverted }: Transaction,
): boolean => {
  const wanted = bodyOf(posting)
  return (
    !reverted &&
    reference === wanted.reference &&
    postings.length === wanted.postings.length &&
    wanted.postings.every(({ source, destination, asset, amount }, index) => {
      const booked = postings[index]
      return (
        booked?.source === source &&
        booked.destination === destination &&
        booked.asset === asset &&
        booked.amount === amount
      )
    })
  )
}

/** Lines of the books, or why a transaction of ours has none that can be used. */
export type ReadLines = ReadonlyArray<Omit<LedgerLine, "bookedOn">> | { readonly problem: string }

const isKind = Schema.is(PostingKind)
const itemList = /^[1-9]\d{0,5}(?:,[1-9]\d{0,5})*$/

/** The lines of a transaction whose metadata says that it is ours. Its postings and its reference must agree with the metadata. */
export const linesOf = ({ id, reference, reverted, metadata, postings }: Transaction): ReadLines => {
  const { kind, partner = "", batch = "", items = "" } = metadata
  if (reverted) return { problem: "it was reverted in the ledger, by somebody else than the service" }
  if (!isKind(kind) || !isBatchId(batch) || !itemList.test(items))
    return { problem: "its metadata is not as the service writes it" }
  const numbers = items.split(",").map(Number)
  if (!reference?.startsWith(`${batch}-L`) || numbers.length !== postings.length)
    return { problem: "its metadata contradicts its reference or its postings" }
  const way = wayOf(kind, partner, batch)
  const lines: Array<Omit<LedgerLine, "bookedOn">> = []
  for (const [index, { source, destination, asset, amount }] of postings.entries()) {
    const currency = currencyOf(asset)
    if (source !== way.source || destination !== way.destination)
      return { problem: "its metadata contradicts its reference or its postings" }
    if (currency === undefined || !Number.isSafeInteger(amount) || amount <= 0)
      return { problem: "an amount of it is not one that the service could have booked" }
    const item = numbers[index] ?? 0
    lines.push({ postingId: String(id), kind, partner, batch, item, currency, minor: BigInt(amount) })
  }
  return lines
}
