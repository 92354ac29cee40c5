/** A transfer as it is written into a file: in the characters of its scheme, and within what its bank takes. */
import { Result } from "effect"
import {
  type Address,
  type BankAccount,
  type BeneficiaryType,
  isWallet,
  visibleBeneficiaryOf,
} from "../../domain/beneficiary.ts"
import { schemeOf } from "../../domain/scheme.ts"
import type { TransferInstruction } from "../banks/bank.ts"
import { type FileLimits, limitProblems, type Refusal } from "../banks/bank-limits.ts"
import { type CharacterSet, spelled } from "./payment-text.ts"

export interface CreditTransfer {
  readonly reference: string
  readonly currency: string
  readonly minor: bigint
  readonly details: TransferDetails
}

/** The data that only the bank may see. */
export interface TransferDetails {
  readonly name: string
  readonly account: BankAccount
  /** Who is paid; absent where nobody said it, and in details of earlier releases. */
  readonly type?: BeneficiaryType
  readonly address?: Address
  readonly remittance?: string
}

/**
 * The transfer as it will be written when it is accepted at `at` (epoch milliseconds), or the code under which it is refused: before
 * anything was sent.
 */
export const creditTransferOf = (
  { reference, beneficiary, currency, minor, remittance }: TransferInstruction,
  bank: FileLimits,
  at: number,
): Result.Result<CreditTransfer, Refusal> => {
  const visible = visibleBeneficiaryOf(beneficiary)
  const limits = bank[schemeOf(visible.account, currency, at)]
  const limited = { beneficiary: { ...beneficiary, ...visible }, currency, minor, remittance }
  const [problem] = limitProblems(bank, limited, at)
  const { account, type, address } = beneficiary
  if (problem !== undefined || limits === undefined || isWallet(account))
    return Result.fail(problem?.code ?? "AG03")
  if (numberLengthOf(account) > (limits.accountLengthMax ?? Number.POSITIVE_INFINITY))
    return Result.fail("RR10")
  const { characters } = limits
  const text = written(remittance ?? "", characters)
  const details = {
    name: written(beneficiary.name, characters),
    account,
    ...(type !== undefined && { type }),
    ...(address !== undefined && { address: writtenAddress(address, characters) }),
    ...(text !== "" && { remittance: text }),
  }
  return Result.succeed({ reference, currency, minor, details })
}

const numberLengthOf = (account: BankAccount): number =>
  account.scheme === "iban" ? account.iban.length : account.accountNumber.length

/** A text that has a spelling, in it. */
export const written = (text: string, characters: CharacterSet): string =>
  Result.getOrThrowWith(spelled(text, characters), () => new Error("a text is written that has no spelling"))

export const writtenAddress = (
  { street, buildingNumber, postcode, town, country }: Address,
  characters: CharacterSet,
): Address => ({
  ...(street !== undefined && { street: written(street, characters) }),
  ...(buildingNumber !== undefined && { buildingNumber: written(buildingNumber, characters) }),
  ...(postcode !== undefined && { postcode: written(postcode, characters) }),
  town: written(town, characters),
  country,
})
