/** The same payouts have one body and one key, whatever file they come in. */

import { describe, expect, it } from "vitest"
import { fc } from "../property.ts"
import { fileOf, read, readAt, refusal } from "./read-file.ts"

const header = "reference,currency,amount,name,iban,remittance"
const rows = [
  "a1,EUR,12.34,Ada Lovelace,DE89370400440532013000,first",
  "a2,EUR,1.00,Bob Bond,NL91ABNA0417164300,",
  "a3,EUR,1000.00,Cleo,FR7630006000011234567890189,last",
]
const csv = [header, ...rows].join("\n")

const items = [
  ["a3", "1000.00", "Cleo", "FR7630006000011234567890189", "last"],
  ["a1", "12.34", "Ada Lovelace", "DE89370400440532013000", "first"],
  ["a2", "1.00", "Bob Bond", "NL91ABNA0417164300", undefined],
].map(([reference, value, name, iban, remittance]) => ({
  remittance,
  beneficiary: { account: { iban, scheme: "iban" }, name },
  amount: { value, currency: "EUR" },
  reference,
}))

/** It must not change: another key would pay a file again that was submitted before an upgrade. */
const KEY = "payouts-4d678a1524979a756f5da4756db1d121377bbe71653e19f7788f0b8e09dd1bfc"

describe("the same payouts", () => {
  it("have the same body and key in every kind of file, encoding, separator, notation and order", async () => {
    const first = await read(csv)
    const others = await Promise.all([
      readAt(fileOf(csv.replaceAll("\n", "\r\n"), "crlf.csv")),
      readAt(fileOf(Buffer.from(`\uFEFF${csv}`, "utf16le"), "utf16.csv")),
      readAt(fileOf([header, ...rows.toReversed()].join("\n").replaceAll(",", "\t"), "tabs.csv")),
      readAt(fileOf(csv.replaceAll(",", ";").replaceAll(".", ","), "comma.csv"), { decimal: "comma" }),
      readAt(fileOf(csv.replace("DE89370400440532013000", "de89 3704 0044 0532 0130 00"), "groups.csv")),
      readAt(fileOf(JSON.stringify(items, null, 2), "list.json")),
      readAt(fileOf(Buffer.from(`\uFEFF${JSON.stringify(items)}`, "utf16le"), "utf16.json")),
      readAt(fileOf(`\uFEFF${JSON.stringify({ items })}`, "body.json")),
    ])
    for (const other of others) expect([other.key, other.body]).toEqual([first.key, first.body])
    expect(first.key).toBe(KEY)
  })

  it("have the same references and key in whatever order Wise's template lists them", async () => {
    const wise = "name,paymentReference,amountCurrency,amount,targetCurrency,iban"
    const payments = fc.uniqueArray(
      fc.tuple(
        fc.constantFrom("Ada", "Bob", "Cleo"),
        fc.constantFrom("inv 1", "inv 2", "inv 1 #1"),
        fc.constantFrom("1.00", "2.00"),
        fc.constantFrom("DE89370400440532013000", "NL91ABNA0417164300"),
      ),
      { minLength: 1, maxLength: 12, selector: (payment) => payment.join() },
    )
    const orders = payments.chain((some) =>
      fc.tuple(fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length })),
    )
    const fileFor = (some: ReadonlyArray<readonly [string, string, string, string]>) =>
      [
        wise,
        ...some.map(([name, reference, amount, iban]) => `${name},${reference},EUR,${amount},EUR,${iban}`),
      ].join("\n")
    await fc.assert(
      fc.asyncProperty(orders, async ([some, shuffled]) => {
        const [a, b] = [await read(fileFor(some)), await read(fileFor(shuffled))]
        expect(b.body).toBe(a.body)
        expect(b.key).toBe(a.key)
        expect(a.items).toHaveLength(some.length)
      }),
      { numRuns: 100 },
    )
  })
})

describe("payouts that share a reference", () => {
  const wise = "name,paymentReference,amountCurrency,amount,targetCurrency,iban"

  it("have the same references and key however their amounts, accounts and names are spelled", async () => {
    const plain = await read(
      [
        wise,
        "Zoë,inv 1,EUR,10.00,EUR,NL91ABNA0417164300",
        "Ada,inv 1,EUR,10.00,EUR,DE89370400440532013000",
        "Ada,inv 1,EUR,9.50,EUR,NL91ABNA0417164300",
      ].join("\n"),
    )
    const respelled = await read(
      [
        wise,
        "Zoe\u0308,inv 1,EUR,10,EUR,nl91 abna 0417 1643 00",
        "Ada,inv 1,EUR,10.00,EUR,DE89-3704-0044-0532-0130-00",
        "Ada,inv 1,EUR,9.5,EUR,NL91ABNA0417164300",
      ].join("\n"),
    )
    expect([respelled.key, respelled.body]).toEqual([plain.key, plain.body])
  })

  it("are refused where one stands twice in two spellings", async () => {
    const rows = ["Ada,inv 1,EUR,10.00,EUR,NL91ABNA0417164300", "Ada,inv 1,EUR,10,EUR,NL91 ABNA 0417 1643 00"]
    expect(await refusal([wise, ...rows].join("\n"))).toEqual([
      expect.stringContaining("already used by line 2, for the same payment"),
    ])
  })
})

describe("a payment that stands twice", () => {
  it("is refused, though its reference may be shared: nobody can tell whether it is meant twice", async () => {
    const wise = "name,paymentReference,amountCurrency,amount,targetCurrency,iban"
    const row = "Ada,inv 1,EUR,10.00,EUR,DE89370400440532013000"
    const advice = "if both are to be paid, give them different references"
    expect(await refusal([wise, row, row].join("\n"))).toEqual([
      `line 3, paymentReference: already used by line 2, for the same payment; ${advice}`,
    ])
    expect(await refusal([wise, row, row.replace("10.00", "9.00"), row].join("\n"))).toEqual([
      `line 4, paymentReference: already used by line 2, for the same payment; ${advice}`,
    ])
  })
})

describe("the key", () => {
  const keyOf = async (from: string, to: string) => (await read(csv.replace(from, to))).key

  it.each([
    ["a reference", "a1", "a4"],
    ["an amount", "12.34", "12.35"],
    ["a name", "Cleo", "Chloe"],
    ["a remittance", "first", "second"],
    ["an account, by what is shown of it", "NL91ABNA0417164300", "FR7630006000011234567890189"],
  ])("is another for %s", async (_, from, to) => {
    expect(await keyOf(from, to)).not.toBe(KEY)
  })

  it("does not let its readers try accounts: digits that nobody is shown change the body alone", async () => {
    const first = await read(csv)
    // Both end in 3000, and differ in what the log does not show.
    const other = await read(csv.replace("DE89370400440532013000", "DE44500105175407313000"))
    expect(other.key).toBe(first.key)
    expect(other.body).not.toBe(first.body)
  })

  it("does not depend on the terms: the service refuses other terms for payouts that it knows", async () => {
    const later = await read(
      JSON.stringify({ items, reference: "october", executeAt: "2027-01-01T00:00:00Z" }),
    )
    const sooner = await read(JSON.stringify({ items, reference: "november" }))
    expect(later.key).toBe(KEY)
    expect(sooner.key).toBe(KEY)
    expect(later.body).not.toBe(sooner.body)
  })

  it("is printable ASCII of at most 255 characters, with the reason to pay again", async () => {
    const { key, body } = await read(csv, { again: "bank lost it" })
    expect(key).toBe(`${KEY}-again-bank lost it`)
    expect(JSON.parse(body).reference).toBe("again: bank lost it")
    const long = await read(csv, { again: "ü".repeat(57) })
    expect(long.key).toMatch(/^[\x20-\x7e]{1,255}$/)
    expect([...JSON.parse(long.body).reference]).toHaveLength(64)
  })

  it("leaves a batch its own reference when it is paid again", async () => {
    const own = await read(JSON.stringify({ items, reference: "october" }), { again: "x" })
    expect(JSON.parse(own.body).reference).toBe("october")
  })
})

describe("a list of payouts in JSON", () => {
  it.each([
    ["more than the list", `${JSON.stringify(items)},"mode":"partial"`],
    ["a list that does not end", JSON.stringify(items).slice(0, -1)],
  ])("is refused with %s", async (_, text) => {
    expect(await refusal(text)).toEqual([": expected JSON"])
  })

  it("names what is wrong as an object with items does", async () => {
    expect(await refusal(JSON.stringify([{ ...items[0], remittance: 7 }]))).toEqual([
      expect.stringMatching(/^item 1, remittance: /),
    ])
  })

  it.each([
    ["an encoding", { encoding: "windows-1250" }, "--encoding"],
    ["decimals", { decimal: "comma" }, "--decimal"],
    ["thousands", { thousands: "space" }, "--thousands"],
    ["rows to set aside", { setsAside: true }, "--rejects"],
  ] as const)("takes no %s: those are of spreadsheets", async (_, options, flag) => {
    expect(await refusal(JSON.stringify(items), options)).toEqual([`: ${flag} is for spreadsheets`])
  })
})

it("an account in New Caledonia has the key that it had while it counted as French", async () => {
  const header = "reference,currency,amount,name,iban,bic"
  const keyOf = async (bic: string) =>
    (await read(`${header}\na1,EUR,1.00,Ada,FR1420041010050500013M02606,${bic}`)).contentKey
  expect(await keyOf("BCIXNCNN")).toBe(await keyOf("BCIXFRPP"))
})
