import { Result } from "effect"
import { describe, expect, it } from "vitest"
import type { Beneficiary } from "../../../../src/domain/beneficiary.ts"
import {
  adyenValueOf,
  minorOfAdyen,
  ownDecimals,
} from "../../../../src/providers/banks/adyen/adyen-amount.ts"
import { transferRequest } from "../../../../src/providers/banks/adyen/transfer-request.ts"
import type { TransferInstruction } from "../../../../src/providers/banks/bank.ts"
import { fc } from "../../../property.ts"
import { adyenDocuments, balanceAccount } from "./published.ts"

const documents = await adyenDocuments()

const reference = "AAAAAAAAAAAAAAAAAAAAAA-1-1"
const iban = { scheme: "iban", iban: "DE89370400440532013000" } as const
const aba = {
  scheme: "aba",
  routingNumber: "021000021",
  accountNumber: "123456789",
  accountType: "savings",
} as const
const sortCode = { scheme: "sort-code", sortCode: "200000", accountNumber: "55779911" } as const
const abroad = { scheme: "bic", bic: "CHASJPJT", accountNumber: "1234567890" } as const

interface Given extends Partial<Omit<TransferInstruction, "beneficiary">> {
  readonly beneficiary?: Partial<Beneficiary>
}

const written = (
  { beneficiary, ...given }: Given = {},
  own: Omit<Parameters<typeof transferRequest>[0], "balanceAccount"> = {},
) =>
  transferRequest(
    { balanceAccount, ...own },
    {
      bank: "adyen",
      partner: "acme",
      reference,
      currency: "EUR",
      minor: 1_234n,
      ...given,
      beneficiary: { name: "Ada Lovelace", account: iban, ...beneficiary },
    },
    Date.parse("2026-11-28T12:00:00Z"),
  )

const body = (...given: Parameters<typeof written>): Record<string, unknown> => {
  const request = Result.getOrThrow(written(...given))
  const asked = { method: "POST", url: "/transfers", headers: {}, body: JSON.stringify(request) }
  expect(documents.request(asked)).toEqual([])
  return JSON.parse(asked.body)
}
const party = (...given: Parameters<typeof written>) =>
  (body(...given).counterparty as { bankAccount: { accountHolder: unknown } }).bankAccount.accountHolder
const refusal = (...given: Parameters<typeof written>) => Result.getOrThrow(Result.flip(written(...given)))

const tokyo = { town: "Tōkyō", street: "Ginza", country: "JP", postcode: "104-0061" }

describe("a request for a transfer", () => {
  it("is of the category bank, under the reference, from the balance account", () => {
    expect(body({ remittance: "invoice 7" })).toEqual({
      amount: { currency: "EUR", value: 1_234 },
      balanceAccountId: balanceAccount,
      category: "bank",
      type: "bankTransfer",
      counterparty: {
        bankAccount: {
          accountHolder: { fullName: "Ada Lovelace" },
          accountIdentification: { type: "iban", iban: iban.iban },
        },
      },
      priority: "regular",
      reference,
      description: "invoice 7",
      referenceForBeneficiary: "invoice7",
    })
  })

  it.each([
    [{}, "regular"],
    [{ currency: "GBP", beneficiary: { account: sortCode } }, "fast"],
    [{ currency: "USD", beneficiary: { account: aba } }, "regular"],
    [{ currency: "JPY", beneficiary: { account: abroad, address: tokyo } }, "crossBorder"],
  ] as const)("has the priority of its scheme: %j", (given, priority) => {
    expect(body(given)).toMatchObject({ priority })
  })

  it("has the priorities of the settings, in their order", () => {
    const own = { priorities: { sepa: ["instant", "regular"], ach: ["fast"] } } as const
    const both = body({}, own)
    expect([both.priority, both.priorities]).toEqual([undefined, ["instant", "regular"]])
    expect(body({ currency: "USD", beneficiary: { account: aba } }, own)).toMatchObject({ priority: "fast" })
  })

  it("spells names and texts in the characters that Adyen takes, and refuses what has no spelling", () => {
    expect(party({ beneficiary: { name: "Łukasz Müller & Søn" } })).toMatchObject({
      fullName: "Lukasz Muller + Son",
    })
    expect(body({ remittance: "Prämie №7" })).toMatchObject({ description: "Pramie No7" })
    expect(refusal({ beneficiary: { name: "李小龙" } })).toBe("RR10")
    expect(refusal({ remittance: "请" })).toBe("RR10")
  })

  it("has no marks in what it tells accounts in the United States but those that these take", () => {
    const given = { currency: "USD", beneficiary: { account: aba }, remittance: "INV/26:1, part (2)." }
    expect(body(given)).toMatchObject({ description: "INV-26-1  part  2 -" })
  })

  it("has a reference for the beneficiary only where it is a whole one", () => {
    const of = (remittance: string, account: Beneficiary["account"] = iban, currency = "EUR") =>
      body({ remittance, currency, beneficiary: { account } }).referenceForBeneficiary
    expect(of("RF18 5390 0754 7034")).toBe("RF18539007547034")
    expect(of("a".repeat(35))).toBe("a".repeat(35))
    expect(of("a".repeat(36))).toBeUndefined()
    expect(of("a".repeat(15), sortCode, "GBP")).toBe("a".repeat(15))
    expect(of("a".repeat(16), sortCode, "GBP")).toBeUndefined()
    expect(of("-/-")).toBeUndefined()
  })

  it("says who holds the account, as far as anybody said it", () => {
    expect(party({ beneficiary: { type: "person" } })).toMatchObject({ type: "individual" })
    expect(party({ beneficiary: { type: "company" } })).toMatchObject({ type: "organization" })
    const held = { ...aba, holderType: "company" } as const
    expect(party({ currency: "USD", beneficiary: { account: held } })).toMatchObject({ type: "organization" })
  })

  it("has the address in the characters and lengths that Adyen takes", () => {
    const address = {
      street: "Rue de l'Été",
      buildingNumber: "7?",
      town: "Y",
      postcode: "80190/",
      country: "FR",
    }
    expect(party({ beneficiary: { address } })).toMatchObject({
      address: { line1: "Rue de l\u2019Ete 7", postalCode: "80190", country: "FR" },
    })
    const long = { town: "Genève", country: "CH", postcode: "1".repeat(11) }
    expect(party({ beneficiary: { address: long } })).toMatchObject({
      address: { city: "Geneve", country: "CH" },
    })
    expect(JSON.stringify(party({ beneficiary: { address: long } }))).not.toContain("postalCode")
  })

  it.each([
    [{}, { line1: "Hus B", line2: "c/o Ber’g" }],
    [
      { street: "Kaigatan", buildingNumber: "3" },
      { line1: "Kaigatan 3", line2: "Hus B, c/o Ber’g" },
    ],
  ] as const)("has the free lines of an address beside %j", (fields, written) => {
    const address = { ...fields, lines: ["Hus B", "c/o Ber'g"], town: "Lund", country: "SE" }
    expect(party({ beneficiary: { address } })).toMatchObject({ address: { ...written, city: "Lund" } })
  })

  it("needs an address across borders, with a state where there are states", () => {
    const yen = (beneficiary: Partial<Beneficiary>) => ({
      currency: "JPY",
      beneficiary: { account: abroad, ...beneficiary },
    })
    expect(refusal(yen({}))).toBe("BE04")
    expect(refusal(yen({ address: { town: "Reno", country: "US", postcode: "89501" } }))).toBe("BE04")
    expect(party(yen({ address: tokyo }))).toMatchObject({
      address: { city: "Tokyo", country: "JP", line1: "Ginza", postalCode: "104 0061" },
    })
    // Within the United States Adyen needs none.
    const reno = { account: aba, address: { town: "Reno", country: "US" } }
    expect(party({ currency: "USD", beneficiary: reno })).toEqual({ fullName: "Ada Lovelace" })
  })

  it("is not written for what Adyen cannot be sent", () => {
    expect(refusal({ beneficiary: { account: { scheme: "email", email: "ada@example.com" } } })).toBe("AG03")
    expect(refusal({ minor: 100_000_000_000n })).toBe("AM02")
    expect(refusal({ currency: "USD", beneficiary: { account: { ...aba, accountNumber: "7" } } })).toBe(
      "AC01",
    )
    const idr = { currency: "IDR", minor: 1_250n, beneficiary: { account: abroad, address: tokyo } }
    expect(refusal(idr), "a part of Adyen's minor unit").toBe("AM12")
    expect(body({ ...idr, minor: 125_000n })).toMatchObject({ amount: { value: 1_250 } })
  })
})

/** Letters, marks and spaces, of which Adyen takes some, and some have a spelling. */
const text = (lengthMax: number) =>
  fc.string({
    unit: fc.constantFrom(..."aZ9 -./'’?+&()№éŁß—_#@,:;|\\\"", " ", "\u200d"),
    minLength: 1,
    maxLength: lengthMax,
  })
const addresses = fc.record(
  {
    street: text(70),
    buildingNumber: text(16),
    postcode: text(16),
    town: text(35),
    country: fc.constantFrom("JP", "US", "DE"),
    lines: fc.array(text(70), { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: ["town", "country"] },
)
const given = fc.record({
  name: text(70),
  remittance: text(140),
  address: fc.option(addresses, { nil: undefined }),
  to: fc.constantFrom(
    { account: iban, currency: "EUR" },
    { account: sortCode, currency: "GBP" },
    { account: aba, currency: "USD" },
    { account: abroad, currency: "JPY" },
  ),
})

describe("a request for any transfer", () => {
  it("is as Adyen documents it, in the characters of each field, or is not written", () => {
    let count = 0
    fc.assert(
      fc.property(given, ({ name, remittance, address, to }) => {
        const { account, currency } = to
        const beneficiary = { name, account, ...(address === undefined ? {} : { address }) }
        const request = written({ currency, remittance, beneficiary })
        if (Result.isFailure(request)) return
        count += 1
        const asked = { currency, remittance, beneficiary }
        const { description, referenceForBeneficiary = "a" } = body(asked)
        expect(description).toMatch(
          account === aba ? /^[\w&$%#@~=+'"!? -]{1,140}$/ : /^[A-Za-z0-9/?:().,'+ -]{1,140}$/,
        )
        expect(referenceForBeneficiary).toMatch(
          account === iban ? /^[A-Za-z0-9]{1,35}$/ : /^[A-Za-z0-9]{1,15}$/,
        )
        const { fullName, address: lines = {} } = party(asked) as {
          fullName: string
          address?: Record<string, string>
        }
        expect(fullName).toMatch(/^[A-Za-z0-9,.;:\-—/\\+&!?@()"' ]+$/)
        for (const line of [lines.line1 ?? "a", lines.line2 ?? "a", lines.city ?? "a"])
          expect(line).toMatch(/^[A-Za-z0-9.\-—/#,’°():;[\]&\\| ]+$/)
      }),
    )
    expect(count).toBeGreaterThan(30)
  })
})

describe("an amount at Adyen", () => {
  it.each([
    ["EUR", 1_234n, 1_234],
    ["JPY", 1_200n, 1_200],
    ["KWD", 1_234n, 1_234],
    // 1200 crowns are 1200 in ISO 4217, and 120000 at Adyen.
    ["ISK", 1_200n, 120_000],
    ["CLP", 1n, 100],
    // 12.00 are 1200 in ISO 4217, and 12 at Adyen.
    ["IDR", 1_200n, 12],
    ["CVE", 100n, 1],
    ["EUR", 999_999_999_999_999n, 999_999_999_999_999],
  ] as const)("in %s: %s is %s", (currency, minor, value) => {
    expect(adyenValueOf(minor, currency)).toBe(value)
    expect(minorOfAdyen(value, currency)).toBe(minor)
  })

  it("is not rounded, neither way", () => {
    expect(adyenValueOf(1_250n, "IDR")).toBeUndefined()
    expect(minorOfAdyen(150, "ISK")).toBeUndefined()
    expect(adyenValueOf(999_999_999_999_999n, "ISK")).toBeUndefined()
    expect(minorOfAdyen(2 ** 53, "EUR")).toBeUndefined()
    expect(minorOfAdyen(1.5, "EUR")).toBeUndefined()
  })

  it("differs from ISO 4217 in the four currencies that Adyen's page names", () => {
    expect(Object.keys(ownDecimals)).toEqual(["CLP", "CVE", "IDR", "ISK"])
  })
})
