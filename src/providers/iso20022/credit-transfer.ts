/** A transfer as it is written into a file: in the characters of its scheme, and within what its bank takes. */
import { Result } from "effect"
import {
  ADDRESS_LENGTHS_MAX,
  ADDRESS_LINE_LENGTH_MAX,
  type Address,
  type BankAccount,
  type BeneficiaryAccount,
  heldAccount,
  isWallet,
  visibleBeneficiaryOf,
} from "../../domain/beneficiary.ts"
import { schemeOf } from "../../domain/scheme.ts"
import type { TransferInstruction } from "../banks/bank.ts"
import { type FileLimits, type FileSchemeLimits, limitProblems, type Refusal } from "../banks/bank-limits.ts"
import { type CharacterSet, spelled } from "./payment-text.ts"

export interface CreditTransfer<Account extends BeneficiaryAccount = BankAccount> {
  readonly reference: string
  /** On whose behalf it is paid; unknown of orders from before partners had keys of their own. */
  readonly partner?: string
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
  { reference, partner, beneficiary, currency, minor, remittance }: TransferInstruction,
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
  const refusal = limits.refusalOf?.(account, remittance)
  if (refusal !== undefined) return Result.fail(refusal)
  if (numberLengthOf(account) > (limits.accountLengthMax ?? Number.POSITIVE_INFINITY))
    return Result.fail("RR10")
  const { characters } = limits
  const text = written(remittance ?? "", characters)
  const details = {
    name: written(beneficiary.name, characters),
    account: heldAccount(account, beneficiary.type),
    ...(address !== undefined && { address: writtenAddress(address, characters) }),
    ...(text !== "" && { remittance: text }),
  }
  return Result.succeed({ reference, partner, currency, minor, details })
}

/**
 * The same transfer in what its bank is sent today, or nothing where it no longer fits: its settings may have changed since the
 * transfer was accepted. A transfer that was accepted by the same settings stays as it is.
 */
export const rewritten = (transfer: CreditTransfer, limits: FileSchemeLimits): CreditTransfer | undefined => {
  const { name, account, address, remittance } = transfer.details
  const { characters, nameLengthMax, remittanceLengthMax, takesAddressLines = true } = limits
  const texts = [name, remittance ?? "", ...(address === undefined ? [] : textsOf(address))]
  if (texts.some((text) => Result.isFailure(spelled(text, characters)))) return undefined
  const details = {
    name: written(name, characters),
    account,
    ...(address !== undefined && { address: writtenAddress(address, characters) }),
    ...(remittance !== undefined && { remittance: written(remittance, characters) }),
  }
  const fits =
    details.name.length <= nameLengthMax &&
    (details.remittance?.length ?? 0) <= remittanceLengthMax &&
    (details.address === undefined || isAddressWithin(details.address)) &&
    (takesAddressLines || details.address?.lines === undefined) &&
    limits.refusalOf?.(account, remittance) === undefined
  return fits ? { ...transfer, details } : undefined
}

const fields = ["street", "buildingNumber", "postcode", "town"] as const

const textsOf = (address: Address): ReadonlyArray<string> => [
  ...fields.flatMap((field) => address[field] ?? []),
  ...(address.lines ?? []),
]

const isAddressWithin = (address: Address): boolean =>
  fields.every((field) => (address[field]?.length ?? 0) <= ADDRESS_LENGTHS_MAX[field]) &&
  (address.lines ?? []).every(({ length }) => length <= ADDRESS_LINE_LENGTH_MAX)

const numberLengthOf = (account: BankAccount): number =>
  account.scheme === "iban" ? account.iban.length : account.accountNumber.length

/** A text that has a spelling, in it. */
export const written = (text: string, characters: CharacterSet): string =>
  Result.getOrThrowWith(spelled(text, characters), () => new Error("a text is written that has no spelling"))

export const writtenAddress = (
  { street, buildingNumber, postcode, town, country, lines }: Address,
  characters: CharacterSet,
): Address => ({
  ...(street !== undefined && { street: written(street, characters) }),
  ...(buildingNumber !== undefined && { buildingNumber: written(buildingNumber, characters) }),
  ...(postcode !== undefined && { postcode: written(postcode, characters) }),
  town: written(town, characters),
  country,
  ...(lines !== undefined && { lines: lines.map((line) => written(line, characters)) }),
})

/** A transfer to an account at a bank, as files have them; nothing for one to a wallet. */
export const toBankAccount = (transfer: CreditTransfer<BeneficiaryAccount>): CreditTransfer | undefined => {
  const { account, ...details } = transfer.details
  return isWallet(account) ? undefined : { ...transfer, details: { ...details, account } }
}
