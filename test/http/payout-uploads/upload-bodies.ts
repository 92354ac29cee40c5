/** Bodies of uploads for tests; no account of them is anyone's. */
export const IBAN = "DE89370400440532013000"

export const csv = (...rows: ReadonlyArray<string>): string =>
  ["reference,currency,amount,name,iban,remittance", ...rows].join("\n")

export const csvRow = (reference: string, { amount = "12.34", iban = IBAN } = {}): string =>
  `${reference},EUR,${amount},Erika Mustermann,${iban},Invoice ${reference}`

export const ndjsonLine = (reference: string, changes: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    reference,
    amount: { currency: "EUR", value: "12.34" },
    beneficiary: { name: "Erika Mustermann", account: { scheme: "iban", iban: IBAN } },
    remittance: `Invoice ${reference}`,
    ...changes,
  })

export const transfer = (reference: string, { amount = "12.34", iban = IBAN } = {}): string =>
  `<CdtTrfTxInf><PmtId><EndToEndId>${reference}</EndToEndId></PmtId>` +
  `<Amt><InstdAmt Ccy="EUR">${amount}</InstdAmt></Amt>` +
  `<Cdtr><Nm>Erika Mustermann</Nm></Cdtr><CdtrAcct><Id><IBAN>${iban}</IBAN></Id></CdtrAcct>` +
  `<RmtInf><Ustrd>Invoice ${reference}</Ustrd></RmtInf></CdtTrfTxInf>`

/** A day on which a batch may be due, whenever the tests run. */
export const DAY = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10)

export const pain001 = (
  transfers: ReadonlyArray<string>,
  { version = "09", day = DAY, count = transfers.length, doctype = "" } = {},
): string =>
  `<?xml version="1.0" encoding="UTF-8"?>${doctype}
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.${version}"><CstmrCdtTrfInitn>
<GrpHdr><MsgId>m1</MsgId><NbOfTxs>${count}</NbOfTxs></GrpHdr>
<PmtInf><PmtInfId>p1</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt>${version === "03" ? day : `<Dt>${day}</Dt>`}</ReqdExctnDt>
<Dbtr><Nm>Acme Ltd</Nm></Dbtr>
${transfers.join("\n")}
</PmtInf></CstmrCdtTrfInitn></Document>`

const ROWS_AT_ONCE = 500

/** A body that is made as it is sent, so that only the service holds it. */
const bodyOf = (
  count: number,
  head: string,
  row: (index: number) => string,
  tail: string,
): ReadableStream<Uint8Array> => {
  let sent = 0
  return new ReadableStream({
    pull: (controller) => {
      if (sent === 0) controller.enqueue(Buffer.from(head))
      const rows = Array.from({ length: Math.min(ROWS_AT_ONCE, count - sent) }, (_, index) =>
        row(sent + index),
      )
      if (rows.length > 0) controller.enqueue(Buffer.from(rows.join("")))
      sent += rows.length
      if (sent < count) return
      controller.enqueue(Buffer.from(tail))
      controller.close()
    },
  })
}

/** Files of many payouts, by content type. */
export const largeBodies = (count: number) => {
  const [before = "", after = ""] = pain001([transfer("cut")], { count }).split(transfer("cut"))
  const head = "reference,currency,amount,name,iban,remittance\n"
  return {
    "text/csv": () => bodyOf(count, head, (index) => `${csvRow(`inv-${index}`)}\n`, ""),
    "application/x-ndjson": () => bodyOf(count, "", (index) => `${ndjsonLine(`inv-${index}`)}\n`, ""),
    "application/xml": () => bodyOf(count, before, (index) => `${transfer(`inv-${index}`)}\n`, after),
  }
}
