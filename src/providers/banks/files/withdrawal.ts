/**
 * Orders that are taken back in both stores. That an order waits, and was taken back, is known to the store of orders; which
 * orders are in files is known to the log of files as well. Either may have come back older than it was, so an order is
 * withdrawn when both say so: the log files it nowhere from then on, and the store writes it nowhere, also out of a file that
 * was made and is not complete. Each step can be repeated, and whoever dies between them has promised nothing yet.
 */
import { Effect, Layer } from "effect"
import type { StoreUnavailable } from "../../../platform/store-unavailable.ts"
import { FileLog } from "../../../streams/file-log.ts"
import { type FileOrder, FileOrders, OrdersUnavailable } from "./file-orders.ts"

/** The orders of a store, compared with the log of files wherever that matters. */
export const withdrawalInBoth = Layer.effect(
  FileOrders,
  Effect.gen(function* () {
    const orders = yield* FileOrders
    const log = yield* FileLog
    /** A file that the log knows may have been completed since the order was taken out of it: then its draft is without it. */
    const logWithdrawn = Effect.fnUntraced(function* (bank: string, reference: string) {
      const answer = yield* log.withdraw(bank, reference).pipe(unavailable)
      if (answer._tag === "Withdrawn") return answer
      const draft = yield* orders.draftWithout(bank, answer.messageId, reference)
      return draft === undefined ? answer : yield* log.withdraw(bank, reference, draft).pipe(unavailable)
    })
    const standing = (bank: string, reference: string) => log.standing(bank, reference).pipe(unavailable)

    /** What was withdrawn according to one store is so in both before anybody is told. */
    const confirmed = Effect.fnUntraced(function* (bank: string, order: FileOrder) {
      if (order.standing._tag !== "Withdrawn") return order
      const { _tag } = yield* logWithdrawn(bank, order.reference)
      return _tag === "Withdrawn" ? order : yield* forgotten
    })

    /** Marks in the store what the log knows to be withdrawn, and gives what the log knows. */
    const caughtUp = Effect.fnUntraced(function* (bank: string, reference: string) {
      const logged = yield* standing(bank, reference)
      if (logged?._tag === "Withdrawn") yield* orders.withdraw(bank, reference)
      return logged
    })

    /** Whether the store knows what became of an order that the log has filed. */
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
        yield* caughtUp(bank, reference).pipe(Effect.mapError(notStored))
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
        // What it says of its beneficiary stays: its file may have to be written yet.
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
  reason: "it is in a file that the store of orders has forgotten, until that is put back",
})
