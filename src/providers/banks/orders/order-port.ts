/**
 * A bank whose orders wait with us, as others call it: an order is accepted once it is stored here, before the bank can know of it.
 * So "never seen" is a definitive answer, and the bank itself is not called.
 */
import { Clock, Effect, Result } from "effect"
import { visibleOf } from "../../../domain/beneficiary.ts"
import { type Scheme, schemeOf } from "../../../domain/scheme.ts"
import { ProviderUnavailable } from "../../calling/provider-error.ts"
import {
  ambiguous,
  type Bank,
  type BankAnswer,
  type TransferInstruction,
  unanswered,
  type Withdraw,
} from "../bank.ts"
import type { Refusal } from "../bank-limits.ts"
import { type FileOrder, FileOrders, type OrdersUnavailable } from "./file-orders.ts"
import type { HeldTransfer } from "./held-transfer.ts"

/**
 * The bank `name`, whose orders wait for others. `dueAt` says until when at most (epoch milliseconds). `transferOf` makes the transfer of an order that comes at a time
 * (epoch milliseconds) as it will be sent, or says why it cannot be.
 */
export const holdingBank = Effect.fnUntraced(function* (
  name: string,
  dueAt: (scheme: Scheme, at: number) => number,
  transferOf: (instruction: TransferInstruction, at: number) => Result.Result<HeldTransfer, Refusal>,
) {
  const orders = yield* FileOrders
  const bank: Bank = {
    name,
    keyWindowMs: Number.POSITIVE_INFINITY,
    transfer: Effect.fnUntraced(
      function* (instruction: TransferInstruction) {
        const acceptedAt = yield* Clock.currentTimeMillis
        const { beneficiary, currency } = instruction
        const scheme = schemeOf(visibleOf(beneficiary.account), currency, acceptedAt)
        const transfer = transferOf(instruction, acceptedAt)
        const order = yield* orders.store(instruction, {
          transfer,
          scheme,
          acceptedAt,
          dueAt: dueAt(scheme, acceptedAt),
        })
        if (order === "differs") return yield* differing(instruction)
        return Result.isFailure(transfer) ? refusedBy(transfer.failure, order) : answerOf(order)
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

/** Withdraws an order that waits, for every kind whose orders do. */
export const withdrawHeld: Withdraw<FileOrders> = (bank, reference) =>
  Effect.flatMap(FileOrders, (orders) => orders.withdraw(bank, reference)).pipe(
    Effect.mapError((failure) => unavailable(bank, failure)),
  )

/** If the record of orders is unavailable, this counts as a bank that does not answer. */
const unavailable = (provider: string, { reason, isNotStored }: OrdersUnavailable): ProviderUnavailable =>
  new ProviderUnavailable({
    provider,
    reason,
    ...(isNotStored === true ? { kind: "not-called" as const } : {}),
  })

const answerOf = (order: FileOrder): BankAnswer => {
  const { standing, orderId } = order
  switch (standing._tag) {
    case "Accepted":
      return { ...standing, transferId: orderId }
    case "Unclear":
      return ambiguous(unsentReason(order) ?? standing.reason)
    default:
      return standing
  }
}

/**
 * The answer about an order that we cannot write. While our own refusal is all that is known of it, nothing of it was sent, and
 * nothing will be.
 */
const refusedBy = (refusal: Refusal, order: FileOrder): BankAnswer =>
  soleRefusalOf(order) === refusal ? { _tag: "Failed", code: refusal, unsent: true } : answerOf(order)

/** The code of our own refusal if that is all that is known of an order. A report of its bank never counts as ours. */
const soleRefusalOf = ({ ownRefusal, reports }: FileOrder): string | undefined =>
  reports.length === 1 ? ownRefusal : undefined

/** Why an order is open that we refused ourselves, when the answer to the call that brought it was lost. */
const unsentReason = (order: FileOrder): string | undefined => {
  const code = soleRefusalOf(order)
  return code === undefined
    ? undefined
    : `it was refused with the code ${code} before anything of it was sent`
}

const neverSeen: BankAnswer = { _tag: "NeverSeen" }

const differing = ({ bank, reference }: TransferInstruction): Effect.Effect<BankAnswer> =>
  Effect.as(
    Effect.logError("a reference was used for a different order", { bank, reference }),
    ambiguous("the reference belongs to a different order"),
  )
