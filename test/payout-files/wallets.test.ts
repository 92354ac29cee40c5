/** Wallets, types and free lines of addresses in spreadsheets: in our own columns, in Wise's template, and in PayPal's payment file. */
import { describe, expect, it } from "vitest"
import { rejectsText } from "../../src/payout-files/rejects-file.ts"
import { fileOf, read, readAt, refusal } from "./read-file.ts"

const accountsOf = async (content: string) =>
  (await read(content)).items.map(({ beneficiary: { account } }) => account)

describe("in our own columns", () => {
  const header = "reference,currency,amount,name,iban,email,phone,paypal_id,type"

  it("a wallet and a type are read as the API reads them", async () => {
    const { items } = await read(
      [
        header,
        "a,USD,1.00,Ada,, Ada@Example.com ,,,Person",
        "b,USD,1.00,Bob,,,00 1 (415) 555-2671,,",
        "c,USD,1.00,Cleo Ltd,,,,g83jxtj5ehcq2,COMPANY",
      ].join("\n"),
    )
    expect(items.map(({ beneficiary }) => beneficiary)).toEqual([
      { name: "Ada", account: { scheme: "email", email: "ada@example.com" }, type: "person" },
      { name: "Bob", account: { scheme: "phone", phone: "+14155552671" } },
      { name: "Cleo Ltd", account: { scheme: "paypal-id", paypalId: "G83JXTJ5EHCQ2" }, type: "company" },
    ])
  })

  it("what is wrong is said at its column, and never repeated", async () => {
    const rows = [
      header,
      "a,USD,1.00,Ada,,ada@localhost,,,",
      "b,USD,1.00,Bob,,,(415) 555-2671,,",
      "c,USD,1.00,Cleo,,,,G83JXTJ5EHCQ,",
      "d,USD,1.00,Dan,,dan@example.com,+14155552671,,",
      "e,USD,1.00,Eve,DE89370400440532013000,eve@example.com,,,",
      "f,USD,1.00,Fay,,fay@example.com,,,organisation",
      "g,USD,1.00,Gus,,,,,",
    ]
    expect(await refusal(rows.join("\n"))).toEqual([
      expect.stringMatching(/^line 2, email: expected an e-mail address such as/),
      expect.stringMatching(/^line 3, phone: expected a telephone number such as/),
      expect.stringMatching(/^line 4, paypal_id: expected a PayPal id/),
      "line 5, phone: not used with email",
      "line 6, email: not used with iban",
      expect.stringMatching(/^line 7, type: /),
      "line 8, iban: no account: one of iban, sort_code, routing_number, bic, email, phone, paypal_id must be filled",
    ])
    expect((await refusal(rows.join("\n"))).join()).not.toMatch(/localhost|\(415\)|HCQ|dan@|eve@|fay@/)
  })

  it("an address has up to two free lines", async () => {
    const columns = "reference,currency,amount,name,iban,town,country,address_line_1,address_line_2"
    const to = (line1: string, line2: string) =>
      `a,EUR,1.00,Ada,DE89370400440532013000,Berlin,DE,${line1},${line2}`
    const addressOf = async (row: string) =>
      (await read([columns, row].join("\n"))).items[0]?.beneficiary.address
    const town = { town: "Berlin", country: "DE" }
    expect(await addressOf(to("Hinterhaus", "3. Stock"))).toEqual({
      ...town,
      lines: ["Hinterhaus", "3. Stock"],
    })
    expect(await addressOf(to("", "3. Stock"))).toEqual({ ...town, lines: ["3. Stock"] })
    expect(await addressOf(to("", ""))).toEqual(town)
    expect(await refusal([columns, to("ok", "x".repeat(71))].join("\n"))).toEqual([
      "line 2, address_line_2: expected 1 to 70 characters",
    ])
  })
})

describe("in Wise's template", () => {
  const header = "name,paymentReference,receiverType,amountCurrency,amount,targetCurrency,iban"
  const file = (type: string) => `${header}\nAda,inv 1,${type},EUR,1.00,EUR,DE89370400440532013000`

  it("receivers have types", async () => {
    const typeIn = async (type: string) => (await read(file(type))).items[0]?.beneficiary.type
    expect(await typeIn("PRIVATE")).toBe("person")
    expect(await typeIn("business")).toBe("company")
    expect(await typeIn("")).toBeUndefined()
    expect(await typeIn("INSTITUTION")).toBeUndefined()
  })

  it("a file has the key that it had before they had", async () => {
    const typed = await read(file("BUSINESS"))
    const plain = await read(file(""))
    expect(typed.contentKey).toBe(plain.contentKey)
  })
})

describe("in PayPal's payment file", () => {
  const rows = [
    "ada@example.com,100.5,USD,ID001,Here is your payment,PAYPAL,,Ada Lovelace",
    "+14155552671,2,usd,,,,,Bob Bond",
    'G83JXTJ5EHCQ2,"1,000.00",USD,ID001,,paypal,,Cleo Ltd',
  ]
  const file = rows.join("\n")
  const wallets = [
    ["Ada Lovelace", { scheme: "email", email: "ada@example.com" }],
    ["Bob Bond", { scheme: "phone", phone: "+14155552671" }],
    ["Cleo Ltd", { scheme: "paypal-id", paypalId: "G83JXTJ5EHCQ2" }],
  ]

  it("each row is a payout to a wallet, also the first, as there is no header", async () => {
    const { items } = await readAt(fileOf(file.replace('"1,000.00"', "1000.00")))
    expect(
      items
        .toSorted((a, b) => (a.beneficiary.name < b.beneficiary.name ? -1 : 1))
        .map(({ beneficiary: { name, account } }) => [name, account]),
    ).toEqual(wallets)
    expect(items.map(({ reference, currency }) => [reference, currency])).toEqual([
      ["ID001 #1", "USD"],
      ["ID001 #2", "USD"],
      ["payment", "USD"],
    ])
    expect(items.find(({ beneficiary }) => beneficiary.name === "Ada Lovelace")).toMatchObject({
      minor: 10_050n,
      remittance: "Here is your payment",
    })
  })

  it("amounts may be as PayPal's users in other countries write them", async () => {
    const euros = 'ada@example.com,"1.100,50",EUR,ID1,,PAYPAL,,Ada'
    const { items } = await read(euros, { decimal: "comma", thousands: "point" })
    expect(items[0]?.minor).toBe(110_050n)
  })

  it("is the same batch with a header, in any order of its columns", async () => {
    const header = "recipient,amount,currency,customer_id,note,recipient_wallet,social_feed_privacy,name"
    const plain = file.replace('"1,000.00"', "1000.00")
    const [first, other] = await Promise.all([
      readAt(fileOf(plain, "paypal.csv")),
      readAt(fileOf(`${header}\n${plain.split("\n").toReversed().join("\n")}`, "headed.csv")),
    ])
    expect([other.key, other.body]).toEqual([first.key, first.body])
  })

  it("nobody is paid without a name, by a number without its country, or in another wallet", async () => {
    const wrong = [
      "ada@example.com,1.00,USD,ID001,Here is your payment,PAYPAL",
      "4155552671,1.00,USD,ID2,,PAYPAL,,Bob",
      "+14155552671,1.00,USD,ID3,Hello,VENMO,FRIENDS_ONLY,Cleo",
      "dan@localhost,1.00,USD,ID4,,,,Dan",
      "eve,1.00,USD,ID5,,,,Eve",
    ]
    expect(await refusal(wrong.join("\n"))).toEqual([
      expect.stringMatching(/^line 1, name: missing: PayPal's file has no column for it/),
      expect.stringMatching(/^line 2, recipient: expected a telephone number such as/),
      expect.stringMatching(/^line 3, recipient_wallet: not PAYPAL/),
      expect.stringMatching(/^line 4, recipient: expected an e-mail address/),
      expect.stringMatching(/^line 5, recipient: expected a telephone number/),
    ])
  })

  it("rows that are refused are set aside under a header, and read again once they are mended", async () => {
    const wrong = [file.replace('"1,000.00"', "1000.00"), "+4930901820,3.00,USD,ID9,,,,"].join("\n")
    const { sheet, items } = await read(wrong, { setsAside: true })
    expect(items).toHaveLength(3)
    if (sheet === undefined) throw new Error("it is a sheet")
    const text = rejectsText(sheet)
    expect(text.split("\r\n")[0]).toBe(
      "\uFEFFrecipient,amount,currency,customer_id,note,recipient_wallet,social_feed_privacy,name,reject_reason",
    )
    const mended = text.replace("ID9,,,,,", "ID9,,,,Fay,")
    expect(mended).not.toBe(text)
    expect(await accountsOf(mended)).toEqual([{ scheme: "phone", phone: "+4930901820" }])
  })
})
