/** Files in the variants of banks: whatever is accepted is valid by the schema of its version and by the rules of its scheme. */
import { Array as Arr, Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { type BankAccount, visibleOf } from "../../../src/domain/beneficiary.ts"
import { type BankScheme, bankSchemes, schemeOf } from "../../../src/domain/scheme.ts"
import type { TransferInstruction } from "../../../src/providers/banks/bank.ts"
import { categoryPurposes } from "../../../src/providers/banks/files/category-purposes.ts"
import { FileBankSettings, fileLimits } from "../../../src/providers/banks/files/file-bank-settings.ts"
import { paymentFile } from "../../../src/providers/banks/files/payment-file.ts"
import { presetNames } from "../../../src/providers/banks/files/variant-presets.ts"
import { variantOf } from "../../../src/providers/banks/files/variant-settings.ts"
import { creditTransferOf } from "../../../src/providers/iso20022/credit-transfer.ts"
import { characterSets } from "../../../src/providers/iso20022/payment-text.ts"
import {
  chargeBearers,
  documentKinds,
  type Message,
  messages,
  referenceKinds,
  serviceLevels,
} from "../../../src/providers/iso20022/payment-variant.ts"
import { fc } from "../../property.ts"
import { isPublishedDataThere } from "../../published-data.ts"
import { schemaProblems } from "./payment-initiation-schema.ts"
import { brokenRules } from "./scheme-rules.ts"
import { aba, anyAccount, anyCurrency, iban, ordersIn, sortCode } from "./transfer-orders.ts"

const madeAt = Date.UTC(2026, 10, 26, 1, 2, 3, 4)

const ordersOf: Readonly<Record<BankScheme, fc.Arbitrary<ReadonlyArray<TransferInstruction>>>> = {
  sepa: ordersIn(fc.constant("EUR"), iban),
  "faster-payments": ordersIn(fc.constant("GBP"), sortCode),
  ach: ordersIn(fc.constant("USD"), aba),
  "cross-border": ordersIn(anyCurrency, anyAccount),
}

const byScheme = <A>(value: fc.Arbitrary<A>) =>
  fc.record(
    { sepa: value, "faster-payments": value, ach: value, "cross-border": value },
    { requiredKeys: [] },
  )

const fields = fc.record(
  {
    preset: fc.constantFrom(...presetNames),
    message: fc.constantFrom(...messages),
    batchBooking: fc.boolean(),
    instant: fc.boolean(),
    priority: fc.constantFrom("HIGH", "NORM"),
    serviceLevels: byScheme(fc.constantFrom(...serviceLevels)),
    charges: byScheme(fc.constantFrom(...chargeBearers)),
    characters: byScheme(fc.constantFrom(...characterSets)),
    lengths: byScheme(fc.record({ name: fc.integer({ min: 18, max: 140 }), remittance: fc.constant(35) })),
    addressLines: fc.boolean(),
    categoryPurpose: fc.constantFrom(...categoryPurposes),
    purpose: fc.constantFrom("SUPP", "SALA", "COMM"),
    references: fc.subarray([...referenceKinds]),
    document: fc.constantFrom(...documentKinds),
  },
  { requiredKeys: [] },
)

const decode = Schema.decodeUnknownResult(FileBankSettings, { onExcessProperty: "error", errors: "all" })

const debtor = {
  name: "Müller & Söhne",
  account: { scheme: "iban", iban: "NL91ABNA0417164300", bic: "ABNANL2A" },
  address: { street: "Straße", town: "Köln", country: "DE" },
  organisation: { bic: "ABNANL2AXXX", other: { id: "12/345", scheme: "CUST", issuer: "ABN" } },
}

/** Settings that are taken, with any variant; of one version of the message, if that is given. */
const settingsOf = (message?: Message): fc.Arbitrary<FileBankSettings> =>
  fc
    .record({
      variant: fields.map((all) => ({ ...all, ...(message && { message }) })),
      ultimateDebtors: fc.constantFrom(
        {},
        { acme: { name: "Acmé GmbH & Co", organisation: { bic: "ABNANL2A" } } },
      ),
    })
    .map((own) => decode({ folder: "/var/clearing", debtor, ...own }))
    .filter(Result.isSuccess)
    .map(({ success }) => success)

interface File {
  readonly xml: string
  readonly scheme: BankScheme
}

/** The file of what is accepted of some orders, if anything is. */
const fileOf = (own: FileBankSettings, orders: ReadonlyArray<TransferInstruction>): File | undefined => {
  const [first] = orders
  if (first === undefined) return undefined
  const scheme = schemeOf(visibleOf(first.beneficiary.account), first.currency, madeAt)
  const transfers = orders
    .map((order) => creditTransferOf(order, fileLimits(own), madeAt))
    .filter(Result.isSuccess)
    .map(({ success }) => success)
  if (scheme === "wallet" || !Arr.isArrayNonEmpty(transfers)) return undefined
  const { currency } = first
  const file = { messageId: "EUR-sepa-2026-11-26-1", madeAt, day: "2026-11-26", scheme, currency }
  return { xml: Result.getOrThrow(paymentFile(own, file, transfers)), scheme }
}

const brokenIn = (own: FileBankSettings, { xml, scheme }: File): ReadonlyArray<string> => {
  const variant = variantOf(own)
  const { serviceLevel, ...wanted } = variant.schemes[scheme]
  return brokenRules(xml, scheme, {
    ...wanted,
    ...(serviceLevel !== undefined && { serviceLevel }),
    hasUetrs: variant.uetr,
    batchBooking: variant.batchBooking,
    instant: variant.instant,
    lines: variant.addressLines,
    qr: variant.references.includes("swiss-qr"),
  })
}

describe("in any variant, whatever is accepted keeps the rules of its scheme:", () => {
  it.each(bankSchemes)("%s", (scheme) => {
    fc.assert(
      fc.property(settingsOf(), ordersOf[scheme], (own, orders) => {
        const file = fileOf(own, orders)
        fc.pre(file !== undefined)
        expect(brokenIn(own, file)).toEqual([])
      }),
      { numRuns: 60 },
    )
  })
})

describe.skipIf(!isPublishedDataThere)("by the schema of its version, whatever is accepted is valid:", () => {
  it.each(messages)(
    "%s",
    async (message: Message) => {
      const files = fc
        .tuple(settingsOf(message), fc.oneof(...bankSchemes.map((scheme) => ordersOf[scheme])))
        .map(([own, orders]) => fileOf(own, orders)?.xml ?? "")
        .filter((xml) => xml !== "")
      await fc.assert(
        fc.asyncProperty(fc.array(files, { minLength: 20, maxLength: 20 }), async (batch) => {
          expect(await schemaProblems(batch, message)).toEqual([])
        }),
        { numRuns: 1 },
      )
    },
    60_000,
  )
})

it.each(presetNames)("the preset %s pays by all schemes, and keeps their rules", (preset) => {
  const own = settingsWith(preset)
  for (const scheme of bankSchemes)
    fc.assert(
      fc.property(ordersOf[scheme], (orders) => {
        const file = fileOf(own, orders)
        fc.pre(file?.scheme === scheme)
        expect(brokenIn(own, file)).toEqual([])
      }),
      { numRuns: 2 },
    )
})

const euros = (
  changes: Partial<TransferInstruction["beneficiary"]> = {},
  remittance?: string,
): TransferInstruction => ({
  bank: "clearing",
  partner: "acme",
  reference: "ABCDEFGHIJKLMNOPQRSTUV-1-1",
  beneficiary: { name: "Ada Lovelace", account: germany, ...changes },
  currency: "EUR",
  minor: 1234n,
  remittance,
})
const germany: BankAccount = { scheme: "iban", iban: "DE89370400440532013000" }
const qrAccount: BankAccount = { scheme: "iban", iban: "CH4431999123000889012" }
const qrReference = "210000000003139471430009017"

const settingsWith = (variant: unknown, more: object = {}): FileBankSettings =>
  Result.getOrThrow(decode({ folder: "/var/clearing", debtor, variant, ...more }))

/** The file of one order, without its lines and indents. */
const written = (variant: unknown, order: TransferInstruction, more: object = {}): string =>
  fileOf(settingsWith(variant, more), [order])?.xml.replaceAll(/\n */g, "") ?? ""

describe("a variant", () => {
  it.each<readonly [unknown, TransferInstruction, ReadonlyArray<string>]>([
    [
      "sepa-03",
      euros({ account: { ...germany, bic: "COBADEFF" } as BankAccount }),
      [
        'xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"',
        "<ReqdExctnDt>2026-11-26</ReqdExctnDt>",
        "<BIC>COBADEFF</BIC>",
      ],
    ],
    [{ namespace: "urn:x:pain.001.003.03" }, euros(), ['<Document xmlns="urn:x:pain.001.003.03">']],
    [{ batchBooking: true }, euros(), ["<BtchBookg>true</BtchBookg>"]],
    [
      { instant: true, priority: "HIGH", categoryPurpose: "SUPP", purpose: "COMM" },
      euros(),
      [
        "<PmtTpInf><InstrPrty>HIGH</InstrPrty><SvcLvl><Cd>SEPA</Cd></SvcLvl><LclInstrm><Cd>INST</Cd></LclInstrm>" +
          "<CtgyPurp><Cd>SUPP</Cd></CtgyPurp></PmtTpInf>",
        "<Purp><Cd>COMM</Cd></Purp>",
      ],
    ],
    [
      { serviceLevels: { sepa: "URGP" } },
      euros(),
      ["<SvcLvl><Cd>URGP</Cd></SvcLvl>", "<ChrgBr>SHAR</ChrgBr>"],
    ],
    [
      "sepa",
      euros({}, "rf18 5390 0754 7034"),
      [
        "<RmtInf><Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf>",
      ],
    ],
    ["sepa", euros({}, "RF19539007547034"), ["<RmtInf><Ustrd>RF19539007547034</Ustrd></RmtInf>"]],
    [
      "switzerland",
      euros({ account: qrAccount }, "21 00000 00003 13947 14300 09017"),
      [`<CdOrPrtry><Prtry>QRR</Prtry></CdOrPrtry></Tp><Ref>${qrReference}</Ref>`],
    ],
    ["switzerland", euros({}, qrReference), [`<Ustrd>${qrReference}</Ustrd>`]],
    ["switzerland", euros({ name: "Zoë Müller & Șerban €" }), ["<Nm>Zoë Müller &amp; Șerban €</Nm>"]],
    ["germany", euros({ name: "Zoë Müller & Söhne" }, "50 %"), ["<Nm>Zoe Müller &amp; Söhne</Nm>", "50 %"]],
    ["nordics", euros({ name: "Åse Bjørn Łuk" }), ["<Nm>Åse Bjørn Luk</Nm>"]],
    [
      { document: "CINV" },
      {
        ...euros({ address: { town: "Berlin", country: "DE", lines: ["c/o Ada", "Haus 3"] } }, "INV-7"),
        currency: "USD",
      },
      [
        "<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CINV</Cd></CdOrPrtry></Tp><Nb>INV-7</Nb></RfrdDocInf></Strd>",
        "<Ctry>DE</Ctry><AdrLine>c/o Ada</AdrLine><AdrLine>Haus 3</AdrLine></PstlAdr>",
      ],
    ],
    [{ document: "CINV" }, euros({}, "INV-7"), ["<Ustrd>INV-7</Ustrd>"]],
  ])("%j writes %#", (variant, order, parts) => {
    const xml = written(variant, order)
    for (const part of parts) expect(xml).toContain(part)
  })

  it("has the type of an ACH payment in its transfers, where its class is", () => {
    const account = {
      scheme: "aba",
      routingNumber: "021000021",
      accountNumber: "1",
      accountType: "checking",
    } as const
    const xml = written("cgi-mp", { ...euros({ account }), currency: "USD" })
    const type = "<PmtTpInf><SvcLvl><Cd>NURG</Cd></SvcLvl><LclInstrm><Cd>PPD</Cd></LclInstrm></PmtTpInf>"
    expect(xml).toContain(`</PmtId>${type}<Amt>`)
    expect(xml.match(/<PmtTpInf>/g)).toHaveLength(1)
  })

  it("names the partner on whose behalf a payout is paid, and nobody else", () => {
    const ultimateDebtors = { acme: { name: "Acmé GmbH", organisation: { other: { id: "7" } } } }
    const named = "<UltmtDbtr><Nm>Acme GmbH</Nm><Id><OrgId><Othr><Id>7</Id></Othr></OrgId></Id></UltmtDbtr>"
    expect(written("sepa", euros(), { ultimateDebtors })).toContain(`</Amt>${named}<Cdtr>`)
    for (const partner of ["other", "constructor"])
      expect(written("sepa", { ...euros(), partner }, { ultimateDebtors })).not.toContain("UltmtDbtr")
  })

  it.each<readonly [string, unknown, TransferInstruction, string | undefined]>([
    ["a QR account without its reference", "switzerland", euros({ account: qrAccount }, "invoice 7"), "RR07"],
    [
      "a QR account with a creditor's reference",
      "switzerland",
      euros({ account: qrAccount }, "RF18539007547034"),
      "RR07",
    ],
    [
      "a QR account whose reference has a wrong digit",
      "switzerland",
      euros({ account: qrAccount }, "210000000003139471430009018"),
      "RR07",
    ],
    ["no QR account where the variant knows none", "sepa", euros({ account: qrAccount }), undefined],
    [
      "lines of an address where the bank takes none",
      { addressLines: false },
      euros({ address: { town: "Berlin", country: "DE", lines: ["c/o Ada"] } }),
      "BE04",
    ],
    [
      "a line that is too long once it is respelled",
      {},
      euros({ address: { town: "Berlin", country: "DE", lines: [`${"ß".repeat(35)}x`] } }),
      "RR10",
    ],
    [
      "an account by a BIC that the version has no room for",
      { message: "pain.001.001.03" },
      {
        ...euros({
          account: { scheme: "bic", bic: "B1PAFRPP", accountNumber: "77" },
          address: { town: "Paris", country: "FR" },
        }),
        currency: "USD",
      },
      "AG03",
    ],
    ["a remittance beyond the bank's length", "united-kingdom", pounds("x".repeat(19)), "RR10"],
    ["no remittance within it", "united-kingdom", pounds("x".repeat(18)), undefined],
  ])("refuses %s", (_, variant, order, code) => {
    const outcome = creditTransferOf(order, fileLimits(settingsWith(variant)), madeAt)
    expect(Result.isFailure(outcome) ? outcome.failure : undefined).toBe(code)
  })
})

function pounds(remittance: string): TransferInstruction {
  const account = { scheme: "sort-code", sortCode: "231470", accountNumber: "28821822" } as const
  return { ...euros({ account }, remittance), currency: "GBP" }
}

describe("orders that were accepted before the settings changed", () => {
  const accepted = (variant: unknown, order: TransferInstruction) =>
    Result.getOrThrow(creditTransferOf(order, fileLimits(settingsWith(variant)), madeAt))
  const file = {
    messageId: "EUR-sepa-2026-11-26-1",
    madeAt,
    day: "2026-11-26",
    scheme: "sepa",
    currency: "EUR",
  } as const

  it("are respelled in the characters of today", () => {
    const transfer = accepted("switzerland", euros({ name: "Zoë Müller & Șerban €" }))
    const xml = Result.getOrThrow(paymentFile(settingsWith("sepa-03"), file, [transfer]))
    expect(xml).toContain("<Nm>Zoe Muller + Serban E</Nm>")
    expect(brokenIn(settingsWith("sepa-03"), { xml, scheme: "sepa" })).toEqual([])
  })

  it.each<readonly [string, unknown, TransferInstruction, unknown]>([
    ["a name too long once it is respelled", "germany", euros({ name: "ß".repeat(70) }), "sepa"],
    ["a QR account without its reference", "sepa", euros({ account: qrAccount }), "switzerland"],
    [
      "lines of an address",
      "sepa",
      euros({ address: { town: "Berlin", country: "DE", lines: ["c/o Ada"] } }),
      { addressLines: false },
    ],
  ])("are in no file where they do not fit: %s", (_, before, order, now) => {
    const outcome = paymentFile(settingsWith(now), file, [accepted(before, order)])
    expect(Result.isFailure(outcome) && outcome.failure).toMatch(/^1 of its orders were accepted by other/)
  })
})
