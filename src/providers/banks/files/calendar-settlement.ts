/**
 * Settles credits of Nacha that nothing came back of. No message of the scheme says that a credit was paid: it settles on its
 * effective date, and the receiving bank returns it within two banking days or leaves it (Nacha Operating Rules, Article Three,
 * Subsection 3.8). So an order is settled when
 *
 * - its bank has the file: it reported anything positive of an order of the file, or the settings take for that that the client
 *   carried the file away;
 * - the last day is over on which the bank passes returns on;
 * - no report says anything else: a refusal, a return, a withdrawal in doubt.
 *
 * What comes back later is a return of a settled payment. A bank that books its debits is believed at once (camt).
 */
import { hash } from "node:crypto"
import { Clock, Effect } from "effect"
import { addDays } from "../../../domain/business-days.ts"
import { Partitions } from "../../../streams/partitions.ts"
import { StoreWatch } from "../../../streams/store-watch.ts"
import { effectiveDateOf, newYork, returnsEndAt } from "../../nacha/entry-dates.ts"
import type { NachaSettings } from "../../nacha/nacha-settings.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import { type FileOrder, FileOrders, type OpenFile } from "./file-orders.ts"
import { has } from "./folder.ts"
import { recordReports } from "./inbox.ts"
import { showsReceipt } from "./order-reports.ts"
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
  const days = { from: addDays(today, -DAYS_MAX), to: today }
  for (const file of yield* orders.openFiles(bank.name, days, FILES_MAX)) {
    // Most files are too young: nothing of them is read.
    if (returnsEndAt(file.day, nacha) > at) continue
    const all = yield* orders.sentIn(bank.name, file.messageId)
    if (!(yield* isAtBank(bank, nacha, file, all))) continue
    const due = all.filter((order) => isDue(order, file, nacha, at))
    if (due.length > 0) yield* settle(bank, file, due)
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

const isAtBank = Effect.fnUntraced(function* (
  { folder }: FileBank,
  { settlesAfter }: NachaSettings,
  { messageId }: OpenFile,
  orders: ReadonlyArray<FileOrder>,
) {
  if (orders.some(({ reports }) => reports.some(showsReceipt))) return true
  return settlesAfter?.proof === "carried" && !(yield* has(folder, `${messageId}.ach`))
})

const isDue = (order: FileOrder, file: OpenFile, nacha: NachaSettings, at: number): boolean =>
  hasNoOtherEnd(order) && returnsEndAt(effectiveDateOf(order.minor, file, nacha), nacha) <= at

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
  return recordReports(
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
