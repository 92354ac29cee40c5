/**
 * The kind `files`: banks that take files, which the role `bank-files` writes and reads (bank-files.ts). An order is accepted
 * once it is stored here, before the bank can know of it. So "never seen" is a definitive answer. The bank's reports and
 * statements come from its files; it is never called and sends no callbacks.
 */
import { join } from "node:path"
import { Clock, Effect, Schema } from "effect"
import { Beneficiary } from "../../../domain/beneficiary.ts"
import { cutOffOn, executionOf, type Scheme, schemeOf } from "../../../domain/scheme.ts"
import { ProviderUnavailable } from "../../calling/provider-error.ts"
import { readStatementAmongOthers } from "../../iso20022/bank-statement.ts"
import { creditTransferOf } from "../../iso20022/credit-transfer.ts"
import { statementFolder } from "../../iso20022/statement-folder.ts"
import { ambiguous, type Bank, type BankAnswer, type TransferInstruction, unanswered } from "../bank.ts"
import { type BankEntry, bankKind } from "../bank-kind.ts"
import { type FileOrder, FileOrders, type OrdersUnavailable } from "./file-orders.ts"

const milliseconds = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))

export const ORDERS_PER_FILE_MAX = 10_000

/** The settings of a bank of the kind `files`, in addition to those of every bank. */
export const FileBankSettings = Schema.Struct({
  /** The folder with outbox, inbox, archive and quarantine, which must be on one file system. */
  folder: Schema.NonEmptyString,
  /** The account that the money leaves, and its owner. */
  debtor: Beneficiary,
  /** How long an order waits for others at most. */
  everyMs: Schema.optionalKey(milliseconds(86_400_000)),
  /** The number of orders at which a file is sent at once; no file has more. */
  ordersMax: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: ORDERS_PER_FILE_MAX })),
  ),
  /** The time between two passes over the folders. */
  pollMs: Schema.optionalKey(milliseconds(3_600_000)),
})
export type FileBankSettings = typeof FileBankSettings.Type

export const EVERY_MS = 900_000
export const POLL_MS = 1_000

/** The last file of a day is made this long before the cut-off, so that it reaches the bank in time. */
const LEAD_MS = 600_000

const connect = Effect.fnUntraced(function* ({ name, own }: BankEntry<FileBankSettings>) {
  const { everyMs = EVERY_MS } = own
  const orders = yield* FileOrders
  const bank: Bank = {
    name,
    keyWindowMs: Number.POSITIVE_INFINITY,
    transfer: Effect.fnUntraced(
      function* (instruction: TransferInstruction) {
        const acceptedAt = yield* Clock.currentTimeMillis
        const scheme = schemeOf(instruction.beneficiary.account, instruction.currency)
        const order = yield* orders.store(instruction, {
          transfer: creditTransferOf(instruction),
          acceptedAt,
          dueAt: dueAt(scheme, acceptedAt, everyMs),
        })
        return order === "differs" ? yield* differing(instruction) : answerOf(order)
      },
      Effect.catchTag("OrdersUnavailable", (failure) =>
        Effect.succeed(unanswered(unavailable(name, failure))),
      ),
    ),
    inquire: (reference) =>
      orders.find(name, reference).pipe(
        Effect.map((order) => (order === undefined ? neverSeen : answerOf(order))),
        Effect.catchTag("OrdersUnavailable", (failure) =>
          Effect.succeed(unanswered(unavailable(name, failure))),
        ),
      ),
  }
  return bank
})

/** If the record of orders is unavailable, this counts as a bank that does not answer. */
const unavailable = (provider: string, { reason, isNotStored }: OrdersUnavailable): ProviderUnavailable =>
  new ProviderUnavailable({
    provider,
    reason,
    ...(isNotStored === true ? { kind: "not-called" as const } : {}),
  })

export const files = bankKind({
  name: "files",
  settings: FileBankSettings,
  http: () => undefined,
  connect,
  withdraw: (bank, reference) =>
    Effect.flatMap(FileOrders, (orders) => orders.withdraw(bank, reference)).pipe(
      Effect.mapError((failure) => unavailable(bank, failure)),
    ),
  statement: ({ name, own }, day) =>
    Effect.succeed(statementFolder(join(own.folder, "archive"), name, day, readStatementAmongOthers)),
})

/**
 * The latest time at which an order must be in a file: `everyMs` after `at`, but before the cut-off of the day on which it can
 * be executed. All times in epoch milliseconds.
 */
export const dueAt = (scheme: Scheme, at: number, everyMs: number): number => {
  const cutOff = cutOffOn(scheme, executionOf(scheme, at))
  const closesAt =
    cutOff === undefined || cutOff - LEAD_MS <= at ? Number.POSITIVE_INFINITY : cutOff - LEAD_MS
  return Math.min(at + everyMs, closesAt)
}

const answerOf = ({ standing, orderId }: FileOrder): BankAnswer => {
  switch (standing._tag) {
    case "Accepted":
      return { ...standing, transferId: orderId }
    case "Unclear":
      return ambiguous(standing.reason)
    default:
      return standing
  }
}

const neverSeen: BankAnswer = { _tag: "NeverSeen" }

const differing = ({ bank, reference }: TransferInstruction): Effect.Effect<BankAnswer> =>
  Effect.as(
    Effect.logError("a reference was used for a different order", { bank, reference }),
    ambiguous("the reference belongs to a different order"),
  )
