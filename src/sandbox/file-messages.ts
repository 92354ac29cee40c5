/** The files of a bank that takes no calls: reads orders (pain.001), and writes reports and notifications. */

import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { XMLParser } from "fast-xml-parser"
import { Amount } from "./amount.ts"
import type { Transfer, TransferOrder } from "./bank-books.ts"

const Texts = Schema.Record(Schema.String, Schema.Unknown)

const CreditTransfer = Schema.Struct({
  PmtId: Schema.Struct({ EndToEndId: Schema.String.check(Schema.isBetweenLength(1, 35)) }),
  Amt: Schema.Struct({ InstdAmt: Schema.Struct({ text: Schema.String, Ccy: Schema.String }) }),
  Cdtr: Schema.Struct({ Nm: Schema.String.check(Schema.isBetweenLength(1, 140)) }),
  CdtrAcct: Schema.Struct({ Id: Texts }),
})
type CreditTransfer = typeof CreditTransfer.Type

const Initiation = Schema.Struct({
  Document: Schema.Struct({
    CstmrCdtTrfInitn: Schema.Struct({
      GrpHdr: Schema.Struct({
        MsgId: Schema.String.check(Schema.isBetweenLength(1, 35)),
        NbOfTxs: Schema.String,
      }),
      PmtInf: Schema.Struct({
        DbtrAcct: Schema.Struct({ Id: Texts }),
        CdtTrfTxInf: Schema.Array(CreditTransfer),
      }),
    }),
  }),
})

const decodeInitiation = Schema.decodeUnknownResult(Initiation)
const isAmount = Schema.is(Amount)

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  textNodeName: "text",
  parseTagValue: false,
  isArray: (name) => name === "CdtTrfTxInf",
})

/** A file of orders, with the client's account. */
export interface OrderFile {
  readonly messageId: string
  readonly debtor: string
  readonly orders: readonly TransferOrder[]
}

/** Reads a pain.001; undefined if this bank refuses the file. */
export const readOrders = (xml: string): OrderFile | undefined => {
  const decoded = decodeInitiation(parser.parse(xml))
  if (Result.isFailure(decoded)) return undefined
  const { GrpHdr, PmtInf } = decoded.success.Document.CstmrCdtTrfInitn
  const orders = PmtInf.CdtTrfTxInf.map(orderOf)
  const isWhole = String(orders.length) === GrpHdr.NbOfTxs && orders.every(({ amount }) => isAmount(amount))
  return isWhole ? { messageId: GrpHdr.MsgId, debtor: numberIn(PmtInf.DbtrAcct.Id), orders } : undefined
}

const orderOf = ({ PmtId, Amt: { InstdAmt }, Cdtr, CdtrAcct }: CreditTransfer): TransferOrder => ({
  reference: PmtId.EndToEndId,
  amount: { currency: InstdAmt.Ccy, value: InstdAmt.text },
  beneficiary: { name: Cdtr.Nm, account: { number: numberIn(CdtrAcct.Id) } },
})

const numberIn = (id: Readonly<Record<string, unknown>>): string => {
  const other = id.Othr as { readonly Id?: unknown } | undefined
  return String(id.IBAN ?? other?.Id ?? "")
}

const document = (message: string, content: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:${message}">${content}</Document>\n`

const statuses = { accepted: "ACSP", settled: "ACSC", returned: "ACSC", rejected: "RJCT" } as const

/** pain.002: the status of each of some transfers of a file. */
export const statusReport = (
  id: string,
  at: string,
  messageId: string,
  transfers: readonly Transfer[],
): string => {
  const about = `<OrgnlMsgId>${messageId}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>`
  const listed = transfers.map(({ order, status, code }) => {
    const reason = code === undefined ? "" : `<StsRsnInf><Rsn><Cd>${code}</Cd></Rsn></StsRsnInf>`
    return `<TxInfAndSts><OrgnlEndToEndId>${order.reference}</OrgnlEndToEndId><TxSts>${statuses[status]}</TxSts>${reason}</TxInfAndSts>`
  })
  return document(
    "pain.002.001.10",
    `<CstmrPmtStsRpt><GrpHdr><MsgId>${id}</MsgId><CreDtTm>${at}</CreDtTm></GrpHdr><OrgnlGrpInfAndSts>${about}</OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>${messageId}</OrgnlPmtInfId>${listed.join("\n")}</OrgnlPmtInfAndSts></CstmrPmtStsRpt>`,
  )
}

/** pain.002: refuses a whole file for being late. It names no transfer of the file. */
export const fileRefusal = (id: string, at: string, messageId: string): string =>
  document(
    "pain.002.001.10",
    `<CstmrPmtStsRpt><GrpHdr><MsgId>${id}</MsgId><CreDtTm>${at}</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>${messageId}</OrgnlMsgId>
<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Cd>TM01</Cd></Rsn></StsRsnInf></OrgnlGrpInfAndSts></CstmrPmtStsRpt>`,
  )

/** A booking of a transfer: paid, or returned. */
export interface Booking {
  readonly transfer: Transfer
  readonly kind: "DBIT" | "CRDT"
}

/** camt.054: single bookings. */
export const notification = (id: string, at: string, bookings: readonly Booking[]): string =>
  document(
    "camt.054.001.08",
    `<BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>${id}</MsgId><CreDtTm>${at}</CreDtTm></GrpHdr>
<Ntfctn><Id>${id}</Id>${bookings.map((booking) => entry(booking, at)).join("\n")}</Ntfctn></BkToCstmrDbtCdtNtfctn>`,
  )

/** camt.053: bookings of an account in one currency. */
export const statement = (
  id: string,
  at: string,
  { debtor, currency }: { readonly debtor: string; readonly currency: string },
  bookings: readonly Booking[],
): string =>
  document(
    "camt.053.001.08",
    `<BkToCstmrStmt><GrpHdr><MsgId>${id}</MsgId><CreDtTm>${at}</CreDtTm></GrpHdr><Stmt><Id>${id}</Id><CreDtTm>${at}</CreDtTm>
<Acct><Id><Othr><Id>${debtor}</Id></Othr></Id><Ccy>${currency}</Ccy></Acct>${bookings.map((booking) => entry(booking, at)).join("\n")}</Stmt></BkToCstmrStmt>`,
  )

const entry = ({ transfer: { order, code }, kind }: Booking, at: string): string => {
  const { currency, value } = order.amount
  const amount = `<Amt Ccy="${currency}">${value}</Amt><CdtDbtInd>${kind}</CdtDbtInd>`
  const returned = kind === "DBIT" ? "" : `<RtrInf><Rsn><Cd>${code}</Cd></Rsn></RtrInf>`
  return `<Ntry>${amount}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>${at.slice(0, 10)}</Dt></BookgDt>
<NtryDtls><TxDtls><Refs><EndToEndId>${order.reference}</EndToEndId></Refs>${amount}${returned}</TxDtls></NtryDtls></Ntry>`
}
