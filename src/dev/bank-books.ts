/** What the sandbox's banks really did, by their own books. Nothing here relies on the service. */
import { Effect, Result, Schema } from "effect"
import { type BatchId, parseTransferReference } from "../domain/identifiers.ts"
import { parseAmount } from "../domain/money.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import type { BankCounts, BankSums } from "./summary.ts"

const Summary = Schema.Struct({ outstanding: Schema.Int })

const Page = Schema.Struct({
  transfers: Schema.Array(
    Schema.Struct({
      reference: Schema.String,
      amount: Schema.Struct({ currency: Schema.String, value: Schema.String }),
      status: Schema.Literals(["accepted", "settled", "rejected", "returned"]),
      payments: Schema.Int,
    }),
  ),
  next: Schema.NullOr(Schema.Int),
})
type Transfer = (typeof Page.Type)["transfers"][number]

const TIMEOUT_MS = 10_000
const PAGE_SIZE = 10_000
/** Enough for the million records that the sandbox keeps at most. */
const PAGES_MAX = 101

/** How many payments, returns and callbacks the banks have yet to make by themselves. */
export const outstandingAt = (banks: ReadonlyArray<string>): Effect.Effect<number, CliFailure> =>
  Effect.forEach(banks, (url) => read(`${url}/books?summary=true`, Summary), {
    concurrency: banks.length,
  }).pipe(Effect.map((books) => books.reduce((sum, { outstanding }) => sum + outstanding, 0)))

/** What the banks did under the references of one batch; `banks` are their URLs by name. */
export const bankSums = Effect.fn("bankSums")(function* (
  banks: Readonly<Record<string, string>>,
  batch: BatchId,
): Effect.fn.Return<BankSums, CliFailure> {
  const currencies = new Map<string, { settled: bigint; failed: bigint; returned: bigint }>()
  const byBank = new Map<string, BankCounts>()
  const payments = new Map<number, number>()
  const transfers = yield* transfersOf(banks, batch)
  const lastAttempts = new Map<number, number>()
  for (const { item, attempt } of transfers)
    lastAttempts.set(item, Math.max(attempt, lastAttempts.get(item) ?? 0))
  for (const { bank, item, attempt, transfer } of transfers) {
    payments.set(item, (payments.get(item) ?? 0) + transfer.payments)
    const { currency, value } = transfer.amount
    const sums = currencies.get(currency) ?? { settled: 0n, failed: 0n, returned: 0n }
    currencies.set(currency, sums)
    const counts = byBank.get(bank) ?? { settled: 0, failed: 0, returned: 0 }
    byBank.set(bank, counts)
    const column = columns[transfer.status]
    if (column === undefined) continue
    counts[column] += 1
    // What one bank refused and the next one took did not fail.
    const isMended = column === "failed" && attempt !== lastAttempts.get(item)
    if (!isMended) sums[column] += Result.getOrThrow(parseAmount(value, currency))
  }
  return { currencies, byBank, paidTwice: [...payments.values()].filter((times) => times > 1).length }
})

/** The transfers of a batch in the banks' books, each with its bank, item and attempt. */
const transfersOf = Effect.fnUntraced(function* (banks: Readonly<Record<string, string>>, batch: BatchId) {
  const books = yield* Effect.forEach(Object.entries(banks), ([bank, url]) =>
    Effect.map(transfersAt(url), (transfers) => transfers.map((transfer) => ({ bank, transfer }))),
  )
  return books.flat().flatMap(({ bank, transfer }) => {
    const key = parseTransferReference(transfer.reference)
    return key?.batch === batch ? [{ bank, transfer, item: key.item, attempt: key.attempt }] : []
  })
})

const columns = { accepted: undefined, settled: "settled", rejected: "failed", returned: "returned" } as const

const transfersAt = Effect.fnUntraced(function* (
  url: string,
): Effect.fn.Return<ReadonlyArray<Transfer>, CliFailure> {
  const transfers: Array<Transfer> = []
  let offset: number | null = 0
  for (let page = 0; offset !== null && page < PAGES_MAX; page += 1) {
    const books: typeof Page.Type = yield* read(`${url}/books?offset=${offset}&limit=${PAGE_SIZE}`, Page)
    transfers.push(...books.transfers)
    offset = books.next
  }
  return transfers
})

const read = <A>(url: string, schema: Schema.Codec<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise(async (interrupted) => {
    const answer = await fetch(url, {
      signal: AbortSignal.any([interrupted, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    return answer.json()
  }).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(schema)),
    Effect.mapError(
      ({ message }) => new CliFailure({ reason: `The bank's books at ${url} cannot be read: ${message}` }),
    ),
  )
