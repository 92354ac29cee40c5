/** A payout in each form of a file, and a rejected row, for the description of the API. */
import { Schema } from "effect"
import { exampleRequest } from "../payout-batches/payout-batch-request.ts"

const [payout] = exampleRequest.items
const { reference, amount, beneficiary, remittance } = payout
const { iban } = beneficiary.account

const columns = "reference,currency,amount,name,iban,remittance"
const rowOf = (value: string) =>
  `${reference},${amount.currency},${value},${beneficiary.name},${iban},${remittance}`

const document = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">
  <CstmrCdtTrfInitn>
    <GrpHdr><MsgId>week-12</MsgId><NbOfTxs>1</NbOfTxs></GrpHdr>
    <PmtInf>
      <PmtInfId>1</PmtInfId>
      <PmtMtd>TRF</PmtMtd>
      <ReqdExctnDt><Dt>2026-11-30</Dt></ReqdExctnDt>
      <Dbtr><Nm>Acme Ltd</Nm></Dbtr>
      <CdtTrfTxInf>
        <PmtId><EndToEndId>${reference}</EndToEndId></PmtId>
        <Amt><InstdAmt Ccy="${amount.currency}">${amount.value}</InstdAmt></Amt>
        <Cdtr><Nm>${beneficiary.name}</Nm></Cdtr>
        <CdtrAcct><Id><IBAN>${iban}</IBAN></Id></CdtrAcct>
        <RmtInf><Ustrd>${remittance}</Ustrd></RmtInf>
      </CdtTrfTxInf>
    </PmtInf>
  </CstmrCdtTrfInitn>
</Document>
`

const csv = Schema.String.annotate({
  description: "A row for each payout; the first row names the columns. docs/CLI.md has the layouts.",
})
const ndjson = Schema.String.annotate({
  description: "A line for each payout, as an item of a batch in JSON.",
})
const xml = Schema.String.annotate({
  description: "A pain.001 document, version .03, .08 or .09 (ISO 20022).",
})

/** The media types of files, as a request has them. */
export const exampleFiles = {
  "text/csv": { schema: csv, example: `${columns}\n${rowOf(amount.value)}\n` },
  "application/x-ndjson": { schema: ndjson, example: `${JSON.stringify(payout)}\n` },
  "application/xml": { schema: xml, example: document },
  "text/xml": { schema: xml, example: document },
}

/** Rejected rows, as an answer has them. */
export const exampleRejects = {
  "text/csv": { example: `${columns},reject_reason\r\n${rowOf("0")},amount: expected more than 0\r\n` },
  "application/x-ndjson": {
    example: `${JSON.stringify({ ...payout, amount: { ...amount, value: "0" }, reject_reason: "amount.value: expected more than 0" })}\n`,
  },
}
