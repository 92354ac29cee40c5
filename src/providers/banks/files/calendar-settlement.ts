/**
 * Settles credits of Nacha that nothing came back of. No message of the scheme says that a credit was paid: it settles on its
 * effective date, and the receiving bank returns it within two banking days or leaves it (Nacha Operating Rules, Article Three,
 * Subsection 3.8). So an order is settled when
 *
 * - its bank has the file: it reported anything positive of an order of the file, or the settings take for that that the client
 *   carried the file away;
 * - the last day is over on which the bank passes returns on, counted from the effective date, or from the day on which the bank was first
 *   known to have the file;
 * - no report says anything else: a refusal, a return, a withdrawal in doubt, or something that has no effect, such as a return of
 *   another amount, and that a person has to judge;
 * - every file of the bank is read: a return may be in one that is not.
 *
 * What comes back later is a return of a settled payment. A bank that books its debits is believed at once (camt).
 */
import { hash } from "node:crypto"
import { Clock, Effect } from "effect"
import { addDays, type Day } from "../../../domain/business-days.ts"
import { Partitions } from "../../../streams/partitions.ts"
import { StoreWatch } from "../../../streams/store-watch.ts"
import { effectiveDateOf, lastReturnedDay, newYork, returnsEndAt } from "../../nacha/entry-dates.ts"
import { individualIdOf } from "../../nacha/individual-id.ts"
import type { NachaSettings } from "../../nacha/nacha-settings.ts"
import { BankFilesUnavailable } from "../orders/bank-files-unavailable.ts"
import { type FileOrder, FileOrders, type OpenFile } from "../orders/file-orders.ts"
import { OutboxFiles } from "../orders/outbox-files.ts"
import { has, hasUnread, identify } from "./folder.ts"
import { processReports } from "./inbox.ts"
import type { FileBank } from "./outbox.ts"

/** Files that are looked at in one pass, and the oldest of them: what is open longer is for an operator. */
const FILES_MAX = 400
const DAYS_MAX = 100

/** Settles the orders of a bank of Nacha that are due; nothing for other banks. */
export const settleByCalendar = Effect.fn("settleByCalendar")(function* (bank: FileBank) {
  const { nacha } = bank
  if (nacha === undefined) return
  yield* holdClock
  const at = yield* Clock.currentTimeMillis
  const today = newYork(at).day
  const orders = yield* FileOrders
  // Of younger files nothing can be due: however many there are, they hide no older one.
  const days = { from: addDays(today, -DAYS_MAX), to: lastReturnedDay(at, nacha) }
  for (const file of yield* orders.openFiles(bank.name, days, FILES_MAX)) {
    const since = yield* atBankSince(bank, nacha, file)
    // Most files are too young: nothing of them is read.
    if (since === undefined || returnsEndAt(since, nacha) > at) continue
    // Looked at first: what another process reads and puts away after this is in what is known of the orders.
    const isUnread = yield* hasUnread(bank.folder)
    const open = (yield* orders.sentIn(bank.name, file.messageId)).filter(
      (order) =>
        hasNoOtherEnd(order) &&
        returnsEndAt(later(since, effectiveDay(order.minor, file, nacha)), nacha) <= at,
    )
    if (open.length === 0) continue
    const doubted = yield* orders.doubted(bank.name, open.flatMap(namesOf))
    const due = open.filter((order) => !namesOf(order).some((name) => doubted.has(name)))
    if (due.length === 0) continue
    // What was not read may be the return of one of these.
    if (isUnread)
      return yield* new BankFilesUnavailable({
        step: "settle what nothing came back of",
        reason: "the inbox or the quarantine has files that were not read",
      })
    yield* settle(bank, file, due)
    yield* Effect.logInfo("orders are settled of which nothing came back", {
      bank: bank.name,
      message: file.messageId,
      count: due.length,
    })
  }
})

/** A wrong clock would settle what may still come back, and a store that lost history may have lost the return. */
const holdClock = Effect.gen(function* () {
  const [{ objection, look }, partitions] = [yield* StoreWatch, yield* Partitions]
  yield* look
  for (let partition = 0; partition < partitions.count; partition += 1) {
    const reason = objection(partition)
    if (reason !== undefined) return yield* new BankFilesUnavailable({ step: "look at the stores", reason })
  }
})

/** The day on which the bank had a file for certain; `undefined` while nothing shows that it has it. */
const atBankSince = Effect.fnUntraced(function* (
  { name, folder }: FileBank,
  { settlesAfter }: NachaSettings,
  { messageId, releasedAt, shownAt }: OpenFile,
) {
  if (settlesAfter?.proof !== "carried") return shownAt === undefined ? undefined : newYork(shownAt).day
  // If the folder is not mounted, every file would seem to be carried away.
  if (!(yield* (yield* OutboxFiles).isFolderOf(name, yield* identify(folder)))) return undefined
  return (yield* has(folder, `${messageId}.ach`)) ? undefined : newYork(releasedAt).day
})

/** What an oddity may name an order by. */
const namesOf = ({ reference }: FileOrder): ReadonlyArray<string> => [reference, individualIdOf(reference)]

/** The effective day of an entry. A file that was released after the cut-off of its day missed it, whenever it was made. */
const effectiveDay = (minor: bigint, file: OpenFile, nacha: NachaSettings): Day =>
  later(
    effectiveDateOf(minor, file, nacha),
    effectiveDateOf(minor, { day: file.day, madeAt: file.releasedAt }, nacha),
  )

const later = (one: Day, other: Day): Day => (one > other ? one : other)

/** Open, with nothing said that a person has to judge; or settled before, and its batch does not know it yet. */
const hasNoOtherEnd = ({ reports, notEnqueued }: FileOrder): boolean =>
  reports.every(({ _tag }) => _tag === "Accepted") ||
  (notEnqueued.some(({ _tag }) => _tag === "Settled") &&
    reports.every(({ _tag }) => _tag === "Accepted" || _tag === "Settled"))

/** As reports of a file that is named by the orders, so that a process that dies on the way is followed by one that does the same. */
const settle = (bank: FileBank, { messageId }: OpenFile, due: ReadonlyArray<FileOrder>) => {
  const references = due.map(({ reference }) => reference)
  const digest = hash("sha256", JSON.stringify(["nothing came back", bank.name, messageId, references]))
  const remark = "no return until the end of the time in which banks pass returns on"
  return processReports(
    bank,
    { bank: bank.name, name: `${messageId} nothing came back`, digest },
    {
      reports: references.map((reference) => ({ reference, report: { _tag: "Settled" } })),
      oddities: [],
      remarks: references.map((reference) => ({ reference, kind: "reason", remark })),
      servicerReferences: [],
    },
  )
}
