/**
 * Files to a bank, each released exactly once. What can be lost or done twice is decided in Postgres, one step each, and
 * is in the log of files as well before the file appears: either store may come back older than it was.
 *
 * 1. make: if both stores tell the same, which orders go out together, under which message id.
 * 2. log: the same, where Postgres cannot forget it (agreement.ts).
 * 3. write: the file lies complete in the outbox, under a name that nobody takes. It may lie there several times.
 * 4. stage: which of these is the one, in both stores.
 * 5. release: it gets its name. A file can be renamed once, so its absence proves that this was done, even when the
 *    client has already taken it away.
 * 6. written: the orders' details are forgotten.
 *
 * Whoever dies between two of them leaves the rest to the next look; two processes that look at once do no harm.
 */
import { randomUUID } from "node:crypto"
import { Clock, Effect } from "effect"
import { isBatchId } from "../../../domain/identifiers.ts"
import { executionOf } from "../../../domain/scheme.ts"
import { FileLog } from "../../../streams/file-log.ts"
import { Partitions } from "../../../streams/partitions.ts"
import { StoreWatch } from "../../../streams/store-watch.ts"
import { Metrics } from "../../../telemetry/metrics.ts"
import { writePaymentInitiation } from "../../iso20022/payment-initiation.ts"
import { agree, hasNoWithdrawn, logFiles } from "./agreement.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import { type FileBankSettings, fileLimits } from "./file-bank-settings.ts"
import { discard, has, identify, lyingIn, release, writeDurably } from "./folder.ts"
import { type OutboxFile, OutboxFiles } from "./outbox-files.ts"

/** What there is to know of a bank of the kind `files`. */
export interface FileBank extends Omit<FileBankSettings, "everyMs" | "ordersMax" | "pollMs"> {
  readonly name: string
  readonly everyMs: number
  readonly ordersMax: number
  readonly pollMs: number
}

/** Files written at one look; what is left waits for the next. */
const FILES_MAX = 100

/** Makes files of the orders that are due, and releases what was made. One that cannot be made or written holds up no other. */
export const writeOutbox = Effect.fn("writeOutbox")(function* (bank: FileBank) {
  const files = yield* OutboxFiles
  // In a folder that is not mounted every file would seem to be released already.
  if (!(yield* files.isFolderOf(bank.name, yield* identify(bank.folder))))
    return yield* new BankFilesUnavailable({
      step: "look at the folder",
      reason: "it is another than before",
    })
  const blocked = yield* blockedBatches(bank.name)
  // Nothing is made that could not be logged: an order that waits can be taken back.
  yield* agree(bank.name)
  const at = yield* Clock.currentTimeMillis
  const groups = yield* files.due(bank.name, at, bank.ordersMax)
  // Orders that were forgotten could be made into the same file again, and nobody would hear that they were.
  if (groups.length > 0) yield* agree(bank.name)
  for (const group of groups)
    yield* files
      .make(group, executionOf(group.scheme, at), at, bank.ordersMax, blocked)
      .pipe(
        Effect.catchTag("BankFilesUnavailable", ({ step, reason }) =>
          Effect.logWarning("a file cannot be made yet", { ...group, step, reason }),
        ),
      )
  yield* logFiles(bank.name)
  yield* discardAbandoned(bank)
  for (const file of yield* files.unwritten(bank.name, FILES_MAX))
    yield* write(bank, file, blocked).pipe(
      Effect.catch(({ step, reason }) =>
        Effect.logError("a file cannot be written yet", {
          bank: bank.name,
          message: file.messageId,
          step,
          reason,
        }),
      ),
    )
})

/**
 * Discards drafts of files that will never be written: their orders were taken out, and the file was closed or dropped.
 * Whoever wrote them may have died before it could. One that the log knows of as staged may be about to be released.
 */
const discardAbandoned = Effect.fnUntraced(function* (bank: FileBank) {
  const files = yield* OutboxFiles
  const messages = new Set((yield* lyingIn(bank.folder)).filter(isDraft).map(messageOf))
  if (messages.size === 0) return
  const open = yield* files.stillOpen(bank.name, [...messages])
  for (const message of messages) {
    if (open.includes(message)) continue
    const staged = yield* (yield* FileLog).staged(bank.name, message)
    yield* discard(bank.folder, (other) => isDraftOf(nameOf(message), other) && other !== staged)
  }
})

/** Batches whose orders stay where they are: in partitions where nobody is paid. With a wrong clock nobody is anywhere. */
const blockedBatches = Effect.fnUntraced(function* (bank: string) {
  const [{ objection, look }, partitions] = [yield* StoreWatch, yield* Partitions]
  yield* look
  const objections = Array.from({ length: partitions.count }, (_, partition) => objection(partition))
  const [first] = objections
  if (first !== undefined && !objections.includes(undefined))
    return yield* new BankFilesUnavailable({ step: "look at the stores", reason: first })
  if (objections.every((reason) => reason === undefined)) return []
  const batches = yield* (yield* OutboxFiles).batches(bank)
  return batches.filter((batch) => isBatchId(batch) && objections[partitions.of(batch)] !== undefined)
})

const write = Effect.fnUntraced(function* (bank: FileBank, file: OutboxFile, blocked: ReadonlyArray<string>) {
  const files = yield* OutboxFiles
  const name = nameOf(file.messageId)
  const draft = yield* stagedAs(bank, file, name, blocked)
  if (draft === undefined) return
  // The log has the last word: it may know of a release that Postgres has forgotten.
  const staged = yield* (yield* FileLog).stage(bank.name, file.messageId, draft)
  // In this order: what is released between the two looks is gone at the second.
  if ((yield* has(bank.folder, name)) && (yield* has(bank.folder, staged)))
    return yield* new BankFilesUnavailable({ step: "release a file", reason: "another has its name" })
  const released = yield* release(bank.folder, staged, name)
  if (!released && !(yield* has(bank.folder, name)))
    yield* Effect.logWarning("a file was released before, and is not in the outbox any more", {
      bank: bank.name,
      message: file.messageId,
    })
  yield* files.written(file)
  yield* discard(bank.folder, (other) => isDraftOf(name, other))
  if (!released) return
  const { bankFiles } = yield* Metrics
  bankFiles.inc({ bank: bank.name, outcome: "written" })
  yield* Effect.logInfo("file of orders written", { bank: bank.name, message: file.messageId })
})

/** As what the file lies complete where nobody takes it, by either store, or from now on; `undefined` when another is. */
const stagedAs = Effect.fnUntraced(function* (
  bank: FileBank,
  file: OutboxFile,
  name: string,
  blocked: ReadonlyArray<string>,
) {
  const known = file.stagedAs ?? (yield* (yield* FileLog).staged(bank.name, file.messageId))
  return known ?? (yield* stage(bank, file, name, blocked))
})

/** Writes the file where nobody takes it, and decides that it is the one; `undefined` when another is. */
const stage = Effect.fnUntraced(function* (
  bank: FileBank,
  file: OutboxFile,
  name: string,
  blocked: ReadonlyArray<string>,
) {
  const files = yield* OutboxFiles
  const transfers = yield* files.transfersOf(file)
  if (transfers === undefined) return undefined
  const references = transfers.map(({ reference }) => reference)
  if (!(yield* hasNoWithdrawn(bank.name, file, references))) return undefined
  const { messageId, madeAt, day, scheme, currency } = file
  const draft = `.${name}.${randomUUID()}`
  const content = writePaymentInitiation({
    messageId,
    createdAt: madeAt,
    executionDay: day,
    scheme,
    currency,
    debtor: bank.debtor,
    characters: fileLimits(bank)[scheme]?.characters ?? "latin",
    achClass: bank.achClass ?? "PPD",
    hasUetrs: bank.uetr ?? true,
    transfers,
  })
  yield* writeDurably(bank.folder, draft, content)
  if (yield* files.stage(file, draft, blocked)) return draft
  yield* discard(bank.folder, (other) => other === draft)
  return undefined
})

const SUFFIX = ".pain.001.xml"
const nameOf = (messageId: string): string => `${messageId}${SUFFIX}`
const isDraft = (name: string): boolean => name.startsWith(".") && name.includes(`${SUFFIX}.`)
/** The message id of the file that something is a draft of. */
const messageOf = (draft: string): string => draft.slice(1, draft.lastIndexOf(`${SUFFIX}.`))

const isDraftOf = (name: string, other: string): boolean => other.startsWith(`.${name}.`)
