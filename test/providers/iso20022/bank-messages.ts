/** Messages of banks for tests, and what is read of them. */
import { Result } from "effect"
import { readBankMessage } from "../../../src/providers/iso20022/bank-message.ts"

/** The namespace of a kind of message of ISO 20022. */
export const namespace = (kind: string) => `urn:iso:std:iso:20022:tech:xsd:${kind}`

/** What a file says; throws where it is refused. */
export const read = (xml: string | Uint8Array) =>
  readBankMessage(typeof xml === "string" ? Buffer.from(xml) : xml).pipe(Result.getOrThrow)

/** Why a file is refused, or "none". */
export const problemOf = (xml: string | Uint8Array): string => {
  const outcome = readBankMessage(typeof xml === "string" ? Buffer.from(xml) : xml)
  return Result.isFailure(outcome) ? outcome.failure.message : "none"
}

/** A status report (pain.002) on the message M1, with these statuses of its group and its payments. */
export const report = (group: string, ...payments: ReadonlyArray<string>) =>
  `<Document xmlns="${namespace("pain.002.001.10")}"><CstmrPmtStsRpt><GrpHdr/>
    <OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>${group}</OrgnlGrpInfAndSts>
    ${payments.map((payment) => `<OrgnlPmtInfAndSts><OrgnlPmtInfId>M1</OrgnlPmtInfId>${payment}</OrgnlPmtInfAndSts>`).join("")}
  </CstmrPmtStsRpt></Document>`

/** A reason with a code. */
export const reason = (code: string) => `<StsRsnInf><Rsn><Cd>${code}</Cd></Rsn></StsRsnInf>`
/** The status of one transfer in a report. */
export const transfer = (reference: string, status: string, more = "") =>
  `<TxInfAndSts><OrgnlEndToEndId>${reference}</OrgnlEndToEndId><TxSts>${status}</TxSts>${more}</TxInfAndSts>`

/** An entry of an account that booked 12.34 EUR for R1. */
export const movement = (kind: string, more = "", transaction = "") =>
  `<Ntry><Amt Ccy="EUR">12.34</Amt><CdtDbtInd>${kind}</CdtDbtInd>${more}<Sts>BOOK</Sts>
    <BookgDt><DtTm>2026-11-26T10:00:00+01:00</DtTm></BookgDt>
    <NtryDtls><TxDtls><Refs><EndToEndId>R1</EndToEndId></Refs>${transaction}</TxDtls></NtryDtls></Ntry>`

/** A notification of bookings (camt.054), under a prefix. */
export const notification = (...entries: ReadonlyArray<string>) =>
  `<n:Document xmlns:n="${namespace("camt.054.001.08")}"><n:BkToCstmrDbtCdtNtfctn><Ntfctn>${entries.join("")}</Ntfctn></n:BkToCstmrDbtCdtNtfctn></n:Document>`
