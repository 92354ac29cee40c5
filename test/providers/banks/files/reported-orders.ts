/** Orders that a bank of files has, what its files say of them, and what became of them. */
import { Effect } from "effect"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import type { OwnDatabase } from "../../../database.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { firstEvents } from "../../../streams/log-under-test.ts"
import { wholeLog } from "../../../streams/whole-log.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"

interface Money {
  readonly currency: string
  readonly minor: bigint
}

/** Amounts in euros, of cents. */
export const euros = (...minors: ReadonlyArray<bigint>): ReadonlyArray<Money> =>
  minors.map((minor) => ({ currency: "EUR", minor }))

/** The reference of the first attempt to pay an item. */
export const referenceOf = (item: number): string => transferReference({ batch: batchId, item, attempt: 1 })

/** Orders of these amounts, in one file that the client took. Returns its message id. */
export const ordered = Effect.fnUntraced(function* (test: FileBankUnderTest, orders: ReadonlyArray<Money>) {
  yield* (yield* wholeLog).open(batchId, firstEvents, "opening")
  const { transfer } = yield* test.port
  for (const [index, money] of orders.entries()) yield* transfer(orderFor(test, index + 1, money))
  yield* writeOutbox(test.bank)
  test.carry()
  const [name = ""] = [...test.taken.keys()].slice(-1)
  return name.replace(/\.pain.*/, "")
})

/** Across borders a payment has to name where its beneficiary is. */
const orderFor = (test: FileBankUnderTest, item: number, money: Money) => {
  const order = test.orderOf(item, money)
  const address = { town: "Kobe", country: "JP" }
  return money.currency === "EUR" ? order : { ...order, beneficiary: { ...order.beneficiary, address } }
}

/** What an inquiry is answered, for the first `count` items. */
export const standings = Effect.fnUntraced(function* (test: FileBankUnderTest, count: number) {
  const { inquire } = yield* test.port
  const answers = yield* Effect.forEach(Array(count).keys().toArray(), (index) =>
    inquire(referenceOf(index + 1)),
  )
  return answers.map(({ _tag }) => _tag)
})

export const oddities = Effect.fnUntraced(function* (test: FileBankUnderTest) {
  const { query } = yield* Postgres
  const rows = yield* query(
    "read",
    (sql) => sql<Array<{ readonly reference: string; readonly reason: string }>>`
      select reference, reason from bank_oddities where bank = ${test.bank.name} order by reference, reason`,
  )
  return rows.map(({ reference, reason }) => [reference, reason])
})

export const remarks = Effect.fnUntraced(function* (test: FileBankUnderTest) {
  const { query } = yield* Postgres
  const rows = yield* query(
    "read",
    (sql) => sql<Array<{ readonly reference: string; readonly kind: string; readonly remark: string }>>`
      select reference, kind, remark from bank_remarks where bank = ${test.bank.name} order by reference, kind, remark`,
  )
  return rows.map(({ reference, kind, remark }) => [reference, kind, remark])
})

/** A file of a bank about the orders of a file of ours with this message id. */
export type FileAbout = (messageId: string) => string | Uint8Array

/** What orders become after a file for which their message id and references are known. */
export const outcomeOfFile = async (
  database: OwnDatabase,
  fileOf: FileAbout,
  orders: ReadonlyArray<Money>,
) => {
  using test = new FileBankUnderTest(database)
  return await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, orders)
      test.deliver("file.xml", fileOf(about))
      yield* test.looks
      return {
        standings: yield* standings(test, orders.length),
        oddities: (yield* oddities(test)).map(([reference = "", reason = ""]) => [
          reference.replace(about, "MSGID"),
          reason,
        ]),
        remarks: yield* remarks(test),
        quarantined: test.list("quarantine").length,
      }
    }),
  )
}

export interface BookedTransaction {
  /** The ids in `Refs`, by their elements. */
  readonly ids?: Readonly<Record<string, string>>
  readonly amount?: string
  readonly more?: string
}

export interface Booking {
  readonly amount: string
  readonly currency?: string
  readonly kind?: "DBIT" | "CRDT"
  /** The content of `Btch`. */
  readonly batch?: string
  readonly transactions?: ReadonlyArray<BookedTransaction>
  /** Further elements of the entry, before its details. */
  readonly more?: string
}

/** A booked entry. */
export const booking = ({
  amount,
  currency = "EUR",
  kind = "DBIT",
  batch,
  transactions = [],
  more = "",
}: Booking): string => {
  const inner = transactions.map(({ ids = {}, amount, more = "" }) => {
    const refs = Object.entries(ids).map(([name, id]) => `<${name}>${id}</${name}>`)
    const own = amount === undefined ? "" : `<Amt Ccy="${currency}">${amount}</Amt>`
    return `<TxDtls><Refs>${refs.join("")}</Refs>${own}${more}</TxDtls>`
  })
  const details = `${batch === undefined ? "" : `<Btch>${batch}</Btch>`}${inner.join("")}`
  return `<Ntry><Amt Ccy="${currency}">${amount}</Amt><CdtDbtInd>${kind}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
    ${more}${details === "" ? "" : `<NtryDtls>${details}</NtryDtls>`}</Ntry>`
}

const contents: Readonly<Record<string, readonly [string, string]>> = {
  "camt.052": ["BkToCstmrAcctRpt", "Rpt"],
  "camt.053": ["BkToCstmrStmt", "Stmt"],
  "camt.054": ["BkToCstmrDbtCdtNtfctn", "Ntfctn"],
}

/** A message about an account, with these entries in each of its parts. */
export const accountFile = (kind: string, ...parts: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [content, part] = contents[kind] ?? []
  const inner = parts.map((entries) => `<${part}><Id>1</Id>${entries.join("")}</${part}>`)
  return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:${kind}.001.08"><${content}><GrpHdr/>${inner.join("")}</${content}></Document>`
}

/** A status report on a message and a payment, with these transfers. */
export const statusFile = (message: string, payment: string, ...transfers: ReadonlyArray<string>): string =>
  `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><OrgnlGrpInfAndSts>
    <OrgnlMsgId>${message}</OrgnlMsgId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>${payment}</OrgnlPmtInfId>
    ${transfers.join("")}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`
