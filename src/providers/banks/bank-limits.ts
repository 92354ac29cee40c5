/**
 * What a bank can be sent, as its kind declares it: characters, lengths, amounts and addresses. Intake asks it before it accepts a
 * payout, routes ask it before they choose a bank, and whoever writes the bank's messages asks it last.
 */
import { Result } from "effect"
import {
  ADDRESS_LENGTHS_MAX,
  ADDRESS_LINE_LENGTH_MAX,
  type Address,
  type BankAccount,
  type VisibleBeneficiary,
} from "../../domain/beneficiary.ts"
import { hasAtMost } from "../../domain/code-points.ts"
import { formatAmount } from "../../domain/money.ts"
import { type Scheme, schemeOf } from "../../domain/scheme.ts"
import { type CharacterSet, spelled } from "../iso20022/payment-text.ts"

/** The set of characters that texts are respelled in, or `any` where they are sent as they are. */
type Characters = CharacterSet | "any"

/** What a bank takes in payments of one scheme. */
export interface SchemeLimits<Set extends Characters = Characters> {
  readonly characters: Set
  /** Characters, after respelling. */
  readonly nameLengthMax: number
  readonly remittanceLengthMax: number
  /** Of an account's number, which only whoever writes the order sees. */
  readonly accountLengthMax?: number
  /** Minor units of the currency. */
  readonly minorMax?: bigint
  /** Whether a payment has to say in which country the beneficiary lives or has its seat. */
  readonly needsAddress?: boolean
  /** Whether an address may have free lines beside its fields; it may by default. */
  readonly takesAddressLines?: boolean
}

/** By scheme: one that is left out is not paid by the bank. */
export type BankLimits<Set extends Characters = Characters> = Readonly<
  Partial<Record<Scheme, SchemeLimits<Set>>>
>

/** What a bank takes in files of ISO 20022, whose texts are in one of its sets. */
export interface FileSchemeLimits extends SchemeLimits<CharacterSet> {
  /**
   * Why a transfer to an account with a remittance cannot be written, beyond what is seen of its account: only who opens the account
   * can ask it.
   */
  readonly refusalOf?: (account: BankAccount, remittance: string | undefined) => Refusal | undefined
}

/** Limits of a bank that is sent files of ISO 20022. */
export type FileLimits = Readonly<Partial<Record<Scheme, FileSchemeLimits>>>

/** A payout as limits see it: before its account is sealed with the whole address, afterwards with its country only. */
export interface LimitedPayout {
  readonly beneficiary: VisibleBeneficiary & { readonly address?: Address }
  readonly currency: string
  readonly minor: bigint
  readonly remittance?: string | undefined
}

/**
 * Codes of ISO 20022 for what a bank cannot be sent: characters or length of a text, a remittance without the structure that the
 * payment needs, the amount, an address that is missing or of a form that it does not take, and a payment that it does not make.
 */
export type Refusal = "RR10" | "RR07" | "AM02" | "BE04" | "AG03"

export interface LimitProblem {
  /** The field within a payout item, as the API names it. */
  readonly path: ReadonlyArray<string>
  /** Says what is wrong, and quotes no more of the value than one character. */
  readonly detail: string
  readonly code: Refusal
}

const names: Readonly<Record<Scheme, string>> = {
  sepa: "SEPA",
  "faster-payments": "Faster Payments",
  ach: "ACH",
  "cross-border": "cross-border",
  wallet: "wallet",
}

/** All that keeps a bank with these limits from being sent a payout at a time (epoch milliseconds); nothing when it can be. */
export const limitProblems = (
  bank: BankLimits,
  payout: LimitedPayout,
  at: number,
): ReadonlyArray<LimitProblem> => {
  const { beneficiary, currency, minor, remittance } = payout
  const scheme = schemeOf(beneficiary.account, currency, at)
  const limits = bank[scheme]
  const payment = `a ${names[scheme]} payment`
  if (limits === undefined) {
    const detail = `${currency} to this account is ${payment}, which its bank does not make`
    return [{ path: ["beneficiary", "account"], detail, code: "AG03" }]
  }
  const { characters, nameLengthMax, remittanceLengthMax, minorMax } = limits
  const { needsAddress = false, takesAddressLines = true } = limits
  const problems: Array<LimitProblem> = []
  const check = (path: ReadonlyArray<string>, text: string | undefined, lengthMax: number): void => {
    const detail = text === undefined ? undefined : textProblem(text, characters, payment, lengthMax)
    if (detail !== undefined) problems.push({ path, detail, code: "RR10" })
  }
  const { address } = beneficiary
  check(namePath, beneficiary.name, nameLengthMax)
  check(remittancePath, remittance, remittanceLengthMax)
  // Few payouts have one.
  if (address !== undefined)
    for (const field of addressFields)
      check(["beneficiary", "address", field], address[field], ADDRESS_LENGTHS_MAX[field])
  const lines = address?.lines ?? noLines
  for (let index = 0; index < lines.length; index += 1)
    check(["beneficiary", "address", "lines", String(index)], lines[index], ADDRESS_LINE_LENGTH_MAX)
  if (!takesAddressLines && lines.length > 0) {
    const detail = `a bank of ${payment} takes no lines beside the fields of an address`
    problems.push({ path: ["beneficiary", "address", "lines"], detail, code: "BE04" })
  }
  if (needsAddress && address === undefined && beneficiary.addressCountry === undefined) {
    const detail = `required, with town and country, for ${payment}`
    problems.push({ path: ["beneficiary", "address"], detail, code: "BE04" })
  }
  if (minorMax !== undefined && minor > minorMax) {
    const detail = `expected at most ${formatAmount(minorMax, currency)} ${currency} for ${payment}`
    problems.push({ path: ["amount", "value"], detail, code: "AM02" })
  }
  return problems
}

const namePath = ["beneficiary", "name"] as const
const remittancePath = ["remittance"] as const
const noLines: ReadonlyArray<string> = []
const addressFields = ["street", "buildingNumber", "postcode", "town"] as const

const textProblem = (
  text: string,
  characters: Characters,
  payment: string,
  lengthMax: number,
): string | undefined => {
  if (characters === "any")
    return hasAtMost(text, lengthMax)
      ? undefined
      : `expected at most ${lengthMax} characters in ${payment}; it has ${[...text].length}`
  const written = spelled(text, characters)
  if (Result.isFailure(written)) {
    const code = (written.failure.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")
    return `the character ${written.failure} (U+${code}) has no spelling in ${payment}`
  }
  const { length } = written.success
  if (length <= lengthMax) return undefined
  const respelled = written.success === text ? "" : " once it is respelled"
  return `expected at most ${lengthMax} characters in ${payment}; it has ${length}${respelled}`
}
