/**
 * A bank that is spoken to in files. An order is accepted when it is stored: what is done with it is written down here
 * before the bank can know of it. So "never seen" is a definite word, and what the bank says is read from its files.
 */
import { Clock, Effect } from "effect"
import { cutOffOn, executionOf, type Scheme, schemeOf } from "../../../domain/scheme.ts"
import { ProviderUnavailable } from "../../calling/provider-error.ts"
import { type BankSettings, ownSettings } from "../../calling/provider-settings.ts"
import { creditTransferOf } from "../../iso20022/credit-transfer.ts"
import {
  ambiguous,
  type Bank,
  type BankAnswer,
  type TransferInstruction,
  unanswered,
  type Withdrawal,
} from "../bank.ts"
import { EVERY_MS, FileBankSettings } from "./file-bank-settings.ts"
import { type FileOrder, FileOrders, type OrdersUnavailable } from "./file-orders.ts"

/** The last file of a day is closed so long before the cut-off: it has to reach the bank in time. */
const LEAD_MS = 600_000

/** Makes a bank of the kind `files`. */
export const fileBank = Effect.fnUntraced(function* (settings: BankSettings) {
  const { name } = settings
  const { everyMs = EVERY_MS } = yield* ownSettings(settings, FileBankSettings)
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
    withdraw: (reference) => withdrawFrom(orders)(name, reference),
  }
  return bank
})

/** To whoever pays, a bank whose orders cannot be asked for does not answer. */
const unavailable = (provider: string, { reason, isNotStored }: OrdersUnavailable): ProviderUnavailable =>
  new ProviderUnavailable({
    provider,
    reason,
    ...(isNotStored === true ? { kind: "not-called" as const } : {}),
  })

/** Takes orders back also for a bank that is not configured any more: by its name, and the reference. */
export const withdrawFrom =
  (orders: FileOrders["Service"]) =>
  (bank: string, reference: string): Effect.Effect<Withdrawal, ProviderUnavailable> =>
    Effect.mapError(orders.withdraw(bank, reference), (failure) => unavailable(bank, failure))

/** An order waits for others, but not longer than `everyMs`, and not beyond the end of the day that it can go out on. */
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
    Effect.logError("a reference came back with another order", { bank, reference }),
    ambiguous("the reference stands for another order"),
  )
