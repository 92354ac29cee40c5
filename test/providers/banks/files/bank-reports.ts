/** Reports of a bank of files, and what became of the orders that they are about. */
import { Effect } from "effect"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { Metrics } from "../../../../src/telemetry/metrics.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { firstEvents } from "../../../streams/log-under-test.ts"
import { wholeLog } from "../../../streams/whole-log.ts"
import type { FileBankUnderTest } from "./file-bank-under-test.ts"

export const referenceOf = (item: number) => transferReference({ batch: batchId, item, attempt: 1 })

/** Orders that the bank has, because its client took a file with all of them; the answer is the id of the file's message. */
export const ordered = (test: FileBankUnderTest, count: number) =>
  Effect.gen(function* () {
    yield* (yield* wholeLog).open(batchId, firstEvents, "opening")
    const { transfer } = yield* test.port
    for (let item = 1; item <= count; item += 1) yield* transfer(test.orderOf(item))
    yield* writeOutbox(test.bank)
    test.carry()
    const [name = ""] = [...test.taken.keys()]
    return name.replace(/\.pain.*/, "")
  })

export const document = (message: string, content: string) =>
  `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:${message}">${content}</Document>`

export const report = (about: string, status: string, ...transfers: ReadonlyArray<string>) =>
  document(
    "pain.002.001.10",
    `<CstmrPmtStsRpt><OrgnlGrpInfAndSts><OrgnlMsgId>${about}</OrgnlMsgId><GrpSts>${status}</GrpSts></OrgnlGrpInfAndSts>
     <OrgnlPmtInfAndSts>${transfers.join("")}</OrgnlPmtInfAndSts></CstmrPmtStsRpt>`,
  )

export const status = (reference: string, code: string, reason = "AC04") =>
  `<TxInfAndSts><OrgnlEndToEndId>${reference}</OrgnlEndToEndId><TxSts>${code}</TxSts>
   ${reason && `<StsRsnInf><Rsn><Cd>${reason}</Cd></Rsn></StsRsnInf>`}</TxInfAndSts>`

export const booked = (reference: string, cents: number, kind: "DBIT" | "CRDT") =>
  document(
    "camt.054.001.08",
    `<BkToCstmrDbtCdtNtfctn><Ntfctn><Ntry><Amt Ccy="EUR">${cents / 100}</Amt><CdtDbtInd>${kind}</CdtDbtInd>
     <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-26</Dt></BookgDt><NtryDtls><TxDtls><Refs>
     <EndToEndId>${reference}</EndToEndId></Refs>${kind === "CRDT" ? "<RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf>" : ""}
     </TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn>`,
  )

/** The outcomes that were reported to the batch, in order. */
export const reported = Effect.gen(function* () {
  const mail = yield* (yield* wholeLog).mail(batchId, 1_000)
  return mail.flatMap(({ command }) => (command?._tag === "RecordTransfer" ? [command] : []))
})

/** What inquiries about the first orders answer. */
export const standings = (test: FileBankUnderTest, count: number) =>
  Effect.gen(function* () {
    const { inquire } = yield* test.port
    const answers = yield* Effect.forEach(Array(count).keys().toArray(), (index) =>
      inquire(referenceOf(index + 1)),
    )
    return answers.map(({ _tag }) => _tag)
  })

/** What the bank reported and AtlasPay did not act on: references and reasons. */
export const oddities = (test: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const rows = yield* query(
      "read",
      (sql) => sql<Array<{ readonly reference: string; readonly reason: string }>>`
        select reference, reason from bank_oddities where bank = ${test.bank.name} order by reference, reason`,
    )
    return rows.map(({ reference, reason }) => [reference, reason])
  })

/** How many files and oddities were counted, by outcome and reason. */
export const counted = Effect.gen(function* () {
  const { bankFiles, bankOddities } = yield* Metrics
  const all = yield* Effect.promise(() => Promise.all([bankFiles.get(), bankOddities.get()]))
  return Object.fromEntries(
    all.flatMap(({ values }) =>
      values.map(({ labels, value }) => [
        "outcome" in labels ? labels.outcome : (labels as { reason: string }).reason,
        value,
      ]),
    ),
  )
})
