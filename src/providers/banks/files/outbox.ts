/**
 * Writes files for a bank, each released exactly once. Each decision that must not be lost or repeated is one step in Postgres,
 * and is in the log of files, too, before the file appears, because either store may be restored to an older state.
 *
 * 1. make: if both stores agree, decide which orders are sent together, under which message id.
 * 2. log: record the same in Redis, where Postgres cannot lose it (agreement.ts).
 * 3. write: put the complete file into the outbox as a draft, under a name that the client ignores. There may be several
 *    drafts.
 * 4. stage: choose one of the drafts, in both stores.
 * 5. release: rename the draft to its final name. It can be renamed only once, so its absence proves that this was done, even
 *    if the client has already taken the file.
 * 6. written: delete the orders' details.
 *
 * If a process dies between two steps, the next pass does the rest. Two processes may do this at once.
 */
import { randomUUID } from "node:crypto"
import { Clock, Effect } from "effect"
import { isBatchId } from "../../../domain/identifiers.ts"
import { FileLog } from "../../../streams/file-log.ts"
import { Partitions } from "../../../streams/partitions.ts"
import { StoreWatch } from "../../../streams/store-watch.ts"
import { Metrics } from "../../../telemetry/metrics.ts"
import { agree, hasNoWithdrawn, logFiles, takeOutWithdrawn } from "./agreement.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import { executionDayOf } from "./execution-day.ts"
import type { FileBankSettings } from "./file-bank-settings.ts"
import { finalNameOf, formatOf, isDraft, messageOf } from "./file-format.ts"
import { discard, has, identify, lyingIn, release, writeDurably } from "./folder.ts"
import { type OutboxFile, OutboxFiles } from "./outbox-files.ts"

/** A bank of the kind `files`, with all its settings. */
export interface FileBank extends Omit<FileBankSettings, "everyMs" | "ordersMax" | "pollMs"> {
  readonly name: string
  readonly everyMs: number
  readonly ordersMax: number
  readonly pollMs: number
}

/** Files written in one pass; the rest waits for the next pass. */
const FILES_MAX = 100

/**
 * Makes files of the orders that are due, and releases files that were made. A file that cannot be made or written delays no
 * other.
 */
export const writeOutbox = Effect.fn("writeOutbox")(function* (bank: FileBank) {
  const files = yield* OutboxFiles
  // If the folder is not mounted, every file would seem to be released already.
  if (!(yield* files.isFolderOf(bank.name, yield* identify(bank.folder))))
    return yield* new BankFilesUnavailable({
      step: "look at the folder",
      reason: "it is not the folder that was used before",
    })
  const blocked = yield* blockedBatches(bank.name)
  // Make nothing that cannot be logged: an order that waits can still be withdrawn.
  yield* agree(bank.name)
  const at = yield* Clock.currentTimeMillis
  const groups = yield* files.due(bank.name, at, bank.ordersMax)
  // Postgres may have been set back since the check above. Then it would make lost orders into the same file again, unnoticed.
  if (groups.length > 0) yield* agree(bank.name)
  for (const group of groups)
    yield* files
      .make(
        group,
        executionDayOf(bank, group.scheme, at),
        at,
        bank.ordersMax,
        blocked,
        formatOf(bank).termsAt(at, group.scheme),
      )
      .pipe(
        Effect.tap((made) =>
          made === "full"
            ? Effect.logWarning(
                "the day has as many files as the bank takes: orders wait for the next one",
                group,
              )
            : Effect.void,
        ),
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
 * Discards drafts of files that will never be written, because their orders were removed and the file was closed or deleted.
 * The process that wrote them may have died before it could. A draft that the log has as staged may be about to be released, so
 * it stays.
 */
const discardAbandoned = Effect.fnUntraced(function* (bank: FileBank) {
  const files = yield* OutboxFiles
  const messages = new Set((yield* lyingIn(bank.folder)).filter(isDraft).map(messageOf))
  if (messages.size === 0) return
  const open = yield* files.stillOpen(bank.name, [...messages])
  for (const message of messages) {
    if (open.includes(message)) continue
    const staged = yield* (yield* FileLog).staged(bank.name, message)
    yield* discard(bank.folder, (other) => isDraftOf(message, other) && other !== staged)
  }
})

/**
 * Batches whose orders may not be sent: those in partitions where payments are stopped. Fails if they are stopped in all of
 * them, as with a wrong clock.
 */
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
  const draft = yield* stagedAs(bank, file, blocked)
  if (draft === undefined) return
  // The log decides, because it may have a release that Postgres lost.
  const staged = yield* (yield* FileLog).stage(bank.name, file.messageId, draft)
  const name = finalNameOf(staged)
  // In this order: if the file is released between the two checks, the second one finds its draft gone.
  if ((yield* has(bank.folder, name)) && (yield* has(bank.folder, staged)))
    return yield* new BankFilesUnavailable({ step: "release a file", reason: "another file has its name" })
  const released = yield* release(bank.folder, staged, name)
  if (!released && !(yield* has(bank.folder, name)))
    yield* Effect.logWarning("a file was released before, and is no longer in the outbox", {
      bank: bank.name,
      message: file.messageId,
    })
  yield* files.written(file)
  yield* discard(bank.folder, (other) => isDraftOf(file.messageId, other))
  if (!released) return
  const { bankFiles } = yield* Metrics
  bankFiles.inc({ bank: bank.name, outcome: "written" })
  yield* Effect.logInfo("file of orders written", { bank: bank.name, message: file.messageId })
})

/** The staged draft of the file, from either store, or staged now; `undefined` if another process is ahead. */
const stagedAs = Effect.fnUntraced(function* (
  bank: FileBank,
  file: OutboxFile,
  blocked: ReadonlyArray<string>,
) {
  const known = file.stagedAs ?? (yield* (yield* FileLog).staged(bank.name, file.messageId))
  return known ?? (yield* stage(bank, file, blocked))
})

/** Writes a draft and stages it; `undefined` if there is nothing to write, or another draft was staged. */
const stage = Effect.fnUntraced(function* (bank: FileBank, file: OutboxFile, blocked: ReadonlyArray<string>) {
  const files = yield* OutboxFiles
  // An order that was put back into the file while it was withdrawn has no details: the others go out without it.
  const transfers = yield* files
    .transfersOf(file)
    .pipe(Effect.tapError(() => takeOutWithdrawn(bank.name, file)))
  if (transfers === undefined) return undefined
  const references = transfers.map(({ reference }) => reference)
  if (!(yield* hasNoWithdrawn(bank.name, file, references))) return undefined
  const format = formatOf(bank)
  const draft = `.${file.messageId}${format.suffix}.${randomUUID()}`
  const content = yield* Effect.fromResult(format.write(file, transfers)).pipe(
    Effect.mapError((reason) => new BankFilesUnavailable({ step: "write a file", reason })),
  )
  yield* writeDurably(bank.folder, draft, content)
  if (yield* files.stage(file, draft, blocked)) return draft
  yield* discard(bank.folder, (other) => other === draft)
  return undefined
})

/** Whether a name in the outbox is that of a draft of a file. */
const isDraftOf = (messageId: string, name: string): boolean => isDraft(name) && messageOf(name) === messageId
