/** A transfer as Adyen is asked for it: `POST /transfers`, category `bank`. */
import { Result } from "effect"
import {
  type Address,
  type BankAccount,
  isWallet,
  visibleBeneficiaryOf,
} from "../../../domain/beneficiary.ts"
import { type BankScheme, schemeOf } from "../../../domain/scheme.ts"
import { type CharacterSet, spelled } from "../../iso20022/payment-text.ts"
import type { TransferInstruction } from "../bank.ts"
import { limitProblems } from "../bank-limits.ts"
import { adyenValueOf } from "./adyen-amount.ts"
import { type AdyenSettings, adyenLimits, usualPriorities } from "./adyen-settings.ts"

/**
 * The body of the request for a transfer at a time (epoch milliseconds). Fails with the code for what Adyen cannot be sent; nothing is
 * sent then.
 */
export const transferRequest = (
  own: Pick<AdyenSettings, "balanceAccount" | "priorities" | "limits">,
  { reference, beneficiary, currency, minor, remittance }: TransferInstruction,
  at: number,
): Result.Result<object, string> => {
  const { account, address } = beneficiary
  const value = adyenValueOf(minor, currency)
  const visible = visibleBeneficiaryOf(beneficiary)
  const scheme = schemeOf(visible.account, currency, at)
  const limited = { beneficiary: { ...beneficiary, ...visible }, currency, minor, remittance }
  const [problem] = limitProblems(adyenLimits(own), limited, at)
  if (problem !== undefined) return Result.fail(problem.code)
  if (scheme === "wallet" || isWallet(account)) return Result.fail("AG03")
  if (value === undefined) return Result.fail("AM12")
  if (!isLongEnough(account)) return Result.fail("AC01")
  const written = addressOf(address)
  if (scheme === "cross-border" && written === undefined) return Result.fail("BE04")
  const [first, ...others] = own.priorities?.[scheme] ?? usualPriorities[scheme]
  return Result.succeed({
    amount: { currency, value },
    balanceAccountId: own.balanceAccount,
    category: "bank",
    type: "bankTransfer",
    counterparty: {
      bankAccount: {
        accountHolder: {
          fullName: latin(beneficiary.name),
          ...holderTypeOf(beneficiary),
          ...(written === undefined ? {} : { address: written }),
        },
        accountIdentification: accountOf(account),
      },
    },
    // Adyen takes one, or a list of those to try.
    ...(others.length === 0 ? { priority: first } : { priorities: [first, ...others] }),
    reference,
    ...textsOf(remittance, account, scheme),
  })
}

/** Limits have refused what has no spelling. */
const latin = (text: string): string =>
  Result.getOrElse(spelled(text, "latin" satisfies CharacterSet), () => text)

const holderTypes = { person: "individual", company: "organization", individual: "individual" } as const

/** `unknown` at Adyen, if nobody said it. */
const holderTypeOf = ({ type, account }: TransferInstruction["beneficiary"]) => {
  const holder = type ?? (account.scheme === "aba" ? account.holderType : undefined)
  return holder === undefined ? {} : { type: holderTypes[holder] }
}

/** Adyen takes no number of one digit at a bank of the United States. */
const isLongEnough = (account: BankAccount): boolean =>
  account.scheme !== "aba" || account.accountNumber.length > 1

const accountOf = (account: BankAccount) => {
  switch (account.scheme) {
    case "iban":
      return { type: "iban", iban: account.iban, ...(account.bic === undefined ? {} : { bic: account.bic }) }
    case "sort-code":
      return { type: "ukLocal", sortCode: account.sortCode, accountNumber: account.accountNumber }
    case "aba": {
      const { routingNumber, accountNumber, accountType } = account
      return { type: "usLocal", routingNumber, accountNumber, accountType }
    }
    case "bic":
      return { type: "numberAndBic", bic: account.bic, accountNumber: account.accountNumber }
  }
}

/** Where Adyen requires a state or province, which our addresses do not have. */
const withStates: ReadonlySet<string> = new Set(["US", "CA"])
const POSTCODE_LENGTH_MAX = 10
/** Adyen takes no shorter town or postcode: there are towns called Y and Å. */
const PART_LENGTH_MIN = 3

/** An address as Adyen takes it; `undefined` where there is none that it would take. */
const addressOf = (address: Address | undefined) => {
  if (address === undefined || withStates.has(address.country)) return undefined
  const { street, buildingNumber, postcode, town, country, lines = [] } = address
  const house = [street, buildingNumber].filter((part) => part !== undefined).join(" ")
  // Adyen has two lines: with a street of its own, all free lines share the second one.
  const [line1 = "", ...others] = [house, ...lines].map(placed).filter((line) => line !== "")
  const line2 = others.join(", ")
  const city = placed(town)
  const postalCode = latin(postcode ?? "")
    .replaceAll(/[^A-Za-z0-9]+/g, " ")
    .trim()
  const isPostalCode = postalCode.length >= PART_LENGTH_MIN && postalCode.length <= POSTCODE_LENGTH_MAX
  return {
    ...(city.length < PART_LENGTH_MIN ? {} : { city }),
    country,
    ...(line1 === "" ? {} : { line1 }),
    ...(line2 === "" ? {} : { line2 }),
    ...(isPostalCode ? { postalCode } : {}),
  }
}

/** Addresses have another apostrophe than names, and neither a question mark nor a plus sign. */
const placed = (text: string): string =>
  latin(text).replaceAll("'", "\u2019").replaceAll(/[?+]+/g, " ").replaceAll(/ {2,}/g, " ").trim()

const REFERENCE_LENGTH_MAX = { iban: 35, other: 15 } as const

/**
 * The remittance as the description that banks show and, where its letters and digits are a reference that Adyen takes, as that too.
 * `referenceForBeneficiary` has no other characters; one that is too long is left out, as a part of it is another reference.
 */
const textsOf = (remittance: string | undefined, account: BankAccount, scheme: BankScheme) => {
  if (remittance === undefined) return {}
  const text = latin(remittance)
  const description = scheme === "ach" ? inAch(text) : text
  const letters = text.replaceAll(/[^A-Za-z0-9]/g, "")
  const lengthMax = REFERENCE_LENGTH_MAX[account.scheme === "iban" ? "iban" : "other"]
  const isReference = letters !== "" && letters.length <= lengthMax
  return { description, ...(isReference ? { referenceForBeneficiary: letters } : {}) }
}

/** Of the Latin marks, `+ - ' ?` are left for transfers to accounts in the United States. The others separate, as a hyphen or a space does. */
const inAch = (text: string): string => text.replaceAll(/[/:.]/g, "-").replaceAll(/[(),]/g, " ")
