/**
 * Decides which orders of a bank are sent together: the first two steps of sending, which are the same however the bank gets its
 * orders. A "file" in this folder is what is sent as one: a file in a folder, or one payout batch in one call.
 */
import { Clock, Effect } from "effect"
import type { Day } from "../../../domain/business-days.ts"
import { isBatchId } from "../../../domain/identifiers.ts"
import type { Scheme } from "../../../domain/scheme.ts"
import { Partitions } from "../../../streams/partitions.ts"
import { StoreWatch } from "../../../streams/store-watch.ts"
import { agree, logFiles } from "./agreement.ts"
import { BankFilesUnavailable } from "./bank-files-unavailable.ts"
import { type FileTerms, OutboxFiles } from "./outbox-files.ts"

/** What making needs to know of a bank. */
export interface MakingBank {
  readonly name: string
  readonly ordersMax: number
  /** The day on which a file that is made at a time (epoch milliseconds) asks to be executed. */
  readonly dayOf: (scheme: Scheme, at: number) => Day
  /** What holds for a file that is made at a time (epoch milliseconds); left out if the bank takes any. */
  readonly termsAt?: (at: number, scheme: Scheme) => FileTerms
}

/** Makes files of a bank's orders that are due, and logs them, if both stores agree. A group that cannot be made delays no other. */
export const makeFiles = Effect.fn("makeFiles")(function* (bank: MakingBank, blocked: ReadonlyArray<string>) {
  const files = yield* OutboxFiles
  // Make nothing that cannot be logged: an order that waits can still be withdrawn.
  yield* agree(bank.name)
  const at = yield* Clock.currentTimeMillis
  const groups = yield* files.due(bank.name, at, bank.ordersMax)
  // Postgres may have been set back since the check above. Then it would make lost orders into the same file again, unnoticed.
  if (groups.length > 0) yield* agree(bank.name)
  for (const group of groups)
    yield* files
      .make(
        group,
        bank.dayOf(group.scheme, at),
        at,
        bank.ordersMax,
        blocked,
        bank.termsAt?.(at, group.scheme),
      )
      .pipe(
        Effect.tap((made) =>
          made === "full"
            ? Effect.logWarning(
                "the day has as many files as the bank takes: orders wait for the next one",
                group,
              )
            : Effect.void,
        ),
        Effect.catchTag("BankFilesUnavailable", ({ step, reason }) =>
          Effect.logWarning("a file cannot be made yet", { ...group, step, reason }),
        ),
      )
  yield* logFiles(bank.name)
})

/**
 * Batches whose orders may not be sent: those in partitions where payments are stopped. Fails if they are stopped in all of
 * them, as with a wrong clock.
 */
export const blockedBatches = Effect.fnUntraced(function* (bank: string) {
  const [{ objection, look }, partitions] = [yield* StoreWatch, yield* Partitions]
  yield* look
  const objections = Array.from({ length: partitions.count }, (_, partition) => objection(partition))
  const [first] = objections
  if (first !== undefined && !objections.includes(undefined))
    return yield* new BankFilesUnavailable({ step: "look at the stores", reason: first })
  if (objections.every((reason) => reason === undefined)) return []
  const batches = yield* (yield* OutboxFiles).batches(bank)
  return batches.filter((batch) => isBatchId(batch) && objections[partitions.of(batch)] !== undefined)
})
