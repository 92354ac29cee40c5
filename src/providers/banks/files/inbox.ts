/**
 * Processes files from a bank, each once: records the reports on our orders, enqueues them for their batches if they may change
 * anything there, and only then marks the file as read. If a process dies in between, another one repeats the steps, which
 * changes nothing. Oddities are reported and have no effect, and a file that cannot be accepted goes to quarantine.
 */
import { hash } from "node:crypto"
import { Array as Arr, Clock, Effect, Result, Schedule } from "effect"
import type { TransferOutcome } from "../../../domain/commands.ts"
import { parseTransferReference } from "../../../domain/identifiers.ts"
import { cleanText, type OutsideText } from "../../../domain/outside-text.ts"
import { type CommandId, Mailbox } from "../../../streams/mailbox.ts"
import { Metrics } from "../../../telemetry/metrics.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import { readMessage } from "../../iso20022/bank-message-reader.ts"
import { readable, UnreadableFile } from "../../iso20022/unreadable-file.ts"
import { FILE_BYTES_MAX } from "../../iso20022/xml-reader.ts"
import { filesInZip, isZip } from "../../iso20022/zip-file.ts"
import { bankReportsIn } from "./bank-reports.ts"
import { ibanOf } from "./file-bank-settings.ts"
import { type FileOrder, FileOrders, type NewReport } from "./file-orders.ts"
import { type Arrival, arrivals, explain, putAway, readArrival } from "./folder.ts"
import { type FileNotes, type InboxFile, InboxFiles, type Oddity, type Remark } from "./inbox-files.ts"
import type { BankReports } from "./matched-report.ts"
import { isInDoubt, type OrderReport, reportKeyOf } from "./order-reports.ts"
import type { FileBank } from "./outbox.ts"

/** Files processed in one pass. */
const FILES_MAX = 100
/** Orders whose reports are recorded and enqueued together. */
const CHUNK = 500
const ENQUEUES_MAX = 16
/** A worker empties a full mailbox. If it stays full for this long, the file waits for a later pass. */
const MAILBOX_RETRY_MS = 100
const MAILBOX_RETRIES = 50
/** A mailbox recognises a repeated report for this long. Later repetitions reach the batch, where they change nothing. */
const COMMAND_KEPT_MS = 600_000

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
  yield* recordReports(bank, file, yield* bankReportsIn(bank.name, message, own))
})

/**
 * Records reports, notifies their batches of them, and then notes that the file is processed. Each step may be repeated. `file` may
 * also name what is no file, if it is always the same for the same reports.
 */
export const recordReports = Effect.fnUntraced(function* (
  bank: Pick<FileBank, "name">,
  file: InboxFile,
  { reports, ...notes }: BankReports & Pick<FileNotes, "servicerReferences">,
) {
  const oddities = [...notes.oddities]
  const details = detailsIn(notes.remarks)
  for (const chunk of Arr.chunksOf(reports, CHUNK)) {
    const orders = yield* FileOrders
    const changed = yield* orders.record(bank.name, chunk)
    const unknown = yield* Effect.forEach(
      changed,
      (order) => enqueueReports(file, order, (report) => detailOf(chunk, details, order.reference, report)),
      { concurrency: ENQUEUES_MAX },
    )
    oddities.push(...unknown.flat())
    yield* orders.markEnqueued(bank.name, changed)
  }
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

/**
 * Enqueues the reports on an order that its batch has not had yet, a refusal before a sign that contradicts it. The batch
 * already assumes that the bank has the order, so such a sign is enqueued only if it is in doubt.
 */
const enqueueReports = Effect.fnUntraced(function* (
  file: InboxFile,
  order: FileOrder,
  detailOf: (report: OrderReport) => OutsideText | undefined,
) {
  const oddities: Array<Oddity> = []
  for (const report of order.notEnqueued.toSorted((one, other) => rank(one) - rank(other)))
    if (report._tag !== "Accepted" || isInDoubt(order.reports))
      oddities.push(
        ...(yield* enqueueReport(
          file,
          { reference: order.reference, report, detail: detailOf(report) },
          order.orderId,
        )),
      )
  return oddities
})

const rank = ({ _tag }: OrderReport): number => (_tag === "Accepted" ? 1 : 0)

/** Enqueues a report for its batch, where a repetition changes nothing. */
const enqueueReport = Effect.fnUntraced(function* (
  file: InboxFile,
  { reference, report, detail }: NewReport & { readonly detail: OutsideText | undefined },
  orderId: string,
) {
  const transfer = parseTransferReference(reference)
  if (transfer === undefined) return [{ reference, reason: "no-such-batch" }] as const
  const { batch, item, attempt } = transfer
  const at = yield* Clock.currentTimeMillis
  const outcome = outcomeOf(report, orderId, at, detail)
  return yield* (yield* Mailbox)
    .enqueue(
      batch,
      { _tag: "RecordTransfer", at, item, attempt, bank: file.bank, outcome },
      commandIdOf(file, reference, report),
    )
    .pipe(
      Effect.retry({
        while: ({ _tag }) => _tag === "MailboxFull",
        schedule: Schedule.spaced(MAILBOX_RETRY_MS),
        times: MAILBOX_RETRIES,
      }),
      Effect.as([]),
      Effect.catchTag("NoSuchBatch", () => Effect.succeed([{ reference, reason: "no-such-batch" }] as const)),
    )
})

/** The id of a report's command, which is the same whenever the file is processed again. */
const commandIdOf = ({ bank, digest }: InboxFile, reference: string, report: OrderReport): CommandId => ({
  id: hash("sha256", JSON.stringify([bank, digest, reference, reportKeyOf(report)]), "base64url"),
  digest: "",
  keptMs: COMMAND_KEPT_MS,
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

const outcomeOf = (
  report: OrderReport,
  orderId: string,
  at: number,
  detail: OutsideText | undefined,
): TransferOutcome => {
  const evidence = "callback"
  const given = detail === undefined ? {} : { detail }
  switch (report._tag) {
    case "Accepted":
      return { _tag: "Accepted", transferId: orderId, inquireAt: at, evidence }
    case "Refused":
      return { _tag: "Failed", code: cleanText(report.code), whole: true, evidence, ...given }
    case "Asked":
      throw new Error("a withdrawal is not a report of a bank")
    case "Failed":
    case "Returned":
      return { ...report, code: cleanText(report.code), evidence, ...given }
    case "Settled":
      return { ...report, evidence }
  }
}
