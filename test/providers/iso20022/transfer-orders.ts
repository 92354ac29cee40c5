/** Orders of all kinds, for properties of what is written of them. */
import type { Address, BankAccount } from "../../../src/domain/beneficiary.ts"
import { transferReference } from "../../../src/domain/identifiers.ts"
import { MINOR_UNITS_MAX } from "../../../src/domain/money.ts"
import type { TransferInstruction } from "../../../src/providers/banks/bank.ts"
import { batchId } from "../../domain/batch-story.ts"
import { fc } from "../../property.ts"

/** 999,999,999.99 euros: the largest amount of a SEPA credit transfer. */
const SEPA_MINOR_MAX = 99_999_999_999n

const accountNumber = fc.stringMatching(/^[A-Z0-9]{1,34}$/)
const digits = (length: number) => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`))

export const iban = fc.constantFrom<BankAccount>(
  { scheme: "iban", iban: "DE89370400440532013000" },
  { scheme: "iban", iban: "FR1420041010050500013M02606", bic: "BNPAFRPP" },
  { scheme: "iban", iban: "FR1420041010050500013M02606", bic: "BNPAFR01" },
  // A QR account of Switzerland, and one that is not.
  { scheme: "iban", iban: "CH4431999123000889012" },
  { scheme: "iban", iban: "CH9300762011623852957" },
)
export const sortCode = fc.record({
  scheme: fc.constant("sort-code" as const),
  sortCode: digits(6),
  accountNumber: digits(8),
})
export const aba = fc.record({
  scheme: fc.constant("aba" as const),
  routingNumber: fc.constant("021000021"),
  accountNumber,
  accountType: fc.constantFrom("checking" as const, "savings" as const),
  holderType: fc.constantFrom("individual" as const, "company" as const),
})
export const bic = fc.record({
  scheme: fc.constant("bic" as const),
  bic: fc.constantFrom("BNPAFRPP", "CHASUS33XXX", "B1PAFRPP"),
  accountNumber,
})
export const anyAccount: fc.Arbitrary<BankAccount> = fc.oneof(iban, sortCode, aba, bic)
export const anyCurrency = fc.constantFrom("EUR", "GBP", "USD", "JPY", "KWD")
/** Half of the amounts are such as SEPA takes; of all others it takes hardly one. */
const minor = fc.oneof(
  fc.bigInt({ min: 1n, max: SEPA_MINOR_MAX }),
  fc.bigInt({ min: 1n, max: MINOR_UNITS_MAX }),
)

const spoken = (lengthMax: number) => {
  const spelledWith = (characters: string) =>
    fc
      .string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: lengthMax })
      .map((text) => text.trim() || "x")
  const spellable = "abcXYZ019 äÖßéñøŁ’&;_-/?:().,'+"
  return fc.oneof({ weight: 9, arbitrary: spelledWith(spellable) }, spelledWith(`${spellable}<"@€中`))
}

const address: fc.Arbitrary<Address> = fc.record(
  {
    street: spoken(70),
    buildingNumber: spoken(16),
    postcode: spoken(16),
    town: spoken(35),
    country: fc.constantFrom("DE", "FR", "US"),
    lines: fc.array(spoken(70), { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: ["town", "country"] },
)

/** Remittances that are references of creditors, or nearly. */
const reference = fc.constantFrom(
  "RF18539007547034",
  "rf18 5390 0754 7034",
  "RF19539007547034",
  "210000000003139471430009017",
  "21 00000 00003 13947 14300 09017",
  "INV-2026-0042",
)

/** Orders to one account in one currency. */
export const ordersIn = (
  currency: fc.Arbitrary<string>,
  account: fc.Arbitrary<BankAccount>,
): fc.Arbitrary<ReadonlyArray<TransferInstruction>> =>
  fc
    .record({
      currency,
      account,
      others: fc.array(
        fc.record({
          name: spoken(80),
          address: fc.option(address, { freq: 3, nil: undefined }),
          remittance: fc.option(fc.oneof({ weight: 3, arbitrary: spoken(140) }, reference), {
            nil: undefined,
          }),
          minor,
        }),
        { minLength: 1, maxLength: 6 },
      ),
    })
    .map(({ currency, account, others }) =>
      others.map(
        ({ name, address, remittance, minor }, index): TransferInstruction => ({
          bank: "clearing",
          partner: "acme",
          reference: transferReference({ batch: batchId, item: index + 1, attempt: 1 }),
          beneficiary: { name, account, ...(address && { address }) },
          currency,
          minor,
          remittance,
        }),
      ),
    )
