/**
 * Messages of all versions for tests: the same payments, in the words of each version. Versions differ in their group header, the
 * status of an entry, the place of a transaction's amount, charges, parties and UETR (ISO 20022, message definition reports).
 */
import { namespace } from "./bank-messages.ts"

export type Camt = "camt.052" | "camt.053" | "camt.054"

const contents: Readonly<Record<Camt, readonly [content: string, part: string]>> = {
  "camt.052": ["BkToCstmrAcctRpt", "Rpt"],
  "camt.053": ["BkToCstmrStmt", "Stmt"],
  "camt.054": ["BkToCstmrDbtCdtNtfctn", "Ntfctn"],
}

export interface Payment {
  readonly reference: string
  /** With its decimals, in euros. */
  readonly amount: string
  /** It came back, with this code. */
  readonly returned?: string
}

const times = "2026-11-27T08:00:00Z"

/** An account's message with one booked entry for each payment. `version` is the last number of its namespace. */
export const accountMessage = (kind: Camt, version: number, payments: ReadonlyArray<Payment>): string => {
  const [content, part] = contents[kind]
  const number = String(version).padStart(2, "0")
  return `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="${namespace(`${kind}.001.${number}`)}"><${content}>
    <GrpHdr><MsgId>M-1</MsgId><CreDtTm>${times}</CreDtTm>${version <= 2 ? "<MsgRcpt><Nm>Atlas</Nm></MsgRcpt>" : ""}
    <MsgPgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></MsgPgntn></GrpHdr>
    <${part}><Id>S-1</Id><ElctrncSeqNb>42</ElctrncSeqNb><CreDtTm>${times}</CreDtTm>
    <FrToDt><FrDtTm>2026-11-27T00:00:00Z</FrDtTm><ToDtTm>2026-11-27T23:59:59Z</ToDtTm></FrToDt>
    <Acct><Id><IBAN>NL91ABNA0417164300</IBAN></Id><Ccy>EUR</Ccy></Acct>${kind === "camt.054" ? "" : balance}
    ${payments.map((payment) => entry(version, payment)).join("")}</${part}></${content}></Document>`
}

const balance = `<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
  <Dt><Dt>2026-11-27</Dt></Dt></Bal>`

const entry = (version: number, { reference, amount, returned }: Payment): string => {
  const kind = returned === undefined ? "DBIT" : "CRDT"
  const family = returned === undefined ? "ESCT" : "RRTN"
  const code = `<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>${family}</SubFmlyCd></Fmly></Domn></BkTxCd>`
  const money = `<Amt Ccy="EUR">${amount}</Amt>`
  const own =
    version <= 2 ? `<AmtDtls><TxAmt>${money}</TxAmt></AmtDtls>` : `${money}<CdtDbtInd>${kind}</CdtDbtInd>`
  const party = version >= 8 ? "<Cdtr><Pty><Nm>Ada</Nm></Pty></Cdtr>" : "<Cdtr><Nm>Ada</Nm></Cdtr>"
  const back = returned === undefined ? "" : `<RtrInf><Rsn><Cd>${returned}</Cd></Rsn></RtrInf>`
  return `<Ntry><NtryRef>1</NtryRef>${money}<CdtDbtInd>${kind}</CdtDbtInd>
    <Sts>${version >= 8 ? "<Cd>BOOK</Cd>" : "BOOK"}</Sts><BookgDt><Dt>2026-11-27</Dt></BookgDt><ValDt><Dt>2026-11-27</Dt></ValDt>
    <AcctSvcrRef>B-${reference.slice(-3)}</AcctSvcrRef>${code}<NtryDtls><TxDtls><Refs>
    <EndToEndId>${reference}</EndToEndId></Refs>${own}<RltdPties>${party}</RltdPties>${back}</TxDtls></NtryDtls></Ntry>`
}

/** A status report of a version on the message M1, with the status of each transfer. */
export const statusMessage = (
  version: number,
  statuses: ReadonlyArray<readonly [reference: string, status: string, reason?: string]>,
): string => {
  const number = String(version).padStart(2, "0")
  const initiator = `<InitgPty><Nm>Atlas</Nm><Id><OrgId><${version <= 3 ? "BICOrBEI" : "AnyBIC"}>ABNANL2A</${version <= 3 ? "BICOrBEI" : "AnyBIC"}></OrgId></Id></InitgPty>`
  const transfers = statuses.map(([reference, status, reason], index) => {
    const why = reason === undefined ? "" : `<StsRsnInf><Rsn><Cd>${reason}</Cd></Rsn></StsRsnInf>`
    return `<TxInfAndSts><StsId>${index + 1}</StsId><OrgnlEndToEndId>${reference}</OrgnlEndToEndId><TxSts>${status}</TxSts>${why}
      <AcctSvcrRef>B-${index + 1}</AcctSvcrRef></TxInfAndSts>`
  })
  return `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="${namespace(`pain.002.001.${number}`)}"><CstmrPmtStsRpt>
    <GrpHdr><MsgId>S-1</MsgId><CreDtTm>${times}</CreDtTm>${initiator}</GrpHdr>
    <OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>
    <OrgnlPmtInfAndSts><OrgnlPmtInfId>M1</OrgnlPmtInfId>${transfers.join("")}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`
}
