/**
 * The accounts and assets of our postings in a Formance ledger. Money of a partner is available, or held for one batch, or paid by one
 * batch: with an account per batch, no batch can post or reverse what another one holds or paid, whatever the ledger has forgotten.
 */
import { exponentOf } from "../../../domain/currency.ts"
import type { PostingKind } from "../../../domain/events.ts"
import type { BatchId } from "../../../domain/identifiers.ts"

/** A way of money from one account to another. */
export interface Way {
  readonly source: string
  readonly destination: string
}

/**
 * A name as one segment of an address, which may have letters, digits and `_` alone. No two names have the same one: a hyphen is `_`, and
 * whatever else is not a lower-case letter or a digit is its code point between capitals.
 */
export const segmentOf = (name: string): string =>
  name === ""
    ? "E"
    : name.replace(/[^a-z0-9]/gu, (other) =>
        other === "-" ? "_" : `U${(other.codePointAt(0) ?? 0).toString(16)}Z`,
      )

/** The account to which money for a partner's payouts is paid in. */
export const availableOf = (partner: string): string => `partners:${segmentOf(partner)}:available`

/** From where to where a posting of a batch moves money. The id of a batch is a segment as it is. */
export const wayOf = (kind: PostingKind, partner: string, batch: BatchId): Way => {
  const available = availableOf(partner)
  const held = `partners:${segmentOf(partner)}:held:${batch}`
  const paid = `partners:${segmentOf(partner)}:paid:${batch}`
  switch (kind) {
    case "hold":
      return { source: available, destination: held }
    case "post":
      return { source: held, destination: paid }
    case "release":
      return { source: held, destination: available }
    case "reverse":
      return { source: paid, destination: available }
  }
}

/** A currency in its minor unit as an asset: `EUR/2`, and `JPY` where there are no decimals. Throws for what is no currency. */
export const assetOf = (currency: string): string => {
  const exponent = exponentOf(currency)
  if (exponent === undefined) throw new RangeError(`${currency} is not an ISO 4217 currency`)
  return exponent === 0 ? currency : `${currency}/${exponent}`
}

/** The currency of an asset of ours; `undefined` for any other, also for a currency with other decimals. */
export const currencyOf = (asset: string): string | undefined => {
  const [currency = ""] = asset.split("/", 1)
  return exponentOf(currency) !== undefined && assetOf(currency) === asset ? currency : undefined
}
