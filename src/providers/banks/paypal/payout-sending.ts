/**
 * Sends orders to PayPal in payout batches, each made once. The decisions are those for files (orders/making.ts), and each is in both
 * stores before its consequence, because either may come back older:
 *
 * 1. make, 2. log: which orders are in which payout batch, under which `sender_batch_id`.
 * 3. stage: the orders are final, and the time from which PayPal may know the id. Nobody withdraws one from then on.
 * 4. post: PayPal makes one payout batch of an id within 30 days. So the same orders are posted under the same id until there is
 *    an answer. An answer that the id was used names the payout batch that has it, and it is asked whether it is ours.
 * 5. note: PayPal's id of it, in the log and then in Postgres, which then deletes the orders' details.
 *
 * Once the time in which PayPal knows the id may be over, nothing is posted under it any more: its orders are parked for a person.
 * The same happens after a refusal of a whole payout batch, which may have been of a second copy. If a process dies between two
 * steps, the next pass does the rest. Two processes may do this at once.
 */
import { hash } from "node:crypto"
import { Array as Arr, Clock, Effect } from "effect"
import { executionOf } from "../../../domain/scheme.ts"
import { FileLog } from "../../../streams/file-log.ts"
import { Metrics } from "../../../telemetry/metrics.ts"
import { hasNoWithdrawn, takeOutWithdrawn } from "../orders/agreement.ts"
import { BankFilesUnavailable } from "../orders/bank-files-unavailable.ts"
import { FileOrders } from "../orders/file-orders.ts"
import type { HeldTransfer } from "../orders/held-transfer.ts"
import { blockedBatches, makeFiles } from "../orders/making.ts"
import { type OutboxFile, OutboxFiles } from "../orders/outbox-files.ts"
import { REPORTS_AT_ONCE, recordReports } from "../orders/report-record.ts"
import type { PayoutsApi } from "./payouts-api.ts"
import type { PayPalBank } from "./paypal-settings.ts"
import { SentPayouts } from "./sent-payouts.ts"

/** Payout batches posted in one pass; the rest waits for the next pass. */
const POSTED_MAX = 20
/** PayPal knows a `sender_batch_id` for 30 days. The rest is for clocks, and for a post that is under way for long. */
export const POST_WINDOW_MS = 28 * 86_400_000
/** The code of orders whose payout batch was not answered while PayPal knew its id. It is ours; PayPal does not report it. */
export const UNANSWERED = "PAYOUT_UNANSWERED"

/** Makes payout batches of the orders that are due, and posts those that were made. One that cannot be posted delays no other. */
export const sendPayouts = Effect.fn("sendPayouts")(function* (bank: PayPalBank, api: PayoutsApi) {
  const files = yield* OutboxFiles
  // Another account of PayPal's knows none of the ids.
  if (!(yield* files.isFolderOf(bank.name, `paypal ${bank.account}`)))
    return yield* new BankFilesUnavailable({
      step: "look at the account",
      reason: "it is not the PayPal account that was used before",
    })
  const blocked = yield* blockedBatches(bank.name)
  yield* makeFiles({ ...bank, dayOf: executionOf }, blocked)
  for (const file of yield* files.unwritten(bank.name, POSTED_MAX))
    yield* send(bank, api, file, blocked).pipe(
      Effect.catch((failure) =>
        Effect.logError("a payout batch cannot be sent yet", {
          bank: bank.name,
          message: file.messageId,
          failure,
        }),
      ),
    )
})

const send = Effect.fnUntraced(function* (
  bank: PayPalBank,
  api: PayoutsApi,
  file: OutboxFile,
  blocked: ReadonlyArray<string>,
) {
  const log = yield* FileLog
  const answered = yield* log.staged(bank.name, answeredField(file.messageId))
  if (answered !== undefined) return yield* conclude(file, answered)
  // Redis may have lost the refusal of a payout batch whose parking was interrupted: it is not posted again.
  const orders = yield* (yield* FileOrders).sentIn(bank.name, file.messageId)
  const refusal = orders.flatMap(({ reports }) => reports).find((report) => report._tag === "Refused")
  if (refusal !== undefined) return yield* park(file, refusal.code)
  const known = file.stagedAs ?? (yield* knownToLog(file))
  if (known !== undefined && (yield* isTooLate(known))) return yield* park(file, UNANSWERED)
  const transfers = yield* transfersOf(bank, file, known === undefined)
  if (transfers === undefined) return
  if (known === undefined) {
    const name = `${yield* Clock.currentTimeMillis}-${digestOf(transfers)}`
    if (!(yield* (yield* OutboxFiles).stage(file, name, blocked))) return
    yield* post(bank, api, file, transfers, name)
  } else yield* post(bank, api, file, transfers, known)
})

/**
 * The stage that the log has and Postgres lost. Postgres gets it back: otherwise the time of the first post would be forgotten if
 * Redis lost it, too, later. Orders that were withdrawn before the stage are taken out first; then the next pass gives it back.
 */
const knownToLog = Effect.fnUntraced(function* (file: OutboxFile) {
  const staged = yield* (yield* FileLog).staged(file.bank, file.messageId)
  if (staged === undefined) return undefined
  yield* takeOutWithdrawn(file.bank, file)
  yield* (yield* OutboxFiles).stage(file, staged)
  return staged
})

/** The orders of a file; those that the log has as withdrawn are taken out as long as nothing was posted. */
const transfersOf = Effect.fnUntraced(function* (bank: PayPalBank, file: OutboxFile, isUnposted: boolean) {
  const found = yield* (yield* OutboxFiles)
    .transfersOf(file)
    .pipe(Effect.tapError(() => (isUnposted ? takeOutWithdrawn(bank.name, file) : Effect.void)))
  if (found === undefined || !isUnposted) return found
  const references = found.map(({ reference }) => reference)
  return (yield* hasNoWithdrawn(bank.name, file, references)) ? found : undefined
})

const post = Effect.fnUntraced(function* (
  bank: PayPalBank,
  api: PayoutsApi,
  file: OutboxFile,
  transfers: ReadonlyArray<HeldTransfer>,
  name: string,
) {
  // The log decides, because it may have a stage that Postgres lost.
  const staged = yield* (yield* FileLog).stage(bank.name, file.messageId, name)
  if (yield* isTooLate(staged)) return yield* park(file, UNANSWERED)
  if (!staged.endsWith(`-${digestOf(transfers)}`))
    return yield* cannot("its orders are not those that were posted under its id before")
  const sorted = transfers.toSorted((one, other) => (one.reference < other.reference ? -1 : 1))
  const answer = yield* api.create(file.messageId, sorted)
  switch (answer._tag) {
    case "Refused": {
      // Postgres may come back without the refusal, when somebody has paid in another way: the log keeps it, too.
      const field = answeredField(file.messageId)
      return yield* conclude(file, yield* (yield* FileLog).stage(bank.name, field, refusedWith(answer.code)))
    }
    case "Strange":
      return yield* cannot("the answer is about another payout batch")
    case "Known":
      if (!(yield* isOurs(api, file, answer.payoutBatchId, sorted)))
        return yield* cannot("another payout batch has its id")
      break
    case "Created":
  }
  yield* note(file, answer.payoutBatchId)
})

const cannot = (reason: string) => new BankFilesUnavailable({ step: "post a payout batch", reason })

/** Whether the payout batch that has our id has our items, too: somebody else may use the same account. */
const isOurs = Effect.fnUntraced(function* (
  api: PayoutsApi,
  file: OutboxFile,
  payoutBatchId: string,
  transfers: ReadonlyArray<HeldTransfer>,
) {
  const page = yield* api.page(payoutBatchId, 1)
  const references = new Set(transfers.map(({ reference }) => reference))
  return (
    page.payoutBatchId === payoutBatchId &&
    page.senderBatchId === file.messageId &&
    page.itemsInAll <= references.size &&
    page.items.every(({ payout_item: { sender_item_id } }) => references.has(sender_item_id ?? ""))
  )
})

/** Notes PayPal's id in both stores. Then the payout batch is never posted again, whichever of them comes back older. */
const note = Effect.fnUntraced(function* (file: OutboxFile, payoutBatchId: string) {
  const { bank, messageId } = file
  const decided = yield* (yield* FileLog).stage(bank, answeredField(messageId), payoutBatchId)
  // If another process was refused meanwhile, PayPal is asked all the same, and its answers end the doubt.
  if (decided !== payoutBatchId && refusalIn(decided) === undefined)
    return yield* cannot("it was answered with two ids")
  yield* (yield* SentPayouts).note({
    bank,
    messageId,
    payoutBatchId,
    sentAt: yield* Clock.currentTimeMillis,
  })
  yield* (yield* OutboxFiles).written(file)
  ;(yield* Metrics).bankFiles.inc({ bank, outcome: "written" })
  yield* Effect.logInfo("payout batch sent", { bank, message: messageId, payout: payoutBatchId })
})

/** Does what follows from an answer that the log has, in Postgres. */
const conclude = Effect.fnUntraced(function* (file: OutboxFile, answered: string) {
  const code = refusalIn(answered)
  yield* code === undefined ? note(file, answered) : park(file, code)
})

/** Leaves the orders of a payout batch to a person: it is refused as a whole, or may be posted no more. */
const park = Effect.fnUntraced(function* (file: OutboxFile, code: string) {
  const { bank, messageId } = file
  const orders = yield* (yield* FileOrders).sentIn(bank, messageId)
  // An order that was parked before keeps its code, and its batch is told again.
  const refused = orders.map(({ reference, reports }) => ({
    reference,
    report: reports.find((report) => report._tag === "Refused") ?? ({ _tag: "Refused", code } as const),
  }))
  for (const chunk of Arr.chunksOf(refused, REPORTS_AT_ONCE))
    yield* recordReports({ bank, digest: messageId }, chunk, () => undefined)
  yield* (yield* OutboxFiles).written(file)
  ;(yield* Metrics).bankOddities.inc({ bank, reason: "refused-whole" })
  yield* Effect.logError("a payout batch is not paid, as far as is known: its orders are parked", {
    bank,
    message: messageId,
    code,
    count: orders.length,
  })
})

/** Where the log of files has PayPal's answer for a payout batch: its id, or the refusal. No file has this message id. */
const answeredField = (messageId: string): string => `${messageId} answered`

/** A refusal as the log has it. PayPal's ids have no spaces. */
const REFUSED = "refused "
const refusedWith = (code: string): string => REFUSED + code
const refusalIn = (answered: string): string | undefined =>
  answered.startsWith(REFUSED) ? answered.slice(REFUSED.length) : undefined

/** Identifies the orders of a payout batch. */
const digestOf = (transfers: ReadonlyArray<HeldTransfer>): string =>
  hash("sha256", JSON.stringify(transfers.map(({ reference, minor }) => [reference, String(minor)]).sort()))

/** Whether PayPal may have forgotten an id that it may know since the time in the name of the stage. */
const isTooLate = (staged: string) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const since = Number(staged.slice(0, staged.indexOf("-")))
    return !(now - since < POST_WINDOW_MS)
  })
