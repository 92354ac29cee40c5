/**
 * Compares the store of orders with the log of files, before anything is released. Either store may have been restored to an
 * older state; then the other one has what it lost:
 *
 * - the log is ahead: the files that it has are restored with their orders, and never made again;
 * - the store is ahead: its files are logged again before any other file;
 * - the log says that an order of a file was withdrawn: the order is removed, and the others are sent without it;
 * - neither can be derived from the other: the bank's files stop, and an operator has to check the account.
 */
import { Effect } from "effect"
import { FileLog, type FileLogTail, type LoggedFile } from "../../../streams/file-log.ts"
import { Metrics } from "../../../telemetry/metrics.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import { FileRecords, type UnloggedFile } from "./file-records.ts"

/**
 * Files that are logged in one pass, and files that are restored in one pass and so read together. The rest waits for the next
 * pass.
 */
const FILES_MAX = 100
const RESTORED_MAX = 10

/** Makes both stores agree on a bank, or fails while they do not. */
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
  "neither store can be derived from the other: both were restored to an older state, and an operator has to check the account",
)

const restore = Effect.fnUntraced(function* (bank: string, known: FileLogTail) {
  const [records, log] = [yield* FileRecords, yield* FileLog]
  const missing = yield* log.read(bank, known, RESTORED_MAX)
  for (const logged of missing) {
    const file = yield* withoutWithdrawn(bank, logged)
    const found = yield* records.restore(bank, file)
    if (found === "differs")
      return yield* standStill(
        `the log has another file than the one that was released as ${file.file.messageId}`,
      )
    // A file is staged only after its place in the log was noted here. So if the log has it as staged, the store had known it
    // and made it again after it lost it.
    const isForgotten = found === "restored" || (yield* log.staged(bank, file.file.messageId)) !== undefined
    if (isForgotten) yield* alarm(bank, "orders", 1, file.file.messageId)
  }
  const { version } = yield* log.tail(bank)
  if (version > known.version + missing.length) return yield* standStill("more files have to be restored")
})

/** Orders that were removed from a file after it was logged are not restored. */
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
      ? "the log of files lost entries: its files are logged again"
      : "the store of orders is older than it was: a file is restored from the log",
    { bank, files, message },
  )
})

/** Gives each file that was made its place in the log. A file without a place is not written. */
export const logFiles = Effect.fn("logFiles")(function* (bank: string) {
  const [records, log] = [yield* FileRecords, yield* FileLog]
  let tail = (yield* records.tail(bank)) ?? log.start(bank)
  for (const file of yield* records.unlogged(bank, FILES_MAX)) {
    const record = yield* records.recordOf(file)
    if (record === undefined) {
      yield* records.dropEmpty(bank)
      continue
    }
    // The log must also know that the file was staged, because it may have been released.
    if (file.stagedAs !== undefined) yield* log.stage(bank, file.messageId, file.stagedAs)
    const done = yield* log.append(bank, tail, record)
    // Another process logs files, too: the next pass finds the rest.
    if (done._tag === "Moved") return
    if (done._tag === "Filed")
      return yield* standStill(`the log has orders of ${file.messageId} in ${done.messageId}`)
    if (done._tag === "Withdrawn") {
      yield* takeOut(bank, file, done.references)
      continue
    }
    yield* records.note(bank, done.tail, file)
    tail = done.tail
  }
})

/**
 * Compares the orders of a file that is about to be completed with the log. Returns false if the log has some as withdrawn;
 * these are then removed from the file. A store that was restored to an older state may have them in it again.
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

/** Takes out of a file which of its orders the log has as withdrawn. What is left is written at the next look. */
export const takeOutWithdrawn = Effect.fnUntraced(function* (bank: string, file: UnloggedFile) {
  const orders = (yield* (yield* FileRecords).recordOf(file))?.orders ?? []
  const references = orders.map(({ reference }) => reference)
  if (references.length > 0) yield* hasNoWithdrawn(bank, file, references)
})

/** Takes withdrawn orders out of a file. The rest of the file is logged in the next pass. */
const takeOut = Effect.fnUntraced(function* (
  bank: string,
  file: UnloggedFile,
  references: ReadonlyArray<string>,
) {
  if (!(yield* (yield* FileRecords).takeOut(file, references)))
    return yield* standStill(
      `the log has orders of ${file.messageId} as withdrawn, and the file may have been released`,
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
