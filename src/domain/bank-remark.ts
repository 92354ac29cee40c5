/**
 * What banks report of a transfer beside its state: reasons, charges, and rates of exchange. Each is stored as a short text for
 * people; here the texts of charges and rates are written, and read again as the amounts that they have.
 */
import { exponentOf } from "./currency.ts"
import { formatAmount } from "./money.ts"

export const bankRemarkKinds = ["reason", "charge", "rate"] as const
export type BankRemarkKind = (typeof bankRemarkKinds)[number]

interface Money {
  readonly currency: string
  /** In minor units. */
  readonly minor: bigint
}

/** Two amounts of one transfer: what was ordered, and what the bank booked for it. */
interface Exchange {
  readonly instructed: Money
  readonly booked: Money
}

/** An amount as the API shows it; `value` is a decimal string with the currency's decimals. */
export interface RemarkedAmount {
  readonly currency: string
  readonly value: string
}

/** A remark as it is shown. `text` is the stored text, and the other members are those of its amounts that it has. */
export interface ShownRemark {
  readonly kind: BankRemarkKind
  readonly text: string
  /** Of a charge. */
  readonly amount?: RemarkedAmount
  readonly instructed?: RemarkedAmount
  readonly booked?: RemarkedAmount
  /** Of an exchange, as the bank writes it. */
  readonly rate?: string
}

const amountText = ({ currency, minor }: Money): string => `${formatAmount(minor, currency)} ${currency}`

const exchangeText = ({ instructed, booked }: Exchange): string =>
  `${amountText(booked)} for ${amountText(instructed)}`

/**
 * `0.35 EUR`, or `0.35 EUR (10.35 EUR for 10.00 EUR)` if the charge is the difference between what was ordered and what was
 * booked.
 */
export const chargeText = (charge: Money, inside?: Exchange): string =>
  inside === undefined ? amountText(charge) : `${amountText(charge)} (${exchangeText(inside)})`

/** `7.50 EUR for 1200 JPY at 160.0`, or without the rate if the bank names none. */
export const rateText = (exchange: Exchange, rate: string | undefined): string =>
  `${exchangeText(exchange)}${rate === undefined ? "" : ` at ${rate}`}`

const amount = String.raw`([0-9]+(?:\.[0-9]+)?) ([A-Z]{3})`
const chargePattern = new RegExp(`^${amount}(?: \\(${amount} for ${amount}\\))?$`)
const ratePattern = new RegExp(`^${amount} for ${amount}(?: at (\\S{1,40}))?$`)

/** A stored remark with the amounts in its text. A text that has none, as of another release, is shown as it is. */
export const readRemark = (kind: BankRemarkKind, text: string): ShownRemark => {
  if (kind === "charge") {
    const [, value, currency, ...exchange] = chargePattern.exec(text) ?? []
    return { kind, text, ...member("amount", value, currency), ...exchangeOf(exchange) }
  }
  if (kind === "rate") {
    const [, ...found] = ratePattern.exec(text) ?? []
    const rate = found[4]
    return { kind, text, ...exchangeOf(found), ...(rate === undefined ? {} : { rate }) }
  }
  return { kind, text }
}

const exchangeOf = ([booked, inCurrency, instructed, ordered]: ReadonlyArray<string | undefined>) => ({
  ...member("instructed", instructed, ordered),
  ...member("booked", booked, inCurrency),
})

const member = <Name extends string>(name: Name, value: string | undefined, currency = "") =>
  value === undefined || exponentOf(currency) === undefined ? {} : { [name]: { currency, value } }
