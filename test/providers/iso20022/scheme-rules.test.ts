/** The rules that files are held to would see what breaks them, in the variants of banks too. */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { fileLimits } from "../../../src/providers/banks/files/file-bank-settings.ts"
import { paymentFile } from "../../../src/providers/banks/files/payment-file.ts"
import { creditTransferOf } from "../../../src/providers/iso20022/credit-transfer.ts"
import { isPublishedDataThere } from "../../published-data.ts"
import { settingsBefore } from "../banks/files/files-before-variants.ts"
import { schemaProblems } from "./payment-initiation-schema.ts"
import { brokenRules, type Wanted } from "./scheme-rules.ts"

const madeAt = Date.UTC(2026, 10, 26)
const settings = {
  ...settingsBefore.plain,
  variant: { preset: "switzerland", instant: true, categoryPurpose: "SUPP" },
} as const

const transfer = Result.getOrThrow(
  creditTransferOf(
    {
      bank: "clearing",
      partner: "acme",
      reference: "ABCDEFGHIJKLMNOPQRSTUV-1-1",
      beneficiary: {
        name: "Zoë Müller",
        account: { scheme: "iban", iban: "CH4431999123000889012" },
        address: { town: "Bern", country: "CH", lines: ["c/o Ada"] },
      },
      currency: "EUR",
      minor: 1234n,
      remittance: "210000000003139471430009017",
    },
    fileLimits(settings),
    madeAt,
  ),
)
const file = { messageId: "M1", madeAt, day: "2026-11-26", scheme: "sepa", currency: "EUR" } as const
const xml = Result.getOrThrow(paymentFile(settings, file, [transfer]))
const wanted: Wanted = { characters: "swiss", instant: true, nameLengthMax: 70, qr: true }

describe("of a file that keeps them, the rules see that", () => {
  it("nothing is broken", () => {
    expect(brokenRules(xml, "sepa", wanted)).toEqual([])
  })

  it.each<readonly [string, string | RegExp, string]>([
    ["Nm has the characters of its scheme", "Zoë", "Zoα"],
    [
      "an address has at most two free lines",
      "<AdrLine>",
      "<AdrLine>1</AdrLine><AdrLine>2</AdrLine><AdrLine>",
    ],
    ["AdrLine has 1 to 70 characters", "c/o Ada", "x".repeat(71)],
    ["only instant payments say so", "INST", "TRF"],
    ["the service level is SEPA", /<Cd>SEPA</, "<Cd>URGP<"],
    ["charges are shared as the scheme says", "SLEV", "SHAR"],
    ["CtgyPurp is a code", "SUPP", "SUPPL"],
    [
      "the type is in the payment or in its transfers",
      "<Amt>",
      "<PmtTpInf> <SvcLvl> <Cd>SEPA</Cd></SvcLvl></PmtTpInf><Amt>",
    ],
    ["a remittance is a text or one structured one", "<Strd>", "<Ustrd>7</Ustrd><Strd>"],
    ["QR accounts have QR references", /<Prtry>QRR<\/Prtry>/, "<Cd>SCOR</Cd>"],
    ["a creditor's reference has its check digits", /<Prtry>QRR<\/Prtry>/, "<Cd>SCOR</Cd>"],
    ["SEPA names no documents", "<CdtrRefInf>", "<RfrdDocInf><Nb>7</Nb></RfrdDocInf><CdtrRefInf>"],
    ["each transfer is booked by itself", "<BtchBookg>false", "<BtchBookg>true"],
  ])("%s is broken", (rule, from, to) => {
    expect(brokenRules(xml.replace(from, to), "sepa", wanted)).toContain(rule)
  })
})

describe.skipIf(!isPublishedDataThere)("the schemas see a file of another version", () => {
  const named = (version: string, content = xml): string =>
    content.replace("pain.001.001.09", `pain.001.001.${version}`)

  it("as one of .03 and of .08, and take it as one of .11", async () => {
    expect(await schemaProblems([named("03")], "pain.001.001.03")).not.toEqual([])
    expect(await schemaProblems([named("08")], "pain.001.001.08")).toEqual(["<UETR>"])
    expect(await schemaProblems([named("11")], "pain.001.001.11")).toEqual([])
    expect(await schemaProblems([xml], "pain.001.001.11")).toContain("another namespace")
  })
})
