import { existsSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { readPayoutFile } from "../../src/payout-files/payout-file.ts"
import { magicOutcome } from "../../src/sandbox/magic-beneficiaries.ts"
import { folder, read, refusal } from "./read-file.ts"

const wiseTemplate = "../shared/data/inputs/wise-batch-payment.csv"
const columns =
  "reference,currency,amount,name,iban,bic,sort_code,account_number,routing_number,account_type,remittance"
const goodRow = "A1,EUR,12.50,Ada Lovelace,DE89370400440532013000,,,,,,"

describe("a file in our own columns", () => {
  it("gives an item for each row, with its account by the columns that are filled", async () => {
    const { items, body } = await read(
      [
        columns,
        "A1,EUR,12.50,Ada Lovelace,DE89 3704 0044 0532 0130 00,cobadeffxxx,,,,,thanks",
        "A2,GBP,1.00,Bob,,,60-10-10,31926819,,,",
        "A3,USD,2.00,Cleo,,,,12345678,111000025,CHECKING,",
        "A4,JPY,500,Daichi,,BOTKJPJT,,1234567,,,",
      ].join("\n"),
    )
    expect(items).toEqual([
      {
        item: 1,
        reference: "A1",
        currency: "EUR",
        minor: 1250n,
        beneficiary: {
          name: "Ada Lovelace",
          account: { scheme: "iban", iban: "DE89370400440532013000", bic: "COBADEFFXXX" },
        },
        remittance: "thanks",
      },
      {
        item: 2,
        reference: "A2",
        currency: "GBP",
        minor: 100n,
        beneficiary: {
          name: "Bob",
          account: { scheme: "sort-code", sortCode: "601010", accountNumber: "31926819" },
        },
      },
      {
        item: 3,
        reference: "A3",
        currency: "USD",
        minor: 200n,
        beneficiary: {
          name: "Cleo",
          account: {
            scheme: "aba",
            routingNumber: "111000025",
            accountNumber: "12345678",
            accountType: "checking",
          },
        },
      },
      {
        item: 4,
        reference: "A4",
        currency: "JPY",
        minor: 500n,
        beneficiary: {
          name: "Daichi",
          account: { scheme: "bic", bic: "BOTKJPJT", accountNumber: "1234567" },
        },
      },
    ])
    expect(JSON.parse(body).items).toHaveLength(4)
  })

  it("may come as spreadsheets write it: byte order mark, CRLF, quotes, empty rows, semicolons", async () => {
    const rows = [columns, `A1,EUR,1.00,"Lovelace, ""Ada""",DE89370400440532013000,,,,,,`, "", ",,,,,,,,,,"]
    const { items } = await read(`\uFEFF${rows.join("\r\n")}\r\n`)
    expect(items.map(({ beneficiary }) => beneficiary.name)).toEqual(['Lovelace, "Ada"'])
    const withSemicolons = await read([columns, goodRow].join("\n").replaceAll(",", ";"))
    expect(withSemicolons.items).toHaveLength(1)
  })

  it("may name its columns in any order and leave out those it does not need", async () => {
    const { items } = await read(
      "iban,name,amount,Currency,REFERENCE\nDE89370400440532013000,Ada,1.00,EUR,A1\n",
    )
    expect(items[0]?.reference).toBe("A1")
  })
})

describe("an address in our own columns", () => {
  it("is the beneficiary's, and each problem of it names its column", async () => {
    const header = "reference,currency,amount,name,iban,street,building_number,postcode,town,country"
    const row = "A1,EUR,1.00,Ada,DE89370400440532013000,Hauptstraße,5,10115"
    const { items } = await read(`${header}\n${row},Berlin,DE\n`)
    expect(items[0]?.beneficiary).toMatchObject({
      address: {
        street: "Hauptstraße",
        buildingNumber: "5",
        postcode: "10115",
        town: "Berlin",
        country: "DE",
      },
    })
    expect(await refusal(`${header}\n${row},,DE\n`)).toEqual([expect.stringMatching(/^line 2, town: /)])
  })
})

describe("a row that is wrong is told with its line and column", () => {
  const cases: ReadonlyArray<readonly [string, string, string]> = [
    [
      "an amount that is not a plain decimal",
      "A,EUR,1e3,Ada,DE89370400440532013000,,,,,,",
      "amount: expected a plain decimal",
    ],
    ["more decimals than the currency has", "A,JPY,1.5,Ada,,BOTKJPJT,,1,,,", "amount: JPY has 0 decimals"],
    [
      "a currency that is none",
      "A,EURO,1.00,Ada,DE89370400440532013000,,,,,,",
      "currency: expected a payable ISO 4217 currency",
    ],
    ["no reference", ",EUR,1.00,Ada,DE89370400440532013000,,,,,,", "reference: expected 1 to 64 characters"],
    [
      "a reference that was used",
      "A1,EUR,1.00,Ada,DE89370400440532013000,,,,,,",
      "reference: already used by line 2",
    ],
    ["no name", "A,EUR,1.00,,DE89370400440532013000,,,,,,", "name: expected 1 to 140 characters"],
    [
      "wrong check digits",
      "A,EUR,1.00,Ada,DE88370400440532013000,,,,,,",
      "iban: the check digits do not match",
    ],
    ["a short account number", "A,GBP,1.00,Ada,,,601010,319268,,,", "account_number: expected 8 digits"],
    ["a sort code without an account", "A,GBP,1.00,Ada,,,601010,,,,", "account_number: required"],
    [
      "a routing number that is none",
      "A,USD,1.00,Ada,,,,1234,111000026,checking,",
      "routing_number: the check digit does not match",
    ],
    [
      "no account",
      "A,EUR,1.00,Ada,,,,,,,",
      "iban: no account: one of iban, sort_code, routing_number, bic, email, phone, paypal_id must be filled",
    ],
    [
      "an account number whose hyphen may stand for leading zeros",
      "A,EUR,1.00,Ada,,KOMBCZPP,,19-2000145399,,,",
      "account_number: expected 1 to 34 digits or upper-case letters",
    ],
    ["two accounts", "A,EUR,1.00,Ada,DE89370400440532013000,,601010,,,,", "sort_code: not used with iban"],
    ["more cells than columns", `A,EUR,1.00,Ada,DE89370400440532013000,,,,,,,x`, "12 cells under 11 columns"],
  ]
  it.each(cases)("%s", async (_, row, expected) => {
    const [problem, ...others] = await refusal([columns, goodRow, row].join("\n"))
    expect(problem).toContain(`line 3`)
    expect(problem).toContain(expected)
    expect(others).toEqual([])
  })

  it("all of them at once, in the order of their lines, at most twenty shown", async () => {
    const rows = Array.from({ length: 60 }, (_, index) => `A${index},EUR,-1,Ada,DE89370400440532013000,,,,,,`)
    const problems = await refusal([columns, ...rows].join("\n"))
    expect(problems).toHaveLength(21)
    expect(problems[0]).toMatch(/^line 2, amount: /)
    expect(problems[19]).toMatch(/^line 21, amount: /)
    expect(problems[20]).toBe("… and 40 more")
  })

  it("lines are counted as an editor counts them, also after quoted line breaks", async () => {
    const problems = await refusal(
      `${columns}\n"A\n1",EUR,1.00,Ada,DE89370400440532013000,,,,,,\n\nA2,EUR,x,Ada,DE89370400440532013000,,,,,,\n`,
    )
    expect(problems[0]).toMatch(/^line 2, reference: /)
    expect(problems[1]).toMatch(/^line 5, amount: /)
  })

  it("and no account number is repeated in it", async () => {
    const problems = await refusal([columns, "A,EUR,1,Ada,DE88370400440532013000,,,12345678,,,"].join("\n"))
    expect(problems.join()).not.toMatch(/DE88|12345678/)
  })
})

describe("a file that cannot be read at all", () => {
  it("is refused with the line of a quote that is not closed", async () => {
    expect(await refusal(`${columns}\nA1,EUR,1.00,"Ada\n`)).toEqual([
      expect.stringMatching(/^line \d: a quote is opened and never closed$/),
    ])
  })

  it("is refused when it is of no known kind, or without rows", async () => {
    expect((await refusal("a,b\n1,2\n"))[0]).toContain(
      "neither JSON, pain.001 nor a spreadsheet with a known header",
    )
    expect(await refusal("")).toEqual([": the file is empty"])
    expect(await refusal(`${columns}\n`)).toEqual([": no rows below the header"])
  })

  it("is refused when it is not there", async () => {
    const error = await Effect.runPromise(Effect.flip(readPayoutFile(join(folder, "absent.csv"))))
    expect(error.message).toContain("ENOENT")
  })
})

describe("a JSON file", () => {
  it("is sent with the same content, its members in order", async () => {
    const item = {
      reference: "A1",
      amount: { currency: "EUR", value: "1.00" },
      beneficiary: { name: "Ada", account: { scheme: "iban", iban: "DE89370400440532013000" } },
    }
    const terms = {
      reference: "october",
      mode: "strict",
      submittedBy: "Olga",
      requireApproval: true,
      executeAt: "2027-01-15T09:30:00.000Z",
    }
    const text = JSON.stringify({ ...terms, items: [item] }, null, 2)
    const { body, items } = await read(text)
    expect(JSON.parse(body)).toEqual(JSON.parse(text))
    expect(items).toHaveLength(1)
  })

  it("is refused with the item and the field that are wrong", async () => {
    const problems = await refusal(JSON.stringify({ items: [{ reference: "A1" }] }))
    expect(problems).toContain("item 1, amount: required")
  })
})

describe("Wise's batch template", () => {
  it.skipIf(!existsSync(wiseTemplate))("is read where it lies, if the shared data is there", async () => {
    const { items } = await Effect.runPromise(readPayoutFile(wiseTemplate))
    expect(items.map(({ reference, currency, minor }) => [reference, currency, minor])).toEqual([
      ["TEST100", "GBP", 200n],
      ["TEST101", "EUR", 200n],
      ["TEST102", "USD", 200n],
    ])
    expect(items.map(({ beneficiary }) => beneficiary.account.scheme)).toEqual(["sort-code", "iban", "aba"])
  })

  it("gives its address columns to the beneficiary", async () => {
    const { items } = await read(
      "name,paymentReference,amountCurrency,amount,targetCurrency,iban,addressCountryCode,addressCity,addressFirstLine,addressPostCode\n" +
        "Ada,R1,EUR,1.00,EUR,DE89370400440532013000,GB,London,50 Branson Ave,E1 6AN\n",
    )
    expect(items[0]?.beneficiary).toMatchObject({
      address: { street: "50 Branson Ave", postcode: "E1 6AN", town: "London", country: "GB" },
    })
    const header = "name,paymentReference,amountCurrency,amount,targetCurrency,iban,addressCountryCode"
    expect(await refusal(`${header}\nAda,R1,EUR,1.00,EUR,DE89370400440532013000,GB\n`)).toEqual([
      expect.stringMatching(/^line 2, addressCity: /),
    ])
  })

  const header =
    "name,paymentReference,receiverType,amountCurrency,amount,sourceCurrency,targetCurrency,iban,sortCode,abartn,accountType,institutionNumber,transitNumber,accountNumber"

  it("is refused where a row asks for a conversion, or is for an account that we cannot address", async () => {
    const problems = await refusal(
      [
        header,
        "Ada,R1,PERSON,GBP,2.00,GBP,EUR,DE89370400440532013000,,,,,,",
        "Bob,R2,PERSON,CAD,2.00,GBP,CAD,,,,CHECKING,001,00001,1234567",
        "Cleo,R3,BUSINESS,GBP,2.00,GBP,GBP,,60101,,,,,31926819",
      ].join("\n"),
    )
    expect(problems).toEqual([
      expect.stringMatching(/^line 2, targetCurrency: differs from amountCurrency/),
      "line 3, institutionNumber: filled, but the column is unknown",
      "line 4, sortCode: expected 6 digits",
    ])
  })
})

describe("the batches that the project ships", () => {
  it("are good: 200 payouts in four currencies, with every magic beneficiary", async () => {
    const { items } = await Effect.runPromise(readPayoutFile("examples/payouts.json"))
    expect(items).toHaveLength(200)
    expect(new Set(items.map(({ currency }) => currency))).toEqual(new Set(["EUR", "GBP", "USD", "JPY"]))
    const outcomes = new Set(items.map(({ beneficiary }) => magicOutcome(beneficiary.name)))
    expect(outcomes.size).toBe(10)
  })

  it("are good as CSV", async () => {
    expect((await Effect.runPromise(readPayoutFile("examples/payouts.csv"))).items).toHaveLength(8)
  })
})
