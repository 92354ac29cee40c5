/**
 * Withdraws orders in both stores. The store of orders knows which orders wait and which were withdrawn; the log of files knows
 * which orders are in files. Either may have been restored to an older state, so an order counts as withdrawn only if both say
 * so: from then on the log records it in no file, and the store writes it into none, and removes it from a file that was made
 * but is not complete. Each step may be repeated; a process that dies between them has not promised anything yet.
 */
import { Effect, Layer, Result } from "effect"
import type { StoreUnavailable } from "../../../platform/store-unavailable.ts"
import { FileLog } from "../../../streams/file-log.ts"
import { type FileOrder, FileOrders, OrdersUnavailable } from "./file-orders.ts"

/** The orders of a store, compared with the log of files where the log matters. */
export const withdrawalInBoth = Layer.effect(
  FileOrders,
  Effect.gen(function* () {
    const orders = yield* FileOrders
    const log = yield* FileLog
    /**
     * Withdraws an order in the log. The log may have it in a file that was completed after the order was removed from it. Then
     * the draft proves that the file is without the order.
     */
    const logWithdrawn = Effect.fnUntraced(function* (bank: string, reference: string) {
      const answer = yield* log.withdraw(bank, reference).pipe(unavailable)
      if (answer._tag === "Withdrawn") return answer
      const draft = yield* orders.draftWithout(bank, answer.messageId, reference)
      return draft === undefined ? answer : yield* log.withdraw(bank, reference, draft).pipe(unavailable)
    })
    const standing = (bank: string, reference: string) => log.standing(bank, reference).pipe(unavailable)

    /** An order that one store has as withdrawn is withdrawn in both before anybody gets this answer. */
    const confirmed = Effect.fnUntraced(function* (bank: string, order: FileOrder) {
      if (order.standing._tag !== "Withdrawn") return order
      const { _tag } = yield* logWithdrawn(bank, order.reference)
      return _tag === "Withdrawn" ? order : yield* forgotten
    })

    /** Withdraws an order in the store if the log has it as withdrawn. Returns what the log has of it. */
    const caughtUp = Effect.fnUntraced(function* (bank: string, reference: string) {
      const logged = yield* standing(bank, reference)
      if (logged?._tag === "Withdrawn") yield* orders.withdraw(bank, reference)
      return logged
    })

    /** Whether the store knows the fate of an order that the log has in a file. */
    const isKnownOf = Effect.fnUntraced(function* (bank: string, reference: string) {
      if ((yield* orders.sent(bank, [reference])).length > 0) return true
      return (yield* orders.find(bank, reference))?.standing._tag === "Withdrawn"
    })

    const goneBeyond = (bank: string, reference: string) =>
      Effect.as(orders.doubt(bank, reference), "may-have-gone" as const)

    return FileOrders.of({
      ...orders,
      store: Effect.fnUntraced(function* (instruction, terms) {
        const { bank, reference } = instruction
        const logged = yield* caughtUp(bank, reference).pipe(Effect.mapError(notStored))
        // The bank may have it already, in a file that the store lost: then it is no longer for us to refuse.
        if (
          Result.isFailure(terms.transfer) &&
          logged?._tag === "Filed" &&
          !(yield* isKnownOf(bank, reference))
        )
          return yield* forgotten
        const order = yield* orders.store(instruction, terms)
        return order === "differs" ? order : yield* confirmed(bank, order)
      }),
      find: Effect.fnUntraced(function* (bank, reference) {
        const logged = yield* caughtUp(bank, reference)
        const order = yield* orders.find(bank, reference)
        if (order !== undefined) return yield* confirmed(bank, order)
        return logged === undefined ? undefined : yield* forgotten
      }),
      withdraw: Effect.fnUntraced(function* (bank, reference) {
        const logged = yield* standing(bank, reference)
        const isForgotten = logged?._tag === "Filed" && !(yield* isKnownOf(bank, reference))
        // The beneficiary's data stays, because the file may still have to be written.
        if (isForgotten) return yield* goneBeyond(bank, reference)
        const answer = yield* orders.withdraw(bank, reference)
        if (answer !== "withdrawn") return answer
        const { _tag } = yield* logWithdrawn(bank, reference)
        return _tag === "Withdrawn" ? answer : yield* goneBeyond(bank, reference)
      }),
    })
  }),
)

const unavailable = Effect.mapError(
  ({ step, reason }: StoreUnavailable) => new OrdersUnavailable({ reason: `${step}: ${reason}` }),
)

const notStored = ({ reason }: OrdersUnavailable) => new OrdersUnavailable({ reason, isNotStored: true })

const forgotten = new OrdersUnavailable({
  reason: "it is in a file that the store of orders lost and that is not restored yet",
})
