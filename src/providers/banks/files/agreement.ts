/**
 * Whether the store of orders and the log of files tell the same of a bank, before anything is released. Either may have
 * come back older than it was, and then the other one says what it forgot:
 *
 * - the log is further: the files that it tells of are put back with their orders, and never made again;
 * - the orders are further: their files are logged again before another is;
 * - an order of a file is withdrawn by the log: it is taken out, and the others go out without it;
 * - neither follows from the other: the bank's files stand still, and a person has to look.
 */
import { Effect } from "effect"
import { FileLog, type FileLogTail, type LoggedFile } from "../../../streams/file-log.ts"
import { Metrics } from "../../../telemetry/metrics.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import { FileRecords, type UnloggedFile } from "./file-records.ts"

/** Files that are logged at one look, and restored: those are read together. What is left waits for the next. */
const FILES_MAX = 100
const RESTORED_MAX = 10

/** Lets both tell the same, or fails while they do not. */
export const agree = Effect.fn("agree")(function* (bank: string) {
  const [records, log] = [yield* FileRecords, yield* FileLog]
  const known = (yield* records.tail(bank)) ?? log.start(bank)
  const logged = yield* log.tail(bank)
  if (logged.version > known.version) yield* restore(bank, known)
  else if (logged.version < known.version) yield* forget(bank, logged)
  else if (logged.head !== known.head) return yield* forked
  yield* logFiles(bank)
})

const standStill = (reason: string) =>
  new BankFilesUnavailable({ step: "compare the files with their log", reason })

const forked = standStill(
  "neither store follows from the other: both were set back, and a person has to look",
)

const restore = Effect.fnUntraced(function* (bank: string, known: FileLogTail) {
  const [records, log] = [yield* FileRecords, yield* FileLog]
  const missing = yield* log.read(bank, known, RESTORED_MAX)
  for (const logged of missing) {
    const file = yield* withoutWithdrawn(bank, logged)
    const found = yield* records.restore(bank, file)
    if (found === "differs")
      return yield* standStill(`another file was released as ${file.file.messageId} than the log tells of`)
    // Nothing is staged before its place in the log is noted here: made again, it only looks as if it had been known.
    const isForgotten = found === "restored" || (yield* log.staged(bank, file.file.messageId)) !== undefined
    if (isForgotten) yield* alarm(bank, "orders", 1, file.file.messageId)
  }
  const { version } = yield* log.tail(bank)
  if (version > known.version + missing.length) return yield* standStill("more files are to be restored")
})

/** What was taken out of a file since it was logged is not put back. */
const withoutWithdrawn = Effect.fnUntraced(function* (bank: string, logged: LoggedFile) {
  const references = logged.file.orders.map(({ reference }) => reference)
  const gone = new Set(yield* (yield* FileLog).withdrawn(bank, references))
  const orders = logged.file.orders.filter(({ reference }) => !gone.has(reference))
  return { ...logged, file: { ...logged.file, orders } }
})

const forget = Effect.fnUntraced(function* (bank: string, logged: FileLogTail) {
  const [records, log] = [yield* FileRecords, yield* FileLog]
  const head = logged.version === 0 ? log.start(bank).head : yield* records.headAt(bank, logged.version)
  if (head !== logged.head) return yield* forked
  yield* alarm(bank, "log", yield* records.forget(bank, logged.version))
})

const alarm = Effect.fnUntraced(function* (
  bank: string,
  store: "orders" | "log",
  files: number,
  message?: string,
) {
  ;(yield* Metrics).forgottenFiles.inc({ bank, store }, files)
  yield* Effect.logError(
    store === "log"
      ? "the log of files is older than it was: files are logged again"
      : "the store of orders is older than it was: a file is restored from the log",
    { bank, files, message },
  )
})

/** Gives each file that was made its place in the log. Until it has one nobody writes it. */
export const logFiles = Effect.fn("logFiles")(function* (bank: string) {
  const [records, log] = [yield* FileRecords, yield* FileLog]
  let tail = (yield* records.tail(bank)) ?? log.start(bank)
  for (const file of yield* records.unlogged(bank, FILES_MAX)) {
    const record = yield* records.recordOf(file)
    if (record === undefined) {
      yield* records.dropEmpty(bank)
      continue
    }
    // Of one that was staged the log has to know that as well: it may have been released.
    if (file.stagedAs !== undefined) yield* log.stage(bank, file.messageId, file.stagedAs)
    const done = yield* log.append(bank, tail, record)
    // Another process logs files as well: the next look finds what is left.
    if (done._tag === "Moved") return
    if (done._tag === "Filed")
      return yield* standStill(`orders of ${file.messageId} are in ${done.messageId} by the log`)
    if (done._tag === "Withdrawn") {
      yield* takeOut(bank, file, done.references)
      continue
    }
    yield* records.note(bank, done.tail, file)
    tail = done.tail
  }
})

/**
 * Holds the orders of a file that is to be completed against the log: false when some were withdrawn there, and are taken
 * out of the file. A store that came back older has them in it again.
 */
export const hasNoWithdrawn = Effect.fnUntraced(function* (
  bank: string,
  file: UnloggedFile,
  references: ReadonlyArray<string>,
) {
  const gone = yield* (yield* FileLog).withdrawn(bank, references)
  if (gone.length > 0) yield* takeOut(bank, file, gone)
  return gone.length === 0
})

/** What is left of the file is logged at the next look. */
const takeOut = Effect.fnUntraced(function* (
  bank: string,
  file: UnloggedFile,
  references: ReadonlyArray<string>,
) {
  if (!(yield* (yield* FileRecords).takeOut(file, references)))
    return yield* standStill(
      `orders of ${file.messageId} were withdrawn by the log, and it may have been released`,
    )
  ;(yield* Metrics).forgottenFiles.inc({ bank, store: "orders" })
  yield* Effect.logError(
    "the store of orders is older than it was: withdrawn orders are taken out of a file",
    {
      bank,
      message: file.messageId,
      count: references.length,
    },
  )
})
