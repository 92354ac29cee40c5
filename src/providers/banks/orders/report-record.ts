/**
 * What becomes of a bank's reports on orders, however they came: they are recorded, then enqueued for their batches if they may
 * change anything there, and then marked as enqueued. If a process dies in between, whoever reads the bank's message again
 * repeats the steps, which changes nothing.
 */
import { hash } from "node:crypto"
import { Clock, Effect, Schedule } from "effect"
import type { TransferOutcome } from "../../../domain/commands.ts"
import { parseTransferReference } from "../../../domain/identifiers.ts"
import { cleanText, type OutsideText } from "../../../domain/outside-text.ts"
import { type CommandId, Mailbox } from "../../../streams/mailbox.ts"
import { type FileOrder, FileOrders, type NewReport } from "./file-orders.ts"
import { isInDoubt, type OrderReport, reportKeyOf } from "./order-reports.ts"

/** Orders whose reports are recorded and enqueued together. */
export const REPORTS_AT_ONCE = 500
const ENQUEUES_MAX = 16
/** A worker empties a full mailbox. If it stays full for this long, the message waits for a later pass. */
const MAILBOX_RETRY_MS = 100
const MAILBOX_RETRIES = 50
/** A mailbox recognises a repeated report for this long. Later repetitions reach the batch, where they change nothing. */
const COMMAND_KEPT_MS = 600_000

/** The message of a bank that has the reports. */
export interface Said {
  readonly bank: string
  /** Tells the message from others of the bank; it is no secret, and the same whenever the message is read again. */
  readonly digest: string
}

/** A report on an order of which no log knows the batch. */
export interface UnknownBatch {
  readonly reference: string
  readonly reason: "no-such-batch"
}

/**
 * Records at most {@link REPORTS_AT_ONCE} reports on orders that went to the bank, and tells their batches. `detailOf` gives the
 * bank's own words for a report, if it has some. Returns the reports that no batch could be told.
 */
export const recordReports = Effect.fn("recordReports")(function* (
  said: Said,
  reports: ReadonlyArray<NewReport>,
  detailOf: (reference: string, report: OrderReport) => OutsideText | undefined,
) {
  const orders = yield* FileOrders
  const changed = yield* orders.record(said.bank, reports)
  const unknown = yield* Effect.forEach(
    changed,
    (order) => enqueueReports(said, order, (report) => detailOf(order.reference, report)),
    { concurrency: ENQUEUES_MAX },
  )
  yield* orders.markEnqueued(said.bank, changed)
  return unknown.flat()
})

/**
 * Enqueues the reports on an order that its batch has not had yet, a refusal before a sign that contradicts it. The batch
 * already assumes that the bank has the order, so such a sign is enqueued only if it is in doubt.
 */
const enqueueReports = Effect.fnUntraced(function* (
  said: Said,
  order: FileOrder,
  detailOf: (report: OrderReport) => OutsideText | undefined,
) {
  const oddities: Array<UnknownBatch> = []
  for (const report of order.notEnqueued.toSorted((one, other) => rank(one) - rank(other)))
    if (report._tag !== "Accepted" || isInDoubt(order.reports))
      oddities.push(
        ...(yield* enqueueReport(
          said,
          { reference: order.reference, report, detail: detailOf(report) },
          order.orderId,
        )),
      )
  return oddities
})

const rank = ({ _tag }: OrderReport): number => (_tag === "Accepted" ? 1 : 0)

/** Enqueues a report for its batch, where a repetition changes nothing. */
const enqueueReport = Effect.fnUntraced(function* (
  said: Said,
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
      { _tag: "RecordTransfer", at, item, attempt, bank: said.bank, outcome },
      commandIdOf(said, reference, report),
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

/** The id of a report's command, which is the same whenever the message is processed again. */
const commandIdOf = ({ bank, digest }: Said, reference: string, report: OrderReport): CommandId => ({
  id: hash("sha256", JSON.stringify([bank, digest, reference, reportKeyOf(report)]), "base64url"),
  digest: "",
  keptMs: COMMAND_KEPT_MS,
})

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
