/** All versions of the messages of banks that are in use say the same of the same payments; samples are valid where a schema lies here. */
import { readFileSync } from "node:fs"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { validateXML } from "xmllint-wasm"
import { readBankStatement } from "../../../src/providers/iso20022/bank-statement.ts"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"
import { accountMessage, type Camt, statusMessage } from "./account-messages.ts"
import { namespace, read, report, transfer } from "./bank-messages.ts"

const kinds: ReadonlyArray<Camt> = ["camt.052", "camt.053", "camt.054"]
const camtVersions = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
const painVersions = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]

const payments = [
  { reference: "R1", amount: "12.34" },
  { reference: "R2", amount: "56.78", returned: "AC04" },
]
const reports = [
  { reference: "R1", status: { _tag: "Settled" }, amount: { currency: "EUR", minor: 1_234n } },
  { reference: "R2", status: { _tag: "Returned", code: "AC04" }, amount: { currency: "EUR", minor: 5_678n } },
]

describe.each(kinds)("%s", (kind) => {
  it.each(camtVersions)("of version %i says what was booked and what came back", (version) => {
    expect(read(accountMessage(kind, version, payments)).named).toMatchObject(reports)
  })
})

it.each(camtVersions)("a statement of version %i is reconciled", (version) => {
  const { statements } = Result.getOrThrow(readBankStatement(accountMessage("camt.053", version, payments)))
  expect(statements).toMatchObject([
    {
      id: "S-1",
      account: "NL91ABNA0417164300",
      day: "2026-11-27",
      entries: [{ reference: "R1" }, { reference: "R2" }],
    },
  ])
})

it.each(painVersions)("a status report of version %i says what became of transfers", (version) => {
  const sample = statusMessage(version, [
    ["R1", "ACSC"],
    ["R2", "RJCT", "AC04"],
    ["R3", "ACSP"],
  ])
  expect(read(sample)).toMatchObject({
    about: "M1",
    named: [
      { reference: "R1", servicerReference: "B-1", status: { _tag: "Settled" } },
      { reference: "R2", status: { _tag: "Failed", code: "AC04" } },
      { reference: "R3", status: { _tag: "Accepted" } },
    ],
  })
})

describe.skipIf(!isPublishedDataThere)("samples are valid by the schema of", () => {
  const samples: ReadonlyArray<readonly [schema: string, sample: string]> = [
    ["camt.054.001.08", accountMessage("camt.054", 8, payments)],
    ["pain.002.001.11", statusMessage(11, [["R1", "RJCT", "AC04"]])],
  ]
  it.each(samples)("%s", async (schema, contents) => {
    const path = publishedFile(`iso20022/${schema}.xsd`)
    const { errors } = await validateXML({
      xml: [{ fileName: "sample.xml", contents }],
      schema: [{ fileName: "schema.xsd", contents: readFileSync(path, "utf8") }],
    })
    expect(errors.map(({ message }) => message)).toEqual([])
  })
})

/** ISO 20022's ExternalPaymentTransactionStatus1Code and its siblings for groups and payments. */
const meanings: Readonly<Record<string, ReadonlyArray<string>>> = {
  Accepted: ["RCVD", "PDNG", "ACTC", "ACCP", "ACFC", "ACPD", "ACSP", "ACWC", "ACWP"],
  Settled: ["ACSC", "ACCC"],
  Failed: ["RJCT"],
  // A cheque, cash, a request to pay, a cancellation that nobody asked for, funds that are kept: a person has to look.
  Unclear: ["ACIS", "BLCK", "CANC", "CPUC", "PRES"],
}

it.each(
  Object.entries(meanings).flatMap(([meaning, codes]) => codes.map((code) => [code, meaning] as const)),
)("the status %s means that a transfer is %s", (code, meaning) => {
  expect(read(report("", transfer("R1", code)))).toMatchObject({ named: [{ status: { _tag: meaning } }] })
})

describe("around a message may be", () => {
  const message = accountMessage("camt.053", 8, payments).replace(/^<\?xml[^>]*>/, "")
  const signature = `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:Reference URI=""/></ds:SignedInfo>
    <ds:SignatureValue>AAAA</ds:SignatureValue></ds:Signature>`
  const header = `<AppHdr xmlns="${namespace("head.001.001.02")}"><BizMsgIdr>1</BizMsgIdr><MsgDefIdr>camt.053.001.08</MsgDefIdr>
    <Sgntr>${signature}</Sgntr></AppHdr>`
  it.each([
    ["a signature within it", message.replace("</Document>", `${signature}</Document>`)],
    [
      "a signature that has it",
      signature.replace("</ds:SignatureValue>", `$&<ds:Object Id="o">${message}</ds:Object>`),
    ],
    ["a signature beside it", `<Signed>${message}${signature}</Signed>`],
    ["a business application header", `<BizMsg>${header}${message}</BizMsg>`],
    ["an envelope of SWIFT", `<RequestPayload>${header}${message}</RequestPayload>`],
    ["a message of SOAP", `<s:Envelope xmlns:s="urn:s"><s:Header/><s:Body>${message}</s:Body></s:Envelope>`],
    ["a byte-order mark", `\ufeff<?xml version="1.0"?>${message}`],
  ])("%s", (_, file) => {
    expect(read(file).named).toMatchObject(reports)
  })

  it.each([
    "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08",
    "urn:swift:xsd:$camt.053.001.02",
    "http://www.six-interbank-clearing.com/de/camt.053.001.04.ch.01.xsd",
    "ISO:camt.053.001.02:APC:STUZZA:payments:002",
    "urn:bank:camt.053.001.02",
  ])("the namespace %s", (name) => {
    expect(read(message.replace(namespace("camt.053.001.08"), name)).named).toMatchObject(reports)
  })

  it.each(["ISO-8859-1", "ISO-8859-15", "windows-1252"])("the encoding %s", (encoding) => {
    const text = `<?xml version="1.0" encoding="${encoding}"?>${message.replaceAll("Ada", "J\u00f6rg")}`
    expect(read(Buffer.from(text, "latin1")).named).toMatchObject(reports)
  })

  it("nothing else than the whole message: of one that is cut, nothing counts", () => {
    for (let end = 0; end < message.length; end += 37) expect(() => read(message.slice(0, end))).toThrow()
  })
})
