/**
 * Orders that are taken back in both stores. That an order waits, and was taken back, is known to the store of orders; which
 * orders are in files is known to the log of files as well. Either may have come back older than it was, so an order is
 * withdrawn when both say so: the log files it nowhere from then on, and the store writes it nowhere. Each step can be
 * repeated, and whoever dies between them has promised nothing yet.
 */
import { Effect, Layer } from "effect"
import { type FileOrder, FileOrders } from "../connectors/file-orders.ts"
import { ProviderUnavailable } from "../connectors/provider-error.ts"
import type { StreamsUnavailable } from "../streams/event-log.ts"
import { FileLog } from "../streams/file-log.ts"

/** The orders of a store, held against the log of files wherever that matters. */
export const withdrawalInBoth = Layer.effect(
  FileOrders,
  Effect.gen(function* () {
    const orders = yield* FileOrders
    const log = yield* FileLog
    const standing = (bank: string, reference: string) => log.standing(bank, reference).pipe(unavailable)

    /** What was withdrawn according to one store is so in both before anybody is told. */
    const confirmed = Effect.fnUntraced(function* (bank: string, order: FileOrder) {
      if (order.standing._tag !== "Withdrawn") return order
      const { _tag } = yield* log.withdraw(bank, order.reference).pipe(unavailable)
      return _tag === "Withdrawn" ? order : yield* forgotten
    })

    /** Marks in the store what the log knows to be withdrawn, and gives what the log knows. */
    const caughtUp = Effect.fnUntraced(function* (bank: string, reference: string) {
      const logged = yield* standing(bank, reference)
      if (logged?._tag === "Withdrawn") yield* orders.withdraw(bank, reference)
      return logged
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
        const isForgotten = logged?._tag === "Filed" && (yield* orders.sent(bank, [reference])).length === 0
        // What it says of its beneficiary stays: its file may have to be written yet.
        if (isForgotten) return yield* goneBeyond(bank, reference)
        const answer = yield* orders.withdraw(bank, reference)
        if (answer !== "withdrawn") return answer
        const { _tag } = yield* log.withdraw(bank, reference).pipe(unavailable)
        return _tag === "Withdrawn" ? answer : yield* goneBeyond(bank, reference)
      }),
    })
  }),
)

const unavailable = Effect.mapError(
  ({ step, reason }: StreamsUnavailable) =>
    new ProviderUnavailable({ provider: "file-orders", reason: `${step}: ${reason}` }),
)

const notStored = ({ provider, reason }: ProviderUnavailable) =>
  new ProviderUnavailable({ provider, reason, kind: "not-called" })

const forgotten = new ProviderUnavailable({
  provider: "file-orders",
  reason: "it is in a file that the store of orders has forgotten, until that is put back",
})
