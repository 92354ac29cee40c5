/** pain.001 as a payout batch: what is carried over, and what a batch cannot carry. */
import { describe, expect, it } from "vitest"
import { fileOf, readAt, refusalAt } from "./read-file.ts"

const DAY = "2027-01-15"

/** One transfer; `more` replaces its elements. */
const transfer = (more: Readonly<Record<string, string>> = {}): string => {
  const elements = {
    PmtId: "<PmtId><EndToEndId>r1</EndToEndId></PmtId>",
    Amt: '<Amt><InstdAmt Ccy="EUR">10.00</InstdAmt></Amt>',
    Cdtr: "<Cdtr><Nm>Ada Lovelace</Nm></Cdtr>",
    CdtrAcct: "<CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct>",
    ...more,
  }
  return `<CdtTrfTxInf>${Object.values(elements).join("")}</CdtTrfTxInf>`
}

const numbered = (id: string): string => transfer({ PmtId: `<PmtId><EndToEndId>${id}</EndToEndId></PmtId>` })

const day = (version: string, date: string): string =>
  `<ReqdExctnDt>${version === "03" ? date : `<Dt>${date}</Dt>`}</ReqdExctnDt>`

const payment = (transfers: string, more: Readonly<Record<string, string>> = {}, version = "09"): string => {
  const elements = {
    PmtInfId: "<PmtInfId>p1</PmtInfId>",
    PmtMtd: "<PmtMtd>TRF</PmtMtd>",
    ReqdExctnDt: day(version, DAY),
    Dbtr: "<Dbtr><Nm>Acme Ltd</Nm></Dbtr>",
    DbtrAcct: "<DbtrAcct><Id><IBAN>NL91ABNA0417164300</IBAN></Id></DbtrAcct>",
    ...more,
  }
  return `<PmtInf>${Object.values(elements).join("")}${transfers}</PmtInf>`
}

interface Order {
  readonly payments?: string
  readonly count?: number
  readonly sum?: string
  readonly version?: string
  readonly encoding?: string
}

const order = ({ payments = payment(transfer()), count = 1, sum, version = "09", encoding }: Order): string =>
  `<?xml version="1.0"${encoding === undefined ? "" : ` encoding="${encoding}"`}?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.${version}"><CstmrCdtTrfInitn>
<GrpHdr><MsgId>m1</MsgId><NbOfTxs>${count}</NbOfTxs>${sum === undefined ? "" : `<CtrlSum>${sum}</CtrlSum>`}</GrpHdr>
${payments}</CstmrCdtTrfInitn></Document>`

const read = (of: Order) => readAt(fileOf(order(of), "order.xml"))
const refusal = (of: Order) => refusalAt(fileOf(order(of), "order.xml"))
const refusalOfTransfer = (more: Readonly<Record<string, string>>) =>
  refusal({ payments: payment(transfer(more)) })

const institution = (content: string): string => `<CdtrAgt><FinInstnId>${content}</FinInstnId></CdtrAgt>`
const membership = (system: string, id: string): string =>
  `<ClrSysMmbId><ClrSysId><Cd>${system}</Cd></ClrSysId><MmbId>${id}</MmbId></ClrSysMmbId>`
const member = (system: string, id: string): string => institution(membership(system, id))
const number = (id: string, type = ""): string =>
  `<CdtrAcct><Id><Othr><Id>${id}</Id><SchmeNm><Cd>BBAN</Cd></SchmeNm></Othr></Id>${type}</CdtrAcct>`

describe("a file of credit transfers", () => {
  it.each(["03", "08", "09"])("of version .%s is a batch", async (version) => {
    const bic = version === "03" ? "BIC" : "BICFI"
    const transfers = transfer({
      CdtrAgt: `<CdtrAgt><FinInstnId><${bic}>COBADEFFXXX</${bic}></FinInstnId></CdtrAgt>`,
      RmtInf: "<RmtInf><Ustrd>thanks</Ustrd></RmtInf>",
    })
    const { items, body } = await read({ version, payments: payment(transfers, {}, version), sum: "10" })
    expect(items).toEqual([
      {
        item: 1,
        reference: "r1",
        currency: "EUR",
        minor: 1000n,
        beneficiary: {
          name: "Ada Lovelace",
          account: { scheme: "iban", iban: "DE89370400440532013000", bic: "COBADEFFXXX" },
        },
        remittance: "thanks",
      },
    ])
    expect(JSON.parse(body)).toMatchObject({ reference: "m1", executeAt: `${DAY}T00:00:00.000Z` })
  })

  it("is read in the encoding that it declares", async () => {
    const xml = order({ encoding: "ISO-8859-1" }).replace("Ada Lovelace", "Amélie")
    const { items } = await readAt(fileOf(Buffer.from(xml, "latin1"), "latin.xml"))
    expect(items[0]?.beneficiary.name).toBe("Amélie")
    expect(await refusalAt(fileOf(order({ encoding: "x-none" }), "none.xml"))).toEqual([
      ": declares an encoding that is unknown",
    ])
  })

  it("may hold several payments of one payer and day", async () => {
    const payments = payment(numbered("r1")) + payment(numbered("r2") + numbered("r3"))
    expect((await read({ payments, count: 3, sum: "30.00" })).items).toHaveLength(3)
  })

  it("may ask for a moment, with its offset", async () => {
    const asked = { ReqdExctnDt: "<ReqdExctnDt><DtTm>2027-01-15T10:30:00+01:00</DtTm></ReqdExctnDt>" }
    const { body } = await read({ payments: payment(transfer(), asked) })
    expect(JSON.parse(body).executeAt).toBe("2027-01-15T09:30:00.000Z")
  })

  it("gives references to transfers that have none, and leaves one that stands twice to be refused", async () => {
    const PmtId = "<PmtId><EndToEndId>NOTPROVIDED</EndToEndId></PmtId>"
    const unnamed = transfer({ PmtId }) + transfer({ PmtId, Cdtr: "<Cdtr><Nm>Bob Bond</Nm></Cdtr>" })
    const { items } = await read({ payments: payment(unnamed), count: 2 })
    expect(items.map(({ reference }) => reference)).toEqual(["payment #1", "payment #2"])
    expect(await refusal({ payments: payment(numbered("r1") + numbered("r1")), count: 2 })).toEqual([
      "item 2, PmtId/EndToEndId: already used by item 1, for the same payment; if both are to be paid, give them different references",
    ])
  })

  it("may refer to the creditor's own reference", async () => {
    const structured =
      "<RmtInf><Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf>"
    const { items } = await read({ payments: payment(transfer({ RmtInf: structured })) })
    expect(items[0]?.remittance).toBe("RF18539007547034")
  })

  it.each([
    [
      "an IBAN at a bank that is not named",
      institution("<Othr><Id>NOTPROVIDED</Id></Othr>"),
      "<CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct>",
      { scheme: "iban", iban: "DE89370400440532013000" },
    ],
    [
      "a British account",
      member("GBDSC", "601010"),
      number("31926819"),
      { scheme: "sort-code", sortCode: "601010", accountNumber: "31926819" },
    ],
    [
      "an American account",
      member("USABA", "111000025"),
      number("12345678", "<Tp><Cd>SVGS</Cd></Tp>"),
      { scheme: "aba", routingNumber: "111000025", accountNumber: "12345678", accountType: "savings" },
    ],
    [
      "a number at a bank",
      institution("<BICFI>BOTKJPJT</BICFI>"),
      number("1234567"),
      { scheme: "bic", bic: "BOTKJPJT", accountNumber: "1234567" },
    ],
  ])("pays to %s", async (_, CdtrAgt, CdtrAcct, account) => {
    const { items } = await read({ payments: payment(transfer({ CdtrAgt, CdtrAcct })) })
    expect(items[0]?.beneficiary.account).toEqual(account)
  })

  it("carries the beneficiary's structured address", async () => {
    const lines =
      "<StrtNm>Main St</StrtNm><BldgNb>5</BldgNb><PstCd>10115</PstCd><TwnNm>Berlin</TwnNm><Ctry>DE</Ctry>"
    const Cdtr = `<Cdtr><Nm>Ada</Nm><PstlAdr>${lines}</PstlAdr></Cdtr>`
    const { items } = await read({ payments: payment(transfer({ Cdtr })) })
    expect(items[0]?.beneficiary).toMatchObject({
      address: { street: "Main St", buildingNumber: "5", postcode: "10115", town: "Berlin", country: "DE" },
    })
  })
})

describe("of a creditor", () => {
  const creditor = (rest: string) => ({
    payments: payment(transfer({ Cdtr: `<Cdtr><Nm>Ada</Nm>${rest}</Cdtr>` })),
  })
  const postal = (lines: string) => creditor(`<PstlAdr>${lines}</PstlAdr>`)

  it("free lines beside town and country are a hybrid address", async () => {
    const { items } = await read(
      postal("<TwnNm>Berlin</TwnNm><Ctry>DE</Ctry><AdrLine>Hinterhaus</AdrLine><AdrLine>3. Stock</AdrLine>"),
    )
    expect(items[0]?.beneficiary.address).toEqual({
      town: "Berlin",
      country: "DE",
      lines: ["Hinterhaus", "3. Stock"],
    })
  })

  it.each([
    [
      "without a town",
      "<Ctry>DE</Ctry><AdrLine>Berlin</AdrLine>",
      "PstlAdr/AdrLine: free lines without TwnNm and Ctry; from November 2026 on, no payment has them",
    ],
    [
      "of which there are three",
      `<TwnNm>Berlin</TwnNm><Ctry>DE</Ctry>${"<AdrLine>x</AdrLine>".repeat(3)}`,
      "Cdtr/PstlAdr/AdrLine: expected 1 or 2 lines, beside the fields of the address",
    ],
    [
      "of more than 70 characters",
      `<TwnNm>Berlin</TwnNm><Ctry>DE</Ctry><AdrLine>${"x".repeat(71)}</AdrLine>`,
      "Cdtr/PstlAdr/AdrLine: expected 1 to 70 characters",
    ],
  ])("free lines are refused %s", async (_, lines, problem) => {
    expect(await refusal(postal(lines))).toEqual([expect.stringContaining(problem)])
  })

  it("the kind of its identification says whether it is a person or a company", async () => {
    const typeIn = async (id: string) => (await read(creditor(id))).items[0]?.beneficiary.type
    const other = "<Othr><Id>7</Id></Othr>"
    expect(await typeIn("")).toBeUndefined()
    expect(await typeIn(`<Id><OrgId>${other}</OrgId></Id>`)).toBe("company")
    expect(await typeIn(`<Id><PrvtId>${other}</PrvtId></Id>`)).toBe("person")
    expect(await refusal(creditor(`<Id><OrgId>${other}</OrgId><PrvtId>${other}</PrvtId></Id>`))).toEqual([
      expect.stringContaining("Cdtr/Id: neither OrgId nor PrvtId alone"),
    ])
    expect(await refusal(creditor("<Id></Id>"))).toEqual([
      expect.stringContaining("Cdtr/Id: neither OrgId nor PrvtId alone"),
    ])
  })
})

describe("what a batch cannot carry is refused by its element", () => {
  const cannot = "a payout batch cannot carry it"
  it.each([
    [
      "another day",
      payment(numbered("r1")) + payment(numbered("r2"), { ReqdExctnDt: day("09", "2027-01-16") }),
      "PmtInf/ReqdExctnDt: differs between payments, and a batch has one; split the file",
    ],
    [
      "another payer's account",
      payment(numbered("r1")) +
        payment(numbered("r2"), {
          DbtrAcct: "<DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct>",
        }),
      "PmtInf/DbtrAcct: differs between payments, and a batch has one payer; split the file",
    ],
    [
      "cheques",
      payment(numbered("r1") + numbered("r2"), { PmtMtd: "<PmtMtd>CHK</PmtMtd>" }),
      "PmtInf/PmtMtd: not TRF; a payout is a credit transfer",
    ],
    [
      "a day that does not exist",
      payment(numbered("r1") + numbered("r2"), { ReqdExctnDt: day("09", "2027-02-29") }),
      "PmtInf/ReqdExctnDt: not a date",
    ],
    ["no day", payment(numbered("r1") + numbered("r2"), { ReqdExctnDt: "" }), "PmtInf/ReqdExctnDt: missing"],
    [
      "a moment without its offset",
      payment(numbered("r1") + numbered("r2"), {
        ReqdExctnDt: "<ReqdExctnDt><DtTm>2027-01-15T10:30:00</DtTm></ReqdExctnDt>",
      }),
      "PmtInf/ReqdExctnDt/DtTm: not a time that exists and has an offset from UTC",
    ],
    [
      "charges of the payer",
      payment(numbered("r1") + numbered("r2"), { ChrgBr: "<ChrgBr>DEBT</ChrgBr>" }),
      "PmtInf/ChrgBr: neither SLEV nor SHAR; charges of payouts are shared",
    ],
    [
      "priority",
      payment(numbered("r1") + numbered("r2"), {
        PmtTpInf: "<PmtTpInf><InstrPrty>HIGH</InstrPrty></PmtTpInf>",
      }),
      "PmtTpInf/InstrPrty: not NORM; a payout has no priority",
    ],
    [
      "a service level",
      payment(numbered("r1") + numbered("r2"), {
        PmtTpInf: "<PmtTpInf><SvcLvl><Cd>URGP</Cd></SvcLvl></PmtTpInf>",
      }),
      "PmtTpInf/SvcLvl: neither SEPA nor NURG; a payout has no service level",
    ],
    [
      "another payer behind the payer",
      payment(numbered("r1") + numbered("r2"), { UltmtDbtr: "<UltmtDbtr><Nm>X</Nm></UltmtDbtr>" }),
      `PmtInf/UltmtDbtr: ${cannot}`,
    ],
  ])("of a payment: %s", async (_, payments, problem) => {
    expect(await refusal({ payments, count: 2 })).toEqual([problem])
  })

  it.each([
    ["UltmtCdtr", "<UltmtCdtr><Nm>X</Nm></UltmtCdtr>", `CdtTrfTxInf/UltmtCdtr: ${cannot}`],
    ["Purp", "<Purp><Cd>SALA</Cd></Purp>", `CdtTrfTxInf/Purp: ${cannot}`],
    [
      "Amt",
      '<Amt><EqvtAmt><Amt Ccy="EUR">1</Amt><CcyOfTrf>USD</CcyOfTrf></EqvtAmt></Amt>',
      `Amt/EqvtAmt: ${cannot}`,
    ],
    ["PmtId", "<PmtId><EndToEndId>r1</EndToEndId><UETR>u</UETR></PmtId>", `PmtId/UETR: ${cannot}`],
    [
      "Cdtr",
      "<Cdtr><Nm>Ada</Nm><PstlAdr><AdrLine>x</AdrLine></PstlAdr></Cdtr>",
      "PstlAdr/AdrLine: free lines without TwnNm and Ctry; from November 2026 on, no payment has them",
    ],
    [
      "ChrgBr",
      "<ChrgBr>CRED</ChrgBr>",
      "CdtTrfTxInf/ChrgBr: neither SLEV nor SHAR; charges of payouts are shared",
    ],
    [
      "CdtrAcct",
      "<CdtrAcct><Id><Othr><Id>123</Id></Othr></Id></CdtrAcct>",
      "CdtrAgt/FinInstnId: neither a BIC nor a member of GBDSC or USABA",
    ],
    [
      "RmtInf",
      "<RmtInf><Ustrd>x</Ustrd><Strd><CdtrRefInf><Ref>RF18539007547034</Ref></CdtrRefInf></Strd></RmtInf>",
      "RmtInf: both text and a structured reference; a payout carries one text",
    ],
    ["Amt", '<Amt><InstdAmt Ccy="EUR">0</InstdAmt></Amt>', "Amt/InstdAmt: expected more than zero"],
  ])("of a transfer: %s", async (element, xml, problem) => {
    expect(await refusalOfTransfer({ [element]: xml })).toEqual([`item 1, ${problem}`])
  })

  it.each([
    [
      "a member of a clearing system that is not addressed here, whose number would be lost",
      institution(`<BICFI>ANZBAU3M</BICFI>${membership("AUBSB", "013006")}`),
      number("12345678"),
      "CdtrAgt/FinInstnId/ClrSysMmbId: neither of GBDSC nor of USABA",
    ],
    [
      "a number that is not a bank's own",
      institution("<BICFI>NDEASESS</BICFI>"),
      "<CdtrAcct><Id><Othr><Id>50501055</Id><SchmeNm><Prtry>BGNR</Prtry></SchmeNm></Othr></Id></CdtrAcct>",
      "CdtrAcct/Id/Othr/SchmeNm: not BBAN; a payout goes to a bank's own account number",
    ],
    [
      "in another currency than the payment's",
      "",
      "<CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>USD</Ccy></CdtrAcct>",
      "CdtrAcct/Ccy: not the currency of the payment; a payout does not choose between accounts",
    ],
    [
      "a number whose hyphen may stand for leading zeros",
      institution("<BICFI>KOMBCZPP</BICFI>"),
      number("19-2000145399"),
      "CdtrAcct/Id/Othr/Id: expected 1 to 34 digits or upper-case letters",
    ],
  ])("of an account: %s", async (_, CdtrAgt, CdtrAcct, problem) => {
    expect(await refusalOfTransfer({ CdtrAgt, CdtrAcct })).toEqual([`item 1, ${problem}`])
  })

  it.each(["2027-01-15T24:00:00Z", "2027-01-15T23:59:60Z", "2027-01-15T10:00:00+24:00"])(
    "of a payment: the moment %s, which does not exist",
    async (moment) => {
      const ReqdExctnDt = `<ReqdExctnDt><DtTm>${moment}</DtTm></ReqdExctnDt>`
      expect(await refusal({ payments: payment(transfer(), { ReqdExctnDt }) })).toEqual([
        "PmtInf/ReqdExctnDt/DtTm: not a time that exists and has an offset from UTC",
      ])
    },
  )

  it("says so of every transfer at once", async () => {
    const purpose = { Purp: "<Purp><Cd>SALA</Cd></Purp>" }
    expect(
      await refusal({ payments: payment(transfer(purpose) + transfer(purpose)), count: 2 }),
    ).toHaveLength(2)
  })
})

describe("a file that was cut off or changed", () => {
  it.each([
    ["fewer transfers than it says", { count: 2 }, "GrpHdr/NbOfTxs: not the number of transfers, which is 1"],
    ["another sum than it says", { sum: "10.01" }, "GrpHdr/CtrlSum: not the sum of the amounts"],
    ["a sum that is none", { sum: "ten" }, "GrpHdr/CtrlSum: not the sum of the amounts"],
    [
      "another sum of a payment",
      { payments: payment(transfer(), { CtrlSum: "<CtrlSum>9.99</CtrlSum>" }) },
      "PmtInf/CtrlSum: not the sum of the amounts",
    ],
    ["no payment", { payments: "", count: 0 }, "CstmrCdtTrfInitn/PmtInf: missing"],
    ["another version", { version: "02" }, "Document: pain.001.001.02; read are .03, .08, .09"],
  ])("has %s", async (_, changed, problem) => {
    expect(await refusal(changed)).toEqual([problem])
  })

  it("is another message, or none", async () => {
    expect(await refusalAt(fileOf('<Document xmlns="urn:x"/>', "other.xml"))).toEqual([
      "Document: not pain.001, the only XML that is read here",
    ])
    expect(await refusalAt(fileOf(order({}).slice(0, -12), "cut.xml"))).toEqual([
      expect.stringMatching(/not well-formed XML$/),
    ])
  })
})
