/** Airwallex's batch transfer template, saved as CSV. */
import { describe, expect, it } from "vitest"
import { countryCodes } from "../../src/domain/countries.ts"
import { countryCodeOf } from "../../src/payout-files/country-names.ts"
import { read, refusal } from "./read-file.ts"

const header = [
  ...[
    "Transfer to",
    "Transfer method",
    "Currency recipient gets",
    "Transfer amount in currency recipient gets",
  ],
  ...["Currency you pay", "Fee paid by", "Account name", "SWIFT code", "IBAN", "Account number"],
  ...[
    "Bank identifier type",
    "Bank identifier value",
    "Transfer purpose",
    "Reference",
    "Description (optional)",
  ],
  ...["Recipient type", "Country / region", "Street address", "City", "State / Province", "Postcode"],
  "Request ID (optional)",
]

const rowOf = (cells: Readonly<Record<string, string>>): string => {
  const filled: Readonly<Record<string, string>> = {
    "Transfer to": "Germany",
    "Transfer method": "LOCAL",
    "Currency recipient gets": "EUR",
    "Transfer amount in currency recipient gets": "10.00",
    "Currency you pay": "EUR",
    "Fee paid by": "Payer",
    "Account name": "Erika Mustermann",
    IBAN: "DE89370400440532013000",
    "Transfer purpose": "Wages / salary",
    Reference: "Salary Jan 2026",
    "Recipient type": "Individual",
    ...cells,
  }
  return header.map((column) => filled[column] ?? "").join(",")
}

const fileOf = (...rows: ReadonlyArray<Readonly<Record<string, string>>>): string =>
  [header.join(","), ...rows.map(rowOf)].join("\r\n")

describe("Airwallex's batch transfer template", () => {
  it("is read, with one reference on several rows, and countries by their names", async () => {
    const { items } = await read(
      fileOf(
        {},
        {
          "Transfer to": "Japan",
          "Transfer method": "SWIFT",
          "Currency recipient gets": "JPY",
          "Transfer amount in currency recipient gets": "1200",
          "Currency you pay": "JPY",
          IBAN: "",
          "SWIFT code": "BOTKJPJT",
          "Account number": "1234567",
          "Account name": "Ada Lovelace",
          "Country / region": "United States of America",
          "Street address": "1 Main Street",
          City: "Springfield",
          "State / Province": "Illinois",
          Postcode: "62701",
        },
      ),
    )
    expect(items.toReversed()).toMatchObject([
      {
        reference: "Salary Jan 2026 #2",
        currency: "JPY",
        minor: 1_200n,
        remittance: "Salary Jan 2026",
        beneficiary: {
          name: "Ada Lovelace",
          account: { scheme: "bic", bic: "BOTKJPJT", accountNumber: "1234567" },
          address: { street: "1 Main Street", town: "Springfield", postcode: "62701", country: "US" },
        },
      },
      {
        reference: "Salary Jan 2026 #1",
        minor: 1_000n,
        beneficiary: { account: { scheme: "iban", iban: "DE89370400440532013000" } },
      },
    ])
  })

  it.each([
    [
      "asks for a conversion",
      { "Currency you pay": "AUD" },
      "line 2, Currency you pay: differs from Currency recipient gets, and a payout is made in the currency of its amount",
    ],
    [
      "names the bank in a way that depends on the country",
      { IBAN: "", "Account number": "1234567", "Bank identifier type": "IFSC code" },
      "line 2, Bank identifier type: filled, but the column is unknown",
    ],
    [
      "has an account number and no bank",
      { IBAN: "", "Account number": "1234567" },
      "line 2, IBAN: no account: one of IBAN, SWIFT code must be filled",
    ],
    [
      "is in a country that nobody knows",
      { "Country / region": "Ruritania", City: "Strelsau" },
      "line 2, Country / region: expected the two letters of a country, such as DE",
    ],
  ])("refuses a row that %s", async (_, cells, problem) => {
    expect(await refusal(fileOf(cells))).toEqual([problem])
  })

  it("is refused with an amount in the currency that is paid, which nobody takes for the other one", async () => {
    const text = fileOf({}).replace(
      "Transfer amount in currency recipient gets",
      "Transfer amount in currency you pay",
    )
    expect(await refusal(text)).toEqual([
      "line 2, Transfer amount in currency you pay: not the amount that the recipient gets; ask Airwallex for the template with that one",
    ])
  })
})

it("countries are known by their English names and codes", () => {
  for (const code of countryCodes) expect(countryCodeOf(code)).toBe(code)
  expect(["Germany", "CZECHIA", "New Zealand", "Côte d’Ivoire"].map(countryCodeOf)).toEqual([
    "DE",
    "CZ",
    "NZ",
    "CI",
  ])
})
