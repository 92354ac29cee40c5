/** A transfer as it is written into a file: in the characters of its scheme, and within what its bank takes. */
import { Result } from "effect"
import {
  type Address,
  type BankAccount,
  type BeneficiaryAccount,
  isWallet,
  visibleBeneficiaryOf,
} from "../../domain/beneficiary.ts"
import { schemeOf } from "../../domain/scheme.ts"
import type { TransferInstruction } from "../banks/bank.ts"
import { type FileLimits, limitProblems, type Refusal } from "../banks/bank-limits.ts"
import { type CharacterSet, spelled } from "./payment-text.ts"

export interface CreditTransfer<Account extends BeneficiaryAccount = BankAccount> {
  readonly reference: string
  readonly currency: string
  readonly minor: bigint
  readonly details: TransferDetails<Account>
}

/** The data that only the bank may see. */
export interface TransferDetails<Account extends BeneficiaryAccount = BankAccount> {
  readonly name: string
  readonly account: Account
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
  const { account, address } = beneficiary
  if (problem !== undefined || limits === undefined || isWallet(account))
    return Result.fail(problem?.code ?? "AG03")
  const { characters } = limits
  const text = written(remittance ?? "", characters)
  const details = {
    name: written(beneficiary.name, characters),
    account,
    ...(address !== undefined && { address: writtenAddress(address, characters) }),
    ...(text !== "" && { remittance: text }),
  }
  return Result.succeed({ reference, currency, minor, details })
}

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

/** A transfer to an account at a bank, as files have them; nothing for one to a wallet. */
export const toBankAccount = (transfer: CreditTransfer<BeneficiaryAccount>): CreditTransfer | undefined => {
  const { account, ...details } = transfer.details
  return isWallet(account) ? undefined : { ...transfer, details: { ...details, account } }
}
