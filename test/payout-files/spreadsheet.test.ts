/** Spreadsheets as people and programs save them: encodings, separators, names of columns, and what is said of mistakes. */
import { describe, expect, it } from "vitest"
import { fileOf, read, refusal, refusalAt } from "./read-file.ts"

const header = "reference,currency,amount,name,iban,remittance"
const row = "a1,EUR,12.34,Amélie – Œuvre,DE89370400440532013000,x"
const text = `${header}\r\n${row}\r\n`

const windows1252 = (value: string): Buffer =>
  Buffer.from(value.replaceAll("–", "\x96").replaceAll("Œ", "\x8c"), "latin1")

const utf16be = (value: string): Buffer => Buffer.from(`\uFEFF${value}`, "utf16le").swap16()

describe("a file in another encoding than UTF-8", () => {
  it.each([
    ["UTF-8 with its mark", Buffer.from(`\uFEFF${text}`)],
    ["UTF-16, little end first", Buffer.from(`\uFEFF${text}`, "utf16le")],
    ["UTF-16, big end first", utf16be(text)],
    ["UTF-16 with tabs, as spreadsheets save Unicode text", utf16be(text.replaceAll(",", "\t"))],
  ])("%s is read by its mark", async (_, content) => {
    const { items, notes } = await read(content)
    expect(items[0]?.beneficiary.name).toBe("Amélie – Œuvre")
    expect(notes).toEqual([])
  })

  it("is read as Windows-1252 where nothing says otherwise, and this is said", async () => {
    const { items, notes } = await read(windows1252(text))
    expect(items[0]?.beneficiary.name).toBe("Amélie – Œuvre")
    expect(notes).toEqual([expect.stringMatching(/^read as windows-1252.*--encoding$/)])
  })

  it("is read in the encoding that is named", async () => {
    const polish = Buffer.from(text.replace("Amélie – Œuvre", "\xa3ukasz"), "latin1")
    const { items, notes } = await read(polish, { encoding: "windows-1250" })
    expect(items[0]?.beneficiary.name).toBe("Łukasz")
    expect(notes).toEqual([])
  })

  it.each([
    [
      "bytes that Windows-1252 does not have",
      Buffer.from(text.replace("Am", "\x81"), "latin1"),
      "neither UTF-8 nor Windows-1252",
    ],
    ["UTF-16 without its mark", Buffer.from(text, "utf16le"), "zero bytes between the characters"],
    [
      "UTF-16 cut in the middle of a character",
      Buffer.from(`\uFEFF${text}`, "utf16le").subarray(0, -1),
      "not utf-16le",
    ],
  ])("is refused with advice: %s", async (_, content, reason) => {
    expect(await refusal(content)).toEqual([expect.stringContaining(`${reason}; save it as CSV UTF-8`)])
  })
})

describe("what separates the cells", () => {
  it.each([
    ["commas", text],
    ["semicolons", text.replaceAll(",", ";")],
    ["tabs", text.replaceAll(",", "\t")],
    ["what the line sep= names", `sep=;\r\n${text.replaceAll(",", ";")}`],
    ["the same, quoted and with a tab", `"sep=\t"\n${text.replaceAll(",", "\t")}`],
    [
      "semicolons, though more commas stand in quoted names",
      `"a,b,c,d,e,f,g,h";${text.replaceAll(",", ";")}`.replace("\r\n", "\r\n;"),
    ],
  ])("%s", async (_, content) => {
    expect((await read(content)).items).toMatchObject([{ reference: "a1", minor: 1234n }])
  })

  it("is refused where sep= names another", async () => {
    expect(await refusal(`sep=|\n${text}`)).toEqual([
      "line 1: sep= names neither a comma, a semicolon nor a tab",
    ])
  })

  it("counts the line sep= as one", async () => {
    expect(await refusal(`sep=,\n${header}\n\na1,EUR,x,Ada,DE89370400440532013000,\n`)).toEqual([
      expect.stringMatching(/^line 4, amount/),
    ])
  })
})

describe("the names of columns", () => {
  it.each([
    [
      "twice",
      `${header},remittance\n${row},y`,
      "line 1, remittance: columns 6 and 7 have the same name; rename or remove one",
    ],
    [
      "twice, once in capitals",
      `${header},IBAN\n${row},y`,
      "line 1, IBAN: columns 5 and 7 have the same name; rename or remove one",
    ],
    [
      "twice, composed and decomposed",
      `${header},\u00e9,e\u0301\n${row},,`,
      "line 1, e\u0301: columns 7 and 8 have the same name; rename or remove one",
    ],
  ])("are refused when one is there %s", async (_, content, problem) => {
    expect(await refusal(content)).toEqual([problem])
  })

  it("may be empty where nothing is below", async () => {
    expect((await read(`${header},,\n${row},,\n`)).items).toHaveLength(1)
    expect(await refusal(`${header},,\n${row},,y\n`)).toEqual([
      "line 2: cell 8 is filled, but its column has no name",
    ])
  })

  it("are named where they are missing, each with the name that may be meant", async () => {
    expect(await refusal("Refrence,currency,ammount,IBAN\na1,EUR,1.00,DE89370400440532013000")).toEqual([
      `line 1, reference: missing, as the file seems to have AtlasPay's columns; is "Refrence" meant?`,
      `line 1, amount: missing, as the file seems to have AtlasPay's columns; is "ammount" meant?`,
      "line 1, name: missing, as the file seems to have AtlasPay's columns",
    ])
    expect(await refusal("name,paymentRefrence,amountCurrency,amount,targetCurrency\n")).toEqual([
      `line 1, paymentReference: missing, as the file seems to have Wise's batch template; is "paymentRefrence" meant?`,
    ])
  })

  it("are named where they are unknown and filled, each with the name that may be meant", async () => {
    expect(await refusal(`${header},Sort Code,colour\n${row},601010,\na2,EUR,1.00,Ada,,,,red`)).toEqual([
      'line 2, Sort Code: filled, but the column is unknown; is "sort_code" meant?',
      "line 3, colour: filled, but the column is unknown",
    ])
  })
})

describe("amounts are read by a setting, never by a guess", () => {
  const amounts = (value: string, options = {}, currency = "EUR") =>
    read(`${header}\na1,${currency},"${value}",Ada,DE89370400440532013000,\n`, options).then(
      ({ items }) => items[0]?.minor,
    )
  const refusedAmount = (value: string, options = {}, currency = "EUR") =>
    refusal(`${header}\na1,${currency},"${value}",Ada,DE89370400440532013000,\n`, options)

  it.each([
    ["1234.50", {}, 123450n],
    ["1234,50", { decimal: "comma" }, 123450n],
    ["1.234,50", { decimal: "comma", thousands: "point" }, 123450n],
    ["1234,5", { decimal: "comma", thousands: "point" }, 123450n],
    ["1,234,567.50", { thousands: "comma" }, 123456750n],
    ["1\u202f234,50", { decimal: "comma", thousands: "space" }, 123450n],
    ["1\u00a0234.50", { thousands: "space" }, 123450n],
    ["1’234.50", { thousands: "apostrophe" }, 123450n],
    ["12", { decimal: "comma", thousands: "point" }, 1200n],
  ] as const)("%s with %j", async (value, options, minor) => {
    expect(await amounts(value, options)).toBe(minor)
  })

  it.each([
    [
      "1,234",
      {},
      "the comma is no separator here; if it means something else, add --decimal point --thousands comma or --decimal comma",
    ],
    [
      "1.234",
      {},
      "the point would separate 3 decimals; if it means something else, add --decimal comma --thousands point",
    ],
    [
      "1,234",
      { decimal: "comma" },
      "the comma would separate 3 decimals; if it means something else, add --decimal point --thousands comma",
    ],
    [
      "1.234",
      { decimal: "comma" },
      "the point is no separator here; if it means something else, add --decimal point or --decimal comma --thousands point",
    ],
    [
      "1.234,50",
      {},
      "the comma stands behind the decimals; if it means something else, add --decimal comma --thousands point",
    ],
    [
      "1,23",
      { thousands: "comma" },
      "the comma does not separate groups of 3 digits; if it means something else, add --decimal comma",
    ],
    ["12,34,567.00", { thousands: "comma" }, "the comma does not separate groups of 3 digits"],
    ["1.2.3", {}, "the point stands more than once"],
    [
      "1 234.50",
      {},
      "the space is no separator here; if it means something else, add --decimal point --thousands space",
    ],
  ] as const)("%s with %j is refused with advice", async (value, options, reason) => {
    expect(await refusedAmount(value, options)).toEqual([`line 2, amount: ${reason}`])
  })

  it("has three decimals in a currency of three, as the API writes them", async () => {
    expect(await amounts("1.234", {}, "KWD")).toBe(1234n)
  })

  it("cannot have one mark for both", async () => {
    expect(await refusedAmount("1.00", { thousands: "point" })).toEqual([
      ": the point cannot separate both decimals and thousands: set the other one, too",
    ])
  })
})

describe("a layout of others that cannot be paid", () => {
  it.each([
    [
      "PayPal's large file",
      "PAYOUT_SUMMARY,1500.75,USD,5,Hello,Thanks\nPAYOUT,ada@example.com,1,USD\n",
      "PayPal's large-batch file cannot be paid: its rows have no recipient's name",
    ],
    [
      "Mifos",
      "id,request_id,payment_mode,payee_identifier_type,payee_identifier,amount,currency,note\n0,f1,mojaloop,msisdn,27713803912,10,USD,x\n",
      "Mifos Payment Hub EE's bulk file cannot be paid: it has no column for the payee's name",
    ],
  ])("%s is refused by its name, with the reason", async (_, content, reason) => {
    expect(await refusal(content)).toEqual([expect.stringContaining(`line 1: ${reason}`)])
  })
})

describe("bounds", () => {
  it("hold for rows", async () => {
    const rows = Array.from({ length: 100_001 }, (_, index) => `${index},EUR,1.00,A,DE89370400440532013000,`)
    expect(await refusal([header, ...rows].join("\n"))).toEqual([": more than 100000 rows"])
  }, 60_000)

  it("hold for empty rows", async () => {
    expect(await refusal(`${header}${"\n".repeat(200_001)}${row}`)).toEqual([
      ": more than 200000 rows with the empty ones; delete those",
    ])
  }, 60_000)

  it("hold for columns, rows' lengths and bytes", async () => {
    const wide = Array.from({ length: 300 }, (_, index) => `c${index}`).join(",")
    expect(await refusal(`${header},${wide}\n${row}\n`)).toEqual(["line 1: more than 256 columns"])
    expect(await refusal(`${header}\na1,EUR,1.00,${"A".repeat(70_000)},x,\n`)).toEqual([
      "line 2: a row is longer than 65536 characters",
    ])
    expect(await refusal(Buffer.alloc(16 * 1024 * 1024 + 1, "a"))).toEqual([": larger than 16777216 bytes"])
  })

  it("hold for kinds: workbooks are refused by name, with advice", async () => {
    expect(await refusalAt(fileOf("PK\x03\x04…", "payouts.xlsx"))).toEqual([
      expect.stringMatching(/^: an XLSX workbook, which is not read; save the sheet as CSV UTF-8/),
    ])
    const old = Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1])
    expect(await refusalAt(fileOf(old, "payouts.xls"))).toEqual([
      ": an old Excel workbook, which is not read; save the sheet as CSV UTF-8",
    ])
  })
})

it("no account number is shown that stands where the name of a column should", async () => {
  const iban = "DE89370400440532013000"
  expect(await refusal(`${header},${iban}\n${row},y`)).toEqual([
    "line 2, [redacted]: filled, but the column is unknown",
  ])
  for (const wallet of ["ada@example.com", "+1 415 555 2671", "G83JXTJ5EHCQ2"])
    expect(await refusal(`${header},${wallet}\n${row},y`)).toEqual([
      "line 2, [redacted]: filled, but the column is unknown",
    ])
  expect(await refusal(`${header},${iban},${iban}\n${row}`)).toEqual([
    "line 1, [redacted]: columns 7 and 8 have the same name; rename or remove one",
  ])
})
