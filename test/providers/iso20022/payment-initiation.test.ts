import { type Array as Arr, Result } from "effect"
import { describe, expect, it } from "vitest"
import { type Address, type BeneficiaryAccount, visibleOf } from "../../../src/domain/beneficiary.ts"
import { transferReference } from "../../../src/domain/identifiers.ts"
import { formatAmount } from "../../../src/domain/money.ts"
import { type BankScheme, bankSchemes, schemeOf } from "../../../src/domain/scheme.ts"
import { uetrOf } from "../../../src/domain/uetr.ts"
import type { TransferInstruction } from "../../../src/providers/banks/bank.ts"
import { fileLimits } from "../../../src/providers/banks/files/file-bank-settings.ts"
import { variantOf } from "../../../src/providers/banks/files/variant-settings.ts"
import {
  type CreditTransfer,
  creditTransferOf as transferOf,
} from "../../../src/providers/iso20022/credit-transfer.ts"
import {
  type PaymentInitiation,
  writePaymentInitiation,
} from "../../../src/providers/iso20022/payment-initiation.ts"
import { batchId } from "../../domain/batch-story.ts"
import { fc } from "../../property.ts"
import { isPublishedDataThere } from "../../published-data.ts"
import { schemaProblems } from "./payment-initiation-schema.ts"
import { brokenRules } from "./scheme-rules.ts"
import { aba, anyAccount, anyCurrency, iban, ordersIn, sortCode } from "./transfer-orders.ts"

const at = Date.UTC(2026, 10, 26, 1, 2, 3, 4)
const limits = fileLimits({})
const creditTransferOf = (instruction: TransferInstruction) => transferOf(instruction, limits, at)

const instructions = ordersIn(anyCurrency, anyAccount)

/** The file of what is accepted of some orders, if anything is. */
const fileOf = (
  orders: ReadonlyArray<TransferInstruction>,
  changes: Partial<PaymentInitiation> = {},
): PaymentInitiation | undefined => {
  const [first, ...rest] = orders.map(creditTransferOf).filter(Result.isSuccess)
  if (first === undefined) return undefined
  const transfers: Arr.NonEmptyArray<CreditTransfer> = [first.success, ...rest.map(({ success }) => success)]
  const { currency, details } = first.success
  const scheme = schemeOf(visibleOf(details.account), currency, at)
  return {
    messageId: "EUR-faster-payments-2026-11-26-9999",
    createdAt: at,
    executionDay: "2026-11-26",
    scheme: scheme === "wallet" ? "cross-border" : scheme,
    currency,
    debtor: { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } },
    characters: limits[scheme]?.characters ?? "latin",
    achClass: "PPD",
    variant: variantOf({}),
    transfers,
    ...changes,
  }
}

const sumsIn = (xml: string): ReadonlyArray<string> =>
  [...xml.matchAll(/<CtrlSum>([^<]*)</g)].map(([, sum = ""]) => sum)

it("sums exactly what it holds, in minor units, and counts it", () => {
  fc.assert(
    fc.property(instructions, (orders) => {
      const file = fileOf(orders)
      fc.pre(file !== undefined)
      const xml = writePaymentInitiation(file)
      const sum = formatAmount(
        file.transfers.reduce((total, { minor }) => total + minor, 0n),
        file.currency,
      )
      expect(sumsIn(xml)).toEqual([sum, sum])
      expect(xml.match(/<CdtTrfTxInf>/g)?.length).toBe(file.transfers.length)
      expect(xml.match(/<EndToEndId>[A-Z2-7]{22}-[0-9]-1</g)?.length).toBe(file.transfers.length)
    }),
  )
})

const debtors: readonly [PaymentInitiation["debtor"], PaymentInitiation["debtor"]] = [
  { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } },
  {
    name: "Müller & Söhne",
    account: { scheme: "iban", iban: "NL91ABNA0417164300", bic: "ABNANL2A" },
    address: { street: "Straße", buildingNumber: "7a", postcode: "1011 AB", town: "Köln", country: "DE" },
    organisation: {
      bic: "ABNANL2AXXX",
      lei: "529900T8BM49AURSDO55",
      other: { id: "12/345", scheme: "CUST", issuer: "ABN" },
    },
  },
]

describe("keeps the rules of its scheme, whatever is accepted:", () => {
  const ordersOf: Readonly<Record<BankScheme, typeof instructions>> = {
    sepa: ordersIn(fc.constant("EUR"), iban),
    "faster-payments": ordersIn(fc.constant("GBP"), sortCode),
    ach: ordersIn(fc.constant("USD"), aba),
    "cross-border": instructions,
  }

  it.each(bankSchemes)("%s", (scheme) => {
    const accepted = ordersOf[scheme]
      .map((orders) => fileOf(orders))
      .filter((file) => file?.scheme === scheme) as fc.Arbitrary<PaymentInitiation>
    fc.assert(
      fc.property(accepted, fc.constantFrom(...debtors), (file, debtor) => {
        expect(brokenRules(writePaymentInitiation({ ...file, debtor }), scheme)).toEqual([])
      }),
      { numRuns: 100 },
    )
  })
})

it.each<readonly [string, (xml: string) => string]>([
  ["the account is in SEPA", (xml) => xml.replace("<IBAN>DE", "<IBAN>TR")],
  ["Nm has the characters of its scheme", (xml) => xml.replace("Ada Lovelace", "Ada &amp; Co")],
  ["Nm has 1 to 70 characters", (xml) => xml.replace("Ada Lovelace", "x".repeat(71))],
  ["an address has a town", (xml) => xml.replace(/<TwnNm>.*<\/TwnNm>/, "")],
  ["an address has a country", (xml) => xml.replace(/<Ctry>.*<\/Ctry>/, "")],
  ["each transfer has a UETR", (xml) => xml.replace(/<UETR>.*<\/UETR>/, "")],
  ["a UETR has the end of its reference", (xml) => xml.replace(/<UETR>./, "<UETR>f")],
  ["the payment has its message's id", (xml) => xml.replace("<PmtInfId>", "<PmtInfId>P-")],
  ["EndToEndId is an identifier", (xml) => xml.replace("<EndToEndId>", "<EndToEndId>/")],
  ["amounts are SEPA's", (xml) => xml.replace(">12.34</InstdAmt>", ">1000000000.00</InstdAmt>")],
  [
    "an organisation has one identification",
    (xml) => xml.replace("<OrgId>", "<OrgId><AnyBIC>ABNANL2A</AnyBIC>"),
  ],
])("these tests would see that not: %s", (rule, change) => {
  const [, debtor] = debtors
  const file = fileOf([abroad(order({}))], { debtor })
  const xml = writePaymentInitiation(file as PaymentInitiation)
  expect(brokenRules(xml, "sepa")).toEqual([])
  expect(brokenRules(change(xml), "sepa")).toContain(rule)
})

describe.skipIf(!isPublishedDataThere)("by the published schema", () => {
  it("whatever is accepted gives a valid file", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(instructions, { minLength: 20, maxLength: 20 }), async (batches) => {
        const files = batches
          .map((orders, index) => fileOf(orders, { debtor: index % 2 === 0 ? debtors[0] : debtors[1] }))
          .filter((file) => file !== undefined)
        fc.pre(files.length > 0)
        expect(await schemaProblems(files.map(writePaymentInitiation))).toEqual([])
      }),
      { numRuns: 3 },
    )
  }, 60_000)

  it("these tests would see an invalid one", async () => {
    const file = fileOf([order({})])
    expect(
      await schemaProblems([
        writePaymentInitiation({ ...(file as PaymentInitiation), messageId: "x".repeat(36) }),
      ]),
    ).not.toEqual([])
  })
})

const order = (changes: Partial<TransferInstruction>): TransferInstruction => ({
  bank: "clearing",
  partner: "acme",
  reference: transferReference({ batch: batchId, item: 1, attempt: 1 }),
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
  currency: "EUR",
  minor: 1234n,
  ...changes,
})

const named = (name: string, account?: BeneficiaryAccount) =>
  order({ beneficiary: { name, account: account ?? order({}).beneficiary.account } })

const abroad = (instruction: TransferInstruction, address?: Address): TransferInstruction => ({
  ...instruction,
  beneficiary: { ...instruction.beneficiary, address: address ?? { town: "Berlin", country: "DE" } },
})

describe("an order is refused", () => {
  it.each<readonly [string, TransferInstruction, string | undefined]>([
    ["no, as it is", order({}), undefined],
    ["with a name that payment files cannot spell", named("爱达"), "RR10"],
    ["not with one in Greek or Cyrillic", named("Ада Λαβλέις"), undefined],
    ["with a name beyond the scheme's length", named("x".repeat(71)), "RR10"],
    [
      "not with that name in another scheme",
      { ...abroad(named("x".repeat(71))), currency: "USD" },
      undefined,
    ],
    ["with a name that is too long once it is respelled", named(`${"ß".repeat(35)}x`), "RR10"],
    ["with a remittance that payment files cannot spell", order({ remittance: "五十" }), "RR10"],
    ["not with a symbol, which is respelled", order({ remittance: "50 %" }), undefined],
    ["across borders without an address", { ...named("Ada"), currency: "USD" }, "BE04"],
    ["with an amount beyond the scheme's", order({ minor: 100_000_000_000n }), "AM02"],
  ])("%s", (_, instruction, code) => {
    const outcome = creditTransferOf(instruction)
    expect(Result.isFailure(outcome) ? outcome.failure : undefined).toBe(code)
  })
})

it.each<readonly [BeneficiaryAccount, string, ReadonlyArray<string>]>([
  [
    { scheme: "iban", iban: "DE89370400440532013000" },
    "EUR",
    ["<Cd>SEPA</Cd>", "<ChrgBr>SLEV<", "<IBAN>DE89370400440532013000<"],
  ],
  [
    { scheme: "sort-code", sortCode: "231470", accountNumber: "28821822" },
    "GBP",
    ["<Cd>GBDSC</Cd>", "<MmbId>231470<", "<Id>28821822<"],
  ],
  [
    { scheme: "aba", routingNumber: "021000021", accountNumber: "123456789", accountType: "savings" },
    "USD",
    ["<Cd>USABA</Cd>", "<MmbId>021000021<", "<Id>123456789<", "<Cd>SVGS<"],
  ],
  [
    { scheme: "bic", bic: "BNPAFRPP", accountNumber: "77" },
    "USD",
    ["<BICFI>BNPAFRPP<", "<Id>77<", "<ChrgBr>SHAR<"],
  ],
])("addresses %o in %s as its scheme does", (account, currency, parts) => {
  const file = fileOf([abroad({ ...named("Ada Lovelace", account), currency })])
  const xml = writePaymentInitiation(file as PaymentInitiation)
  for (const part of parts) expect(xml).toContain(part)
})

describe("a transfer is written", () => {
  const written = (instruction: TransferInstruction, changes: Partial<PaymentInitiation> = {}): string =>
    writePaymentInitiation(fileOf([instruction], changes) as PaymentInitiation).replaceAll(/\n */g, "")
  const [, debtor] = debtors

  it("with its beneficiary's address, in structured fields and the characters of its scheme", () => {
    const address = {
      street: "Ωδός 5-ая",
      buildingNumber: "7ä",
      postcode: "10117",
      town: "Köln",
      country: "DE",
    }
    expect(written(abroad(order({}), address))).toContain(
      "<Cdtr><Nm>Ada Lovelace</Nm><PstlAdr><StrtNm>Odos 5-aya</StrtNm><BldgNb>7a</BldgNb>" +
        "<PstCd>10117</PstCd><TwnNm>Koln</TwnNm><Ctry>DE</Ctry></PstlAdr></Cdtr>",
    )
    expect(written(order({}))).not.toContain("PstlAdr")
  })

  it("with its UETR, unless its bank does not take one", () => {
    expect(written(order({}))).toContain(`<UETR>${uetrOf(order({}).reference)}</UETR></PmtId>`)
    expect(written(order({}), { variant: variantOf({ uetr: false }) })).not.toContain("UETR")
  })

  it("with the marks of CBPR+ across borders, and without them in SEPA", () => {
    const remittance = "Invoice #4711 @ 50% & more"
    expect(written(order({ remittance }))).toContain("<Ustrd>Invoice .4711 . 50. + more</Ustrd>")
    expect(written(abroad(order({ remittance, currency: "USD" })))).toContain(
      "<Ustrd>Invoice #4711 @ 50% &amp; more</Ustrd>",
    )
  })

  it.each([
    ["PPD", "individual", "CCD"],
    ["CCD", "company", "PPD"],
    ["PPD", undefined, "PPD"],
    ["CCD", undefined, "CCD"],
  ] as const)(
    "as %s by ACH, for an account of a %s where %s is the bank's class",
    (held, holderType, achClass) => {
      const account = {
        scheme: "aba",
        routingNumber: "021000021",
        accountNumber: "123456789",
        accountType: "checking",
        ...(holderType && { holderType }),
      } as const
      expect(written({ ...named("Ada", account), currency: "USD" }, { achClass })).toContain(
        `<PmtTpInf><LclInstrm><Cd>${held}</Cd></LclInstrm></PmtTpInf>`,
      )
    },
  )

  it("from a debtor with its address, in the file's characters, and one identification in SEPA", () => {
    const address =
      "<PstlAdr><StrtNm>Strasse</StrtNm><BldgNb>7a</BldgNb><PstCd>1011 AB</PstCd><TwnNm>Koln</TwnNm><Ctry>DE</Ctry></PstlAdr>"
    const other = "<Othr><Id>12/345</Id><SchmeNm><Cd>CUST</Cd></SchmeNm><Issr>ABN</Issr></Othr>"
    const changes = { debtor }
    expect(written(order({}), changes)).toContain(
      `<Dbtr><Nm>Muller + Sohne</Nm>${address}<Id><OrgId>${other}</OrgId></Id></Dbtr>`,
    )
    expect(written(abroad(order({ currency: "USD" })), changes)).toContain(
      `<Dbtr><Nm>Muller &amp; Sohne</Nm>${address}<Id><OrgId><AnyBIC>ABNANL2AXXX</AnyBIC>` +
        `<LEI>529900T8BM49AURSDO55</LEI>${other}</OrgId></Id></Dbtr>`,
    )
  })
})
