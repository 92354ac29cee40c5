/**
 * Processes files from a bank, each once: records the reports on our orders, enqueues them for their batches if they may change
 * anything there, and only then marks the file as read. If a process dies in between, another one repeats the steps, which
 * changes nothing. Oddities are reported and have no effect, and a file that cannot be accepted goes to quarantine.
 */
import { hash } from "node:crypto"
import { Array as Arr, Effect, Result } from "effect"
import { cleanText, type OutsideText } from "../../../domain/outside-text.ts"
import { Metrics } from "../../../telemetry/metrics.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import { readMessage } from "../../iso20022/bank-message-reader.ts"
import { readable, UnreadableFile } from "../../iso20022/unreadable-file.ts"
import { FILE_BYTES_MAX } from "../../iso20022/xml-reader.ts"
import { filesInZip, isZip } from "../../iso20022/zip-file.ts"
import type { NewReport } from "../orders/file-orders.ts"
import { type OrderReport, reportKeyOf } from "../orders/order-reports.ts"
import { REPORTS_AT_ONCE, recordReports } from "../orders/report-record.ts"
import { bankReportsIn } from "./bank-reports.ts"
import { ibanOf } from "./file-bank-settings.ts"
import { type Arrival, arrivals, explain, putAway, readArrival } from "./folder.ts"
import { type FileNotes, type InboxFile, InboxFiles, type Oddity, type Remark } from "./inbox-files.ts"
import type { BankReports } from "./matched-report.ts"
import type { FileBank } from "./outbox.ts"

/** Files processed in one pass. */
const FILES_MAX = 100

/**
 * Processes the files that are unchanged since the last pass; returns what was seen, for the next pass. A file that cannot be
 * processed yet does not delay others.
 */
export const readInbox = Effect.fn("readInbox")(function* (bank: FileBank, before: ReadonlySet<string>) {
  const found = yield* arrivals(bank.folder, FILES_MAX)
  for (const arrival of found.filter((arrival) => before.has(lookOf(arrival))))
    yield* Effect.catch(takeIn(bank, arrival), (failure) =>
      Effect.logWarning("a bank's file cannot be processed yet", {
        bank: bank.name,
        file: arrival.name,
        failure,
      }),
    )
  return new Set(found.map(lookOf))
})

const lookOf = ({ name, look }: Arrival): string => `${look}:${name}`

const takeIn = Effect.fnUntraced(function* (bank: FileBank, arrival: Arrival) {
  const { name, look } = arrival
  const content = yield* readArrival(bank.folder, name, FILE_BYTES_MAX)
  if (content === undefined) return
  if (content === "too-long")
    return yield* quarantine(bank, arrival, hash("sha256", look), `longer than ${FILE_BYTES_MAX} bytes`)
  const digest = hash("sha256", content)
  const file: InboxFile = { bank: bank.name, name, digest }
  if (yield* (yield* InboxFiles).isRead(file)) return yield* archive(bank, arrival, digest, "repeated")
  const taken = isZip(content)
    ? takeInZip(bank, file, content, keptAs(arrival, digest))
    : takeInFile(bank, file, content)
  const outcome = yield* Effect.result(taken)
  if (Result.isSuccess(outcome)) return yield* archive(bank, arrival, digest, "read")
  if (outcome.failure._tag !== "UnreadableFile") return yield* outcome.failure
  yield* quarantine(bank, arrival, digest, outcome.failure.message)
})

const takeInFile = Effect.fnUntraced(function* (bank: FileBank, file: InboxFile, content: Uint8Array) {
  const message = yield* readMessage(content)
  const foreign = foreignIn(bank, message)
  if (foreign !== undefined) return yield* new UnreadableFile(foreign)
  yield* processMessage(bank, file, message)
})

/**
 * Processes the files in a container one by one: each is a file of its own, also if it came by itself before. One that cannot be
 * read takes no other one with it, and is an oddity of the container. Of a container, nothing can be read if that is so for all.
 */
const takeInZip = Effect.fnUntraced(function* (
  bank: FileBank,
  zip: InboxFile,
  content: Uint8Array,
  as: string,
) {
  const files = yield* Effect.fromResult(readable(() => filesInZip(content)))
  const unread: Array<UnreadableFile> = []
  const oddities: Array<Oddity> = []
  for (const { place, content } of files) {
    const taken = Effect.gen(function* () {
      const unpacked = yield* Effect.fromResult(readable(content))
      const file: InboxFile = { ...zip, digest: hash("sha256", unpacked) }
      if (!(yield* (yield* InboxFiles).isRead(file))) yield* takeInFile(bank, file, unpacked)
    })
    const outcome = yield* Effect.result(taken)
    if (Result.isSuccess(outcome)) continue
    if (outcome.failure._tag !== "UnreadableFile") return yield* outcome.failure
    oddities.push({ reference: place, reason: "unreadable-entry", detail: outcome.failure.message })
    unread.push(outcome.failure)
  }
  const [first] = unread
  if (first !== undefined && unread.length === files.length) return yield* first
  // It may be a file of returns. As long as its reason lies in the quarantine, no silence is taken for a payment.
  if (first !== undefined && bank.nacha !== undefined) yield* explain(bank.folder, as, first.message)
  yield* finish(zip, { oddities, remarks: [], servicerReferences: [] })
})

/** Why a file that can be read is none for this bank's client. */
const foreignIn = ({ nacha }: FileBank, message: BankMessage) => {
  if (message._tag !== "ReturnFile") return undefined
  if (nacha === undefined)
    return { place: "the file", problem: "of Nacha, which this bank is sent no files of" }
  return message.companies.includes(nacha.companyId)
    ? undefined
    : { place: "the batch headers", problem: "of other companies than ours" }
}

/** The digest keeps files with the same name apart. */
const keptAs = ({ name }: Arrival, digest: string): string => `${digest.slice(0, 16)}-${name}`

const archive = Effect.fnUntraced(function* (
  bank: FileBank,
  arrival: Arrival,
  digest: string,
  outcome: "read" | "repeated",
) {
  const as = keptAs(arrival, digest)
  yield* putAway(bank.folder, arrival, "archive", as)
  const { bankFiles } = yield* Metrics
  bankFiles.inc({ bank: bank.name, outcome })
  yield* Effect.logInfo("a bank's file was archived", { bank: bank.name, file: as, outcome })
})

const quarantine = Effect.fnUntraced(function* (
  bank: FileBank,
  arrival: Arrival,
  digest: string,
  reason: string,
) {
  const as = keptAs(arrival, digest)
  yield* explain(bank.folder, as, reason)
  yield* putAway(bank.folder, arrival, "quarantine", as)
  const { bankFiles } = yield* Metrics
  bankFiles.inc({ bank: bank.name, outcome: "quarantined" })
  yield* Effect.logError("a bank's file was put into quarantine", { bank: bank.name, file: as, reason })
})

const processMessage = Effect.fnUntraced(function* (bank: FileBank, file: InboxFile, message: BankMessage) {
  const own = {
    iban: ibanOf(bank),
    ...(bank.nacha?.keepsTraces === true ? { traces: bank.nacha.originatingDfi } : {}),
  }
  yield* processReports(bank, file, yield* bankReportsIn(bank.name, message, own))
})

/**
 * Records reports, notifies their batches of them, and then notes that the file is processed. Each step may be repeated. `file` may
 * also name what is no file, if it is always the same for the same reports.
 */
export const processReports = Effect.fnUntraced(function* (
  bank: Pick<FileBank, "name">,
  file: InboxFile,
  { reports, ...notes }: BankReports & Pick<FileNotes, "servicerReferences">,
) {
  const oddities = [...notes.oddities]
  const details = detailsIn(notes.remarks)
  for (const chunk of Arr.chunksOf(reports, REPORTS_AT_ONCE))
    oddities.push(
      ...(yield* recordReports({ bank: bank.name, digest: file.digest }, chunk, (reference, report) =>
        detailOf(chunk, details, reference, report),
      )),
    )
  yield* finish(file, { ...notes, oddities })
})

/** Records that a file was processed. Its oddities are counted once. */
const finish = Effect.fnUntraced(function* (file: InboxFile, notes: FileNotes) {
  const { oddities } = notes
  const isFirst = yield* (yield* InboxFiles).finish(file, notes)
  if (!isFirst || oddities.length === 0) return
  const { bankOddities } = yield* Metrics
  for (const { reason } of oddities) bankOddities.inc({ bank: file.bank, reason })
  yield* Effect.logError("a bank's file has reports that have no effect", {
    bank: file.bank,
    digest: file.digest.slice(0, 16),
    count: oddities.length,
  })
})

/** All reasons that a file gives for an order, as one text. */
const detailsIn = (remarks: ReadonlyArray<Remark>): ReadonlyMap<string, OutsideText> => {
  const reasons = remarks.filter(({ kind }) => kind === "reason")
  const byReference = Map.groupBy(reasons, ({ reference }) => reference)
  return new Map(
    [...byReference].map(([reference, all]) => [
      reference,
      cleanText([...new Set(all.map(({ remark }) => remark))].join("; ")),
    ]),
  )
}

/** The reasons for a report, if this file has it: one that another file left to be enqueued has other reasons. */
const detailOf = (
  reports: ReadonlyArray<NewReport>,
  details: ReadonlyMap<string, OutsideText>,
  reference: string,
  report: OrderReport,
): OutsideText | undefined =>
  reports.some((own) => own.reference === reference && reportKeyOf(own.report) === reportKeyOf(report))
    ? details.get(reference)
    : undefined
